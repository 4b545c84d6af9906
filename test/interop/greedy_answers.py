"""Counts the questions that a model answers right by greedy generation, alone and with an adapter.

usage: greedy_answers.py MODEL QUESTIONS.jsonl COUNT [ADAPTER]

QUESTIONS.jsonl: {"prompt", "chosen"} a line; an answer is right where it is `chosen` and then ends. Prints
{"questions": n, "model": right, "adapter": right}.
"""
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


def right_answers(model, tokenizer, questions):
    model.eval()
    right = 0
    for question in questions:
        ids = tokenizer(question["prompt"], return_tensors="pt").input_ids
        with torch.no_grad():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=24,
                do_sample=False,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )[0, ids.shape[1] :]
        ended = out[-1].item() == tokenizer.eos_token_id
        right += ended and tokenizer.decode(out[:-1]) == question["chosen"]
    return right


def main():
    folder, file, count, *adapter = sys.argv[1:]
    # Matrices this small gain nothing from more threads.
    torch.set_num_threads(1)
    with open(file) as lines:
        questions = [json.loads(line) for line in lines][: int(count)]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    result = {"questions": len(questions), "model": right_answers(model, tokenizer, questions)}
    if adapter:
        adapted = PeftModel.from_pretrained(model, adapter[0])
        result["adapter"] = right_answers(adapted, tokenizer, questions)
    json.dump(result, sys.stdout)


main()
