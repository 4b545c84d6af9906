import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { runSpecificationSchema } from '@alphapo/contracts';
import { onFile, parseStrictJson, readSmallFile, replaceFile } from '@alphapo/safetensors';
import { z } from 'zod';

const FACTS_FILE = 'alphapo.json';
const MAX_FACTS_BYTES = 16 * 2 ** 20;

/** What is known of an exported policy: only what its writer knew, nothing guessed. */
const policyFactsSchema = z.object({
  /** What programs find the base model by. */
  baseModel: z.object({ name: z.string(), revision: z.string().optional() }),
  runId: z.string(),
  /** Optimizer steps taken. */
  step: z.int().nonnegative(),
  /** Pairs that the steps learned from, repetitions included. */
  pairsTaken: z.int().nonnegative(),
  specification: runSpecificationSchema,
  digests: z.object({
    policy: z.string(),
    model: z.string(),
    runSpecification: z.string(),
    /** Of the batches; absent before the first. */
    tokenizer: z.string().optional(),
    chatTemplate: z.string().optional(),
  }),
  /** Known where the run read its data itself. */
  data: z
    .object({
      /** Data sets of a hub, as owner/name. */
      datasets: z.array(z.string()),
      /** Different pairs. */
      train: z.int().nonnegative(),
      evaluation: z.int().nonnegative(),
      rejected: z.int().nonnegative(),
    })
    .optional(),
  /** By growing step: means over held-out pairs, and numbers about answers to prompts. */
  evaluations: z
    .array(
      z.object({
        step: z.int().nonnegative(),
        evaluation: z.record(z.string(), z.number()).optional(),
        answers: z.record(z.string(), z.number()).optional(),
      }),
    )
    .optional(),
});

export type PolicyFacts = z.infer<typeof policyFactsSchema>;

/** Writes `alphapo.json`. Equal facts give equal bytes. */
export async function writePolicyFacts(folder: string, facts: PolicyFacts): Promise<void> {
  await replaceFile(join(folder, FACTS_FILE), (handle) => handle.writeFile(`${JSON.stringify(facts, null, 2)}\n`));
}

/** What AlphaPO wrote about a policy; undefined for those of other programs. Errors: POLICY_FACTS_DAMAGED. */
export async function readPolicyFacts(folder: string): Promise<PolicyFacts | undefined> {
  const file = join(folder, FACTS_FILE);
  const bytes = await onFile(file, () => readSmallFile(file, MAX_FACTS_BYTES)).catch((error) => {
    if (error instanceof AlphapoError && error.reason === 'FILE_NOT_FOUND') return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  try {
    return policyFactsSchema.parse(parseStrictJson(bytes, file));
  } catch (cause) {
    throw new AlphapoError(
      'data-loss',
      'POLICY_FACTS_DAMAGED',
      `${file} does not describe a policy of this version; remove it to go on without`,
      { cause },
    );
  }
}
