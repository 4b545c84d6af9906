import { OptimizerServiceClient } from '@alphapo/contracts';
import { type Connection, callServerStream, callUnary, connect, RpcSecurity } from '@alphapo/rpc';
import { createLogger } from '@alphapo/telemetry';
import { Command } from 'commander';
import { addEnvironmentOptions, environmentOf, RPC_SECURITY } from '../environment-options.ts';
import { positive } from '../numbers.ts';
import { stopSignal } from '../terminal.ts';

const CALL_TIMEOUT_MS = 60_000;
const WATCH_TIMEOUT_MS = 30 * 24 * 3_600_000;
const EXPORT_TIMEOUT_MS = 3_600_000;

/** JSON of a message: 64-bit integers as numbers where they fit. */
function json(message: object): string {
  return JSON.stringify(message, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
}

interface RunOptions {
  readonly optimizer: string;
}

/** A command about a run that goes on, with a connection to its optimizer. */
function runCommand<Options extends RunOptions>(
  command: Command,
  action: (optimizer: Connection<OptimizerServiceClient>, options: Options) => Promise<void>,
): Command {
  command.requiredOption('--optimizer <host:port>', 'the run’s optimizer');
  return addEnvironmentOptions(command, RPC_SECURITY).action(async (options: Options) => {
    const logger = createLogger({ service: 'alphapo', level: 'warn' });
    using security = await RpcSecurity.fromEnvironment(environmentOf(RPC_SECURITY, options), { logger });
    using connection = connect(OptimizerServiceClient, options.optimizer, security);
    await action(connection, options);
  });
}

interface WatchOptions extends RunOptions {
  readonly fromStep: number;
  readonly status?: boolean;
}

export function watchCommand(): Command {
  const command = new Command('watch')
    .summary('follow a run')
    .description('Follow a run: its status, then every step as a line of JSON')
    .option('--from-step <n>', 'first step to show', positive, 1)
    .option('--status', 'show the status and stop');
  return runCommand(command, async (optimizer, options: WatchOptions) => {
    const status = await callUnary(optimizer, 'getStatus', {}, { timeoutMs: CALL_TIMEOUT_MS });
    process.stdout.write(`${json(status)}\n`);
    if (options.status) return;
    const settings = { timeoutMs: WATCH_TIMEOUT_MS, signal: stopSignal() };
    const request = { fromStep: BigInt(options.fromStep) };
    for await (const step of callServerStream(optimizer, 'watchSteps', request, settings)) {
      process.stdout.write(`${json(step)}\n`);
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
    const { step, path } = await callUnary(optimizer, 'export', { name: options.name }, settings);
    process.stdout.write(`${json({ step, path })}\n`);
  });
}
