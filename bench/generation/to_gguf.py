"""Writes a Llama model folder as a GGUF file in one data type, for llama.cpp. Arguments: folder, file, f32, f16 or bf16."""

import json
import pathlib
import sys

import gguf
import numpy
import torch
from safetensors.torch import load_file

folder, file, dtype = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
config = json.loads((folder / "config.json").read_text())
tokenizer = json.loads((folder / "tokenizer.json").read_text())
tensors = load_file(folder / "model.safetensors")
heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]

writer = gguf.GGUFWriter(file, "llama")
writer.add_name(folder.name)
writer.add_context_length(config["max_position_embeddings"])
writer.add_embedding_length(config["hidden_size"])
writer.add_block_count(config["num_hidden_layers"])
writer.add_feed_forward_length(config["intermediate_size"])
writer.add_head_count(heads)
writer.add_head_count_kv(kv_heads)
writer.add_rope_dimension_count(config["hidden_size"] // heads)
rope = config.get("rope_parameters", config)
writer.add_rope_freq_base(rope["rope_theta"])
writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
writer.add_vocab_size(config["vocab_size"])
file_type = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16"}[dtype]
writer.add_file_type(gguf.LlamaFileType[file_type])

# Prompts are token ids: the tokenizer only has to load.
pieces = {id: token for token, id in tokenizer["model"]["vocab"].items()}
added = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
vocabulary = [added.get(id, pieces.get(id, f"<unused {id}>")) for id in range(config["vocab_size"])]
types = [gguf.TokenType.CONTROL if id in added else gguf.TokenType.NORMAL for id in range(config["vocab_size"])]
merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("smollm")
writer.add_token_list(vocabulary)
writer.add_token_types(types)
writer.add_token_merges(merges)
writer.add_bos_token_id(config["bos_token_id"])
writer.add_eos_token_id(config["eos_token_id"])

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def name_of(name):
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    if name == "lm_head.weight":
        return "output.weight"
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def interleaved(weight, count):
    """llama.cpp rotates neighbouring elements of a head, transformers its two halves."""
    out, size = weight.shape
    return weight.reshape(count, 2, out // count // 2, size).swapaxes(1, 2).reshape(out, size)


for name, tensor in tensors.items():
    if name == "lm_head.weight" and config.get("tie_word_embeddings"):
        continue
    data = tensor.to(torch.float32).numpy()
    if "q_proj" in name:
        data = interleaved(data, heads)
    elif "k_proj" in name:
        data = interleaved(data, kv_heads)
    data = numpy.ascontiguousarray(data)
    # As llama.cpp's own converter has it, vectors stay float32.
    quantization = gguf.GGMLQuantizationType[dtype.upper() if data.ndim > 1 else "F32"]
    writer.add_tensor(name_of(name), gguf.quants.quantize(data, quantization), raw_dtype=quantization)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
