import { whyNoJava } from '../kafka/installation.ts';
import { runChaos } from './chaos-run.ts';

const missing = await whyNoJava();
/** On a quiet machine it takes a third of that. */
const TIMEOUT_MS = 120_000;

(missing === undefined ? test : test.skip)(
  `five faults change neither weights nor lineage${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  async () => {
    const report = await runChaos(
      {
        seed: 23_629,
        faults: 5,
        steps: 16,
        kinds: ['kill', 'cut', 'broker-kill', 'lost-reply', 'freeze'],
        lingerMs: 0,
        timeoutMs: TIMEOUT_MS,
      },
      () => {},
    );
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(report.checks.map(({ name }) => name)).toContain(
      'weights of every step equal those of a run on the same records',
    );
    expect(report.faults.filter(({ happened }) => happened)).toHaveLength(5);
  },
  TIMEOUT_MS + 60_000,
);
