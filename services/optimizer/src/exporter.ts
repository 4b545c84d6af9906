import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { type WrittenModel, writeAdapter, writeModel } from '@alphapo/checkpoints';
import type { Dtype, TrainingMethod } from '@alphapo/contracts';
import type { ModelFolder } from '@alphapo/engine';
import type { BaseModelName } from './base-model.ts';
import type { PolicyReading } from './policy.ts';

/** Names of exports are single folder names: nothing outside of the export folder can be written. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** How all weights are stored: rounded to one type, or each to the type that the base model stores it in. */
export type SavedDtype = Dtype | 'as-stored';

/** Where a policy was written. */
export interface Exported {
  readonly path: string;
  /** What became of the weights; undefined for adapters, whose factors are stored in float32. */
  readonly weights: WrittenModel | undefined;
}

const DATA_TYPES = { float32: 'f32', bfloat16: 'bf16', float16: 'f16', 'as-stored': 'as-stored' } as const;

interface ExportedModel {
  readonly path: string;
  readonly definition: ModelFolder['definition'];
  readonly name: BaseModelName;
}

/** Writes policies as what other programs load: a PEFT adapter folder, or a Hugging Face model folder. */
export class Exporter {
  readonly #folder: string;
  readonly #model: ExportedModel;
  readonly #method: TrainingMethod;
  readonly #savedDtype: SavedDtype;

  constructor(
    folder: string,
    model: ExportedModel,
    { method, savedDtype }: { readonly method: TrainingMethod; readonly savedDtype: SavedDtype },
  ) {
    this.#folder = folder;
    this.#model = model;
    this.#method = method;
    this.#savedDtype = savedDtype;
  }

  /** Errors: EXPORT_NAME where the name is no plain folder name, or is that of a link or of a file; WEIGHT_TOO_LARGE. */
  async export({ tensors }: PolicyReading, name: string): Promise<Exported> {
    if (!SAFE_NAME.test(name)) {
      throw exportName(name, 'must be one folder name of at most 128 letters, digits, dots, dashes and underscores');
    }
    const path = join(this.#folder, name);
    if (!(await isFolderOrNothing(path))) {
      throw exportName(name, 'already exists and is not a folder (links are not followed); choose another name');
    }
    if (this.#method.kind === 'full') {
      const dataType = DATA_TYPES[this.#savedDtype];
      return { path, weights: await writeModel(path, { sourceFolder: this.#model.path, tensors, dataType }) };
    }
    const conv1d = this.#model.definition.linears.some(({ layout }) => layout === 'in-out');
    await writeAdapter(path, {
      method: this.#method,
      tensors,
      baseModelPath: this.#model.name.name,
      baseModelRevision: this.#model.name.revision,
      weightLayout: conv1d ? 'conv1d' : 'linear',
    });
    return { path, weights: undefined };
  }
}

/** A link could lead anywhere. */
async function isFolderOrNothing(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

function exportName(name: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'EXPORT_NAME', `name: "${name}" ${problem}`, {
    metadata: { field: 'name' },
  });
}
