import { AlphapoError } from '@alphapo/base';
import { readSmallFile, replaceFile } from '@alphapo/safetensors';
import { z } from 'zod';
import type { Evaluation } from './evaluation.ts';

const MAX_BYTES = 64 * 2 ** 20;

const evaluatedStepSchema = z.object({
  step: z.int().nonnegative(),
  evaluation: z.object({
    pairs: z.int().positive(),
    accuracy: z.number(),
    loss: z.number(),
    margin: z.number(),
    marginMedian: z.number().optional(),
    rewardChosen: z.number(),
    rewardRejected: z.number(),
    logProbChosen: z.number(),
    logProbRejected: z.number(),
  } satisfies Record<keyof Evaluation, z.ZodType<number | undefined>>),
});

/** How the policy after a number of steps did. */
export type EvaluatedStep = z.infer<typeof evaluatedStepSchema>;

/** evaluations.jsonl: a line per evaluated step. A run that is taken up again has those that it made before. */
export class EvaluationFile {
  readonly #file: string;
  readonly #steps: EvaluatedStep[];

  private constructor(file: string, steps: EvaluatedStep[]) {
    this.#file = file;
    this.#steps = steps;
  }

  /** Errors: EVALUATIONS_DAMAGED with the line. */
  static async open(file: string): Promise<EvaluationFile> {
    const text = await readSmallFile(file, MAX_BYTES).then(String, (error) => {
      if (error.reason === 'FILE_NOT_FOUND') return '';
      throw error;
    });
    const lines = text.split('\n').filter((line) => line !== '');
    return new EvaluationFile(
      file,
      lines.map((line, index) => parseLine(line, `${file}:${index + 1}`)),
    );
  }

  /** By growing step. */
  get steps(): readonly EvaluatedStep[] {
    return this.#steps;
  }

  has(step: number): boolean {
    return this.#steps.some((evaluated) => evaluated.step === step);
  }

  /** On the disk when it resolves. */
  async add(evaluated: EvaluatedStep): Promise<void> {
    this.#steps.push(evaluated);
    this.#steps.sort((a, b) => a.step - b.step);
    const text = this.#steps.map((one) => `${JSON.stringify(one)}\n`).join('');
    await replaceFile(this.#file, (handle) => handle.writeFile(text));
  }
}

function parseLine(line: string, place: string): EvaluatedStep {
  try {
    return evaluatedStepSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new AlphapoError(
      'data-loss',
      'EVALUATIONS_DAMAGED',
      `${place} is not an evaluation; remove the line, it will be computed again`,
      {
        cause,
      },
    );
  }
}
