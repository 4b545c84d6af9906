import { AlphapoError } from '@alphapo/base';
import { type EvaluatedStep, evaluatedStepSchema } from '@alphapo/contracts';
import { readSmallFile, replaceFile } from '@alphapo/safetensors';

const MAX_BYTES = 2 ** 30;

/** evaluations.jsonl: a line per evaluated step. A run that is taken up again has those that it made before, also on other data. */
export class EvaluationFile {
  readonly #file: string;
  readonly #dataDigest: string;
  readonly #all: EvaluatedStep[];

  private constructor(file: string, dataDigest: string, all: EvaluatedStep[]) {
    this.#file = file;
    this.#dataDigest = dataDigest;
    this.#all = all;
  }

  /** `dataDigest`: of what is evaluated on now. Errors: EVALUATIONS_DAMAGED with the line. */
  static async open(file: string, dataDigest: string): Promise<EvaluationFile> {
    const text = await readSmallFile(file, MAX_BYTES).then(String, (error) => {
      if (error.reason === 'FILE_NOT_FOUND') return '';
      throw error;
    });
    const lines = text.split('\n').filter((line) => line !== '');
    return new EvaluationFile(
      file,
      dataDigest,
      lines.map((line, index) => parseLine(line, `${file}:${index + 1}`)),
    );
  }

  /** Those on the present data, by growing step. */
  get steps(): readonly EvaluatedStep[] {
    return this.#all.filter(({ dataDigest }) => dataDigest === this.#dataDigest);
  }

  /** On the disk when it resolves. False: the step is there already, and nothing changes. */
  async add(evaluated: EvaluatedStep): Promise<boolean> {
    if (this.steps.some(({ step }) => step === evaluated.step)) return false;
    this.#all.push(evaluated);
    this.#all.sort((a, b) => a.step - b.step);
    const text = this.#all.map((one) => `${JSON.stringify(one)}\n`).join('');
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
