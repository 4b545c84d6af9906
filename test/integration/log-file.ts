import { DatabaseSync } from 'node:sqlite';

/** The file of an embedded log as someone who damages it sees it: the log's own door neither removes nor changes. */
export class LogFile implements Disposable {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
  }

  /** Offsets of a topic's records, in order. */
  offsets(topic: string): number[] {
    const sql = `SELECT offset FROM records WHERE partition_id = ${PARTITION} ORDER BY offset`;
    return this.#database
      .prepare(sql)
      .all(topic)
      .map(({ offset }) => Number(offset));
  }

  /** Takes a record out, and leaves its offset empty. */
  remove(topic: string, offset: number): void {
    this.#database.prepare(`DELETE FROM records WHERE partition_id = ${PARTITION} AND offset = ?`).run(topic, offset);
  }

  /** Appends a copy of a record. */
  repeat(topic: string, offset: number): void {
    const columns = 'partition_id, timestamp_ms, key, value, headers';
    this.#database
      .prepare(
        `INSERT INTO records (${columns}, offset) SELECT ${columns}, (SELECT next FROM partitions WHERE id = partition_id)
         FROM records WHERE partition_id = ${PARTITION} AND offset = ?`,
      )
      .run(topic, offset);
    this.#database.prepare(`UPDATE partitions SET next = next + 1 WHERE id = ${PARTITION}`).run(topic);
  }

  /** Changes a record's value. */
  edit(topic: string, offset: number, change: (value: Uint8Array) => Uint8Array): void {
    const where = `WHERE partition_id = ${PARTITION} AND offset = ?`;
    const row = this.#database.prepare(`SELECT value FROM records ${where}`).get(topic, offset);
    const value = change(row?.value as Uint8Array);
    this.#database.prepare(`UPDATE records SET value = ? ${where}`).run(value, topic, offset);
  }

  /** Changes a header of a record. */
  setHeader(topic: string, offset: number, name: string, value: string): void {
    const where = `WHERE partition_id = ${PARTITION} AND offset = ?`;
    const sql = `UPDATE records SET headers = json_set(headers, ?, ?) ${where}`;
    this.#database.prepare(sql).run(`$."${name}"`, value, topic, offset);
  }

  /** Drops the positions of a group, as a log does whose members have been away for long. */
  forgetGroup(group: string): void {
    this.#database.prepare('DELETE FROM group_offsets WHERE name = ?').run(group);
  }

  /** Lets a topic begin at an offset, as retention does. */
  cutOff(topic: string, first: number): void {
    this.#database.prepare(`DELETE FROM records WHERE partition_id = ${PARTITION} AND offset < ?`).run(topic, first);
    this.#database.prepare(`UPDATE partitions SET first = ? WHERE id = ${PARTITION}`).run(first, topic);
  }

  /** Forgets how far a group has come, as Kafka does of one that was empty for long. */
  forget(group: string): void {
    this.#database.prepare('DELETE FROM group_offsets WHERE name = ?').run(group);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** The first partition of a topic, which is a parameter of the statement. */
const PARTITION = '(SELECT id FROM partitions WHERE topic = ? AND partition = 0)';
