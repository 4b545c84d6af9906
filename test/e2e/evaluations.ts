import { expectThat } from './expect-that.ts';
import type { Kubectl } from './kubectl.ts';
import type { RunSize } from './options.ts';
import { pairLines, promptLines } from './pairs.ts';

/** What the policies of a trial are evaluated on, and to. */

const CONFIG_MAP = 'held-out';
const HELD_OUT = 40;
const HELD_OUT_SEED = 11;

/** Steps between two evaluations. */
const everyOf = ({ steps }: RunSize): number => Math.ceil(steps / 2);

/** Of the chart. */
export const EVALUATION = { configMap: CONFIG_MAP, pairs: 'pairs.jsonl', prompts: 'prompts.jsonl' };

/** Of the optimizer. */
export const evaluationSettings = (size: RunSize) => ({ evalEvery: everyOf(size), evalMaxTokens: 8 });

export function makeEvaluationData(kubectl: Kubectl): void {
  const data = { 'pairs.jsonl': pairLines(HELD_OUT, HELD_OUT_SEED), 'prompts.jsonl': promptLines() };
  kubectl.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: CONFIG_MAP }, data });
}

/** Throws where the lines of `alphapo watch --evaluations` do not have each evaluation once, although pods were lost and replaced. */
export function checkEvaluations(watched: string, size: RunSize): void {
  // What is said to people comes with it.
  const lines = watched.split('\n').filter((line) => line.startsWith('{'));
  const evaluated = lines.map((line) => JSON.parse(line)).filter((line) => 'dataDigest' in line);
  const expected = [0, everyOf(size), size.steps];
  const found = evaluated.map(({ step }) => Number(step));
  expectThat(JSON.stringify(found) === JSON.stringify(expected), `evaluated after steps ${expected}: ${found}`);
  for (const { step, pairs, answers } of evaluated) {
    expectThat(pairs.pairs === HELD_OUT, `${HELD_OUT} held-out pairs were scored at step ${step}`);
    expectThat(answers.answers.length === answers.prompts, `${answers.prompts} prompts were answered at step ${step}`);
    console.log(`step ${step}: accuracy ${pairs.accuracy}, margin ${pairs.margin}, divergence ${answers.divergence}`);
  }
}
