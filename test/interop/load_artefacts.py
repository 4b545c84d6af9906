"""Loads a model folder, and an adapter if one is given, with transformers and PEFT, and prints log-probabilities.

usage: load_artefacts.py MODEL PAIRS.json [ADAPTER]

PAIRS.json: [{"prompt": [ids], "chosen": [ids], "rejected": [ids]}]. Prints a JSON list of {"chosen": [...], "rejected":
[...]}: the log-probability of each response token, in nats.
"""
import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def response_log_probs(model, prompt, response):
    ids = torch.tensor([prompt + response])
    with torch.no_grad():
        log_probs = model(ids).logits.log_softmax(-1)[0, len(prompt) - 1 : -1]
    return log_probs.gather(1, torch.tensor(response)[:, None])[:, 0].tolist()


def main():
    folder, pairs_file, *adapter = sys.argv[1:]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter[0])
    model.eval()
    with open(pairs_file) as file:
        pairs = json.load(file)
    json.dump(
        [{side: response_log_probs(model, p["prompt"], p[side]) for side in ("chosen", "rejected")} for p in pairs],
        sys.stdout,
    )


main()
