import Cluster from 'kafkajs/src/cluster/index.js';
import ConsumerGroup from 'kafkajs/src/consumer/consumerGroup.js';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import errors from 'kafkajs/src/protocol/error.js';

/**
 * kafkajs 2.2.4 has five faults that a real broker brings to light. This file is where they are dealt with:
 *
 * 1. Each connection keeps a 1 ms timer going for ever, which looks for requests to send although none waits
 *    (some 3 % of a core when idle, and a warning on each run of Node 24). Repaired below: the check is scheduled only
 *    while requests wait.
 * 2. A consumer hangs at a record batch that the log cleaner has emptied, since it has no record to move on from.
 * 3. Records of aborted transactions are shown when a fetch begins inside two of them that overlap, or when a user's
 *    key equals the four zero bytes of an abort marker.
 * 4. A member of a group whose clock is set back sends no heartbeat until the clock is where it was: the broker gives its
 *    partitions away, and it never hears of that. Repaired below.
 * 5. Where connections to the brokers are reset or closed while a coordinator is looked up, the look-up fails for good, and
 *    with it the transaction or the membership; it is repeated only where connections are refused. Repaired below: it is
 *    repeated as the client's retries say.
 *
 * 2 and 3 lie in how kafkajs turns fetched bytes into messages. That path is not used here at all: consumers of
 * kafkajs serve as group members only and stay paused; records are fetched and decoded by fetcher.ts and
 * record-batches.ts, which move on by batches and follow the protocol's rules for aborted transactions.
 */
export function repairKafkajs(): void {
  RequestQueue.prototype.scheduleCheckPendingRequests = function schedule(this: RequestQueue): void {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const delayMs = Math.max(this.throttledUntil - Date.now(), PENDING_CHECK_MS);
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    }, delayMs);
  };
  const { heartbeat } = ConsumerGroup.prototype;
  ConsumerGroup.prototype.heartbeat = function onTime(this: ConsumerGroup, options): Promise<void> {
    if (this.lastRequest > Date.now()) this.lastRequest = 0;
    return heartbeat.call(this, options);
  };
  const { findGroupCoordinatorMetadata } = Cluster.prototype;
  Cluster.prototype.findGroupCoordinatorMetadata = async function patiently(this: Cluster, request) {
    try {
      return await findGroupCoordinatorMetadata.call(this, request);
    } catch (error) {
      if ((error as Error).name !== 'KafkaJSGroupCoordinatorNotFound') throw error;
      throw errors.createErrorFromCode(COORDINATOR_NOT_AVAILABLE);
    }
  };
}

/** The error of the protocol that kafkajs asks for a coordinator again after. */
const COORDINATOR_NOT_AVAILABLE = 15;

/** As kafkajs waits where requests are pending for another reason than the broker's throttling. */
const PENDING_CHECK_MS = 10;
