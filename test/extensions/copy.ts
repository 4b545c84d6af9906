import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '../..');

/** An edit of a file: what is added, and behind which text; a file that is not there yet is written whole. */
export interface Addition {
  readonly file: string;
  /** Text that the addition follows; not given for a new file. */
  readonly after?: string;
  readonly text: string;
}

/** A copy of the repository, as it is committed, that may be changed. */
export class RepositoryCopy {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<RepositoryCopy> {
    const folder = await temporaryFolder();
    const archive = execFileSync('git', ['archive', 'HEAD'], { cwd: ROOT, maxBuffer: 2 ** 30 });
    execFileSync('tar', ['-x'], { cwd: folder, input: archive });
    for (const place of ['node_modules', 'cli/node_modules']) {
      // Links of workspaces are relative: in the copy they lead to its own packages.
      if (existsSync(join(ROOT, place))) execFileSync('cp', ['-al', join(ROOT, place), join(folder, place)]);
    }
    return new RepositoryCopy(folder);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8');
  }

  /** Throws where the text that an addition follows does not stand there exactly once. */
  add({ file, after, text }: Addition): void {
    if (after === undefined) {
      writeFileSync(join(this.folder, file), text);
      return;
    }
    const parts = this.read(file).split(after);
    if (parts.length !== 2) throw new Error(`${file}: "${after}" stands there ${parts.length - 1} times`);
    writeFileSync(join(this.folder, file), parts.join(after + text));
  }

  /** Runs a command of the copy's own programs; throws with all that it says where it fails. */
  run(program: string, ...args: string[]): string {
    const path = `${join(this.folder, 'node_modules/.bin')}:${dirname(process.execPath)}:${process.env.PATH}`;
    try {
      return execFileSync(program, args, {
        cwd: this.folder,
        encoding: 'utf8',
        env: { ...process.env, PATH: path },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${program} ${args.join(' ')}:\n${stdout}\n${stderr}`);
    }
  }
}
