import type { V1ContainerStatus } from '@kubernetes/client-node';
import { obstaclesOf } from './obstacles.ts';

const pod = (status: Partial<V1ContainerStatus>) => ({
  metadata: { name: 'scorer-1' },
  status: { initContainerStatuses: [{ name: 'fetch-model', ...status } as V1ContainerStatus] },
});
const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' };

test('a container that ends again and again is told with its last words', () => {
  const lastState = { terminated: { exitCode: 1, message: 'fetching\nalphapo: check the token\n' } };
  expect(obstaclesOf([pod({ state: { waiting }, lastState })])).toEqual([
    {
      name: 'scorer-1',
      reason: 'CrashLoopBackOff',
      message: 'container fetch-model: back-off 10s; last message: alphapo: check the token',
    },
  ]);
  expect(obstaclesOf([pod({ state: { waiting } })])).toMatchObject([
    { message: 'container fetch-model: back-off 10s' },
  ]);
});

const failure = { level: 'error', event: 'process.failed' };
const stack =
  'Error: out of range\n    at open (file:///app/libs/engine/src/weights.ts:10:3)\n    at async main (file:///app/cli/src/main.ts:1:1)';

test.each([
  ['a line', 'check the token', 'check the token'],
  ['several lines', 'fetching\ncheck the token\n\n', 'check the token'],
  [
    'an event of the log with a stack',
    `{"event":"process.started"}\n${JSON.stringify({ ...failure, error: { message: 'check the token\nmore', stack } })}\n`,
    'check the token',
  ],
  [
    'an error that nobody caught',
    `file:///app/main.ts:4\n  throw new Error();\n  ^\n\n${stack}\n\nNode.js v24.21.0\n`,
    'Error: out of range',
  ],
  ['an error of many lines', `TypeError: no model\nat its place\n    at open (file.ts:1:2)\n`, 'TypeError: no model'],
])('the last words are one line: %s', (_, message, expected) => {
  const lastState = { terminated: { exitCode: 1, message } };
  const [obstacle] = obstaclesOf([pod({ state: { waiting }, lastState })]);
  expect(obstacle?.message).toBe(`container fetch-model: back-off 10s; last message: ${expected}`);
});

test('the last words are short, also where the log was cut off in an event', () => {
  const message = `${JSON.stringify({ ...failure, error: { message: 'out of memory', stack: 'x'.repeat(3_000) } }).slice(-2_048)}\n`;
  const [obstacle] = obstaclesOf([pod({ state: { waiting }, lastState: { terminated: { exitCode: 1, message } } })]);
  expect(obstacle?.message.length).toBeLessThan(500);
});

test('a container that starts is no obstacle', () => {
  expect(obstaclesOf([pod({ state: { waiting: { reason: 'PodInitializing' } } })])).toEqual([]);
});
