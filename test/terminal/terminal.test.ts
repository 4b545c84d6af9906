import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { hasPseudoTerminals, PseudoTerminal } from './pseudo-terminal.ts';

const ALPHAPO = [process.execPath, join(import.meta.dirname, '../../cli/bin/alphapo.js')];
/** A machine may be busy. */
const TIMEOUT_MS = 600_000;
const PAIRS = 24;
const STEPS = 6;

/** A model, data, and options of a run of some seconds that prints while its bar is shown. */
async function workplace() {
  const folder = await temporaryFolder();
  const [model, data] = [join(folder, 'model'), join(folder, 'pairs.jsonl')];
  run('init-model', model);
  const pairs = Array.from({ length: PAIRS }, (_, i) => ({
    prompt: `Say ${i}`,
    chosen: ` ${i}`,
    rejected: ` ${i + 1}`,
  }));
  await writeFile(data, pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(''));
  const train = (out: string, ...more: string[]) => [
    ...['train', '--model', model, '--data', data, '--out', join(folder, out), '--batch-size', '4', '--threads', '1'],
    ...['--steps', String(STEPS), '--eval-fraction', '0.25', '--eval-every', '2', '--learning-rate', '1e-3', ...more],
  ];
  return { folder, train };
}

/** What a command prints where there is no terminal. */
function run(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(ALPHAPO[0] as string, [ALPHAPO[1] as string, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stderr + stdout;
}

const BAR = /^[█░]+ /;
/** Lines without numbers, which differ between two runs, and without the run's folder. */
const shapeOf = (lines: readonly string[]) =>
  lines
    .filter((line) => line !== '')
    .map((line) =>
      line
        .replace(/\/\S*\/run-\w+/, 'RUN')
        .replace(/-?\d[\d.]*/g, '#')
        .replace(/# (pairs\/s|s\/pair)/, '# RATE'),
    );

const inTerminals = hasPseudoTerminals ? describe : describe.skip;

inTerminals('on a terminal', () => {
  test(
    'the last screen of train is whole at 60, 80 and 120 columns',
    async () => {
      const { train } = await workplace();
      const expected = shapeOf(
        run(...train('run-piped'))
          .split('\n')
          .filter((line) => !line.startsWith('step ')),
      );
      expect(expected.filter((line) => line.startsWith('held out after'))).toHaveLength(4);
      for (const columns of [60, 80, 120]) {
        await using terminal = new PseudoTerminal([...ALPHAPO, ...train(`run-${columns}`)], columns);
        expect(await terminal.exited()).toBe(0);
        const lines = await terminal.screen.lines();
        expect(shapeOf(lines.filter((line) => !BAR.test(line)))).toEqual(expected);
        const bars = lines.filter((line) => BAR.test(line));
        expect(bars).toEqual([expect.stringMatching(new RegExp(`^█+ ${STEPS}/${STEPS} steps · `))]);
        expect(bars[0]?.length).toBeLessThan(columns);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'the last screen of the demo is whole, and its model answers better',
    async () => {
      const out = join(await temporaryFolder(), 'demo');
      await using terminal = new PseudoTerminal([...ALPHAPO, 'demo', '--out', out], 60);
      expect(await terminal.exited()).toBe(0);
      const lines = await terminal.screen.lines();
      const bars = lines.filter((line) => BAR.test(line));
      expect(bars).toHaveLength(2);
      for (const bar of bars) expect(bar).toMatch(/^█+ (\d+)\/\1 steps · .*left$/);
      for (const line of lines.filter((line) => !BAR.test(line))) expect(line).not.toMatch(/[█░]/);
      const text = lines.join('\n');
      expect(text.match(/^\d+ steps, .*; wrote .*$/gm)).toHaveLength(2);
      const counts = /AlphaPO, held-out questions +before +after\nright answers, of 100 asked +(\d+) +(\d+)\n/.exec(
        text,
      );
      const [before, after] = [Number(counts?.[1]), Number(counts?.[2])];
      expect(after).toBeGreaterThanOrEqual(80);
      expect(after).toBeGreaterThan(before);
      expect(text).toContain('Verdict: better.');
      expect(lines.at(-1)).toMatch(/^Ask it yourself: alphapo generate /);
    },
    TIMEOUT_MS,
  );

  test(
    'Ctrl-C stops a run with one line and exit code 130, and --resume --out alone continues it',
    async () => {
      const { folder, train } = await workplace();
      await using terminal = new PseudoTerminal([...ALPHAPO, ...train('run-stopped', '--steps', '2000')], 80);
      await terminal.wrote(/[█░]+ [1-9]\d*\/2000 steps/);
      terminal.type('\u0003');
      expect(await terminal.exited()).toBe(130);
      const lines = await terminal.screen.lines();
      const out = join(folder, 'run-stopped');
      expect(lines.at(-1)).toMatch(
        /^alphapo: stopped after step \d+; alphapo train --resume --out .* continues from there$/,
      );
      expect(lines.at(-2)).toMatch(/^[█░^C]+ \d+\/2000 steps/);
      await using again = new PseudoTerminal([...ALPHAPO, 'train', '--resume', '--out', out], 80);
      await again.wrote(/[█░]+ \d+\/2000 steps/);
      again.type('\u0003');
      expect(await again.exited()).toBe(130);
    },
    TIMEOUT_MS,
  );
});
