import { AlphapoError } from '@alphapo/base';
import { type Engine, openEngine } from '@alphapo/engine';

/** The other end of engine-process.ts: opens an engine, and answers calls of its methods until the parent leaves. */

export interface EngineCall {
  readonly id: number;
  readonly method: 'open' | 'loadPolicy' | 'score' | 'scorePairs' | 'gradient';
  readonly given: readonly unknown[];
}

export type EngineAnswer = { readonly id: number } & ({ readonly result: unknown } | { readonly problem: string });

const [folder = '', options = ''] = process.argv.slice(2);
let engine: Engine | undefined;

async function perform({ method, given }: EngineCall): Promise<unknown> {
  if (method === 'open') {
    engine = await openEngine(folder, JSON.parse(options));
    return undefined;
  }
  const called = engine?.[method] as (...given: readonly unknown[]) => Promise<unknown>;
  return await called.apply(engine, given as unknown[]);
}

process.on('message', async (call: EngineCall) => {
  const answer = await perform(call).then(
    (result) => ({ id: call.id, result }),
    (error: unknown) => ({
      id: call.id,
      problem: error instanceof AlphapoError ? `${error.reason}: ${error.message}` : String(error),
    }),
  );
  process.send?.(answer satisfies EngineAnswer);
});
process.on('disconnect', () => engine?.[Symbol.asyncDispose]());
