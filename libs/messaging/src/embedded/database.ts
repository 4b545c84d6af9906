import { realpathSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { AlphapoError, messageOf } from '@alphapo/base';

/** Bumped when the tables change; a file of another version is refused rather than misread. */
const SCHEMA_VERSION = 1;
/** How long a statement waits for another process that holds the file's lock. */
const BUSY_TIMEOUT_MS = 10_000;

const SCHEMA = `
  CREATE TABLE topics (name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, retention_ms INTEGER) STRICT;
  CREATE TABLE partitions (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL REFERENCES topics(name), partition INTEGER NOT NULL,
    first INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition)) STRICT;
  CREATE TABLE records (
    partition_id INTEGER NOT NULL REFERENCES partitions(id), offset INTEGER NOT NULL, timestamp_ms INTEGER NOT NULL,
    key BLOB, value BLOB NOT NULL, headers TEXT, UNIQUE (partition_id, offset)) STRICT;
  CREATE TABLE group_offsets (
    name TEXT NOT NULL, partition_id INTEGER NOT NULL REFERENCES partitions(id), next INTEGER NOT NULL,
    PRIMARY KEY (name, partition_id)) STRICT;
  CREATE TABLE fences (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;
  CREATE TABLE members (
    group_name TEXT NOT NULL, topic TEXT NOT NULL, member TEXT NOT NULL, expires_ms INTEGER NOT NULL,
    PRIMARY KEY (group_name, topic, member)) STRICT;
`;

/** One connection to the log's file, with its statements prepared once and transactions that can't be left open. */
export class Database implements Disposable {
  /** The file's real path, the same for all instances on it; each ':memory:' is unique. */
  readonly identity: string;
  #connection: DatabaseSync;
  #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    this.identity = path === ':memory:' ? `:memory:${crypto.randomUUID()}` : realpathSync(path);
    // FULL: a commit is on the disk when it returns, also when the machine loses power.
    this.#connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    try {
      this.transaction(() => this.#createSchema(path));
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  /** All rows of a query. */
  all(sql: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    return this.#prepared(sql).all(...values);
  }

  /** The first row of a query. */
  get(sql: string, ...values: SQLInputValue[]): Record<string, unknown> | undefined {
    return this.#prepared(sql).get(...values);
  }

  /** The rows of a query, one at a time; the caller may stop early. */
  iterate(sql: string, ...values: SQLInputValue[]): Iterable<Record<string, unknown>> {
    return this.#prepared(sql).iterate(...values) as Iterable<Record<string, unknown>>;
  }

  /** Runs a statement; the number of rows that it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  /** Runs the work, which must be synchronous, in one write transaction: all of it is durable on return, or nothing. */
  transaction<T>(work: () => T): T {
    this.#begin();
    try {
      const result = work();
      this.#connection.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
      throw error;
    }
  }

  /** A transaction that waits for no disk: what it wrote may be lost with the power, and is durable after the next other one. */
  volatileTransaction<T>(work: () => T): T {
    this.#connection.exec('PRAGMA synchronous = NORMAL');
    try {
      return this.transaction(work);
    } finally {
      this.#connection.exec('PRAGMA synchronous = FULL');
    }
  }

  [Symbol.dispose](): void {
    this.#statements.clear();
    if (this.#connection.isOpen) this.#connection.close();
  }

  #begin(): void {
    try {
      this.#connection.exec('BEGIN IMMEDIATE');
    } catch (error) {
      throw new AlphapoError(
        'unavailable',
        'LOG_FILE_LOCKED',
        `${this.identity} cannot be written: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#connection.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #createSchema(path: string): void {
    const version = Number(this.get('PRAGMA user_version')?.user_version ?? 0);
    if (version === SCHEMA_VERSION) return;
    if (version !== 0) {
      throw new AlphapoError(
        'failed-precondition',
        'LOG_FILE_VERSION',
        `${path} is an event log of version ${version}, but this release reads version ${SCHEMA_VERSION}; ` +
          'use the release that wrote it, or another file',
      );
    }
    this.#connection.exec(SCHEMA);
    this.#connection.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  }
}
