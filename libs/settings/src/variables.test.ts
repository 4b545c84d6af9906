import { z } from 'zod';
import type { Settings } from './setting.ts';
import { refuseUnknownVariables } from './variables.ts';

const setting = { schema: z.string(), description: 'something' };

const SERVICES: Readonly<Record<string, Settings>> = {
  tokenizer: { processes: setting, tlsCert: { ...setting, variable: 'ALPHAPO_TLS_CERT' } },
  optimizer: {
    shardTimeoutSeconds: setting,
    tokenFile: { ...setting, variable: 'ALPHAPO_TOKEN_FILE' },
    workload: { ...setting, variable: 'ALPHAPO_TOKENIZER_WORKLOAD' },
  },
};

const refuse = (...names: string[]) =>
  refuseUnknownVariables(Object.fromEntries(names.map((name) => [name, 'x'])), SERVICES, ['ALPHAPO_CACHE']);

test.each([
  ['a variable of a service', 'ALPHAPO_TLS_CERT'],
  ['a secret that may also be in a file', 'ALPHAPO_TOKEN'],
  ['a variable that is no setting', 'ALPHAPO_CACHE'],
  ['another program’s variable', 'ALPHAPORT'],
  ['the host of a service named alphapo-optimizer', 'ALPHAPO_OPTIMIZER_SERVICE_HOST'],
  ['its named port', 'ALPHAPO_OPTIMIZER_SERVICE_PORT_GRPC'],
  ['its address', 'ALPHAPO_OPTIMIZER_PORT'],
  ['a part of its address', 'ALPHAPO_OPTIMIZER_PORT_50053_TCP_ADDR'],
])('%s is accepted: %s', (_what, name) => {
  expect(() => refuse(name)).not.toThrow();
});

test.each([
  ['ALPHAPO_TLS_CRT', 'ALPHAPO_TLS_CRT: no such variable. Did you mean ALPHAPO_TLS_CERT?'],
  [
    'ALPHAPO_PROCESSES',
    'ALPHAPO_PROCESSES is not a supported variable; set --processes of the tokenizer, or "processes" in its --config file',
  ],
  [
    'ALPHAPO_TOKENIZER_PROCESSES',
    'ALPHAPO_TOKENIZER_PROCESSES: no such variable. Did you mean --processes of the tokenizer, or "processes" in its --config file?',
  ],
  [
    'ALPHAPO_SHARD_TIMEOUT_MS',
    'ALPHAPO_SHARD_TIMEOUT_MS: no such variable. Did you mean --shard-timeout-seconds of the optimizer, or "shard-timeout-seconds" in its --config file?',
  ],
  ['ALPHAPO_CACHE_FOLDER', 'ALPHAPO_CACHE_FOLDER: no such variable. Did you mean ALPHAPO_CACHE?'],
  ['ALPHAPO_COLOR', 'ALPHAPO_COLOR: no such variable'],
])('%s is rejected by name', (name, message) => {
  expect(() => refuse(name)).toThrow(expect.objectContaining({ reason: 'INVALID_CONFIGURATION', message }));
});

test('all unknown variables are named at once', () => {
  expect(() => refuse('ALPHAPO_A', 'ALPHAPO_TLS_CERT', 'ALPHAPO_B')).toThrow(/^ALPHAPO_A: .*\nALPHAPO_B: .*$/);
});
