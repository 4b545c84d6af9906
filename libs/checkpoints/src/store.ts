import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AlphapoError, canonicalJson, messageOf } from '@alphapo/base';
import { onFile, syncFolder } from '@alphapo/safetensors';
import type { Checkpoint } from './checkpoint.ts';
import { readCheckpointFiles, verifyCheckpointFiles, writeCheckpointFiles } from './checkpoint-files.ts';
import type { Manifest } from './manifest.ts';

const NAME = /^step-(\d{8,15})$/;
/** Folders of checkpoints being written or removed. A process that died left them; they are never read. */
const UNFINISHED = /^\.tmp-/;

/** A checkpoint as listed: by name, without looking into it. */
export interface CheckpointName {
  readonly name: string;
  readonly step: number;
}

/** The folder name of a step's checkpoint: `step-00000012`. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(8, '0')}`;
}

/**
 * The checkpoints of one run in a folder, one folder each. A checkpoint is there completely or not at all: it is
 * written aside, flushed, and made visible by one rename, so a crash at any time leaves those before it as they were.
 *
 * There must be one writing store at a time; readers may be many.
 */
export class CheckpointStore {
  readonly directory: string;
  readonly #onDamaged: (name: string, reason: string) => void;
  readonly #assertHeld: () => Promise<void>;
  #prepared: Promise<void> | undefined;

  /**
   * `onDamaged` hears of each checkpoint that `newest` skips. `assertHeld` is asked right before a checkpoint is made visible
   * or removed, and throws where another process has taken the folder over.
   */
  constructor(
    directory: string,
    options: { onDamaged?: (name: string, reason: string) => void; assertHeld?: () => Promise<void> } = {},
  ) {
    this.directory = resolve(directory);
    this.#onDamaged = options.onDamaged ?? (() => {});
    this.#assertHeld = options.assertHeld ?? (async () => {});
  }

  /**
   * Makes a checkpoint durable and returns its name. Writing the same one again, as a run does that repeats steps after
   * a crash, changes nothing; a damaged one of the same step is replaced. Throws CHECKPOINT_CONFLICT where the step has
   * an intact checkpoint with other content, INVALID_CHECKPOINT, DISK_FULL, or FILE_NOT_ACCESSIBLE.
   */
  async write(checkpoint: Checkpoint): Promise<string> {
    const name = checkpointName(checkpoint.step);
    await onFile(this.directory, () => this.#prepare());
    const temporary = this.#temporary();
    try {
      await onFile(temporary, () => mkdir(temporary));
      const manifest = await writeCheckpointFiles(temporary, checkpoint);
      const existing = await this.#intactManifest(name);
      if (existing === undefined) await onFile(this.directory, () => this.#publish(temporary, name));
      else if (canonicalJson(existing) !== canonicalJson(manifest)) throw conflict(join(this.directory, name));
      return name;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /**
   * The newest intact checkpoint, verified; undefined where there is none at all. Throws NO_INTACT_CHECKPOINT where
   * there are some but each is damaged, and CHECKPOINT_VERSION where the newest was written by another version: to go
   * on from an older one would be a decision.
   */
  async newest(): Promise<Checkpoint | undefined> {
    const names = await this.list();
    for (const { name } of names.toReversed()) {
      try {
        return await this.#readFolder(name);
      } catch (error) {
        if (!isDamage(error)) throw error;
        this.#onDamaged(name, messageOf(error));
      }
    }
    if (names.length === 0) return undefined;
    throw new AlphapoError(
      'data-loss',
      'NO_INTACT_CHECKPOINT',
      `each of the ${names.length} checkpoints in ${this.directory} is damaged: restore the folder, or empty it to compute the run again from the start of the ledger`,
    );
  }

  /** One checkpoint, verified. Throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED or CHECKPOINT_VERSION. */
  async read(name: string): Promise<Checkpoint> {
    const names = await this.list();
    if (!names.some((entry) => entry.name === name)) {
      const known = names.map((entry) => entry.name).join(', ');
      throw new AlphapoError(
        'not-found',
        'CHECKPOINT_NOT_FOUND',
        `no checkpoint ${JSON.stringify(name)} in ${this.directory}: it has ${known === '' ? 'none' : known}`,
      );
    }
    return this.#readFolder(name);
  }

  /** All checkpoints by growing step, damaged ones included. */
  async list(): Promise<readonly CheckpointName[]> {
    const names = await onFile(this.directory, () =>
      readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      }),
    );
    return names
      .map((name) => ({ name, step: Number(NAME.exec(name)?.[1]) }))
      .filter(({ name, step }) => name === checkpointName(step))
      .sort((a, b) => a.step - b.step);
  }

  /**
   * Removes all checkpoints but the newest `keep`, and but the newest intact one, wherever it stands. Returns the names
   * of the removed.
   */
  async prune(keep: number): Promise<readonly string[]> {
    if (!Number.isSafeInteger(keep) || keep < 1) {
      throw new AlphapoError('invalid-argument', 'INVALID_KEEP', `at least one checkpoint must be kept, not ${keep}`);
    }
    const names = (await this.list()).map(({ name }) => name);
    const old = names.slice(0, -keep);
    if (old.length === 0) return [];
    const intact = await this.#newestIntact(names);
    const removed = old.filter((name) => name !== intact);
    await this.#assertHeld();
    await onFile(this.directory, async () => {
      for (const name of removed) await this.#remove(name);
    });
    return removed;
  }

  async #newestIntact(names: readonly string[]): Promise<string | undefined> {
    for (const name of names.toReversed()) {
      if ((await this.#intactManifest(name)) !== undefined) return name;
    }
    return undefined;
  }

  #readFolder(name: string): Promise<Checkpoint> {
    const folder = join(this.directory, name);
    return onFile(folder, () => readCheckpointFiles(folder));
  }

  /** The manifest of an intact checkpoint; undefined where it is absent or damaged. */
  async #intactManifest(name: string): Promise<Manifest | undefined> {
    const folder = join(this.directory, name);
    try {
      return await onFile(folder, () => verifyCheckpointFiles(folder));
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  /** Makes the folder and clears what a crashed process left in it, once. */
  #prepare(): Promise<void> {
    this.#prepared ??= this.#clear().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #clear(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    await syncFolder(dirname(this.directory));
    for (const name of await readdir(this.directory)) {
      if (UNFINISHED.test(name)) await rm(join(this.directory, name), { recursive: true, force: true });
    }
  }

  async #publish(temporary: string, name: string): Promise<void> {
    await syncFolder(temporary);
    await this.#assertHeld();
    await this.#remove(name); // A damaged one of the same step, if any.
    await rename(temporary, join(this.directory, name));
    await syncFolder(this.directory);
  }

  /** Renames first: a crash half-way leaves something unfinished, never a checkpoint without some of its files. */
  async #remove(name: string): Promise<void> {
    const temporary = this.#temporary();
    try {
      await rename(join(this.directory, name), temporary);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await syncFolder(this.directory);
    await rm(temporary, { recursive: true, force: true });
  }

  #temporary(): string {
    return join(this.directory, `.tmp-${randomUUID()}`);
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof AlphapoError && error.code === 'data-loss';
}

function conflict(folder: string): AlphapoError {
  return new AlphapoError(
    'already-exists',
    'CHECKPOINT_CONFLICT',
    `${folder} is an intact checkpoint of the same step with other content: another run uses this folder, or the computation is not reproducible (different hardware or library version); choose another folder`,
  );
}
