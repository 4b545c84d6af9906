import { readFile } from 'node:fs/promises';
import { AlphapoError, messageOf } from '@alphapo/base';
import type { Logger } from '@alphapo/telemetry';
import type { RpcEvents } from '../events.ts';

/** How often files are looked at. */
const RELOAD_MS = 10_000;
/** Certificates and lists of tokens are small: more than this is another file. */
const MAX_FILE_BYTES = 2 ** 20;

export interface ReloadOptions {
  readonly logger: Logger<RpcEvents>;
  readonly reloadMs?: number | undefined;
}

/**
 * Something made of files, and made again when they change. Where it cannot be made again, say in the middle of an exchange
 * of several files, the last good one stays, a line is logged, and the files are tried again.
 */
export class Reloaded<T> implements Disposable {
  readonly #files: readonly string[];
  readonly #make: (contents: readonly Buffer[]) => T;
  readonly #logger: Logger<RpcEvents>;
  readonly #listeners = new Set<(value: T) => void>();
  readonly #timer: NodeJS.Timeout;
  #contents: readonly Buffer[];
  #current: T;
  #reloading = false;

  private constructor(
    files: readonly string[],
    make: (contents: readonly Buffer[]) => T,
    contents: readonly Buffer[],
    { logger, reloadMs = RELOAD_MS }: ReloadOptions,
  ) {
    this.#files = files;
    this.#make = make;
    this.#contents = contents;
    this.#logger = logger;
    this.#current = make(contents);
    this.#timer = setInterval(() => void this.#reload(), reloadMs).unref();
  }

  /** Reads the files for the first time. Errors: FILE_NOT_READABLE with the file, and those of `make`. */
  static async open<T>(
    files: readonly string[],
    make: (contents: readonly Buffer[]) => T,
    options: ReloadOptions,
  ): Promise<Reloaded<T>> {
    return new Reloaded(files, make, await readAll(files), options);
  }

  get current(): T {
    return this.#current;
  }

  /** Calls back with each new value, until the result is disposed of. */
  onChange(listener: (value: T) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  async #reload(): Promise<void> {
    if (this.#reloading) return;
    this.#reloading = true;
    try {
      const contents = await readAll(this.#files);
      if (contents.every((content, i) => content.equals(this.#contents[i] as Buffer))) return;
      this.#current = this.#make(contents);
      this.#contents = contents;
      for (const listener of this.#listeners) listener(this.#current);
      this.#logger.info('security.reloaded', { files: this.#files });
    } catch (error) {
      this.#logger.warn('security.not-reloaded', { files: this.#files, error });
    } finally {
      this.#reloading = false;
    }
  }
}

function readAll(files: readonly string[]): Promise<Buffer[]> {
  return Promise.all(files.map(read));
}

async function read(file: string): Promise<Buffer> {
  const fail = (problem: string, cause?: unknown) =>
    new AlphapoError('invalid-argument', 'FILE_NOT_READABLE', `${file}: ${problem}`, { cause });
  const content = await readFile(file).catch((error: unknown) => {
    throw fail(messageOf(error), error);
  });
  if (content.length > MAX_FILE_BYTES) throw fail(`has more than ${MAX_FILE_BYTES} bytes: is it the right file?`);
  return content;
}
