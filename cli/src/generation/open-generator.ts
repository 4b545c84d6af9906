import type { Dtype, ExecutionProvider } from '@alphapo/contracts';
import { CHAT_TEMPLATE_CHOICES } from '@alphapo/tokenization';
import { type Command, Option } from 'commander';
import { deviceOption } from '../device.ts';
import { addHubOptions, type HubValues, hubAccess } from '../hub-options.ts';
import { modelFolder } from '../model-place.ts';
import { positive } from '../numbers.ts';
import { GeneratorSession } from './generator-session.ts';
import { addSamplingOptions, type SamplingOptions } from './sampling-options.ts';

/** Options that say what answers, and how. */
export interface GeneratorOptions extends SamplingOptions, HubValues {
  readonly model: string;
  readonly adapter?: string;
  readonly chatTemplate?: string;
  readonly device: ExecutionProvider;
  readonly dtype: Dtype;
  readonly threads?: number;
}

/** Adds the options of model, adapter, template, sampling, device and hub. */
export function addGeneratorOptions(command: Command): Command {
  command
    .requiredOption('--model <folder>', 'Hugging Face model folder, or owner/name on the hub')
    .option('--adapter <folder>', 'PEFT adapter to apply')
    .option('--chat-template <name>', CHAT_TEMPLATE_CHOICES);
  return addHubOptions(addSamplingOptions(command))
    .addOption(deviceOption())
    .addOption(
      new Option('--dtype <type>', 'data type of weights and activations')
        .choices(['float32', 'bfloat16', 'float16'])
        .default('float32'),
    )
    .option('--threads <n>', 'number of CPU threads (default: all cores)', positive);
}

/** Opens the model for generating. Errors: those of `GeneratorSession.open`, and of a model that is fetched. */
export async function openGenerator(options: GeneratorOptions): Promise<GeneratorSession> {
  return GeneratorSession.open({
    ...{ model: await modelFolder(options.model, await hubAccess(options)), adapter: options.adapter },
    ...{ chatTemplate: options.chatTemplate, device: options.device, dtype: options.dtype, threads: options.threads },
  });
}
