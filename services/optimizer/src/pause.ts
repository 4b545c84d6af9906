import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessAborted } from '@alphapo/base';
import { onFile, readSmallFile, replaceFile } from '@alphapo/safetensors';

const FILE = 'paused';
const MAX_BYTES = 2 ** 10;

/** Whether a run is paused: a file in its folder, so that it stays so when the optimizer is started again. */
export class Pause {
  readonly #file: string;
  #resumed: PromiseWithResolvers<void> | undefined;

  private constructor(file: string, paused: boolean) {
    this.#file = file;
    if (paused) this.#resumed = Promise.withResolvers();
  }

  static async open(folder: string): Promise<Pause> {
    const file = join(folder, FILE);
    const paused = await readSmallFile(file, MAX_BYTES).then(
      () => true,
      (error) => {
        if (error.reason === 'FILE_NOT_FOUND') return false;
        throw error;
      },
    );
    return new Pause(file, paused);
  }

  get isPaused(): boolean {
    return this.#resumed !== undefined;
  }

  async begin(): Promise<void> {
    await replaceFile(this.#file, (file) => file.writeFile('alphapo: the run is paused until it is resumed\n'));
    this.#resumed ??= Promise.withResolvers();
  }

  async end(): Promise<void> {
    await onFile(this.#file, () => rm(this.#file, { force: true }));
    this.#resumed?.resolve();
    this.#resumed = undefined;
  }

  /** Resolves when the run is not paused. Throws the signal's reason. */
  async ended(signal: AbortSignal): Promise<void> {
    while (this.#resumed !== undefined) {
      await unlessAborted(this.#resumed.promise, signal);
    }
  }
}
