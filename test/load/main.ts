import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { main as alphapo } from '@alphapo/cli';
import { brokenPromises, loadReport } from './report.ts';
import { tryScoring } from './scoring.ts';
import { tryStream } from './stream.ts';

const HELP = `Services under load, with a real Kafka: many clients of a scorer, and many records through the topic. Memory and the answers
to health checks are watched from outside all the time; each record must be in exactly one batch or dead letter.

  npm run trial:load -- [--clients N] [--seconds N] [--records N] [--stream-seconds N] [--out FILE]

Ends with code 1 where a promise is not kept. By default it takes ten minutes at most.`;

const HEAP_MB = 256;

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '120' },
    records: { type: 'string', default: '100000' },
    'stream-seconds': { type: 'string', default: '500' },
    out: { type: 'string', default: join(import.meta.dirname, '../../bench/results/load.md') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

// As in a small container: where nothing limits it, a heap grows with the machine, and says nothing about what is kept.
process.env.NODE_OPTIONS = `--max-old-space-size=${HEAP_MB}`;
const [loadBefore = Number.NaN] = loadavg();
const folder = mkdtempSync(join(tmpdir(), 'alphapo-load-'));
try {
  const [model, config] = [join(folder, 'model'), join(folder, 'config.json')];
  const shape = { model_type: 'llama', hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, vocab_size: 259 };
  const heads = { num_attention_heads: 2, num_key_value_heads: 2, max_position_embeddings: 128, rms_norm_eps: 1e-5 };
  writeFileSync(config, JSON.stringify({ ...shape, ...heads, rope_theta: 10_000, hidden_act: 'silu' }));
  await alphapo(['node', 'alphapo', 'init-model', model, '--config', config]);
  const [clients, seconds] = [Number(values.clients), Number(values.seconds)];
  const scoring = await tryScoring(model, { clients, warmUp: seconds / 2, seconds });
  const stream = await tryStream(folder, model, {
    records: Number(values.records),
    seconds: Number(values['stream-seconds']),
  });
  const broken = brokenPromises(scoring, stream);
  const report = loadReport(scoring, stream, { broken, loadBefore });
  writeFileSync(values.out, report);
  console.log(report);
  process.exitCode = broken.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
