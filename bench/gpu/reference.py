"""Log-probabilities, loss and LoRA gradient of AlphaPO by PyTorch, to compare with.

usage: reference.py WORK OUT.safetensors --device cpu --dtype float64 --pairs 4 --alpha A --beta B --gamma G

Writes `log_probs` (those of every response token: of each pair chosen, then rejected), `loss` [1] and `grad.<PEFT name>`, all
in float64. Every sequence is computed by itself, unpadded, with eager attention. In bfloat16 and float16 the low-rank
factors stay in float32, as PEFT keeps them.
"""
import argparse
import json
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float64", "float32", "bfloat16", "float16"], default="float64")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--alpha", type=float, required=True)
    parser.add_argument("--beta", type=float, required=True)
    parser.add_argument("--gamma", type=float, required=True)
    return parser.parse_args()


def response_log_probs(model, prompt, response, device):
    ids = torch.tensor([prompt + response], device=device)
    logits = model(ids).logits[0, len(prompt) - 1 : -1].double()
    return logits.log_softmax(-1).gather(1, torch.tensor(response, device=device)[:, None])[:, 0]


def alphapo_loss(chosen, rejected, arguments):
    """softplus(gamma - (r_chosen - r_rejected)) with r = -beta expm1(-alpha mean log p) / alpha. arXiv:2501.03884."""
    reward = lambda log_probs: -arguments.beta * torch.expm1(-arguments.alpha * log_probs.mean()) / arguments.alpha
    return torch.nn.functional.softplus(arguments.gamma - (reward(chosen) - reward(rejected)))


def main():
    arguments = parse_arguments()
    torch.backends.cuda.matmul.allow_tf32 = False
    model = AutoModelForCausalLM.from_pretrained(
        arguments.work / "model", dtype=getattr(torch, arguments.dtype), attn_implementation="eager", local_files_only=True
    )
    model = PeftModel.from_pretrained(model, arguments.work / "adapter0", is_trainable=True).to(arguments.device)
    if arguments.dtype == "float64":
        model = model.double()
    pairs = json.loads((arguments.work / "pairs.json").read_text())["pairs"][: arguments.pairs]
    found, total = [], 0.0
    mixed = arguments.dtype in ("bfloat16", "float16")
    for pair in pairs:
        with torch.autocast(arguments.device, getattr(torch, arguments.dtype)) if mixed else torch.enable_grad():
            sides = [response_log_probs(model, pair["prompt"], pair[s], arguments.device) for s in ("chosen", "rejected")]
        loss = alphapo_loss(*sides, arguments) / len(pairs)
        loss.backward()
        total += loss.item()
        found += [side.detach().double().cpu() for side in sides]
    tensors = {"log_probs": torch.cat(found), "loss": torch.tensor([total], dtype=torch.float64)}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            tensors[f"grad.{name.replace('.default', '')}"] = parameter.grad.double().cpu().contiguous()
    save_file(tensors, arguments.out)


main()
