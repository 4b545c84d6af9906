import { Partitioners, type Producer } from 'kafkajs';
import { recordTooLarge } from '../errors.ts';
import type { OutgoingRecord } from '../event-log.ts';
import type { KafkaAdmin } from './admin.ts';
import { type KafkaClients, PATIENT_RETRY } from './client.ts';
import { disconnected } from './disconnected.ts';
import { isTooLarge, kafkaFailure } from './failures.ts';
import { requestsOf } from './outgoing.ts';

/**
 * Plain appends through one idempotent producer. One request at a time, across all callers: the idempotent producer of
 * kafkajs keeps its promise only then. After a failure it is thrown away, since its sequence numbers are in doubt.
 */
export class Appender implements AsyncDisposable {
  #clients: KafkaClients;
  #admin: KafkaAdmin;
  #producer: Producer | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(clients: KafkaClients, admin: KafkaAdmin) {
    this.#clients = clients;
    this.#admin = admin;
  }

  append(records: readonly OutgoingRecord[]): Promise<void> {
    const done = this.#last.then(() => this.#append(records));
    this.#last = done.catch(() => {});
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await disconnected(this.#producer);
  }

  async #append(records: readonly OutgoingRecord[]): Promise<void> {
    const requests = await requestsOf(records, this.#admin);
    if (requests.length === 0) return;
    try {
      const producer = await this.#connected();
      for (const topicMessages of requests) await producer.sendBatch({ acks: -1, topicMessages });
    } catch (error) {
      void this.#producer?.disconnect().catch(() => {});
      this.#producer = undefined;
      const largest = records.reduce((a, b) => (b.value.length > a.value.length ? b : a));
      throw isTooLarge(error)
        ? recordTooLarge(largest.topic, largest.value.length, error)
        : kafkaFailure('appending', error);
    }
  }

  async #connected(): Promise<Producer> {
    if (this.#producer === undefined) {
      this.#producer = this.#clients.kafka(PATIENT_RETRY).producer({
        idempotent: true,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: PATIENT_RETRY,
      });
      await this.#producer.connect();
    }
    return this.#producer;
  }
}
