package dev.alphapo.example;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends the preference pairs of a file of JSON lines to Kafka, then the end of the data. */
final class Produce {
  private Produce() {}

  static void run(Path file, String topic) throws IOException, InterruptedException, ExecutionException {
    List<String> lines = Files.readAllLines(file);
    try (var producer = new KafkaProducer<>(settings(), new StringSerializer(), new StringSerializer())) {
      var sent = new ArrayList<Future<RecordMetadata>>();
      for (int i = 0; i < lines.size(); i++) {
        String origin = file.getFileName() + ":" + (i + 1);
        sent.add(producer.send(record(topic, null, lines.get(i), "alphapo-origin", origin)));
      }
      for (var record : sent) record.get();

      // The run ends when every partition has said that no more pairs follow.
      for (PartitionInfo partition : producer.partitionsFor(topic)) {
        producer.send(record(topic, partition.partition(), "", "alphapo-control", "end-of-data")).get();
      }
    }
    System.out.printf("%d records sent to %s%n", lines.size(), topic);
  }

  /** A record with one header; any partition where that is null. */
  private static ProducerRecord<String, String> record(
      String topic, Integer partition, String value, String header, String text) {
    var record = new ProducerRecord<String, String>(topic, partition, null, value);
    record.headers().add(header, text.getBytes(UTF_8));
    return record;
  }

  /** TLS where KAFKA_TLS_CA is set, and SCRAM-SHA-512 where KAFKA_USERNAME is, too. */
  private static Map<String, Object> settings() throws IOException {
    Map<String, String> environment = System.getenv();
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", environment.getOrDefault("KAFKA_BROKERS", "localhost:9092"));
    if (environment.containsKey("KAFKA_TLS_CA")) {
      settings.put("security.protocol", "SSL");
      settings.put("ssl.truststore.type", "PEM");
      settings.put("ssl.truststore.location", environment.get("KAFKA_TLS_CA"));
    }
    if (environment.containsKey("KAFKA_USERNAME")) {
      String password = Files.readString(Path.of(environment.get("KAFKA_PASSWORD_FILE"))).strip();
      settings.put("security.protocol", "SASL_SSL");
      settings.put("sasl.mechanism", "SCRAM-SHA-512");
      settings.put(
          "sasl.jaas.config",
          "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";"
              .formatted(environment.get("KAFKA_USERNAME"), password));
    }
    return settings;
  }
}
