import { AlphapoError, MAX_RECORD_BYTES } from '@alphapo/base';
import { fenced, partitionNotFound, partitionsDiffer, recordTooLarge, topicNotFound } from '../errors.ts';
import type {
  Bounds,
  GroupPosition,
  LogRecord,
  OutgoingRecord,
  TopicRetention,
  TopicSpecification,
} from '../event-log.ts';
import { partitionOfKey } from '../partitioner.ts';
import { announceChange } from './changes.ts';
import type { Database } from './database.ts';

/** A query reads at most this much ahead of its consumer. */
const READ_RECORDS = 1000;
const READ_BYTES = 4 * 1024 * 1024;

/** Topics, records and positions as tables. Every method is synchronous and, where it writes, one transaction. */
export class Store {
  readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  ensureTopic({ name, partitions, retentionMs }: TopicSpecification): void {
    if (!Number.isInteger(partitions) || partitions < 1) {
      throw new AlphapoError(
        'invalid-argument',
        'TOPIC_PARTITIONS_INVALID',
        `topic "${name}" cannot have ${partitions} partitions`,
      );
    }
    this.database.transaction(() => {
      const existing = this.database.get('SELECT partitions FROM topics WHERE name = ?', name);
      if (existing !== undefined && existing.partitions !== partitions) {
        throw partitionsDiffer(name, existing.partitions as number, partitions);
      }
      if (existing === undefined) {
        const kept = typeof retentionMs === 'number' ? retentionMs : null;
        this.database.run(
          'INSERT INTO topics (name, partitions, retention_ms) VALUES (?, ?, ?)',
          name,
          partitions,
          kept,
        );
        for (let partition = 0; partition < partitions; partition++) {
          this.database.run('INSERT INTO partitions (topic, partition) VALUES (?, ?)', name, partition);
        }
      }
      this.#expire(name);
    });
  }

  partitions(topic: string): number {
    const row = this.database.get('SELECT partitions FROM topics WHERE name = ?', topic);
    if (row === undefined) throw topicNotFound(topic);
    return row.partitions as number;
  }

  retention(topic: string): TopicRetention {
    const row = this.database.get('SELECT retention_ms FROM topics WHERE name = ?', topic);
    if (row === undefined) throw topicNotFound(topic);
    const { retention_ms: maxAgeMs } = row as { retention_ms: number | null };
    return { maxAgeMs: maxAgeMs ?? 'unlimited', maxBytes: 'unlimited', compacted: false };
  }

  bounds(topic: string, partition: number): Bounds {
    const { first, next } = this.#partition(topic, partition);
    return { first: BigInt(first), next: BigInt(next) };
  }

  /** Records from an offset on, up to the limit of one read. */
  read(topic: string, partition: number, from: bigint, end?: bigint): LogRecord[] {
    const { id } = this.#partition(topic, partition);
    const sql = `SELECT offset, timestamp_ms, key, value, headers FROM records
      WHERE partition_id = ? AND offset >= ? AND offset < ? ORDER BY offset LIMIT ${READ_RECORDS}`;
    const records: LogRecord[] = [];
    let bytes = 0;
    for (const row of this.database.iterate(sql, id, from, end ?? Number.MAX_SAFE_INTEGER)) {
      const value = row.value as Uint8Array;
      records.push({
        topic,
        partition,
        offset: BigInt(row.offset as number),
        timestampMs: row.timestamp_ms as number,
        key: row.key as Uint8Array | null,
        value,
        headers: row.headers === null ? {} : JSON.parse(row.headers as string),
      });
      bytes += value.length;
      if (bytes >= READ_BYTES) break;
    }
    return records;
  }

  append(records: readonly OutgoingRecord[]): void {
    this.database.transaction(() => this.#insert(records));
    announceChange(this.database.identity);
  }

  /** Takes a fence over; its former holders' `publish` fails from here on. The new epoch. */
  fence(id: string): number {
    const sql = `INSERT INTO fences (id, epoch) VALUES (?, 1)
      ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1 RETURNING epoch`;
    return this.database.transaction(() => this.database.get(sql, id)?.epoch as number);
  }

  /** Appends the records and moves the positions, if the epoch of the fence is still the given one. */
  publish(id: string, epoch: number, records: readonly OutgoingRecord[], positions: readonly GroupPosition[]): void {
    this.database.transaction(() => {
      if (this.database.get('SELECT epoch FROM fences WHERE id = ?', id)?.epoch !== epoch) throw fenced(id);
      this.#insert(records);
      for (const { group, topic, partition, nextOffset } of positions) {
        const sql =
          'INSERT INTO group_offsets (name, partition_id, next) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next';
        this.database.run(sql, group, this.#partition(topic, partition).id, nextOffset);
      }
    });
    announceChange(this.database.identity);
  }

  /** The offset that a group has committed; undefined where it has not. */
  committed(group: string, topic: string, partition: number): bigint | undefined {
    const { id } = this.#partition(topic, partition);
    const row = this.database.get('SELECT next FROM group_offsets WHERE name = ? AND partition_id = ?', group, id);
    return row === undefined ? undefined : BigInt(row.next as number);
  }

  #partition(topic: string, partition: number): { id: number; first: number; next: number } {
    const row = this.database.get(
      'SELECT id, first, next FROM partitions WHERE topic = ? AND partition = ?',
      topic,
      partition,
    );
    if (row === undefined) throw partitionNotFound(topic, partition, this.partitions(topic));
    return row as { id: number; first: number; next: number };
  }

  #insert(records: readonly OutgoingRecord[]): void {
    const now = Date.now();
    for (const record of records) {
      const partition = record.partition ?? partitionOfKey(record.key as string, this.partitions(record.topic));
      const value = typeof record.value === 'string' ? Buffer.from(record.value) : record.value;
      if (value.length > MAX_RECORD_BYTES) throw recordTooLarge(record.topic, value.length);
      const { id, next } = this.#partition(record.topic, partition);
      const key = record.key === undefined ? null : Buffer.from(record.key);
      const headers = record.headers === undefined ? null : JSON.stringify(record.headers);
      const sql =
        'INSERT INTO records (partition_id, offset, timestamp_ms, key, value, headers) VALUES (?, ?, ?, ?, ?, ?)';
      this.database.run(sql, id, next, now, key, value, headers);
      this.database.run('UPDATE partitions SET next = next + 1 WHERE id = ?', id);
    }
  }

  /** Removes what is older than the topic's retention; done where a service starts and ensures its topics. */
  #expire(topic: string): void {
    const retention = this.database.get('SELECT retention_ms FROM topics WHERE name = ?', topic)?.retention_ms;
    if (typeof retention !== 'number') return;
    for (const { id } of this.database.all('SELECT id FROM partitions WHERE topic = ?', topic) as { id: number }[]) {
      const old = this.database.run(
        'DELETE FROM records WHERE partition_id = ? AND timestamp_ms < ?',
        id,
        Date.now() - retention,
      );
      if (old === 0) continue;
      const first = 'coalesce((SELECT min(offset) FROM records WHERE partition_id = partitions.id), next)';
      this.database.run(`UPDATE partitions SET first = ${first} WHERE id = ?`, id);
    }
  }
}
