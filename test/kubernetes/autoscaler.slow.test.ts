import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScorerServiceDefinition, topicsWithPrefix } from '@alphapo/contracts';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { connect } from '@alphapo/rpc';
import { until } from '../e2e/kubectl.ts';
import { ServiceProcess } from '../support/processes.ts';
import { hasCluster, TestNamespace } from './namespace.ts';

/**
 * Two replicas of the autoscaler as processes of their own, on a real API server, with the rights that docs/kubernetes.md
 * gives them. Without KUBECONFIG: skipped.
 */

const inCluster = hasCluster ? describe : describe.skip;
const topics = topicsWithPrefix();
const MINUTES = 60_000;

/** One replica, with what it says of itself. */
class Replica extends ServiceProcess {
  metricsAddress(): string | undefined {
    return this.events.find(({ event }) => event === 'metrics-server.started')?.address as string | undefined;
  }

  /** Whether it says that it leads; a process that does not answer says nothing. */
  async leads(): Promise<boolean> {
    const answer = await fetch(`http://${this.metricsAddress()}/metrics`, { signal: AbortSignal.timeout(500) })
      .then((response) => response.text())
      .catch(() => '');
    return /^alphapo_autoscaler_leader 1$/m.test(answer);
  }
}

inCluster('two replicas of the autoscaler', () => {
  test(
    'one decides; when it dies or hangs the other one takes over; a Score call at zero wakes a scorer',
    async () => {
      await using namespace = await TestNamespace.make();
      const logFile = join(namespace.folder, 'log.sqlite');
      await using log = openEmbeddedEventLog({ path: logFile });
      await log.ensureTopics([
        { name: topics.preferences, partitions: 1 },
        { name: topics.preferenceBatches, partitions: 1 },
      ]);
      const environment = {
        KUBECONFIG: await namespace.autoscalerConfig(),
        ALPHAPO_LOG: logFile,
        ALPHAPO_NAMESPACE: namespace.name,
        ALPHAPO_TOKENIZER_WORKLOAD: 'deployment/tokenizer',
        ALPHAPO_SCORER_WORKLOAD: 'deployment/scorer',
        ALPHAPO_OPTIMIZER_WORKLOAD: 'statefulset/optimizer',
        ALPHAPO_OPTIMIZER: '127.0.0.1:1',
        ALPHAPO_SCORERS: 'scorer-pods.invalid:50052',
        ALPHAPO_LEASE: 'autoscaler',
        ALPHAPO_ADDRESS: '127.0.0.1:0',
        ALPHAPO_METRICS_ADDRESS: '127.0.0.1:0',
        ALPHAPO_COOLDOWN_SECONDS: '3',
        ALPHAPO_POLL_SECONDS: '0.5',
        ALPHAPO_MAX_SCORERS: '2',
      };
      const start = (pod: string) => new Replica(['serve', 'autoscaler', '--pod-name', pod], { environment });
      await using first = start('autoscaler-a');
      await first.event(({ event }) => event === 'leadership.acquired');
      await using second = start('autoscaler-b');
      await second.event(({ event }) => event === 'activator.started');

      // Never two at once, whatever happens below.
      const replicas: Replica[] = [first, second];
      const watch = new AbortController();
      let together = 0;
      const watching = (async () => {
        while (!watch.signal.aborted) {
          const leading = await Promise.all(replicas.map((replica) => replica.leads()));
          if (leading.filter(Boolean).length > 1) together++;
          await sleep(100);
        }
      })();

      // Work comes, and pods with it; they find no node, which is told.
      await log.append([{ topic: topics.preferences, partition: 0, value: '{}' }]);
      await namespace.replicas('deployment/tokenizer', 1);
      await namespace.replicas('statefulset/optimizer', 1);
      await until('the tokenizer is reported as unschedulable', 60, async () => {
        const text = await namespace.kubectl.run('get', 'events', '--field-selector', 'reason=PodsUnschedulable');
        return /tokenizer/.test(text) ? true : undefined;
      });

      // The leader dies without a word; the record is gone meanwhile, so that the next one has something to decide.
      await first.stop('SIGKILL');
      const writer = await log.writer('test');
      const position = { group: 'alphapo-tokenizer', topic: topics.preferences, partition: 0, nextOffset: 1n };
      await writer.write([], [position]);
      await writer[Symbol.asyncDispose]();
      const died = performance.now();
      await second.event(({ event }) => event === 'leadership.acquired');
      expect(performance.now() - died).toBeLessThan(25_000);
      await namespace.replicas('deployment/tokenizer', 0);

      // The new leader hangs, a third one takes over, and the one that comes back notices before it does anything.
      await using third = start('autoscaler-c');
      replicas.push(third);
      await third.event(({ event }) => event === 'activator.started');
      process.kill(second.pid as number, 'SIGSTOP');
      await third.event(({ event }) => event === 'leadership.acquired');
      process.kill(second.pid as number, 'SIGCONT');
      await second.event(({ event }) => event === 'leadership.lost');

      // A call arrives at a replica that does not lead; it wakes a scorer, and the leader keeps it while the call waits.
      const address = second.events.find(({ event }) => event === 'activator.started')?.address as string;
      using connection = connect(ScorerServiceDefinition, address);
      const leave = new AbortController();
      const score = { items: [], policy: undefined, perToken: false, objective: undefined, batch: undefined };
      const call = connection.score(score, { timeoutMs: MINUTES, signal: leave.signal }).catch(() => {});
      const asked = performance.now();
      await namespace.replicas('deployment/scorer', 1);
      console.log(`a scorer was asked for after ${Math.round(performance.now() - asked)} ms`);
      await sleep(6_000);
      await namespace.replicas('deployment/scorer', 1, 1);
      leave.abort();
      await call;
      // Twenty seconds until its mark is old, and the cooldown.
      await namespace.replicas('deployment/scorer', 0, 60);

      // The leader that is asked to stop gives its lease back: the next one leads at once.
      const stopped = performance.now();
      expect(await third.stop('SIGTERM')).toBe(0);
      await until('another one leads', 10, async () => ((await second.leads()) ? true : undefined));
      console.log(`the next one led ${Math.round(performance.now() - stopped)} ms after the stop`);
      watch.abort();
      await watching;
      expect(together).toBe(0);
      for (const replica of replicas) {
        const forbidden = replica.events.filter((event) => JSON.stringify(event).includes('API_FORBIDDEN'));
        expect(forbidden).toEqual([]);
      }
      expect(await second.stop('SIGTERM')).toBe(0);
    },
    5 * MINUTES,
  );
});
