import { readFileSync } from 'node:fs';
import type { Objective } from '@alphapo/contracts';
import { openSafetensors } from '@alphapo/safetensors';
import { Computer } from './compute.ts';

const G = '/work/shared/golden/models';
test.each(['llama', 'llama3-rope', 'mistral', 'gpt2'])('%s', async (name) => {
  const g = JSON.parse(readFileSync(`${G}/${name}/golden.json`, 'utf8'));
  await using c = await Computer.open(`${G}/${name}`, { executionProvider: 'cpu', threads: 2 });
  const s = await c.scorePairs(g.pairs, { kind: 'base' }, undefined, async () => {});
  let worst = 0;
  s.forEach((p, i) => {
    (['chosen', 'rejected'] as const).forEach((k) => {
      g.logprobs.float64[i][k].response.forEach((v: number, j: number) => {
        worst = Math.max(worst, Math.abs(v - p[k].logProbs[j]!));
      });
    });
  });
  console.log(name, 'token logprob', worst, g.tolerance.token_logprob_abs.suggested);
  // full gradient
  const names = c['trainableNames']?.();
  const { ModelFolder } = await import('./weights.ts');
  const f = await ModelFolder.open(`${G}/${name}`);
  const tensors = new Map();
  for (const p of f.definition.parameters) tensors.set(p.name, { shape: p.shape, data: await f.read(p.name) });
  c.loadPolicy('full', { kind: 'full' }, tensors);
  const p = g.gradient.params;
  const objective: Objective = { kind: 'alphapo', alpha: p.alpha, beta: p.beta, gamma: p.gamma };
  const r = await c.gradient(
    { pairs: g.pairs, batchPairs: g.pairs.length, objective, policyDigest: 'full' },
    async () => {},
  );
  console.log('loss', r.loss, g.gradient.loss);
  const ref = await openSafetensors(`${G}/${name}/golden.safetensors`);
  let worstRel = 0,
    worstName = '';
  for (const [n, t] of r.gradient) {
    const want = await ref.readFloat64('grad.full.' + n);
    const z = g.zero_gradient_ranges?.[n];
    let a = 0,
      b = 0;
    want.forEach((w, i) => {
      a += (w - t.data[i]!) ** 2;
      b += w * w;
    });
    const rel = Math.sqrt(a / b);
    if (rel > worstRel) {
      worstRel = rel;
      worstName = n;
    }
  }
  console.log('grad rel', worstRel, worstName, g.tolerance.gradient.per_tensor_rel_l2.suggested);
});
