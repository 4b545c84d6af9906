import { ExportResponse, messageJson, OptimizerServiceDefinition } from '@alphapo/contracts';
import { type Client, connect, RpcSecurity, rpcSecuritySettings } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { Command } from 'commander';
import { positive } from '../numbers.ts';
import { addSettingOptions, sourcesOf } from '../setting-options.ts';
import { stopSignal } from '../terminal.ts';
import { printedStatus, watchRun } from '../watching/watch-run.ts';

const EXPORT_TIMEOUT_MS = 3_600_000;
/** A rescheduled pod is back within minutes. */
const AWAY_MS = 10 * 60_000;

const print = (line: string) => void process.stdout.write(`${line}\n`);
const say = (line: string) => void process.stderr.write(`${line}\n`);

interface RunOptions {
  readonly optimizer: string;
}

/** A command about a running run, with a connection to its optimizer. */
function runCommand<Options extends RunOptions>(
  command: Command,
  action: (optimizer: Client<OptimizerServiceDefinition>, options: Options) => Promise<void>,
): Command {
  command.requiredOption('--optimizer <host:port>', 'address of the optimizer');
  return addSettingOptions(command, rpcSecuritySettings).action(async (options: Options) => {
    const logger = createLogger({ service: 'alphapo', level: 'warn' });
    using security = await RpcSecurity.fromSettings(sourcesOf(options), { logger });
    using connection = connect(OptimizerServiceDefinition, options.optimizer, security);
    await action(connection, options);
  });
}

interface WatchOptions extends RunOptions {
  readonly fromStep?: number;
  readonly evaluations?: boolean;
  readonly status?: boolean;
}

export function watchCommand(): Command {
  const command = new Command('watch')
    .summary('follow a run')
    .description(
      'Follow a run. Prints JSON lines: the status, each step (or evaluation), and the final status. Waits up to ten minutes for an ' +
        'optimizer to restart. Exit code 0: finished; 1: failed, or the optimizer is gone',
    )
    .option('--from-step <n>', 'first step to show (default: the first)', positive)
    .option('--evaluations', 'show evaluations, with the answers, in place of steps')
    .option('--status', 'show the status and stop');
  return runCommand(command, async (optimizer, options: WatchOptions) => {
    const parts = { optimizer, signal: stopSignal(), print, say };
    if (options.status) await printedStatus(parts);
    else {
      const watched = options.evaluations ? 'evaluations' : 'steps';
      const fromStep = options.fromStep ?? (watched === 'steps' ? 1 : 0);
      await watchRun({ ...parts, watched, fromStep, awayMs: AWAY_MS });
    }
  });
}

export function exportCommand(): Command {
  const command = new Command('export')
    .summary('write the current policy of a run')
    .description("Write the current policy as a PEFT adapter or Hugging Face model folder on the optimizer's volume")
    .option('--name <name>', 'name of the folder (default: step-N)', '');
  return runCommand(command, async (optimizer, options: RunOptions & { readonly name: string }) => {
    const settings = { timeoutMs: EXPORT_TIMEOUT_MS };
    const exported = await optimizer.export({ name: options.name }, settings);
    print(JSON.stringify(messageJson(ExportResponse, exported)));
  });
}
