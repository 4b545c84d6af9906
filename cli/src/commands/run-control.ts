import { OptimizerServiceClient } from '@alphapo/contracts';
import { callServerStream, callUnary, connect } from '@alphapo/rpc';
import { Command } from 'commander';
import { positive } from '../numbers.ts';
import { stopSignal } from '../terminal.ts';

const CALL_TIMEOUT_MS = 60_000;
const WATCH_TIMEOUT_MS = 30 * 24 * 3_600_000;
const EXPORT_TIMEOUT_MS = 3_600_000;

/** JSON of a message: 64-bit integers as numbers where they fit. */
function json(message: object): string {
  return JSON.stringify(message, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
}

export function watchCommand(): Command {
  return new Command('watch')
    .summary('follow a run')
    .description('Follow a run: its status, then every step as a line of JSON')
    .requiredOption('--optimizer <host:port>', 'the run’s optimizer')
    .option('--from-step <n>', 'first step to show', positive, 1)
    .option('--status', 'show the status and stop')
    .action(async (options: { optimizer: string; fromStep: number; status?: boolean }) => {
      using connection = connect(OptimizerServiceClient, options.optimizer);
      const status = await callUnary(connection, 'getStatus', {}, { timeoutMs: CALL_TIMEOUT_MS });
      process.stdout.write(`${json(status)}\n`);
      if (options.status) return;
      const settings = { timeoutMs: WATCH_TIMEOUT_MS, signal: stopSignal() };
      const request = { fromStep: BigInt(options.fromStep) };
      for await (const step of callServerStream(connection, 'watchSteps', request, settings)) {
        process.stdout.write(`${json(step)}\n`);
      }
    });
}

export function exportCommand(): Command {
  return new Command('export')
    .summary('write the current policy of a run')
    .description("Write the current policy as a PEFT adapter or Hugging Face model folder on the optimizer's volume")
    .requiredOption('--optimizer <host:port>', 'the run’s optimizer')
    .option('--name <name>', 'name of the folder (default: step-N)', '')
    .action(async (options: { optimizer: string; name: string }) => {
      using connection = connect(OptimizerServiceClient, options.optimizer);
      const settings = { timeoutMs: EXPORT_TIMEOUT_MS };
      const { step, path } = await callUnary(connection, 'export', { name: options.name }, settings);
      process.stdout.write(`${json({ step, path })}\n`);
    });
}
