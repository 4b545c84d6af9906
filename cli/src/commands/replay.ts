import { AlphapoError } from '@alphapo/base';
import {
  type ExecutionProvider,
  type RunSpecification,
  readRunSettings,
  resolveRunSpecification,
} from '@alphapo/contracts';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { createLogger, type LogLevel } from '@alphapo/telemetry';
import { Command, Option } from 'commander';
import { deviceOption } from '../device.ts';
import { examples } from '../help.ts';
import { hubAccess } from '../hub-options.ts';
import { type ReplayListener, type ReplayPlan, type ReplayScorers, replay } from '../lineage/replay.ts';
import { addRunPlaceOptions, openRunLedger, type RunPlaceOptions } from '../lineage/run-place.ts';
import { checkpointedSpecification } from '../lineage/specification.ts';
import type { RunLedger } from '../lineage/verify.ts';
import { modelFolder } from '../model-place.ts';
import { positive } from '../numbers.ts';
import { countProgress, stopSignal } from '../terminal.ts';
import { type RunIdentity, runIdentityOf } from '../training/run-identity.ts';

const DESCRIPTION = `Rebuild the policy of a step from the ledger, and prove that it comes out as it was published.

Takes the steps after the newest intact checkpoint (or all, with --from-start) again and compares the weights of each with
the digest in training-steps. The first one that differs ends the replay with an error. Nothing is written to the run's
topics or folders, and the run may go on meanwhile. Below --out come

  adapter/ or model/   the policy, as alphapo train writes it
  checkpoints/         the checkpoint after the step, from which an optimizer can go on

The bits depend on the kind of hardware, on ONNX Runtime and on the threads of a scorer: give those of the run.`;

const EXAMPLES = `
Examples:
  alphapo replay --run run --step 40 --out step-40
  alphapo replay --run run --step 40 --from-start --out step-40
  alphapo replay --brokers localhost:9092 --topic-prefix trial- --checkpoints state/checkpoints --model M --threads 4 \\
    --step 40 --out step-40`;

interface ReplayOptions extends RunPlaceOptions {
  readonly step: number;
  readonly out: string;
  readonly model?: string;
  readonly config?: string;
  readonly referenceModel?: string;
  readonly initAdapter?: string;
  readonly fromStart?: boolean;
  readonly scorers?: string;
  readonly address: string;
  readonly device?: ExecutionProvider;
  readonly threads?: number;
  readonly logLevel: LogLevel;
}

export function replayCommand(): Command {
  const command = new Command('replay')
    .summary('rebuild the policy of a step from the ledger')
    .description(DESCRIPTION)
    .requiredOption('--step <n>', 'step to rebuild', positive)
    .requiredOption('--out <folder>', 'where everything is written; new or empty')
    .addHelpText('after', examples(EXAMPLES))
    .action(run);
  const device = deviceOption();
  device.defaultValue = undefined;
  return addRunPlaceOptions(command)
    .option('--from-start', "from the run's start instead of a checkpoint")
    .option('--model <folder>', "Hugging Face model folder, or owner/name on the hub (default: the run's)")
    .option('--config <file>', 'settings of the run in YAML (default: as the run or its checkpoints have them)')
    .option('--reference-model <folder>', "the run's reference model, where it has one")
    .option('--init-adapter <folder>', 'PEFT adapter that the run started from, where it did')
    .option(
      '--scorers <host:port,…>',
      'scorers, started with --optimizer of --address; without it: one in this process',
    )
    .option('--address <host:port>', 'where scorers fetch policies', '127.0.0.1:50053')
    .addOption(device)
    .option('--threads <n>', "threads of the computation (default: the run's, else all cores)", positive)
    .addOption(
      new Option('--log-level <level>', "the services' events on standard error")
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('error'),
    );
}

async function run(options: ReplayOptions): Promise<void> {
  await using ledger = await openRunLedger(options);
  const plan = await planReplay(ledger, options);
  const logger = createLogger({ service: 'replay', level: options.logLevel });
  const progress = countProgress('steps');
  let first = 0;
  const listener: ReplayListener = {
    onStart: (fromStep) => {
      first = fromStep;
      const from = fromStep === 0 ? "the run's start" : `the checkpoint of step ${fromStep}`;
      process.stderr.write(`from ${from}: ${plan.step - fromStep} steps are taken again\n`);
    },
    onStep: (step) => progress.update(step - first, plan.step - first, 'taken again'),
  };
  const { step, policyDigest, artefact, checkpoint } = await replay(
    ledger,
    plan,
    listener,
    logger,
    stopSignal(),
  ).finally(() => progress.stop());
  process.stdout.write(
    `step ${step} came out as it was published: policy ${policyDigest}\nwrote ${plan.out}/${artefact} and ${plan.out}/${checkpoint}\n`,
  );
}

async function planReplay(ledger: RunLedger, options: ReplayOptions): Promise<ReplayPlan> {
  const known = options.run === undefined ? undefined : await runIdentityOf(options.run);
  const model = options.model === undefined ? known?.model : await modelFolder(options.model, await hubAccess({}));
  if (model === undefined) throw missing('--model', 'the run does not say which model it trains');
  return {
    step: options.step,
    specification: await specificationOf(ledger, model, known, options.config),
    model,
    referenceModel: options.referenceModel ?? known?.referenceModel,
    initialAdapter: options.initAdapter ?? known?.initialAdapter,
    from: options.fromStart ? 'start' : 'checkpoint',
    out: options.out,
    scorers: scorersOf(options, known),
  };
}

/** The settings that are given, or else what the run remembers. */
async function specificationOf(
  ledger: RunLedger,
  model: string,
  known: RunIdentity | undefined,
  config: string | undefined,
): Promise<RunSpecification> {
  if (config !== undefined) {
    const settings = await readRunSettings(config);
    return resolveRunSpecification(settings, runFacts(await readModelDefinition(model), undefined));
  }
  const specification = known?.specification ?? (await checkpointedSpecification(ledger));
  if (specification === undefined)
    throw missing('--config or --checkpoints', "the run's settings are not known without");
  return specification;
}

function scorersOf(
  { scorers, address, device, threads }: ReplayOptions,
  known: RunIdentity | undefined,
): ReplayScorers {
  if (scorers === undefined) {
    return { kind: 'local', device: device ?? known?.device ?? 'cpu', threads: threads ?? known?.threads };
  }
  const addresses = scorers.split(',').map((scorer) => scorer.trim());
  return { kind: 'remote', addresses, listenOn: address };
}

function missing(option: string, why: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_SETTING', `give ${option}: ${why}`);
}
