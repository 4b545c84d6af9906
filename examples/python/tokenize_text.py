"""Turns a text into token ids and back.

usage: tokenize_text.py TEXT
"""

import sys

from alphapo.v1 import tokenizer_pb2 as pb
from alphapo.v1 import tokenizer_pb2_grpc

from connections import open_channel


def main() -> None:
    with open_channel("TOKENIZER", "localhost:50051") as channel:
        tokenizer = tokenizer_pb2_grpc.TokenizerServiceStub(channel)
        encoded = tokenizer.Encode(pb.EncodeRequest(texts=[sys.argv[1]]), timeout=60)
        decoded = tokenizer.Decode(pb.DecodeRequest(encodings=encoded.encodings), timeout=60)
    print("ids:", *encoded.encodings[0].ids)
    print("text:", decoded.texts[0])


main()
