import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import {
  copyTokenizerFiles,
  type PolicyFacts,
  type WrittenModel,
  writeAdapter,
  writeChatTemplate,
  writeModel,
  writeModelCard,
  writePolicyFacts,
} from '@alphapo/checkpoints';
import type { Dtype, TrainingMethod } from '@alphapo/contracts';
import type { ModelFolder } from '@alphapo/engine';
import type { ModelName } from '@alphapo/hub';
import { openTokenizer } from '@alphapo/tokenization';
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

/** What the caller knows of a policy, and the optimizer does not. */
export type OutsideFacts = Pick<PolicyFacts, 'data' | 'evaluations'>;

const DATA_TYPES = { float32: 'f32', bfloat16: 'bf16', float16: 'f16', 'as-stored': 'as-stored' } as const;

interface ExportedModel {
  readonly path: string;
  readonly definition: ModelFolder['definition'];
  readonly name: ModelName;
  /** The chat template that was chosen for the run; undefined: the model's own. */
  readonly chatTemplate: string | undefined;
}

interface ExportedRun {
  readonly method: TrainingMethod;
  readonly savedDtype: SavedDtype;
  /** What is known of a policy besides its base model. */
  factsOf(policy: PolicyReading): Omit<PolicyFacts, 'baseModel'>;
}

/**
 * Writes policies as what other programs load: a PEFT adapter folder, or a Hugging Face model folder; with the tokenizer, the chat template that was
 * trained with, and a model card.
 */
export class Exporter {
  readonly #folder: string;
  readonly #model: ExportedModel;
  readonly #run: ExportedRun;

  constructor(folder: string, model: ExportedModel, run: ExportedRun) {
    this.#folder = folder;
    this.#model = model;
    this.#run = run;
  }

  /** Errors: EXPORT_NAME where the name is no plain folder name, or is that of a link or of a file; WEIGHT_TOO_LARGE. */
  async export(policy: PolicyReading, name: string, outside: OutsideFacts = {}): Promise<Exported> {
    if (!SAFE_NAME.test(name)) {
      throw exportName(name, 'must be one folder name of at most 128 letters, digits, dots, dashes and underscores');
    }
    const path = join(this.#folder, name);
    if (!(await isFolderOrNothing(path))) {
      throw exportName(name, 'already exists and is not a folder (links are not followed); choose another name');
    }
    const weights = await this.#writeWeights(path, policy);
    await this.#writeChosenTemplate(path);
    const { name: baseModel } = this.#model;
    const facts = { baseModel: { ...baseModel }, ...this.#run.factsOf(policy), ...outside };
    await writePolicyFacts(path, facts);
    await writeModelCard(path, {
      kind: weights === undefined ? 'adapter' : 'model',
      baseModel: facts.baseModel,
      facts,
    });
    return { path, weights };
  }

  /** Weights and tokenizer; returns what became of whole models. */
  async #writeWeights(path: string, { tensors }: PolicyReading): Promise<WrittenModel | undefined> {
    const { method, savedDtype } = this.#run;
    const { path: sourceFolder, definition, name } = this.#model;
    if (method.kind === 'full') return writeModel(path, { sourceFolder, tensors, dataType: DATA_TYPES[savedDtype] });
    const conv1d = definition.linears.some(({ layout }) => layout === 'in-out');
    await writeAdapter(path, {
      method,
      tensors,
      baseModelPath: name.name,
      baseModelRevision: name.revision,
      weightLayout: conv1d ? 'conv1d' : 'linear',
    });
    await copyTokenizerFiles(sourceFolder, path);
    return undefined;
  }

  async #writeChosenTemplate(path: string): Promise<void> {
    const { path: folder, chatTemplate } = this.#model;
    if (chatTemplate === undefined) return;
    const tokenizer = await openTokenizer(folder, { chatTemplate });
    await writeChatTemplate(path, tokenizer.chatTemplate.text);
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
