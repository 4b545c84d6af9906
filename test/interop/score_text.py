"""Scores text through a running scorer, with a client made from the published proto files.

usage: score_text.py PROTO_FOLDER ADDRESS PROMPT CHOSEN REJECTED

Prints {"chosen": mean, "rejected": mean, "tokens": [n, n]} and checks the health and reflection services.
"""
import importlib
import json
import sys
import tempfile
from pathlib import Path

import grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc


def compile_protos(folder):
    out = tempfile.mkdtemp()
    files = [str(f.relative_to(folder)) for f in Path(folder).glob("alphapo/v1/*.proto")]
    code = protoc.main(["protoc", f"-I{folder}", f"--python_out={out}", f"--grpc_python_out={out}", *files])
    assert code == 0, "protoc failed"
    sys.path.insert(0, out)


def main():
    folder, address, prompt, chosen, rejected = sys.argv[1:]
    compile_protos(folder)
    scorer = importlib.import_module("alphapo.v1.scorer_pb2")
    stubs = importlib.import_module("alphapo.v1.scorer_pb2_grpc")
    channel = grpc.insecure_channel(address)
    pair = scorer.TextPair(text=prompt, chosen=chosen, rejected=rejected)
    request = scorer.ScoreRequest(items=[scorer.ScoreItem(id="a", text_pair=pair)], base=scorer.BasePolicy())
    result = stubs.ScorerServiceStub(channel).Score(request, timeout=60).results[0]
    services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert "alphapo.v1.ScorerService" in services, services
    tokens = [result.chosen.tokens, result.rejected.tokens]
    json.dump({"chosen": result.chosen.mean, "rejected": result.rejected.mean, "tokens": tokens}, sys.stdout)


main()
