import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import {
  type Adapter,
  hasTokenizer,
  mergeAdapter,
  readAdapter,
  readPolicyFacts,
  type WrittenModel,
  writeModelCard,
  writePolicyFacts,
} from '@alphapo/checkpoints';
import { modelName } from '@alphapo/hub';
import { loraFactors, readModelDefinition } from '@alphapo/models';
import { checkpointDigest, createFolder, requireEmptyFolder } from '@alphapo/safetensors';
import { ollamaChat, writeModelfile } from './modelfile.ts';

/** Data types by the names that options have for them. */
export const DATA_TYPES = { 'as-stored': 'as-stored', float32: 'f32', bfloat16: 'bf16', float16: 'f16' } as const;

/** What is merged, and where it is written. */
export interface MergeRequest {
  /** Folder of the base model. */
  readonly model: string;
  /** Folder of a PEFT adapter. */
  readonly adapter: string;
  readonly out: string;
  /** How merged weights are stored. */
  readonly savedDtype: keyof typeof DATA_TYPES;
  /** Bytes of weights in a file. */
  readonly shardBytes: number;
  /** Whether Ollama's Modelfile is written too. */
  readonly modelfile: 'ollama' | 'none';
  /** Stops the merge; nothing is left then. */
  readonly signal: AbortSignal;
  /** Told before each tensor: its name, the bytes of those before it, and of all. */
  readonly onTensor: (name: string, bytesBefore: number, totalBytes: number) => void;
}

/** What came of a merge. */
export interface Merged {
  readonly weights: WrittenModel;
  /** Whether the base model is the one that the adapter was trained on; unknown for adapters of other programs. */
  readonly base: 'same' | 'other' | 'unknown';
}

/**
 * Writes a base model and an adapter as one Hugging Face model folder, which is there completely or not at all. Errors: FOLDER_NOT_EMPTY,
 * WHOLE_MODEL, LORA_TARGETS, OLLAMA_TEMPLATE, STOPPED, and those of `readAdapter`, `readModelDefinition` and `mergeAdapter`.
 */
export async function merge(request: MergeRequest): Promise<Merged> {
  const { model, adapter: adapterFolder, out, savedDtype, shardBytes, signal, onTensor } = request;
  await requireEmptyFolder(out);
  const adapter = await adapterOf(adapterFolder);
  const definition = await readModelDefinition(model);
  // Refuses targets that the engine does not adapt either.
  loraFactors(definition, adapter);
  const weightLayout = definition.linears.some(({ layout }) => layout === 'in-out') ? 'conv1d' : 'linear';
  // The adapter's own has the chat template that it was trained with.
  const tokenizerFolder = (await hasTokenizer(adapterFolder)) ? adapterFolder : model;
  const described = await describe(request);
  const chat = request.modelfile === 'ollama' ? await ollamaChat(tokenizerFolder, model) : undefined;
  return createFolder(out, async (folder) => {
    const weights = await mergeAdapter(folder, {
      ...{ sourceFolder: model, adapter, weightLayout, dataType: DATA_TYPES[savedDtype], maxShardBytes: shardBytes },
      tokenizerFolder,
      onTensor: (...progress) => {
        if (signal.aborted) throw new AlphapoError('cancelled', 'STOPPED', `stopped; ${out} was not written`);
        onTensor(...progress);
      },
    });
    await described.write(folder);
    if (chat !== undefined) await writeModelfile(folder, chat);
    return { weights, base: described.base };
  });
}

/** What is known of the merged model, for its card and for programs. */
async function describe({ model, adapter }: MergeRequest) {
  const facts = await readPolicyFacts(adapter);
  const digest = await checkpointDigest(model);
  const found = await modelName(model, undefined);
  // The adapter may know its base by a name of the hub, where the folder says nothing.
  const baseModel = found.name === model && facts !== undefined ? facts.baseModel : { ...found };
  const base: Merged['base'] = facts === undefined ? 'unknown' : facts.digests.model === digest ? 'same' : 'other';
  return {
    base,
    async write(folder: string): Promise<void> {
      if (facts !== undefined) await writePolicyFacts(folder, facts);
      await writeModelCard(folder, { kind: 'merged', baseModel, facts, mergedInto: digest });
    },
  };
}

async function adapterOf(folder: string): Promise<Adapter> {
  const isThere = (file: string) =>
    access(join(folder, file)).then(
      () => true,
      () => false,
    );
  if (!(await isThere('adapter_config.json')) && (await isThere('config.json'))) {
    throw new AlphapoError(
      'invalid-argument',
      'WHOLE_MODEL',
      `--adapter ${folder} is a whole model, as train --full writes it: use it as it is, there is nothing to merge`,
    );
  }
  return readAdapter(folder);
}
