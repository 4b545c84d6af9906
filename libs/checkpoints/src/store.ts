import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AlphapoError, canonicalJson, messageOf } from '@alphapo/base';
import { onFile, syncFolder } from '@alphapo/safetensors';
import type { Checkpoint, CheckpointFacts } from './checkpoint.ts';
import {
  readCheckpointFacts,
  readCheckpointFiles,
  verifyCheckpointFiles,
  writeCheckpointFiles,
} from './checkpoint-files.ts';
import { damaged, MANIFEST_FILE, type Manifest } from './manifest.ts';
import { type CheckpointRetention, expired } from './retention.ts';

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
   * The newest intact checkpoint, verified, of a step up to `lastStep`; undefined where there is none. Each damaged one
   * that is newer is told to `onDamaged`. Throws CHECKPOINT_VERSION where the newest was written by another version: to
   * go on from an older one would be a decision.
   */
  async newest(lastStep = Number.POSITIVE_INFINITY): Promise<Checkpoint | undefined> {
    for (const { name, step } of (await this.list()).toReversed()) {
      if (step > lastStep) continue;
      try {
        return await this.#readFolder(name);
      } catch (error) {
        if (!isDamage(error)) throw error;
        this.#onDamaged(name, messageOf(error));
      }
    }
    return undefined;
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

  /** What the newest readable manifest says, without a look at the tensors; undefined where there is none. */
  async newestFacts(): Promise<CheckpointFacts | undefined> {
    for (const { name } of (await this.list()).toReversed()) {
      try {
        const folder = join(this.directory, name);
        return await onFile(folder, () => readCheckpointFacts(folder));
      } catch (error) {
        if (!isDamage(error)) throw error;
      }
    }
    return undefined;
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
   * Removes the checkpoints that the retention does not ask for, but for the newest intact one, wherever it stands.
   * Returns the names of the removed. Errors: INVALID_KEEP.
   */
  async prune(retention: CheckpointRetention): Promise<readonly string[]> {
    const checkpoints = await this.list();
    const old = expired(checkpoints, retention);
    if (old.length === 0) return [];
    const intact = await this.#newestIntact(checkpoints.map(({ name }) => name));
    const removed = old.map(({ name }) => name).filter((name) => name !== intact);
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

  async #readFolder(name: string): Promise<Checkpoint> {
    const folder = join(this.directory, name);
    const checkpoint = await onFile(folder, () => readCheckpointFiles(folder));
    checkName(folder, name, checkpoint);
    return checkpoint;
  }

  /** The manifest of an intact checkpoint; undefined where it is absent or damaged. */
  async #intactManifest(name: string): Promise<Manifest | undefined> {
    const folder = join(this.directory, name);
    try {
      const manifest = await onFile(folder, () => verifyCheckpointFiles(folder));
      checkName(folder, name, manifest);
      return manifest;
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

/** A folder that someone renamed would put a policy at another step. */
function checkName(folder: string, name: string, { step }: { readonly step: number }): void {
  if (name !== checkpointName(step))
    throw damaged(join(folder, MANIFEST_FILE), `it belongs to step ${step}, not to ${name}`);
}

function conflict(folder: string): AlphapoError {
  return new AlphapoError(
    'already-exists',
    'CHECKPOINT_CONFLICT',
    `${folder} is an intact checkpoint of the same step with other content: another run uses this folder, or the computation is not reproducible (different hardware or library version); choose another folder`,
  );
}
