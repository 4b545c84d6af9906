"""Prints each step of a run as it is taken, until the run ends. Exit code 1: the run failed."""

import time

import grpc
from alphapo.v1 import optimizer_pb2 as pb
from alphapo.v1 import optimizer_pb2_grpc

from connections import open_channel

RETRY_SECONDS = 1
OVER = (pb.RUN_STATE_FINISHED, pb.RUN_STATE_FAILED)


def follow(optimizer: optimizer_pb2_grpc.OptimizerServiceStub) -> pb.GetStatusResponse:
    """Returns the status at the end. Waits for an optimizer that is restarted: its run goes on."""
    next_step = 1
    while True:
        try:
            for step in optimizer.WatchSteps(pb.WatchStepsRequest(from_step=next_step)):
                print(f"step {step.step}: loss {step.loss:.4f}, accuracy {step.accuracy:.2f}", flush=True)
                next_step = step.step + 1
            status = optimizer.GetStatus(pb.GetStatusRequest(), timeout=60)
            if status.state in OVER:
                return status
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
        time.sleep(RETRY_SECONDS)


def main() -> None:
    with open_channel("OPTIMIZER", "localhost:50053") as channel:
        status = follow(optimizer_pb2_grpc.OptimizerServiceStub(channel))
    state = pb.RunState.Name(status.state).removeprefix("RUN_STATE_")
    print(f"{state} after {status.policy.step} of {status.total_steps} steps {status.message}".rstrip())
    raise SystemExit(status.state == pb.RUN_STATE_FAILED)


main()
