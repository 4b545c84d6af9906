import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { readSmallFile, replaceFile } from '@alphapo/safetensors';
import { z } from 'zod';
import type { Lease } from './lease.ts';

const FILE = 'owner.json';
const MAX_BYTES = 2 ** 12;

const ownerSchema = z.object({ id: z.string(), host: z.string(), pid: z.int(), since: z.string() });

/**
 * The right to write into a folder, by a file in it that names the last who claimed it. An optimizer that hung while another
 * one took over finds the other's name there before it makes a checkpoint visible or removes one.
 */
export class FolderLease implements Lease {
  readonly #folder: string;
  readonly #id = randomUUID();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes the folder over from whoever has it; makes it where it is missing. */
  async claim(): Promise<void> {
    const owner = { id: this.#id, host: hostname(), pid: process.pid, since: new Date().toISOString() };
    await replaceFile(join(this.#folder, FILE), (file) => file.writeFile(`${JSON.stringify(owner)}\n`));
  }

  async assertHeld(): Promise<void> {
    const file = join(this.#folder, FILE);
    const owner = ownerSchema.parse(JSON.parse((await readSmallFile(file, MAX_BYTES)).toString()));
    if (owner.id === this.#id) return;
    throw new AlphapoError(
      'failed-precondition',
      'FENCED',
      `process ${owner.pid} on ${owner.host} took over folder ${this.#folder} at ${owner.since}; this optimizer stops, because only one may write a run's state`,
    );
  }
}
