"""Renders conversations and encodes texts with transformers.

usage: render_chats.py CASES.json

CASES.json: {"chats": [{"folder", "template" (null: the folder's own), "messages", "tools" (or null), "generate"}],
"texts": [{"folder", "text", "special"}]}. Prints {"chats": [...], "texts": [...]}: for each chat {"text", "ids"} or
{"error"}, for each text {"ids"} or {"error"}. Today is 26 July 2024.
"""
import json
import sys
from datetime import datetime
from functools import lru_cache

from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils


class FixedDay(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26)


chat_template_utils.datetime = FixedDay


@lru_cache
def tokenizer_of(folder):
    return PreTrainedTokenizerFast.from_pretrained(folder)


def attempt(work):
    try:
        return work()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def render(case):
    tokenizer = tokenizer_of(case["folder"])
    text = tokenizer.apply_chat_template(
        case["messages"],
        tools=case["tools"],
        chat_template=case["template"],
        add_generation_prompt=case["generate"],
        tokenize=False,
    )
    return {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False)}


def encode(case):
    return {"ids": tokenizer_of(case["folder"]).encode(case["text"], add_special_tokens=case["special"])}


def main():
    with open(sys.argv[1]) as file:
        cases = json.load(file)
    json.dump(
        {
            "chats": [attempt(lambda: render(case)) for case in cases["chats"]],
            "texts": [attempt(lambda: encode(case)) for case in cases["texts"]],
        },
        sys.stdout,
    )


main()
