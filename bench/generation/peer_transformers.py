"""Continues the prompts of a task with transformers' generate, and prints what it measured."""

import json
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM

with open(sys.argv[1]) as file:
    task = json.load(file)
torch.set_num_threads(task["threads"])
dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[task["dtype"]]
model = AutoModelForCausalLM.from_pretrained(task["model"], dtype=dtype).eval()
prompts = torch.tensor(task["prompts"])
model.generation_config.eos_token_id = None
model.generation_config.pad_token_id = 0


def continued(tokens):
    began = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=tokens,
            do_sample=False,
        )
    return time.perf_counter() - began, out[:, prompts.shape[1] :].tolist()


first, total = [], []
continuations = []
for round in range(task["rounds"] + 1):
    seconds_first, _ = continued(1)
    seconds, continuations = continued(task["tokens"])
    if round > 0:
        first.append(seconds_first)
        total.append(seconds)
print(
    json.dumps(
        {
            "firstSeconds": first,
            "totalSeconds": total,
            "peakMemoryMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "continuations": continuations,
        }
    )
)
