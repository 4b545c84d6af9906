import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { AlphapoError, messageOf } from '@alphapo/base';

/** Characters that are gathered before they are written. */
const BUFFERED = 2 ** 16;

/** Where a command writes lines: a file that is overwritten, or standard output for `-`. Errors: NOT_WRITABLE with the file and why. */
export class LineFile implements AsyncDisposable {
  readonly #file: string;
  readonly #handle: FileHandle | undefined;
  #buffered = '';

  private constructor(file: string, handle: FileHandle | undefined) {
    this.#file = file;
    this.#handle = handle;
  }

  static async open(file: string): Promise<LineFile> {
    if (file === '-') return new LineFile(file, undefined);
    return new LineFile(file, await open(file, 'w').catch((error) => notWritable(file, error)));
  }

  /** Takes a line with its break; waits while the disk or the reader is behind. */
  async write(line: string): Promise<void> {
    if (this.#handle === undefined) {
      if (!process.stdout.write(line)) await once(process.stdout, 'drain');
      return;
    }
    this.#buffered += line;
    if (this.#buffered.length >= BUFFERED) await this.flush();
  }

  /** Writes what is gathered; without it, a failure to write the last lines would go unnoticed. */
  async flush(): Promise<void> {
    const text = this.#buffered;
    this.#buffered = '';
    await this.#handle?.appendFile(text).catch((error) => notWritable(this.#file, error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
  }
}

function notWritable(file: string, cause: unknown): never {
  throw new AlphapoError('invalid-argument', 'NOT_WRITABLE', `cannot write ${file}: ${messageOf(cause)}`, { cause });
}
