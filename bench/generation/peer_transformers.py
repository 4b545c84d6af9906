"""Continues the prompts of a task with transformers' generate, and prints what it measured."""

import json
import re
import sys
import time

import torch
from transformers import AutoModelForCausalLM, StoppingCriteria

with open(sys.argv[1]) as file:
    task = json.load(file)
torch.set_num_threads(task["threads"])
model = AutoModelForCausalLM.from_pretrained(task["model"], dtype=getattr(torch, task["dtype"])).eval()
prompts = torch.tensor(task["prompts"])
model.generation_config.eos_token_id = None
model.generation_config.pad_token_id = 0


class FirstToken(StoppingCriteria):
    """Stops nothing; notes when the first tokens were there."""

    at = None

    def __call__(self, input_ids, scores, **kwargs):
        self.at = self.at or time.perf_counter()
        return torch.zeros(len(input_ids), dtype=torch.bool)


def continued(tokens):
    first = FirstToken()
    began = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=tokens,
            do_sample=False,
            stopping_criteria=[first],
        )
    total = time.perf_counter() - began
    return {
        "firstSeconds": first.at - began,
        "totalSeconds": total,
        "continuations": out[:, prompts.shape[1] :].tolist(),
    }


def peak_memory_mb():
    """Not `ru_maxrss`, which Linux carries over from the process that started this one."""
    with open("/proc/self/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1]) / 1024


continued(task["warmUpTokens"])
measured = continued(task["tokens"])
print(json.dumps({**measured, "peakMemoryMb": peak_memory_mb(), "processorSeconds": time.process_time()}))
