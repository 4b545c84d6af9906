package dev.alphapo.example;

import dev.alphapo.v1.GetStatusRequest;
import dev.alphapo.v1.GetStatusResponse;
import dev.alphapo.v1.OptimizerServiceGrpc;
import dev.alphapo.v1.OptimizerServiceGrpc.OptimizerServiceBlockingStub;
import dev.alphapo.v1.RunState;
import dev.alphapo.v1.WatchStepsRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Prints each step of a run as it is taken, until the run ends. Exit code 1: the run failed. */
final class Follow {
  private static final long RETRY_MS = 1_000;

  private Follow() {}

  static void run() throws IOException, InterruptedException {
    GetStatusResponse end;
    try (var connection = Connection.open("OPTIMIZER", "localhost:50053")) {
      end = lastStatus(OptimizerServiceGrpc.newBlockingStub(connection.channel()));
    }
    String state = end.getState().name().replace("RUN_STATE_", "");
    System.out.println(
        "%s after %d of %d steps %s"
            .formatted(state, end.getPolicy().getStep(), end.getTotalSteps(), end.getMessage())
            .strip());
    if (end.getState() == RunState.RUN_STATE_FAILED) System.exit(1);
  }

  /** Waits for the end of the run, and for an optimizer that is restarted: its run goes on. */
  private static GetStatusResponse lastStatus(OptimizerServiceBlockingStub optimizer) throws InterruptedException {
    for (long next = 1; ; Thread.sleep(RETRY_MS)) {
      try {
        var steps = optimizer.watchSteps(WatchStepsRequest.newBuilder().setFromStep(next).build());
        while (steps.hasNext()) {
          var step = steps.next();
          System.out.printf("step %d: loss %.4f, accuracy %.2f%n", step.getStep(), step.getLoss(), step.getAccuracy());
          next = step.getStep() + 1;
        }
        var status =
            optimizer.withDeadlineAfter(60, TimeUnit.SECONDS).getStatus(GetStatusRequest.getDefaultInstance());
        switch (status.getState()) {
          case RUN_STATE_FINISHED, RUN_STATE_FAILED -> {
            return status;
          }
          default -> {}
        }
      } catch (StatusRuntimeException error) {
        if (error.getStatus().getCode() != Status.Code.UNAVAILABLE) throw error;
      }
    }
  }
}
