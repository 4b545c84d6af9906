import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import {
  type Adjustment,
  type RunSpecification,
  readRunSettings,
  resolveRun,
  topicsWithPrefix,
} from '@alphapo/contracts';
import { readEvaluationPairs, readEvaluationPrompts } from '@alphapo/evaluation';
import { readModelDefinition, runFacts } from '@alphapo/models';
import { drainMsOf, resolveAddresses } from '@alphapo/rpc';
import { resolveSettings, type SettingSources, type ValuesOf } from '@alphapo/settings';
import type { EvaluationConfig } from './evaluations.ts';
import { optimizerSettings } from './settings.ts';
import type { OptimizerConfig } from './start.ts';

/** The optimizer's configuration. Errors: INVALID_CONFIGURATION with the setting, and those of the run's file. */
export async function optimizerConfigFrom(
  sources: SettingSources,
): Promise<OptimizerConfig & { readonly whenFinished: 'serve' | 'exit'; readonly adjustments: readonly Adjustment[] }> {
  const { model, run, folder, scorers, ...values } = resolveSettings(optimizerSettings, sources);
  const settings = await readRunSettings(run);
  const { specification, adjustments } = resolveRun(settings, runFacts(await readModelDefinition(model), undefined));
  return {
    model,
    baseModelName: values.baseModelName,
    chatTemplate: values.chatTemplate,
    savedDtype: values.saveDtype,
    specification,
    adjustments,
    referenceModel: values.referenceModel,
    initialAdapter: values.initAdapter,
    address: values.address,
    drainMs: drainMsOf(values),
    checkpointFolder: join(folder, 'checkpoints'),
    exportFolder: join(folder, 'exports'),
    checkpointEvery: values.checkpointEvery,
    checkpointsKept: { newest: values.checkpointsKept, everySteps: values.checkpointKeptEvery },
    topics: topicsWithPrefix(values.topicPrefix),
    whenFinished: values.whenFinished,
    shardTimeoutMs: values.shardTimeoutSeconds * 1000,
    evaluation: await evaluationFrom(values, model, specification),
    discoverScorers: async () => (await Promise.all(scorers.map((scorer) => resolveAddresses(scorer)))).flat(),
  };
}

type EvaluationValues = Pick<
  ValuesOf<typeof optimizerSettings>,
  | 'chatTemplate'
  | 'evalData'
  | 'ignoreFields'
  | 'evalPrompts'
  | 'evalEvery'
  | 'evalMaxTokens'
  | 'sampler'
  | 'stopOnCollapse'
>;

/** Undefined where nothing is evaluated. Errors: INVALID_CONFIGURATION; those of reading the files. */
async function evaluationFrom(
  values: EvaluationValues,
  model: string,
  { lengths }: RunSpecification,
): Promise<EvaluationConfig | undefined> {
  const { chatTemplate, evalData, ignoreFields, evalPrompts, evalEvery, sampler, stopOnCollapse } = values;
  if (evalData.length === 0 && evalPrompts === undefined) {
    if (!stopOnCollapse) return undefined;
    throw invalid('stopOnCollapse', 'needs something to see a collapse by; set evalPrompts or evalData');
  }
  if (stopOnCollapse && evalEvery === 0)
    throw invalid('stopOnCollapse', 'needs evaluations during the run; set evalEvery');
  if (evalPrompts !== undefined && sampler === undefined) {
    throw invalid('evalPrompts', 'needs a sampler to answer them; set sampler');
  }
  return {
    every: evalEvery,
    pairs: await readEvaluationPairs(evalData, model, { chatTemplate, ignoreFields, ...lengths }),
    prompts: evalPrompts === undefined ? [] : await readEvaluationPrompts(evalPrompts, model, { chatTemplate }),
    maxAnswerTokens: values.evalMaxTokens,
    findSampler: () => sampler ?? '',
    stopOnCollapse,
  };
}

function invalid(setting: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_CONFIGURATION', `${setting}: ${problem}`, {
    metadata: { setting },
  });
}
