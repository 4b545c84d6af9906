import { AlphapoError } from '@alphapo/base';
import { type EvaluatedStep, evaluatedStepSchema } from '@alphapo/contracts';
import { readSmallFile, replaceFile } from '@alphapo/safetensors';

const MAX_BYTES = 64 * 2 ** 20;

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

  /** On the disk when it resolves. False: the step is there already, and nothing changes. */
  async add(evaluated: EvaluatedStep): Promise<boolean> {
    if (this.#steps.some(({ step }) => step === evaluated.step)) return false;
    this.#steps.push(evaluated);
    this.#steps.sort((a, b) => a.step - b.step);
    const text = this.#steps.map((one) => `${JSON.stringify(one)}\n`).join('');
    await replaceFile(this.#file, (handle) => handle.writeFile(text));
    return true;
  }
}

function parseLine(line: string, place: string): EvaluatedStep {
  try {
    return evaluatedStepSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new AlphapoError('data-loss', 'EVALUATIONS_DAMAGED', `${place} is not an evaluation; remove the line`, {
      cause,
    });
  }
}
