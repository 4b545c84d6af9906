package main

import (
	"context"
	"fmt"

	alphapo "alphapo.dev/examples/go/gen/alphapo/v1"
)

// score prints log-probabilities of two responses under the base model, and their margin under AlphaPO.
func score(ctx context.Context, prompt, chosen, rejected string) error {
	connection, err := connect("SCORER", "localhost:50052")
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	pair := &alphapo.TextPair{Prompt: &alphapo.TextPair_Text{Text: prompt}, Chosen: chosen, Rejected: rejected}
	objective := &alphapo.AlphaPoObjective{Alpha: 0.25, Beta: 10, Gamma: 1}
	response, err := alphapo.NewScorerServiceClient(connection).Score(ctx, &alphapo.ScoreRequest{
		Items:     []*alphapo.ScoreItem{{Id: "example", Item: &alphapo.ScoreItem_TextPair{TextPair: pair}}},
		Policy:    &alphapo.ScoreRequest_Base{Base: &alphapo.BasePolicy{}},
		Objective: &alphapo.Objective{Objective: &alphapo.Objective_Alphapo{Alphapo: objective}},
	})
	if err != nil {
		return err
	}
	result := response.Results[0]
	fmt.Printf("chosen: %.4f nats per token, %d tokens\n", result.Chosen.Mean, result.Chosen.Tokens)
	fmt.Printf("rejected: %.4f nats per token, %d tokens\n", result.Rejected.Mean, result.Rejected.Tokens)
	fmt.Printf("margin: %.4f\n", result.Reward.Margin)
	return nil
}
