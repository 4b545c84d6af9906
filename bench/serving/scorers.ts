import { join } from 'node:path';
import {
  OptimizerServiceDefinition,
  objectiveToWire,
  type PolicyVersion,
  ScorerServiceDefinition,
} from '@alphapo/contracts';
import { batchTotals, type PairTokens } from '@alphapo/engine';
import { type Client, connect, HealthClient } from '@alphapo/rpc';
import { ServiceProcess } from '../../test/support/processes.ts';
import { processorMsOf } from '../processor-time.ts';
import { writeRunSettings } from './work.ts';

/** Whether a scorer merges calls. */
export const MERGING = ['on', 'off'] as const;
export type Merging = (typeof MERGING)[number];

const CALL = { timeoutMs: 600_000 };
/** A scorer in a process of its own. */
export class Scorer implements Disposable {
  readonly health: HealthClient;
  readonly #pid: number | undefined;
  readonly #connection: Client<ScorerServiceDefinition>;
  readonly #policy: PolicyVersion | undefined;

  constructor(address: string, pid: number | undefined, policy: PolicyVersion | undefined) {
    this.#pid = pid;
    this.health = new HealthClient(address);
    this.#connection = connect(ScorerServiceDefinition, address);
    this.#policy = policy;
  }

  /** Processor time that the scorer has used; NaN where there is no /proc. */
  get processorMs(): number {
    return processorMsOf(this.#pid);
  }

  /** Scores pairs under the base model. */
  async score(pairs: readonly PairTokens[]): Promise<void> {
    const items = pairs.map((pair) => ({ id: '', item: { $case: 'tokenPair' as const, value: tokenized(pair) } }));
    const request = { items, policy: undefined, perToken: false, objective: undefined, batch: undefined };
    await this.#connection.score(request, CALL);
  }

  /** Computes a gradient under the policy that the optimizer starts with. */
  async gradient(pairs: readonly PairTokens[]): Promise<void> {
    const request = {
      ...{ runId: '', step: 1n, shard: 0, policy: this.#policy, referenceModelDigest: '', ...batchTotals(pairs) },
      compute: undefined,
      dtype: '',
      objective: objectiveToWire({ kind: 'simpo', beta: 2.5, gamma: 0, labelSmoothing: 0 }),
      pairs: pairs.map(tokenized),
    };
    for await (const _part of this.#connection.gradient(request, CALL));
  }

  [Symbol.dispose](): void {
    this.health[Symbol.dispose]();
    this.#connection[Symbol.dispose]();
  }
}

const tokenized = ({ prompt, chosen, rejected }: PairTokens) => ({
  ...{ id: '', prompt: [...prompt], chosen: [...chosen], rejected: [...rejected], sourceOffset: 0n },
  ...{ truncatedPromptTokens: 0, truncatedChosenTokens: 0, truncatedRejectedTokens: 0 },
});

/** Starts an optimizer, which has a policy, and a scorer of each kind. */
export async function startScorers(
  opened: AsyncDisposableStack,
  { folder, model, threads }: { folder: string; model: string; threads: number },
): Promise<Record<Merging, Scorer>> {
  const optimizer = opened.use(
    new ServiceProcess([
      ...['serve', 'optimizer', '--model', model, '--run', await writeRunSettings(folder)],
      ...['--log', join(folder, 'log.sqlite'), '--folder', join(folder, 'state')],
      ...['--scorers', '127.0.0.1:1', '--address', '127.0.0.1:0'],
    ]),
  );
  const optimizerAddress = await optimizer.address();
  const connection = opened.use(connect(OptimizerServiceDefinition, optimizerAddress));
  const { policy } = await connection.getStatus({}, CALL);
  const start = async (merging: Merging) => {
    const scorer = opened.use(
      new ServiceProcess([
        ...['serve', 'scorer', '--model', model, '--address', '127.0.0.1:0', '--threads', `${threads}`],
        ...['--optimizer', optimizerAddress, '--score-merging', merging],
      ]),
    );
    return opened.use(new Scorer(await scorer.address(), scorer.pid, policy));
  };
  return { on: await start('on'), off: await start('off') };
}
