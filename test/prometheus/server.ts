import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { PROMETHEUS } from './programs.ts';

const START_TIMEOUT_MS = 30_000;

/** A series and its value at the moment that was asked for. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus of a test's own; disposing of it ends it and removes its data. */
export class PrometheusServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #address: string;

  private constructor(folder: string, child: ChildProcess, address: string) {
    this.#folder = folder;
    this.#child = child;
    this.#address = address;
  }

  /** Starts one with further files beside its configuration, which may name them. */
  static async start(config: object, files: Readonly<Record<string, object>> = {}): Promise<PrometheusServer> {
    const folder = await mkdtemp(join(tmpdir(), 'alphapo-prometheus-'));
    for (const [name, content] of Object.entries({ ...files, 'prometheus.json': config })) {
      await writeFile(join(folder, name), JSON.stringify(content));
    }
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      PROMETHEUS,
      [
        `--config.file=${join(folder, 'prometheus.json')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const killWithUs = () => child.kill('SIGKILL');
    process.once('exit', killWithUs);
    child.once('exit', () => process.off('exit', killWithUs));
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-4_000);
    });
    const server = new PrometheusServer(folder, child, address);
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await server.#isReady())) {
      if (child.exitCode === null && performance.now() < deadline) {
        await sleep(50);
        continue;
      }
      await server[Symbol.asyncDispose]();
      throw new Error(`Prometheus did not start:\n${said}`);
    }
    return server;
  }

  /** The value of an expression now. */
  async query(expression: string): Promise<Sample[]> {
    type Vector = { resultType: string; result: { metric: Record<string, string>; value: [number, string] }[] };
    const { result } = await this.ask<Vector>('query', { query: expression });
    return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
  }

  /** What a method of its HTTP API answers; throws with its reason where it refuses. */
  async ask<T>(method: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
    const response = await fetch(`http://${this.#address}/api/v1/${method}?${new URLSearchParams(parameters)}`);
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: T };
    if (status !== 'success') throw new Error(`${method} ${JSON.stringify(parameters)}: ${error}`);
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    const response = await fetch(`http://${this.#address}/-/ready`).catch(() => undefined);
    return response?.ok ?? false;
  }
}
