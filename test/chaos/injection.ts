import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from './deployment.ts';
import type { Fault, FaultKind, LinkName } from './faults.ts';
import { KAFKA_API } from './kafka-requests.ts';
import type { PacedProducer } from './paced-producer.ts';
import type { Progress } from './progress.ts';
import type { SmallVolume } from './small-volume.ts';

/** What faults are done to. */
export interface Scene {
  readonly deployment: Deployment;
  readonly producer: PacedProducer;
  readonly progress: Progress;
  /** The volume of checkpoints, where it can be filled. */
  readonly volume: SmallVolume | undefined;
  readonly signal: AbortSignal;
}

/** Whether the fault happened, and what is worth telling of it. */
export interface Injection {
  readonly happened: boolean;
  readonly note: string;
}

/** How long a fault may wait for its moment: the producer's next start, a transaction's next request. */
const OPPORTUNITY_MS = 20_000;
/** How long an optimizer that was replaced may take to notice. */
const FENCED_WITHIN_MS = 60_000;

const HAPPENED: Injection = { happened: true, note: '' };

/** Does the fault, and resolves when its cause is over; what it did to the run may last longer. */
export function inject(fault: Fault, scene: Scene): Promise<Injection> {
  return (INJECTIONS[fault.kind] as (fault: Fault, scene: Scene) => Promise<Injection>)(fault, scene);
}

type Inject<K extends FaultKind> = (fault: Extract<Fault, { kind: K }>, scene: Scene) => Promise<Injection>;

const INJECTIONS: { readonly [K in FaultKind]: Inject<K> } = {
  async kill({ target }, { deployment, producer, signal }) {
    if (target === 'producer') return inTime(producer.killNext(), signal);
    deployment.service(target).current.signal('SIGKILL');
    return HAPPENED;
  },
  async terminate({ target }, { deployment }) {
    deployment.service(target).current.signal('SIGTERM');
    return HAPPENED;
  },
  freeze: ({ target, forMs }, { deployment }) => freeze(deployment, target, forMs),
  'freeze-long': ({ target, forMs }, { deployment }) => freeze(deployment, target, forMs),
  'replace-optimizer': replaceOptimizer,
  async 'broker-kill'({ forMs }, { deployment }) {
    await deployment.restartBroker('SIGKILL', forMs);
    return HAPPENED;
  },
  async 'broker-restart'({ forMs }, { deployment }) {
    await deployment.restartBroker('SIGTERM', forMs);
    return HAPPENED;
  },
  async cut({ target, forMs }, { deployment }) {
    deployment.link(target).cut(forMs);
    await sleep(forMs);
    return HAPPENED;
  },
  async stall({ target, forMs }, { deployment }) {
    await deployment.link(target).stall(forMs);
    return HAPPENED;
  },
  async slow({ target, forMs, latencyMs, bytesPerSecond }, { deployment }) {
    await deployment.link(target).slow({ latencyMs, bytesPerSecond }, forMs);
    return HAPPENED;
  },
  async 'lost-reply'({ target, request }, { deployment, signal }) {
    const links: readonly LinkName[] =
      target === 'optimizer' ? ['optimizer → kafka'] : ['tokenizer-1 → kafka', 'tokenizer-2 → kafka'];
    const over = new AbortController();
    const lost = links.map((link) => deployment.link(link).loseReply(KAFKA_API[request], over.signal));
    const injection = await inTime(Promise.race(lost), signal);
    over.abort();
    return injection;
  },
  async 'disk-full'({ forMs }, { volume }) {
    if (volume === undefined) return { happened: false, note: 'there is no volume to fill' };
    await volume.fill();
    await sleep(forMs);
    await volume.free();
    return HAPPENED;
  },
  async 'clock-jump'({ target, byMs }, { deployment }) {
    await deployment.moveClock(target, byMs);
    return HAPPENED;
  },
};

async function freeze(deployment: Deployment, target: Parameters<Deployment['service']>[0], forMs: number) {
  const { current } = deployment.service(target);
  current.signal('SIGSTOP');
  await sleep(forMs);
  current.signal('SIGCONT');
  return HAPPENED;
}

/** The first optimizer wakes up when the second one has taken a step; it must end by itself before it writes anything. */
async function replaceOptimizer(_fault: Fault, { deployment, progress, signal }: Scene): Promise<Injection> {
  const { step } = progress;
  const hanging = await deployment.replaceOptimizer();
  try {
    await progress.reached(step + 1, signal);
  } finally {
    hanging.signal('SIGCONT');
  }
  const ended = await Promise.race([hanging.exited().then(() => true), sleep(FENCED_WITHIN_MS, false, { ref: false })]);
  if (!ended) {
    await hanging.stop('SIGKILL');
    return { happened: true, note: `the replaced optimizer did not notice for ${FENCED_WITHIN_MS / 1000} s` };
  }
  const failure = hanging.events.findLast(({ event }) => event === 'process.failed')?.error as
    | { readonly reason?: string }
    | undefined;
  return { happened: true, note: `the replaced optimizer ended with ${failure?.reason ?? 'no error'}` };
}

async function inTime(opportunity: Promise<unknown>, signal: AbortSignal): Promise<Injection> {
  const waiting = new AbortController();
  const late = sleep(OPPORTUNITY_MS, 'late', { signal: AbortSignal.any([waiting.signal, signal]) }).catch(() => 'late');
  const first = await Promise.race([opportunity, late]);
  waiting.abort();
  return first === 'late' ? { happened: false, note: 'there was no opportunity' } : HAPPENED;
}
