"""Scores two responses to a prompt under the base model.

usage: score.py PROMPT CHOSEN REJECTED
"""

import sys

from alphapo.v1 import policy_pb2
from alphapo.v1 import scorer_pb2 as pb
from alphapo.v1 import scorer_pb2_grpc

from connections import open_channel


def main() -> None:
    prompt, chosen, rejected = sys.argv[1:]
    pair = pb.TextPair(text=prompt, chosen=chosen, rejected=rejected)
    alphapo = policy_pb2.AlphaPoObjective(alpha=0.25, beta=10, gamma=1)
    request = pb.ScoreRequest(
        items=[pb.ScoreItem(id="example", text_pair=pair)],
        base=pb.BasePolicy(),
        objective=policy_pb2.Objective(alphapo=alphapo),
    )
    with open_channel("SCORER", "localhost:50052") as channel:
        [result] = scorer_pb2_grpc.ScorerServiceStub(channel).Score(request, timeout=60).results
    for name, score in ("chosen", result.chosen), ("rejected", result.rejected):
        print(f"{name}: {score.mean:.4f} nats per token, {score.tokens} tokens")
    print(f"margin: {result.reward.margin:.4f}")


main()
