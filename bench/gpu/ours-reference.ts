import { parseArgs } from 'node:util';
import { readAdapter } from '@alphapo/checkpoints';
import { DEFAULT_COMPUTE, dtypeSchema, executionProviderSchema } from '@alphapo/contracts';
import { batchTotals, openEngine } from '@alphapo/engine';
import { writeSafetensors } from '@alphapo/safetensors';
import { OBJECTIVE, openWork } from '../work.ts';

/** What reference.py writes, by our engine: the same tensors under the same names. Run by run.ts. */
const { values } = parseArgs({
  options: {
    work: { type: 'string', default: '' },
    out: { type: 'string', default: '' },
    pairs: { type: 'string', default: '4' },
    device: { type: 'string', default: 'cpu' },
    dtype: { type: 'string', default: 'float32' },
    threads: { type: 'string', default: '2' },
  },
});
const work = await openWork(values.work);
const pairs = work.pairs.slice(0, Number(values.pairs));
const { rank, alpha, targets, tensors } = await readAdapter(work.adapter);
await using engine = await openEngine(work.model, {
  executionProvider: executionProviderSchema.parse(values.device),
  dtype: dtypeSchema.parse(values.dtype),
  threads: Number(values.threads),
});
await engine.loadPolicy({
  digest: 'start',
  method: { kind: 'lora', rank, alpha, targets: [...targets] },
  tensors,
});
const result = await engine.gradient({
  pairs,
  ...batchTotals(pairs),
  compute: DEFAULT_COMPUTE,
  objective: OBJECTIVE,
  policyDigest: 'start',
});
const logProbs = result.pairs.flatMap(({ chosen, rejected }) => [...chosen.logProbs, ...rejected.logProbs]);
const column = (name: string, numbers: readonly number[]) => ({
  name,
  dtype: 'f64' as const,
  shape: [numbers.length],
  data: Float64Array.from(numbers),
});
await writeSafetensors(values.out, [
  column('log_probs', logProbs),
  column('loss', [result.loss]),
  ...[...result.gradient].map(([name, { shape, data }]) => ({
    name: `grad.${name}`,
    dtype: 'f64' as const,
    shape,
    data: Float64Array.from(data),
  })),
]);
