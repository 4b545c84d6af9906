"""Sends the preference pairs of a file of JSON lines to Kafka, then the end of the data.

usage: produce.py FILE [TOPIC]
"""

import sys
from pathlib import Path

from confluent_kafka import KafkaException, Message, Producer

from connections import kafka_settings


def check(error: KafkaException | None, message: Message) -> None:
    """Called once per record: a record that was not written ends the program."""
    if error is not None:
        sys.exit(f"a record for {message.topic()} was not written: {error}")


def main() -> None:
    path = Path(sys.argv[1])
    topic = sys.argv[2] if len(sys.argv) > 2 else "preferences"
    producer = Producer(kafka_settings() | {"enable.idempotence": True})
    lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines, 1):
        origin = f"{path.name}:{number}".encode()
        producer.produce(topic, line, headers={"alphapo-origin": origin}, on_delivery=check)
        producer.poll(0)
    producer.flush()

    # The run ends when every partition has said that no more pairs follow.
    partitions = producer.list_topics(topic, timeout=30).topics[topic].partitions
    for partition in partitions:
        end = {"alphapo-control": b"end-of-data"}
        producer.produce(topic, b"", partition=partition, headers=end, on_delivery=check)
    producer.flush()
    print(f"{len(lines)} records sent to {topic}")


main()
