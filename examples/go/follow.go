package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	alphapo "alphapo.dev/examples/go/gen/alphapo/v1"
)

const retryAfter = time.Second

// follow prints each step of a run as it is taken, until the run ends. It returns an error where the run failed.
func follow(ctx context.Context) error {
	connection, err := connect("OPTIMIZER", "localhost:50053")
	if err != nil {
		return err
	}
	defer connection.Close()

	end, err := lastStatus(ctx, alphapo.NewOptimizerServiceClient(connection))
	if err != nil {
		return err
	}
	state := strings.TrimPrefix(end.State.String(), "RUN_STATE_")
	line := fmt.Sprintf("%s after %d of %d steps %s", state, end.Policy.GetStep(), end.TotalSteps, end.Message)
	fmt.Println(strings.TrimSpace(line))
	if end.State == alphapo.RunState_RUN_STATE_FAILED {
		return errors.New("the run failed")
	}
	return nil
}

// lastStatus waits for the end of the run, and for an optimizer that is restarted: its run goes on.
func lastStatus(ctx context.Context, optimizer alphapo.OptimizerServiceClient) (*alphapo.GetStatusResponse, error) {
	next := uint64(1)
	for {
		err := printSteps(ctx, optimizer, &next)
		if err == nil {
			var current *alphapo.GetStatusResponse
			current, err = optimizer.GetStatus(ctx, &alphapo.GetStatusRequest{})
			if isOver(current.GetState()) {
				return current, nil
			}
		}
		if err != nil && status.Code(err) != codes.Unavailable {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retryAfter):
		}
	}
}

// printSteps prints the steps from next on until the optimizer ends the stream, and moves next behind them.
func printSteps(ctx context.Context, optimizer alphapo.OptimizerServiceClient, next *uint64) error {
	steps, err := optimizer.WatchSteps(ctx, &alphapo.WatchStepsRequest{FromStep: *next})
	if err != nil {
		return err
	}
	for {
		step, err := steps.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Printf("step %d: loss %.4f, accuracy %.2f\n", step.Step, step.Loss, step.Accuracy)
		*next = step.Step + 1
	}
}

func isOver(state alphapo.RunState) bool {
	return state == alphapo.RunState_RUN_STATE_FINISHED || state == alphapo.RunState_RUN_STATE_FAILED
}
