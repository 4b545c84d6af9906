import { AlphapoError } from '@alphapo/base';
import { type ExecutionProvider, resolveRunSpecification } from '@alphapo/contracts';
import { ModelFolder, planGeneration, plannedWeights, type WeightSource } from '@alphapo/engine';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { Command, Option } from 'commander';
import { deviceOption } from '../device.ts';
import { examples } from '../help.ts';
import { addHubOptions, type HubValues, hubAccess } from '../hub-options.ts';
import { modelFolder } from '../model-place.ts';
import { bytes } from '../numbers.ts';
import { addSettingsOptions, readSettings } from '../settings.ts';
import { describeCompute, describePlan, fitMemory, sizeOf } from '../training/memory.ts';
import { memoryPlanner, type Planner } from '../training/memory-planner.ts';

const DESCRIPTION = `Predict the memory that training and answering take, and the settings that fit given limits.

Follows what is alive at each node of the training graph, for the longest pairs that the settings allow. A folder with
only a config.json is enough; --stored then gives the data type of its weights.`;

const EXAMPLES = `
Examples:
  alphapo plan --model ./llama-3-8b-instruct
  alphapo plan --model ./llama-3-8b-instruct --device cuda --dtype bfloat16 --max-length 1024 --memory 24GB 48GB
  alphapo plan --model ./qwen2-0.5b --full --objective dpo`;

const DEFAULT_SIZES = [16e9, 24e9, 48e9, 80e9];

interface PlanOptions extends Record<string, unknown>, HubValues {
  readonly model: string;
  readonly device: ExecutionProvider;
  readonly memory?: number[];
  readonly stored: 'bf16' | 'f16' | 'f32';
  readonly config?: string;
}

export function planCommand(): Command {
  const command = new Command('plan')
    .summary('predict the memory that training and answering take')
    .description(DESCRIPTION)
    .requiredOption('--model <folder>', 'Hugging Face model folder (config.json is enough), or owner/name on the hub')
    .option('--config <file>', 'YAML file with any of these options; the command line overrides it')
    .option(
      '--memory <sizes...>',
      'limits to plan for, e.g. 16GB 24GB (default: 16, 24, 48 and 80 GB)',
      (text: string, sizes: number[] | undefined) => [...(sizes ?? []), bytes(text)],
    )
    .addOption(
      new Option('--stored <type>', 'data type of the stored weights, if the folder has none')
        .choices(['bf16', 'f16', 'f32'])
        .default('bf16'),
    )
    .addOption(deviceOption())
    .addHelpText('after', examples(EXAMPLES))
    .action(run);
  return addSettingsOptions(addHubOptions(command));
}

async function run(options: PlanOptions): Promise<void> {
  const started = performance.now();
  const settings = await readSettings(options.config, options);
  const folder = await modelFolder(options.model, await hubAccess(options), { needs: 'configuration' });
  const model = await openWeights({ ...options, model: folder });
  const { definition } = model;
  const facts = runFacts(definition, 1);
  const specification = resolveRunSpecification(settings, facts);
  const { lengths, method, objective } = specification;
  console.log(
    `${definition.modelType}, ${(facts.parameterCount / 1e9).toFixed(2)} billion parameters; ${objective.kind}, ${method.kind}; ` +
      `pairs of up to ${lengths.maxPromptLength} prompt tokens and ${lengths.maxLength} tokens a sequence`,
  );
  const run = { ...specification, device: options.device };
  const planner = memoryPlanner(model, run);
  for (const limit of options.memory ?? DEFAULT_SIZES) {
    console.log(`\n${sizeOf(limit)}: ${lineFor(planner, { specification: run, settings }, limit)}`);
  }
  const { maxPromptLength: promptTokens, maxLength } = lengths;
  const answers = [1, 8].map((sequences) => {
    const { dtype } = specification;
    const limits = { sequences, promptTokens, maxTokens: Math.max(1, maxLength - promptTokens) };
    return planGeneration(model, { device: options.device, dtype, method, ...limits });
  });
  console.log(
    `\nanswers (generate, sampler): about ${answers.map(({ totalBytes }) => sizeOf(totalBytes)).join(' for one at a time, ')} for 8, ` +
      `of ${promptTokens} prompt tokens and ${maxLength} in all; key-value cache ${answers.map(({ cacheBytes }) => sizeOf(cacheBytes)).join(' and ')}`,
  );
  console.log(`\nplanned in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

function lineFor(planner: Planner, run: Parameters<typeof fitMemory>[1], limit: number): string {
  try {
    const { compute, plan } = fitMemory(planner, run, limit);
    return `${describeCompute(compute)}: about ${sizeOf(plan.totalBytes)} (${describePlan(plan)})`;
  } catch (error) {
    if (error instanceof AlphapoError && error.reason === 'MEMORY_LIMIT') return error.message;
    throw error;
  }
}

/** The folder's own weights, or such as its config.json describes. */
async function openWeights({ model, stored }: PlanOptions): Promise<WeightSource> {
  try {
    return await ModelFolder.open(model);
  } catch (error) {
    if (!(error instanceof AlphapoError) || error.code !== 'not-found') throw error;
    return plannedWeights(await readModelDefinition(model), stored);
  }
}
