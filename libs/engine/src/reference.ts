import { AlphapoError } from '@alphapo/base';
import { ModelFolder } from './weights.ts';

/**
 * The model that objectives with a reference compare with: the one in a folder of its own, or the model itself.
 * Errors: REFERENCE_VOCABULARY where its vocabulary is another size; those of `ModelFolder.open`.
 */
export async function openReference(model: ModelFolder, folder: string | undefined): Promise<ModelFolder> {
  if (folder === undefined) return model;
  const reference = await ModelFolder.open(folder);
  const [wanted, found] = [model.definition.vocabularySize, reference.definition.vocabularySize];
  if (wanted !== found) {
    throw new AlphapoError(
      'failed-precondition',
      'REFERENCE_VOCABULARY',
      `the vocabulary of the reference model ${folder} has ${found} tokens, the model's has ${wanted}; use a reference with the same tokenizer`,
    );
  }
  return reference;
}
