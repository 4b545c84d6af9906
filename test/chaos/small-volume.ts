import { execFile, execFileSync } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CHUNK = Buffer.alloc(64 * 1024, 0xaa);

/** A file system in memory with little room, which can be filled to the last byte. */
export class SmallVolume implements AsyncDisposable {
  readonly folder: string;
  readonly #filler: string;
  readonly #unmountWithUs: () => void;

  private constructor(folder: string) {
    this.folder = folder;
    this.#filler = join(folder, 'filler');
    this.#unmountWithUs = () => execFileSync('umount', ['--lazy', folder]);
    process.once('exit', this.#unmountWithUs);
  }

  /** Mounts it on a folder, which is made. Throws where the system does not allow that: it needs root on Linux. */
  static async mount(folder: string, bytes: number): Promise<SmallVolume> {
    await mkdir(folder, { recursive: true });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
    return new SmallVolume(folder);
  }

  /** Leaves no room. */
  async fill(): Promise<void> {
    await using file = await open(this.#filler, 'a');
    for (let size = CHUNK.length; size >= 1; ) {
      try {
        const { bytesWritten } = await file.write(CHUNK, 0, size);
        if (bytesWritten < size) size = Math.floor(size / 2);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size = Math.floor(size / 2);
      }
    }
  }

  async free(): Promise<void> {
    await rm(this.#filler, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#unmountWithUs);
    // Lazily: a process that is about to end may have a file open still.
    await run('umount', ['--lazy', this.folder]);
  }
}
