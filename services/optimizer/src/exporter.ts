import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { writeAdapter, writeModel } from '@alphapo/checkpoints';
import type { TrainingMethod } from '@alphapo/contracts';
import type { ModelFolder } from '@alphapo/engine';
import type { PolicyReading } from './policy.ts';

/** Names of exports are single folder names: nothing outside of the export folder can be written. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Writes policies as what other programs load: a PEFT adapter folder, or a Hugging Face model folder. */
export class Exporter {
  readonly #folder: string;
  readonly #model: { readonly path: string; readonly definition: ModelFolder['definition'] };
  readonly #method: TrainingMethod;

  constructor(folder: string, model: { path: string; definition: ModelFolder['definition'] }, method: TrainingMethod) {
    this.#folder = folder;
    this.#model = model;
    this.#method = method;
  }

  /** Returns the path. Errors: EXPORT_NAME where the name is no plain folder name, or is that of a link or of a file. */
  async export({ tensors }: PolicyReading, name: string): Promise<string> {
    if (!SAFE_NAME.test(name)) {
      throw exportName(name, 'must be one folder name of letters, digits, dots, dashes and underscores, 128 at most');
    }
    const path = join(this.#folder, name);
    if (!(await isFolderOrNothing(path))) {
      throw exportName(name, 'is there already and is no folder: links are not followed; choose another name');
    }
    if (this.#method.kind === 'full') {
      await writeModel(path, { sourceFolder: this.#model.path, tensors });
    } else {
      const conv1d = this.#model.definition.linears.some(({ layout }) => layout === 'in-out');
      await writeAdapter(path, {
        method: this.#method,
        tensors,
        baseModelPath: this.#model.path,
        weightLayout: conv1d ? 'conv1d' : 'linear',
      });
    }
    return path;
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
