import { executionProviderSchema } from '@alphapo/contracts';
import { InvalidArgumentError, Option } from 'commander';

/** `--device`: where to compute. */
export const deviceOption = (): Option =>
  new Option('--device <cpu|cuda|webgpu>', 'device to compute on; cuda:1 is the second NVIDIA GPU')
    .default('cpu')
    .argParser((text) => {
      const parsed = executionProviderSchema.safeParse(text);
      if (parsed.success) return parsed.data;
      throw new InvalidArgumentError(`${JSON.stringify(text)} ${parsed.error.issues[0]?.message}`);
    });
