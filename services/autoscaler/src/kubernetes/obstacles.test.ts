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
      message: 'container fetch-model: back-off 10s; its last words: alphapo: check the token',
    },
  ]);
  expect(obstaclesOf([pod({ state: { waiting } })])).toMatchObject([
    { message: 'container fetch-model: back-off 10s' },
  ]);
});

test('a container that starts is no obstacle', () => {
  expect(obstaclesOf([pod({ state: { waiting: { reason: 'PodInitializing' } } })])).toEqual([]);
});
