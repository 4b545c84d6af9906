import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a contestant reports. */
export interface Result {
  readonly pairsPerSecond: number;
  readonly peakMemoryMb: number;
  readonly losses: readonly number[];
}

export interface Peer {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
}

export const TRL: Peer = { name: 'TRL CPOTrainer, micro-batch 1', script: 'peer_trl.py', args: ['--micro', '1'] };
const PADDED: Peer = {
  name: 'PyTorch, padded, micro-batch 1',
  script: 'peer_torch.py',
  args: ['--mode', 'padded', '--micro', '1'],
};
export const SHARED: Peer = { name: 'PyTorch, shared prompt', script: 'peer_torch.py', args: ['--mode', 'shared'] };

/** The settings at which each peer does best on a CPU, in float32. */
export const PEERS: readonly Peer[] = [TRL, PADDED, SHARED];

/** The same with products in bfloat16, as a Trainer's `bf16=True` has it; weights and sums stay float32. */
export const BFLOAT16_PEERS: readonly Peer[] = [TRL, SHARED].map((peer) => ({
  ...peer,
  args: [...peer.args, '--bf16'],
}));

/** The peers' scripts, beside the repository or where ALPHAPO_SHARED says; undefined where they are not. */
export function peersFolder(): string | undefined {
  const shared = process.env.ALPHAPO_SHARED ?? join(import.meta.dirname, '../../shared');
  const folder = join(shared, 'bench');
  return existsSync(join(folder, 'peer_trl.py')) ? folder : undefined;
}

/** Where the benchmarks keep what is made once. */
export const cacheFolder = () => process.env.ALPHAPO_BENCH_CACHE ?? join(homedir(), '.cache/alphapo-bench');

/** Makes the peers' virtual environment; nothing to do where it is there. */
export function setUpPeers(folder: string): void {
  run('bash', [join(folder, 'setup.sh')]);
}

export interface PeerOptions {
  readonly steps: number;
  readonly threads: number;
  readonly full: boolean;
  /** A work folder that is there, and pairs of a step; else the peers' own. */
  readonly work?: string;
  readonly batch?: number;
}

/** Runs a peer and returns what it reports, and the work folder that it used. */
export function runPeer(
  folder: string,
  peer: Peer,
  { steps, threads, full, work, batch }: PeerOptions,
): Result & { readonly work: string } {
  const report = join(mkdtempSync(join(tmpdir(), 'alphapo-bench-')), 'report.jsonl');
  const args = ['--steps', `${steps}`, '--threads', `${threads}`, '--json', report];
  if (work !== undefined) args.push('--work', work);
  if (batch !== undefined) args.push('--batch', `${batch}`);
  run(python(), [join(folder, peer.script), ...peer.args, ...args, ...(full ? ['--full'] : [])]);
  const { pairs_per_s, peak_rss_mb, losses, model } = JSON.parse(readFileSync(report, 'utf8'));
  return { pairsPerSecond: pairs_per_s, peakMemoryMb: peak_rss_mb, losses, work: work ?? join(cacheFolder(), model) };
}

/** Makes the peers' own work folder and returns it. */
export function peersWork(folder: string): string {
  const make = 'import common; print(common.finish_args(common.parser("").parse_args([])).work)';
  const printed = run(python(), ['-c', `import sys; sys.path.insert(0, sys.argv.pop(1)); ${make}`, folder]);
  return printed.trim().split('\n').at(-1) ?? '';
}

/** The Python of the peers' virtual environment. */
export const python = () => join(cacheFolder(), 'venv/bin/python');

/** Runs a program to its end and returns what it printed. */
export function run(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.stderr}`);
  return result.stdout;
}
