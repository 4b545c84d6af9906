"""The peer: TRL's CPOTrainer with PEFT and Liger's kernels, as a user would run it. Prints a line of JSON.

usage: peer_trl.py WORK --device cuda --dtype bfloat16 --steps 8 --batch 8 --micro 8 [--full] [--no-liger]

Rows are token ids already, so that every contestant does the same work. Liger's kernels need a GPU.
"""
import argparse
import json
import logging
import resource
import tempfile
import time
from pathlib import Path

import datasets
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from tokenizers import Tokenizer, models
from trl.experimental.cpo import CPOConfig, CPOTrainer

datasets.disable_progress_bars()
logging.disable(logging.WARNING)
transformers.utils.logging.disable_progress_bar()


class TokenIdTrainer(CPOTrainer):
    """Takes rows of token ids instead of text."""

    def tokenize_row(self, feature, model=None):
        pair = json.loads(feature["ids"])
        prompt = pair["prompt"]
        row = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
        for side in ("chosen", "rejected"):
            ids = prompt + pair[side]
            row |= {
                f"{side}_input_ids": ids,
                f"{side}_attention_mask": [1] * len(ids),
                f"{side}_labels": [-100] * len(prompt) + pair[side],
            }
        return row


class Clock(TrainerCallback):
    """Seconds of each step, with the device's work done."""

    def __init__(self, device):
        self.device, self.last, self.seconds = device, None, []

    def now(self):
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def on_train_begin(self, *_, **__):
        self.last = self.now()

    def on_step_end(self, *_, **__):
        now = self.now()
        self.seconds.append(now - self.last)
        self.last = now


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="bfloat16")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8, help="pairs per optimizer step")
    parser.add_argument("--micro", type=int, default=8, help="pairs per forward and backward")
    parser.add_argument("--full", action="store_true", help="train all weights instead of the adapter")
    parser.add_argument("--no-liger", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--alpha", type=float, required=True)
    parser.add_argument("--beta", type=float, required=True)
    parser.add_argument("--gamma", type=float, required=True)
    return parser.parse_args()


def open_model(arguments):
    dtype = torch.float32 if arguments.full else getattr(torch, arguments.dtype)
    model = AutoModelForCausalLM.from_pretrained(arguments.work / "model", dtype=dtype, local_files_only=True)
    if arguments.full:
        return model
    from peft import PeftModel

    return PeftModel.from_pretrained(model, arguments.work / "adapter0", is_trainable=True)


def empty_tokenizer():
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<unk>", bos_token="<unk>", eos_token="<unk>"
    )


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    pairs = json.loads((arguments.work / "pairs.json").read_text())["pairs"]
    rows = [pairs[i % len(pairs)] for i in range(arguments.steps * arguments.batch)]
    longest = max(len(pair["prompt"]) + max(len(pair["chosen"]), len(pair["rejected"])) for pair in pairs)
    clock = Clock(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        config = CPOConfig(
            output_dir=folder,
            loss_type="alphapo",
            alpha=arguments.alpha,
            beta=arguments.beta,
            simpo_gamma=arguments.gamma,
            use_liger_kernel=not arguments.no_liger,
            bf16=arguments.dtype == "bfloat16",
            fp16=arguments.dtype == "float16",
            use_cpu=arguments.device == "cpu",
            gradient_checkpointing=False,
            per_device_train_batch_size=arguments.micro,
            gradient_accumulation_steps=arguments.batch // arguments.micro,
            max_steps=arguments.steps,
            max_length=longest,
            learning_rate=arguments.learning_rate,
            lr_scheduler_type="constant",
            warmup_steps=0,
            weight_decay=0.0,
            max_grad_norm=1.0,
            optim="adamw_torch",
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = TokenIdTrainer(
            model=open_model(arguments),
            args=config,
            processing_class=empty_tokenizer(),
            callbacks=[clock],
            train_dataset=datasets.Dataset.from_list(
                [{"prompt": "a", "chosen": "b", "rejected": "c", "ids": json.dumps(row)} for row in rows]
            ),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    rest = clock.seconds[1:]
    result = {
        "pairsPerSecond": arguments.batch * len(rest) / sum(rest),
        "peakMemoryMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "losses": [entry["loss"] for entry in trainer.state.log_history if "rewards/margins" in entry],
    }
    print(json.dumps(result))


main()
