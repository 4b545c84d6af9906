import type { Waiting } from './patience.ts';

/** What the event log's clients log. */
export type MessagingEvents = {
  /** No broker answers; at once and then every half minute, with what to check. Level: warn. */
  'event-log.awaited': Waiting;
  /** The group gave this member partitions, after it joined and after each rebalance. */
  'transform.assigned': { readonly group: string; readonly topic: string; readonly partitions: readonly number[] };
  /** A partition is taken up at its committed offset. Level: debug. */
  'partition-task.started': PartitionOfGroup & { readonly offset: bigint };
  /** A partition's work failed in a way that passes; it is taken up again. Level: warn. */
  'partition-task.interrupted': PartitionOfGroup & { readonly error: string };
  /** Membership in the group ended, or could not begin; it is taken up again. Level: warn. */
  'membership.interrupted': { readonly group: string; readonly topic: string; readonly error: string };
  /** kafkajs lost the membership. `restart`: it joins again by itself. Level: warn. */
  'membership.lost': {
    readonly group: string;
    readonly topic: string;
    readonly restart: boolean;
    readonly error: string;
  };
  /** Records could not be fetched; the fetch is repeated. Level: warn. */
  'kafka-fetch.retried': {
    readonly topic: string;
    readonly partition: number;
    readonly error: string;
    readonly attempt: number;
  };
  /** A question about topics or groups was not answered; it is repeated. Level: warn, or debug while a topic is new. */
  'kafka-request.retried': { readonly doing: string; readonly error: string };
  /** A message of kafkajs, with its own fields. Level: warn; info or debug if it passes by itself. */
  'kafka-client.logged': {
    readonly namespace: string;
    readonly message: string;
    readonly [field: string]: unknown;
  };
};

type PartitionOfGroup = { readonly group: string; readonly topic: string; readonly partition: number };
