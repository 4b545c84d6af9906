import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askOverGrpc, askOverHttp } from './ask-sampler.ts';
import { Cluster } from './cluster.ts';
import { checkEvaluations, makeEvaluationData } from './evaluations.ts';
import { expectIn, expectThat } from './expect-that.ts';
import { buildImages, loadImages, makeModelImage } from './images.ts';
import { until } from './kubectl.ts';
import { pairLines } from './pairs.ts';
import { CHANGED, helm, MODEL_PATH, NAME, RELEASE, RUN_NAME, refusalOfPath, upgradeTrial } from './release.ts';
import { checkRights, checkTraffic } from './rights.ts';
import { type Settings, settingsOf } from './settings.ts';
import { Times } from './times.ts';
import { ADAPTER, makeModel, trainAlone } from './train-alone.ts';

const START_SECONDS = 120;
/** For so many steps there are pairs that no step uses: they must not keep anything from zero. */
const LEFT_OVER_STEPS = 20;
const SCORED = ['--prompt', 'How do I explain bread to a child?', '--response', 'Start with what one can see.'];
const SERVICES = ['tokenizer', 'scorer', 'optimizer', 'sampler'];

const settings = settingsOf(process.argv.slice(2));
if (settings !== undefined) await trial(settings);

async function trial(settings: Settings): Promise<void> {
  const times = new Times();
  const cluster = new Cluster(settings.namespace);
  const folder = await mkdtemp(join(tmpdir(), 'alphapo-e2e-'));
  await writeFile(join(folder, 'pairs.jsonl'), pairLines((settings.steps + LEFT_OVER_STEPS) * settings.pairsPerStep));
  try {
    if (settings.build) await times.of('images built', buildImages);
    await times.of('images loaded', loadImages);
    await cluster.makeNamespace();
    makeEvaluationData(cluster.kubectl);
    if (settings.model === 'claim') await times.of('model on its volume', () => cluster.makeModel());
    else await times.of('model in its image', async () => makeModelImage(await makeModel(folder), MODEL_PATH));
    if (settings.model === 'claim') {
      await times.of('a wrong path on the claim is refused, with what the claim holds', async () =>
        expectIn(
          refusalOfPath(settings, 'wrong'),
          `/models/model/wrong: no such folder; /models/model contains ${MODEL_PATH}/`,
        ),
      );
    }
    await times.of('chart installed', () => upgradeTrial(settings));
    if (settings.autoscaling !== 'none') {
      await times.of('everything is at zero', () => atZero(cluster));
      await checkRights(cluster.kubectl, NAME, settings.autoscaling);
      times.mark('the autoscaler’s token can do what it needs, and no more');
    }
    await checkTraffic(cluster, `${NAME}-kafka`, 9092);
    times.mark('forbidden traffic is denied');

    const exported = await run(cluster, settings, folder, times);
    if (settings.autoscaling !== 'none') {
      await times.of('everything is at zero again', () => atZero(cluster));
      const score = ['score-response', '--scorer', `${NAME}-scorer:50052`, ...SCORED];
      const answer = await times.of('first score from zero', () => cluster.alphapo('score', score));
      expectThat(JSON.parse(answer).tokens > 0, `a score came back: ${answer}`);
      const trained = [...score, '--policy', 'latest'];
      await times.of('a score of the trained policy, which the optimizer is started for', () =>
        cluster.alphapo('score-trained', trained),
      );
      expectThat((await exportAs(cluster, 'again')).equals(exported), 'the policy can be exported again');
    }
    const watch = ['watch', '--optimizer', `${NAME}-optimizer:50053`, '--evaluations'];
    await times.of('evaluations of the run', async () =>
      checkEvaluations(await cluster.alphapo('evaluations', watch), settings),
    );
    await answers(cluster, settings, times);
    const topics = ['--brokers', `${NAME}-kafka:9092`, '--topic-prefix', `${RUN_NAME}-`];
    console.log(await times.of('lineage verified', () => cluster.alphapo('verify', ['verify', ...topics])));
    const alone = await times.of('the same run in one process', async () =>
      trainAlone(folder, await makeModel(folder), settings),
    );
    expectThat(exported.equals(alone), 'the adapter equals that of one process, bit for bit');

    helm(settings.namespace, 'uninstall', RELEASE, '--wait');
    const { status } = await cluster.kubectl.get('pvc', `state-${NAME}-optimizer-0`);
    expectThat(status.phase === 'Bound', 'checkpoints outlive the release');
    times.mark('uninstalled; checkpoints are kept');
    console.log(`\n${times.table()}\n\npassed`);
  } finally {
    await rm(folder, { recursive: true, force: true });
    if (!settings.keep) await cluster.removeNamespace();
  }
}

async function atZero(cluster: Cluster): Promise<void> {
  for (const service of SERVICES) await cluster.gone(service);
}

/** Answers of a sampler, which comes from zero for each and goes again. */
async function answers(cluster: Cluster, { autoscaling }: Settings, times: Times): Promise<void> {
  const scales = autoscaling !== 'none';
  if (scales) expectThat((await cluster.kubectl.pods('sampler')).length === 0, 'no sampler runs before the first call');
  await times.of('first answer from zero, over HTTP', () => askOverHttp(cluster));
  if (scales) await times.of('the sampler is at zero again', () => cluster.gone('sampler'));
  await times.of('an answer of the trained policy, over gRPC', () => askOverGrpc(cluster));
  if (scales) await times.of('everything is at zero after the answers', () => atZero(cluster));
}

/** Pairs in, pods deleted in the middle, the adapter out. */
async function run(cluster: Cluster, settings: Settings, folder: string, times: Times): Promise<Buffer> {
  const { steps } = settings;
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  await times.of('pairs produced', () => cluster.produce(folder));
  await cluster.ready('tokenizer', 1);
  times.mark('a tokenizer is ready', since());
  await cluster.ready('optimizer', 1);
  times.mark('the optimizer is ready', since());
  await cluster.step(1);
  times.mark('first step, since the first pair', since());
  const scorers = await cluster.ready('scorer', 2);
  times.mark('two scorers are ready', since());

  const losses: readonly [step: number, what: string, pod: () => string][] = [
    [Math.ceil(steps * 0.08), 'scorer', () => scorers[0] as string],
    [Math.ceil(steps * 0.16), 'optimizer', () => `${NAME}-optimizer-0`],
    [Math.ceil(steps * 0.24), 'Kafka', () => `${NAME}-kafka-0`],
  ];
  for (const [step, what, pod] of losses) {
    await cluster.step(step);
    await cluster.lose(pod());
    times.mark(`${what} pod deleted after step ${step}`);
    await times.of(`next steps after the loss of ${what}`, () => cluster.step(Math.min(steps, step + 2)));
  }
  await upgradeInTheMiddle(cluster, settings, times);
  await cluster.step(steps);
  times.mark('the run has ended', since());
  return exportAs(cluster, 'last');
}

/** The adapter of the newest policy, exported under a name. */
async function exportAs(cluster: Cluster, name: string): Promise<Buffer> {
  await cluster.alphapo(`export-${name}`, ['export', '--optimizer', `${NAME}-optimizer:50053`, '--name', name]);
  return cluster.optimizerFile(`/var/lib/alphapo/${RUN_NAME}/exports/${name}/${ADAPTER}`);
}

/** `helm upgrade` that makes all pods anew, the optimizer's too, while steps are being taken. */
async function upgradeInTheMiddle(cluster: Cluster, settings: Settings, times: Times): Promise<void> {
  const before = Math.ceil(settings.steps * 0.3);
  await cluster.step(before);
  await times.of(`upgraded after step ${before}`, () => upgradeTrial(settings, 'all-pods'));
  const pod = `${NAME}-optimizer-0`;
  await until('the upgraded optimizer takes up the run', START_SECONDS, async () => {
    const { metadata } = await cluster.kubectl.get('pod', pod);
    return metadata.annotations[CHANGED] && (await cluster.takenUpAfter()) >= before ? true : undefined;
  });
  const step = await cluster.takenUpAfter();
  expectThat(step < settings.steps, `the upgraded optimizer goes on in the middle of the run, after step ${step}`);
}
