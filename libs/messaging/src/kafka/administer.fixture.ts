import { type Admin, Kafka, logLevel } from 'kafkajs';

/** For tests: what an administrator does to a cluster, beside the log's door. */
export async function administer(brokers: readonly string[], work: (admin: Admin) => Promise<unknown>): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** For tests: removes the records of a topic's first partition before an offset, as retention does. */
export async function deleteRecordsBefore(brokers: readonly string[], topic: string, offset: bigint): Promise<void> {
  await administer(brokers, async (admin) => {
    await admin.fetchTopicOffsets(topic); // kafkajs deletes only where it knows the leader by then.
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${offset}` }] });
  });
}
