"""Compares a merged model folder with what PEFT's merge_and_unload makes of base model and adapter.

usage: compare_merged.py BASE ADAPTER MERGED

Prints {"base": name in the adapter's configuration, "dtypes": {type: tensors}, "missing": [names], "worst": difference, "changed": tensors}. A
difference is in units of the type's spacing at the larger of the two numbers.
"""
import json
import sys
from collections import Counter

import torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForCausalLM

# Numbers below this are compared as if they were of this size.
SMALLEST = 2.0**-10


def loaded(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto", local_files_only=True)


def units(ours, theirs):
    spacing = torch.finfo(theirs.dtype).eps
    a, b = ours.double(), theirs.double()
    size = torch.maximum(a.abs(), b.abs()).clamp_min(SMALLEST)
    return ((a - b).abs() / (spacing * size)).max().item()


def main():
    base, adapter, merged = sys.argv[1:]
    # The base model is given: its name in the adapter is no place that exists.
    theirs = PeftModel.from_pretrained(loaded(base), adapter).merge_and_unload().state_dict()
    ours = loaded(merged).state_dict()
    before = loaded(base).state_dict()
    json.dump(
        {
            "base": PeftConfig.from_pretrained(adapter).base_model_name_or_path,
            "dtypes": Counter(str(tensor.dtype) for tensor in ours.values()),
            "missing": sorted(set(ours) ^ set(theirs)),
            "worst": max(units(ours[name], theirs[name]) for name in theirs),
            "changed": sum(not torch.equal(ours[name], before[name]) for name in ours),
        },
        sys.stdout,
    )


main()
