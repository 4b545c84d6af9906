import type { MembershipListener } from '../transform/backend.ts';
import type { KafkaClients } from './client.ts';
import { disconnected } from './disconnected.ts';
import { kafkaFailure } from './failures.ts';
import { DEFAULT_SESSION_TIMEOUT_MS } from './options.ts';

/** The pause of a member between looks at its heartbeat, as it fetches nothing. */
const IDLE_MS = 200;
const HEARTBEATS_PER_SESSION = 10;
const RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 20 };

/**
 * Membership in a consumer group through a consumer whose partitions are all paused: it keeps the heartbeat and hears
 * of assignments, however long a task takes, and fetches nothing (see kafkajs-repairs.ts for the reason).
 */
export async function joinGroup(
  clients: KafkaClients,
  { group, topic }: { readonly group: string; readonly topic: string },
  listener: MembershipListener,
): Promise<AsyncDisposable> {
  let left = false;
  const sessionTimeout = clients.options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
  const consumer = clients.kafka(RETRY).consumer({
    groupId: group,
    sessionTimeout,
    rebalanceTimeout: sessionTimeout,
    heartbeatInterval: Math.ceil(sessionTimeout / HEARTBEATS_PER_SESSION),
    maxWaitTimeInMs: Math.min(IDLE_MS, Math.ceil(sessionTimeout / HEARTBEATS_PER_SESSION)),
    allowAutoTopicCreation: false,
    retry: { ...RETRY, restartOnFailure: async () => !left },
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    consumer.pause([{ topic }]);
    if (!left) listener.assigned(payload.memberAssignment[topic] ?? []);
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    clients.logger('warn', 'membership.lost', {
      group,
      topic,
      restart: payload.restart,
      error: payload.error.message,
    });
    if (!payload.restart && !left) listener.lost(kafkaFailure(`membership in group "${group}"`, payload.error));
  });
  const leave = async () => {
    left = true;
    // One that can't say goodbye because its broker is away is left to its session timeout.
    await disconnected(consumer);
  };
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => {} });
  } catch (error) {
    await leave();
    throw kafkaFailure(`joining group "${group}"`, error);
  }
  return { [Symbol.asyncDispose]: leave };
}
