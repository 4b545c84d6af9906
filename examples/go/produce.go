package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// produce sends the preference pairs of a file of JSON lines, spread over the partitions of the topic, then the end of the data.
func produce(ctx context.Context, path, topic string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	options, err := kafkaOptions()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(options, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	partitions, err := partitionsOf(ctx, client, topic)
	if err != nil {
		return err
	}

	var records []*kgo.Record
	for i, line := range bytes.Split(bytes.TrimSpace(content), []byte("\n")) {
		origin := fmt.Sprintf("%s:%d", filepath.Base(path), i+1)
		records = append(records, record(partitions[i%len(partitions)], line, "alphapo-origin", origin))
	}
	pairs := len(records)
	// The run ends when every partition has said that no more pairs follow.
	for _, partition := range partitions {
		records = append(records, record(partition, nil, "alphapo-control", "end-of-data"))
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	fmt.Printf("%d records sent to %s\n", pairs, topic)
	return nil
}

func record(partition int32, value []byte, header, text string) *kgo.Record {
	headers := []kgo.RecordHeader{{Key: header, Value: []byte(text)}}
	return &kgo.Record{Partition: partition, Value: value, Headers: headers}
}

func partitionsOf(ctx context.Context, client *kgo.Client, topic string) ([]int32, error) {
	topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		return nil, err
	}
	return topics[topic].Partitions.Numbers(), nil
}
