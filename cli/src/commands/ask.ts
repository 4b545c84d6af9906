import { AlphapoError } from '@alphapo/base';
import { FinishReason, SamplerServiceDefinition } from '@alphapo/contracts';
import { connect, RpcSecurity, rpcSecuritySettings } from '@alphapo/rpc';
import type { SettingSources } from '@alphapo/settings';
import { createLogger } from '@alphapo/telemetry';
import { Command, Option } from 'commander';
import { positive } from '../numbers.ts';
import { addSettingOptions, sourcesOf } from '../setting-options.ts';

interface AskOptions {
  readonly sampler: string;
  readonly prompt: string;
  readonly chat?: boolean;
  readonly policy: 'base' | 'latest';
  readonly maxTokens: number;
  readonly timeoutSeconds: number;
}

export function askCommand(): Command {
  const command = new Command('ask')
    .summary('ask a sampler for an answer')
    .description(
      'Ask a sampler for the greedy answer to a prompt. Prints one JSON line, {text, tokens, finish}. If no sampler runs, the\nautoscaler starts one and the call waits',
    )
    .requiredOption('--sampler <host:port>', 'address of a sampler, or of a service in front of samplers')
    .requiredOption('--prompt <text>', 'text to continue; with --chat, a user message to answer')
    .option('--chat', 'treat the prompt as a user message and apply the chat template')
    .addOption(
      new Option('--policy <name>', "base: the model before training; latest: the run's current policy")
        .choices(['base', 'latest'])
        .default('base'),
    )
    .option('--max-tokens <n>', 'maximum tokens of the answer', positive, 64)
    .option('--timeout-seconds <n>', 'timeout', positive, 600);
  return addSettingOptions(command, rpcSecuritySettings).action((options: AskOptions) =>
    ask(options, sourcesOf(options)),
  );
}

async function ask(options: AskOptions, sources: SettingSources): Promise<void> {
  const { sampler, prompt, chat, policy, maxTokens, timeoutSeconds } = options;
  const logger = createLogger({ service: 'alphapo', level: 'warn' });
  using security = await RpcSecurity.fromSettings(sources, { logger });
  using connection = connect(SamplerServiceDefinition, sampler, security);
  const messages = [{ role: 'user', content: prompt }];
  const asked = chat
    ? ({ $case: 'conversation', value: { messages } } as const)
    : ({ $case: 'text', value: prompt } as const);
  const parts = connection.generate(
    {
      prompts: [{ id: '', prompt: asked }],
      policy: policy === 'base' ? { $case: 'base', value: {} } : { $case: 'latest', value: {} },
      maxTokens,
    },
    { timeoutMs: timeoutSeconds * 1_000 },
  );
  for await (const { part } of parts) {
    if (part?.$case !== 'continuation') continue;
    const { text, tokens, finish } = part.value;
    const answer = { text, tokens: tokens.length, finish: finish === FinishReason.STOP ? 'stop' : 'length' };
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    return;
  }
  throw new AlphapoError('internal', 'NO_ANSWER', `${sampler} returned no answer`);
}
