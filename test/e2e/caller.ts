import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Kubectl } from './kubectl.ts';
import { NAME, notes } from './release.ts';

const execute = promisify(execFile);
const ALPHAPO = join(import.meta.dirname, '../../cli/bin/alphapo.js');
const TIMEOUT_MS = 120_000;

/** Whose token goes with a call: the services' own, that for other systems, or none. */
export type TokenOf = 'services' | 'clients' | 'nobody';

/** Who calls the services from outside of the cluster, with the files and variables that the chart's notes tell it to fetch. */
export class Caller {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(folder: string, environment: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#environment = environment;
  }

  /** Does what the notes say, in a folder. */
  static async prepare(kubectl: Kubectl, folder: string): Promise<Caller> {
    const lines = notes(kubectl.namespace)
      .split('\n')
      .map((line) => line.trim());
    const commands = lines.slice(
      lines.indexOf('umask 077'),
      lines.findIndex((line) => line.startsWith('export ALPHAPO_')) + 1,
    );
    if (commands.length === 0) throw new Error('the notes of the chart do not say what callers need');
    const script = [...commands, 'env'].join('\n');
    const variables = execFileSync('sh', ['-ec', script], { cwd: folder, encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.startsWith('ALPHAPO_'))
      .map((line) => line.split('=', 2) as [string, string]);
    const { data } = await kubectl.get('secret', `${NAME}-access`);
    writeFileSync(join(folder, 'client-token'), Buffer.from(data['client-token'], 'base64'), { mode: 0o600 });
    return new Caller(folder, Object.fromEntries(variables));
  }

  /** What `alphapo …` prints. Rejects with what it complains of. */
  async alphapo(args: readonly string[], token: TokenOf = 'services'): Promise<string> {
    const { ALPHAPO_TOKEN_FILE, ...others } = this.#environment;
    const file = { services: ALPHAPO_TOKEN_FILE, clients: 'client-token', nobody: undefined }[token];
    const env = { ...process.env, ...others, ...(file !== undefined && { ALPHAPO_TOKEN_FILE: file }) };
    const { stdout } = await execute(process.execPath, [ALPHAPO, ...args], {
      ...{ cwd: this.#folder, env, timeout: TIMEOUT_MS },
    });
    return stdout;
  }

  /** What `alphapo …` complains of. Throws where it doesn't. */
  async refusal(args: readonly string[], token: TokenOf): Promise<string> {
    const complaint = await this.alphapo(args, token).then(
      () => undefined,
      (error: { stderr: string }) => error.stderr,
    );
    if (complaint === undefined) throw new Error(`NOT SO: "alphapo ${args.join(' ')}" is refused (${token})`);
    return complaint;
  }
}
