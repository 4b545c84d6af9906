import { AlphapoError } from '@alphapo/base';
import { ScorerServiceDefinition } from '@alphapo/contracts';
import { connect, RpcSecurity, rpcSecuritySettings } from '@alphapo/rpc';
import type { SettingSources } from '@alphapo/settings';
import { createLogger } from '@alphapo/telemetry';
import { Command, Option } from 'commander';
import { positive } from '../numbers.ts';
import { addSettingOptions, sourcesOf } from '../setting-options.ts';

interface ScoreResponseOptions {
  readonly scorer: string;
  readonly prompt: string;
  readonly response: string;
  readonly policy: 'base' | 'latest';
  readonly timeoutSeconds: number;
}

export function scoreResponseCommand(): Command {
  const command = new Command('score-response')
    .summary('ask a scorer for the log-probability of a response')
    .description(
      'Ask a scorer for the log-probability of one response, in nats. Prints one JSON line, {sum, mean, tokens}. If no scorer\nruns, the autoscaler starts one and the call waits',
    )
    .requiredOption('--scorer <host:port>', 'address of a scorer, or of a service in front of scorers')
    .requiredOption('--prompt <text>', 'prompt text')
    .requiredOption('--response <text>', 'response to score')
    .addOption(
      new Option('--policy <name>', "base: the model before training; latest: the run's current policy")
        .choices(['base', 'latest'])
        .default('base'),
    )
    .option('--timeout-seconds <n>', 'timeout', positive, 600);
  return addSettingOptions(command, rpcSecuritySettings).action((options: ScoreResponseOptions) =>
    scoreResponse(options, sourcesOf(options)),
  );
}

async function scoreResponse(options: ScoreResponseOptions, sources: SettingSources): Promise<void> {
  const logger = createLogger({ service: 'alphapo', level: 'warn' });
  using security = await RpcSecurity.fromSettings(sources, { logger });
  using connection = connect(ScorerServiceDefinition, options.scorer, security);
  const { results } = await connection.score(
    {
      items: [
        {
          id: '',
          item: {
            $case: 'textSequence',
            value: { prompt: { $case: 'text', value: options.prompt }, response: options.response },
          },
        },
      ],
      policy: options.policy === 'base' ? { $case: 'base', value: {} } : { $case: 'latest', value: {} },
      perToken: false,
      objective: undefined,
      batch: undefined,
    },
    { timeoutMs: options.timeoutSeconds * 1_000 },
  );
  const score = results[0]?.chosen;
  if (score === undefined) {
    throw new AlphapoError('internal', 'NO_SCORE', `${options.scorer} returned no score`);
  }
  const { sum, mean, tokens } = score;
  if (!Number.isFinite(sum)) {
    throw new AlphapoError(
      'failed-precondition',
      'NON_FINITE_SCORE',
      `${options.scorer} returned a log-probability of ${sum}, because of its weights or its dtype; alphapo score names the weights that are not finite`,
    );
  }
  process.stdout.write(`${JSON.stringify({ sum, mean, tokens })}\n`);
}
