"""Makes the folder that all contestants work on.

usage: work.py FOLDER CONFIG.json --dtype bfloat16 --pairs 64 --prompt 256 --response 256

model/      a model with random weights, as a Hugging Face folder; CONFIG.json is its configuration
pairs.json  {"pairs": [{"id", "prompt", "chosen", "rejected"}]}: random token ids, lengths uniform in 0.5 to 1.5 times the mean,
            or a copy of the file given by --pairs-file
adapter0/   a PEFT adapter to start from, on all linear layers; neither factor is zero
"""
import argparse
import json
import random
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SEED = 7


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="bfloat16")
    parser.add_argument("--rounded", choices=["float32", "bfloat16", "float16"], help="rounds the weights to this type, too")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--prompt", type=int, default=256, help="mean tokens of a prompt")
    parser.add_argument("--response", type=int, default=256, help="mean tokens of a response")
    parser.add_argument("--pairs-file", type=Path, help="token ids to use instead of random ones")
    parser.add_argument("--rank", type=int, default=16)
    return parser.parse_args()


def random_pairs(arguments, vocabulary):
    generator = random.Random(SEED)

    def ids(mean):
        return [generator.randrange(vocabulary) for _ in range(generator.randint(max(1, mean // 2), 3 * mean // 2))]

    return [
        {"id": str(i), "prompt": ids(arguments.prompt), "chosen": ids(arguments.response), "rejected": ids(arguments.response)}
        for i in range(arguments.pairs)
    ]


def main():
    arguments = parse_arguments()
    config = AutoConfig.for_model(**json.loads(arguments.config.read_text()))
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    if arguments.rounded:
        model.to(getattr(torch, arguments.rounded))
    model.to(getattr(torch, arguments.dtype))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(arguments.folder / "model")
    pairs = (
        json.loads(arguments.pairs_file.read_text())["pairs"]
        if arguments.pairs_file
        else random_pairs(arguments, config.vocab_size)
    )
    (arguments.folder / "pairs.json").write_text(json.dumps({"pairs": pairs}))
    lora = LoraConfig(r=arguments.rank, lora_alpha=2 * arguments.rank, lora_dropout=0.0, bias="none", target_modules=TARGETS)
    adapted = get_peft_model(model, lora)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.02)
    adapted.save_pretrained(arguments.folder / "adapter0")
    print(f"{model.num_parameters() / 1e6:.1f} M parameters, {len(pairs)} pairs")


main()
