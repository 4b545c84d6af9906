import { MAX_SHARD_BYTES } from '@alphapo/checkpoints';
import { Command, Option } from 'commander';
import { examples } from '../help.ts';
import { addHubOptions, type HubValues, hubAccess } from '../hub-options.ts';
import { DATA_TYPES, type MergeRequest, merge } from '../merging/merge.ts';
import { modelFolder } from '../model-place.ts';
import { bytes } from '../numbers.ts';
import { countProgress, stopSignal } from '../terminal.ts';

const DESCRIPTION = `Merge an adapter into its base model, as one Hugging Face folder that needs no PEFT.

Keeps the data type of each tensor. 16-bit types round what was learned; --save-dtype float32 keeps all of it. Works tensor by tensor, so that memory stays near that of the
largest tensor. Tokenizer and chat template come from the adapter's folder, or from the base model if it has none.`;

const EXAMPLES = `
Examples:
  alphapo merge --model ./smollm2 --adapter run/adapter --out merged
  alphapo merge --model owner/name --adapter run/adapter --out merged --shard-size 2GB`;

/** Where fewer weights change, many updates were smaller than half a unit in the last place. */
const KEPT_SHARE = 0.9;

interface MergeOptions extends HubValues {
  readonly model: string;
  readonly adapter: string;
  readonly out: string;
  readonly saveDtype?: MergeRequest['savedDtype'];
  readonly shardSize?: number;
  readonly ollama?: boolean;
}

export function mergeCommand(): Command {
  const command = new Command('merge')
    .summary('merge an adapter into its base model')
    .description(DESCRIPTION)
    .requiredOption('--model <folder>', 'base model: Hugging Face folder, or owner/name on the hub')
    .requiredOption('--adapter <folder>', 'PEFT adapter to merge')
    .requiredOption('--out <folder>', 'output folder; new or empty')
    .addOption(
      new Option('--save-dtype <type>', 'data type of merged weights (default: as the model is stored)').choices(
        Object.keys(DATA_TYPES),
      ),
    )
    .option('--shard-size <size>', 'largest file of weights (default: 5GB)', bytes)
    .option('--ollama', "also write a Modelfile for Ollama, with the chat template in Ollama's form");
  return addHubOptions(command).addHelpText('after', examples(EXAMPLES)).action(run);
}

async function run(options: MergeOptions): Promise<void> {
  const { adapter, out, saveDtype = 'as-stored', shardSize = MAX_SHARD_BYTES } = options;
  const model = await modelFolder(options.model, await hubAccess(options));
  const progress = countProgress('MB', 1e6);
  try {
    const { weights, base } = await merge({
      ...{ model, adapter, out, savedDtype: saveDtype, shardBytes: shardSize, signal: stopSignal() },
      modelfile: options.ollama ? 'ollama' : 'none',
      onTensor: (name, bytesBefore, totalBytes) => progress.update(bytesBefore, totalBytes, name),
    });
    progress.stop();
    if (base === 'other')
      say(`${model} is not the model that the adapter was trained on; answers may differ from training's`);
    const share = weights.changedWeights / weights.weights;
    say(
      `wrote ${out}: ${(100 * share).toPrecision(3)} % of the adapted weights changed, stored as ${weights.dataTypes.join(' and ')}`,
    );
    if (share < KEPT_SHARE) {
      say(
        'rounding loses part of what was learned; compare answers, or use --save-dtype float32, which keeps all of it',
      );
    }
  } finally {
    progress.stop();
  }
}

const say = (line: string) => void process.stderr.write(`${line}\n`);
