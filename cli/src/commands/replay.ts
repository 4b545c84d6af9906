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

const DESCRIPTION = `Rebuild the policy of a step from the ledger, and check it against the published digest.

Repeats the steps after the newest intact checkpoint (or all, with --from-start) and compares the weights after each with
the digest in training-steps. The first difference ends the replay with an error. Nothing is written to the run's topics
or folders, and the run may continue meanwhile. Writes to --out:

  adapter/ or model/   the policy, as alphapo train writes it
  checkpoints/         the checkpoint after the step, for an optimizer to continue from

The bits depend on the hardware, on ONNX Runtime and on a scorer's threads: use the same as the run.`;

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
    .requiredOption('--out <folder>', 'output folder; new or empty')
    .addHelpText('after', examples(EXAMPLES))
    .action(run);
  const device = deviceOption();
  device.defaultValue = undefined;
  return addRunPlaceOptions(command)
    .option('--from-start', "start from the run's beginning instead of a checkpoint")
    .option('--model <folder>', "Hugging Face model folder, or owner/name on the hub (default: the run's)")
    .option('--config <file>', 'YAML file with the run settings (default: those of the run or its checkpoints)')
    .option('--reference-model <folder>', "the run's reference model, if any")
    .option('--init-adapter <folder>', 'PEFT adapter that the run started from, if any')
    .option('--scorers <host:port,…>', 'scorers whose --optimizer is this --address (default: one in this process)')
    .option('--address <host:port>', 'address that scorers fetch policies from', '127.0.0.1:50053')
    .addOption(device)
    .option('--threads <n>', "number of CPU threads (default: the run's, else all cores)", positive)
    .addOption(
      new Option('--log-level <level>', "level of the services' log on standard error")
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
      process.stderr.write(`from ${from}: ${plan.step - fromStep} steps to repeat\n`);
    },
    onStep: (step) => progress.update(step - first, plan.step - first, 'repeated'),
  };
  const { step, policyDigest, artefact, checkpoint } = await replay(
    ledger,
    plan,
    listener,
    logger,
    stopSignal(),
  ).finally(() => progress.stop());
  process.stdout.write(
    `step ${step} matches the published digest: policy ${policyDigest}\nwrote ${plan.out}/${artefact} and ${plan.out}/${checkpoint}\n`,
  );
}

async function planReplay(ledger: RunLedger, options: ReplayOptions): Promise<ReplayPlan> {
  const known = options.run === undefined ? undefined : await runIdentityOf(options.run);
  const model = options.model === undefined ? known?.model : await modelFolder(options.model, await hubAccess({}));
  if (model === undefined) throw missing('--model', 'the run does not record its model');
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
    throw missing('--config or --checkpoints', "the run's settings are not known otherwise");
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
