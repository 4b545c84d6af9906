package main

import (
	"context"
	"fmt"
	"time"

	alphapo "alphapo.dev/examples/go/gen/alphapo/v1"
)

const callTimeout = time.Minute

// tokenize turns a text into token ids and back.
func tokenize(ctx context.Context, text string) error {
	connection, err := connect("TOKENIZER", "localhost:50051")
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	tokenizer := alphapo.NewTokenizerServiceClient(connection)
	encoded, err := tokenizer.Encode(ctx, &alphapo.EncodeRequest{Texts: []string{text}})
	if err != nil {
		return err
	}
	decoded, err := tokenizer.Decode(ctx, &alphapo.DecodeRequest{Encodings: encoded.Encodings})
	if err != nil {
		return err
	}
	fmt.Println("ids:", encoded.Encodings[0].Ids)
	fmt.Println("text:", decoded.Texts[0])
	return nil
}
