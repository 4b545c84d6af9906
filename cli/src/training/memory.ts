import { AlphapoError } from '@alphapo/base';
import type { ComputeSettings, RunSettings, RunSpecification } from '@alphapo/contracts';
import type { MemoryPlan } from '@alphapo/engine';
import { settingsThatFit } from './memory-advice.ts';
import type { Planned, Planner } from './memory-planner.ts';

/** A way to compute, and the memory that it is predicted to take. */
export interface Fit {
  readonly compute: ComputeSettings;
  readonly plan: MemoryPlan;
}

/**
 * The first way to compute within a limit, the fastest first: what the settings leave open is given up in the order of
 * its price, packed weights, then kept activations, then the size of packs. Errors: MEMORY_LIMIT with the settings that
 * would fit.
 */
export function fitMemory(
  planner: Planner,
  { specification, settings }: { readonly specification: Planned; readonly settings: Partial<RunSettings> },
  limitBytes: number,
): Fit {
  let least: Fit | undefined;
  for (const compute of candidates(specification.compute, settings)) {
    const plan = planner({ compute });
    if (plan.totalBytes <= limitBytes) return { compute, plan };
    if (least === undefined || plan.totalBytes < least.plan.totalBytes) least = { compute, plan };
  }
  const { compute, plan } = least as Fit;
  const fitting = settingsThatFit(planner, { ...specification, compute }, limitBytes);
  throw new AlphapoError(
    'failed-precondition',
    'MEMORY_LIMIT',
    `training needs about ${sizeOf(plan.totalBytes)} (${describePlan(plan)}), more than the limit of ${sizeOf(limitBytes)}: ` +
      (fitting.length === 0
        ? 'use a smaller model, or a machine with more memory'
        : `${fitting.map(({ options, bytes }) => `${options} (${sizeOf(bytes)})`).join(' or ')} would fit`),
    { metadata: { setting: 'memory-limit' } },
  );
}

/** The plan of a given way to compute; what the settings say stands above it. */
export function planInWay(planner: Planner, way: ComputeSettings, settings: Partial<RunSettings>): Fit {
  const { packTokens, recompute, packWeights } = settings;
  const compute: ComputeSettings = {
    packTokens: packTokens ?? way.packTokens,
    activations: recompute === undefined ? way.activations : recompute ? 'recomputed' : 'kept',
    weights: packWeights === undefined ? way.weights : packWeights ? 'packed' : 'in-place',
  };
  return { compute, plan: planner({ compute }) };
}

const SMALLEST_PACK = 128;

function candidates(given: ComputeSettings, settings: Partial<RunSettings>): ComputeSettings[] {
  const weights = settings.packWeights === undefined ? ([given.weights, 'in-place'] as const) : [given.weights];
  const activations =
    settings.recompute === undefined ? ([given.activations, 'recomputed'] as const) : [given.activations];
  const packs = [given.packTokens];
  for (let tokens = given.packTokens / 2; settings.packTokens === undefined && tokens >= SMALLEST_PACK; tokens /= 2) {
    packs.push(tokens);
  }
  const last = { weights: weights.at(-1) ?? given.weights, activations: activations.at(-1) ?? given.activations };
  return [
    ...activations.flatMap((kept) =>
      weights.map((weight) => ({ packTokens: given.packTokens, activations: kept, weights: weight })),
    ),
    ...packs.slice(1).map((packTokens) => ({ packTokens, ...last })),
  ];
}

/** For people: 850 MB, 12.3 GB. */
export const sizeOf = (bytes: number): string =>
  bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;

/** The parts of a plan. */
export function describePlan(plan: MemoryPlan): string {
  const parts = {
    weights: plan.frozenBytes,
    'their copies': plan.copiedBytes,
    'trained weights and moments': plan.trainedBytes,
    activations: plan.activationBytes,
    'answering prompts': plan.answerBytes,
    program: plan.restBytes,
  };
  return Object.entries(parts)
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${name} ${sizeOf(bytes)}`)
    .join(', ');
}

/** How a plan computes, where it is not by default. */
export function describeCompute({ packTokens, activations, weights }: RunSpecification['compute']): string {
  const parts = [`packs of ${packTokens} tokens`];
  if (activations === 'recomputed') parts.push('activations recomputed');
  if (weights === 'packed') parts.push('weights packed');
  return parts.join(', ');
}
