// Command alphapo-example uses AlphaPO from outside: it tokenizes, scores, sends preferences to Kafka and follows a run.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

//go:generate npx buf generate ../../proto --path ../../proto/alphapo

const usage = `usage: alphapo-example tokenize TEXT
       alphapo-example score PROMPT CHOSEN REJECTED
       alphapo-example produce FILE [TOPIC]
       alphapo-example follow`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "tokenize":
		return tokenize(ctx, args[1])
	case len(args) == 4 && args[0] == "score":
		return score(ctx, args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "produce":
		return produce(ctx, args[1], "preferences")
	case len(args) == 3 && args[0] == "produce":
		return produce(ctx, args[1], args[2])
	case len(args) == 1 && args[0] == "follow":
		return follow(ctx)
	}
	return fmt.Errorf("%s", usage)
}
