"""Scores a multiple-choice task by lm-evaluation-harness, through a sampler and with the harness's own transformers backend.

usage: harness.py BASE_URL SERVED_MODEL MODEL_FOLDER QUESTIONS.jsonl [ADAPTER]

QUESTIONS.jsonl: {"question", "choices", "answer"} a line. Prints, for "served" and "local", {"accuracy": a, "logProbs": [[…]]}.
"""
import json
import logging
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

TASK = """
task: questions
dataset_path: json
dataset_kwargs: { data_files: { test: %s } }
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: answer
target_delimiter: " "
metric_list: [{ metric: acc }]
"""


def evaluated(model, arguments, folder):
    import lm_eval
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=folder, include_defaults=False)
    result = lm_eval.simple_evaluate(
        model=model, model_args=arguments, tasks=["questions"], task_manager=manager, bootstrap_iters=0, log_samples=True
    )
    samples = sorted(result["samples"]["questions"], key=lambda sample: sample["doc_id"])
    return {
        "accuracy": result["results"]["questions"]["acc,none"],
        "logProbs": [[float(response[0]) for response in sample["filtered_resps"]] for sample in samples],
    }


def main():
    url, served, model, questions, *adapter = sys.argv[1:]
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HF_DATASETS_CACHE"] = os.path.join(folder, "cache")
        with open(os.path.join(folder, "questions.yaml"), "w") as file:
            file.write(TASK % json.dumps(questions))
        # What the harness prints is not for whoever reads our result.
        out, sys.stdout = sys.stdout, sys.stderr
        through = f"model={served},base_url={url}/completions,tokenizer={model},tokenizer_backend=huggingface,num_concurrent=2,max_retries=1"
        local = f"pretrained={model},dtype=float32,device=cpu" + (f",peft={adapter[0]}" if adapter else "")
        result = {"served": evaluated("local-completions", through, folder), "local": evaluated("hf", local, folder)}
        json.dump(result, out)


main()
