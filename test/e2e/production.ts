import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Caller } from './caller.ts';
import { Cluster } from './cluster.ts';
import { checkEvaluations, makeEvaluationData } from './evaluations.ts';
import { expectIn, expectThat } from './expect-that.ts';
import { startHub } from './hub-pod.ts';
import { buildImages, loadImages } from './images.ts';
import { makeIssuer } from './issuer.ts';
import { until } from './kubectl.ts';
import { pairLines } from './pairs.ts';
import { PortForward } from './port-forward.ts';
import { type ProductionSettings, productionSettingsOf } from './production-settings.ts';
import {
  AUTHORITY_SECRET,
  type Change,
  kafkaOptions,
  LOGIN_SECRET,
  MAX_SCORERS,
  type Mistake,
  makePrerequisites,
  productionValues,
  type Surroundings,
  TARGET_CPU_PERCENT,
} from './production-values.ts';
import { checkMonitoring } from './prometheus.ts';
import { helm, NAME, RELEASE, RUN_NAME, upgrade } from './release.ts';
import { checkTraffic } from './rights.ts';
import { startSecuredKafka } from './secured-kafka.ts';
import { Times } from './times.ts';
import { ADAPTER, makeModel, trainAlone } from './train-alone.ts';

/** The chart as it is installed in production. */

const WAIT = ['--wait', '--timeout', '4m'];
const SECONDS = 180;
const SERVICES = ['tokenizer', 'scorer', 'optimizer', 'sampler'];
const SCORED = ['--prompt', 'How do I explain bread to a child?', '--response', 'Start with what one can see.'];

const settings = productionSettingsOf(process.argv.slice(2));
if (settings !== undefined) await trial(settings);

async function trial(settings: ProductionSettings): Promise<void> {
  const times = new Times();
  const cluster = new Cluster(settings.namespace);
  const outside = new Cluster(settings.outside);
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-e2e-'));
  await using owned = new AsyncDisposableStack();
  owned.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'pairs.jsonl'), pairLines(settings.steps * settings.pairsPerStep));
  const model = await makeModel(folder);
  if (settings.build) await times.of('images built', buildImages);
  await times.of('images loaded', loadImages);
  for (const place of [outside, cluster]) {
    if (!settings.keep) owned.defer(() => place.removeNamespace());
    await place.makeNamespace();
  }
  const around = await times.of('Kafka with TLS and SCRAM, and a hub, are there', () => surroundings(outside, model));
  makePrerequisites(cluster.kubectl, around);
  makeEvaluationData(cluster.kubectl);
  if (settings.certificates === 'cert-manager') {
    await times.of('an authority of cert-manager', () => makeIssuer(cluster.kubectl));
  }
  const install = (change?: Change, options: readonly string[] = []) =>
    upgrade(settings.namespace, [], productionValues(settings, around, change), options);

  await mistakes(cluster, install, times);
  await times.of('corrected by an upgrade: all services are ready', () => install(undefined, WAIT));
  helm(settings.namespace, 'test', RELEASE);
  times.mark('helm test passed');
  await checkTraffic(cluster, `${NAME}-scorer`, 50052);
  times.mark('forbidden traffic is denied');
  for (const service of SERVICES) {
    const [pod] = await cluster.ready(service, 1);
    expectIn(await cluster.kubectl.metrics(pod as string), 'alphapo_');
  }
  times.mark('all services have metrics');
  if (settings.prometheus) {
    await times.of('a Prometheus scrapes them, and evaluates the alerts', async () => {
      console.log(`${await checkMonitoring(cluster, SERVICES)} alerts are evaluated`);
    });
  }

  const caller = await Caller.prepare(cluster.kubectl, folder);
  await calls(cluster, caller);
  times.mark('calls from outside: answered with a token of the right scope, else refused');
  const exported = await run(cluster, caller, settings, folder, times);
  const secrets = [AUTHORITY_SECRET, LOGIN_SECRET];
  const topics = [...kafkaOptions(around), '--topic-prefix', `${RUN_NAME}-`];
  console.log(await times.of('lineage verified', () => cluster.alphapo('verify', ['verify', ...topics], secrets)));
  const alone = await times.of('the same run in one process', () => trainAlone(folder, model, settings));
  expectThat(exported.equals(alone), 'the adapter equals that of one process, bit for bit');

  if (settings.keda) {
    // KEDA takes no workload that a HorizontalPodAutoscaler still has.
    for (const mode of ['none', 'keda'] as const) install(mode, WAIT);
    await times.of('KEDA takes over from the HorizontalPodAutoscaler, and takes everything to zero', async () => {
      for (const service of SERVICES) await cluster.gone(service);
    });
    await using scorer = await PortForward.open(cluster.kubectl, `${NAME}-scorer`, 50052);
    await times.of('first score from zero, by KEDA', () => caller.alphapo(scoreAt(scorer), 'clients'));
  }
  helm(settings.namespace, 'uninstall', RELEASE, '--wait');
  const { status } = await cluster.kubectl.get('pvc', `state-${NAME}-optimizer-0`);
  expectThat(status.phase === 'Bound', 'checkpoints outlive the release');
  console.log(`\n${times.table()}\n\npassed`);
}

/** Starts what the release uses. */
async function surroundings(outside: Cluster, model: string): Promise<Surroundings> {
  const login = { name: 'alphapo', password: randomBytes(16).toString('hex') };
  const hubToken = randomBytes(16).toString('hex');
  const [kafka, hub] = await Promise.all([startSecuredKafka(outside.kubectl, login), startHub(outside, hubToken)]);
  const digest = createHash('sha256')
    .update(await readFile(join(model, 'model.safetensors')))
    .digest('hex');
  return { kafka, login, hub, hubToken, digest };
}

/** What is wrong is told by name: by Helm where it can know, else by the pods. */
async function mistakes(cluster: Cluster, install: (mistake: Mistake) => void, times: Times): Promise<void> {
  const refused = (mistake: Mistake, part: string) => {
    let complaint = '';
    try {
      install(mistake);
    } catch (error) {
      complaint = (error as Error).message;
    }
    expectIn(complaint, part);
    times.mark(`${mistake}: Helm says "${part}"`);
  };
  refused('no-login-secret', 'kafka.sasl.existingSecret: there is no Secret "nowhere"');
  refused('wrong-password', 'check KAFKA_SASL_MECHANISM, KAFKA_USERNAME, the password');
  for (const [mistake, part] of [
    ['wrong-hub-token', 'check the token'],
    ['wrong-digest', `but should be ${'ab'.repeat(32)}`],
  ] as const) {
    install(mistake);
    for (const service of SERVICES) await told(cluster, service, part);
    times.mark(`${mistake}: the pods say "${part}"`);
  }
}

/** Waits until a pod of a component has ended with these words in its status, where `kubectl describe` shows them. */
async function told({ kubectl }: Cluster, component: string, part: string): Promise<void> {
  await until(`pods of ${component} say "${part}"`, SECONDS, async () => {
    const { items } = await kubectl.get('pods', '-l', `app.kubernetes.io/component=${component}`);
    return JSON.stringify(items).includes(part) || undefined;
  });
}

function scoreAt({ address }: PortForward): string[] {
  return ['score-response', '--scorer', address, ...SCORED];
}

/** Who may call what from outside. */
async function calls(cluster: Cluster, caller: Caller): Promise<void> {
  await using scorer = await PortForward.open(cluster.kubectl, `${NAME}-scorer`, 50052);
  await using optimizer = await PortForward.open(cluster.kubectl, `${NAME}-optimizer`, 50053);
  const score = scoreAt(scorer);
  const answer = await caller.alphapo(score, 'clients');
  expectThat(JSON.parse(answer).tokens > 0, `a score came back: ${answer.trim()}`);
  expectIn(await caller.refusal(score, 'nobody'), 'no token');
  const exporting = ['export', '--optimizer', optimizer.address];
  expectIn(await caller.refusal(exporting, 'clients'), 'needs the scope control');
}

/** Pairs in, more scorers under load, the adapter out. */
async function run(
  cluster: Cluster,
  caller: Caller,
  settings: ProductionSettings,
  folder: string,
  times: Times,
): Promise<Buffer> {
  const idle = await times.of('one scorer, and a metric that says it is idle', () =>
    utilization(cluster, (percent, scorers) => percent < TARGET_CPU_PERCENT && scorers === 1),
  );
  await times.of('pairs produced', () => cluster.produce(folder));
  await times.of('first step', () => cluster.step(1));
  const busy = await times.of('the metric says that it is busy', () =>
    utilization(cluster, (percent) => percent > TARGET_CPU_PERCENT),
  );
  await times.of('more scorers under load', () => cluster.ready('scorer', MAX_SCORERS));
  console.log(
    `utilization: ${idle} % of the request without load, then ${busy} %; above ${TARGET_CPU_PERCENT} % there are more`,
  );
  await times.of('the run has ended', () => cluster.step(settings.steps));
  await using optimizer = await PortForward.open(cluster.kubectl, `${NAME}-optimizer`, 50053);
  await caller.alphapo(['export', '--optimizer', optimizer.address, '--name', 'last']);
  const watched = await caller.alphapo(['watch', '--optimizer', optimizer.address, '--evaluations']);
  checkEvaluations(watched, settings);
  return cluster.optimizerFile(`/var/lib/alphapo/${RUN_NAME}/exports/last/${ADAPTER}`);
}

/** The scorers' share of the CPU that they request, in percent, as the horizontal autoscaler sees it; waits until it is as wanted. */
function utilization(cluster: Cluster, wanted: (percent: number, scorers: number) => boolean): Promise<number> {
  return until('the horizontal autoscaler’s metric is as wanted', SECONDS, async () => {
    const { status } = await cluster.kubectl.get('hpa', `${NAME}-scorer`);
    const percent: number | undefined = status.currentMetrics?.[0]?.resource?.current?.averageUtilization;
    return percent !== undefined && wanted(percent, status.currentReplicas) ? percent : undefined;
  });
}
