import { join } from 'node:path';
import type { RunSpecification } from '@alphapo/contracts';
import { replaceFile } from '@alphapo/safetensors';
import type { PolicyFacts } from './policy-facts.ts';

const CARD_FILE = 'README.md';
const HUB_NAME = /^\w[\w.-]*\/[\w.-]+$/;

/** What a folder holds: a PEFT adapter, a model with all weights trained, or an adapter merged into its base model. */
export type ArtefactKind = 'adapter' | 'model' | 'merged';

/** What a card tells of an artefact. `facts` are absent for adapters of other programs, of which just the base model is known. */
export interface Card {
  readonly kind: ArtefactKind;
  readonly baseModel: PolicyFacts['baseModel'];
  readonly facts: PolicyFacts | undefined;
  /** Of the base model that an adapter was merged into. */
  readonly mergedInto?: string | undefined;
}

/** Writes the model card README.md, in the form of Hugging Face's hub. */
export async function writeModelCard(folder: string, card: Card): Promise<void> {
  await replaceFile(join(folder, CARD_FILE), (handle) => handle.writeFile(modelCard(card)));
}

/** The text of a model card. It says what is known, and leaves out the rest. */
export function modelCard(card: Card): string {
  const { facts } = card;
  const parts = [frontMatter(card), `# ${TITLES[card.kind]}\n`, origin(card), loading(card)];
  if (facts !== undefined) parts.push(training(facts), evaluation(facts));
  parts.push(lineage(card));
  return `${parts.filter((part) => part !== '').join('\n')}`;
}

const TITLES: Readonly<Record<ArtefactKind, string>> = {
  adapter: 'LoRA adapter trained with AlphaPO',
  model: 'Model trained with AlphaPO',
  merged: 'Model with a LoRA adapter merged in',
};

/** The metadata that the hub reads. It accepts names of its own repositories only. */
function frontMatter({ kind, baseModel, facts }: Card): string {
  const datasets = facts?.data?.datasets ?? [];
  const tags = [
    'alphapo',
    'preference-optimization',
    ...(facts === undefined ? [] : [facts.specification.objective.kind]),
  ];
  if (kind !== 'model') tags.push('lora');
  return [
    '---',
    ...(HUB_NAME.test(baseModel.name) ? [`base_model: ${baseModel.name}`] : []),
    `library_name: ${kind === 'adapter' ? 'peft' : 'transformers'}`,
    'pipeline_tag: text-generation',
    ...list('tags', [...new Set(tags)]),
    ...list('datasets', datasets),
    '---\n',
  ].join('\n');
}

const list = (key: string, values: readonly string[]): string[] =>
  values.length === 0 ? [] : [`${key}:`, ...values.map((value) => `- ${value}`)];

function origin({ kind, baseModel, facts }: Card): string {
  const base = `\`${baseModel.name}\`${baseModel.revision === undefined ? '' : ` at \`${baseModel.revision}\``}`;
  const what = {
    adapter: `A PEFT adapter for ${base}`,
    model: `${base} with all of its weights trained`,
    merged: `${base} with a LoRA adapter merged into its weights`,
  }[kind];
  const how =
    facts === undefined
      ? ''
      : `, trained on preference pairs with the objective \`${facts.specification.objective.kind}\` by AlphaPO`;
  return `${what}${how}.\n`;
}

function loading({ kind, baseModel }: Card): string {
  const revision = baseModel.revision === undefined ? '' : `, revision=${python(baseModel.revision)}`;
  const lines =
    kind === 'adapter'
      ? [
          'from peft import PeftModel',
          'from transformers import AutoModelForCausalLM, AutoTokenizer',
          '',
          `base = AutoModelForCausalLM.from_pretrained(${python(baseModel.name)}${revision})`,
          'model = PeftModel.from_pretrained(base, "path/to/this/folder")',
          'tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")',
        ]
      : [
          'from transformers import AutoModelForCausalLM, AutoTokenizer',
          '',
          'model = AutoModelForCausalLM.from_pretrained("path/to/this/folder")',
          'tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")',
        ];
  return ['## Load it\n', '```python', ...lines, '```\n'].join('\n');
}

const python = (text: string): string => JSON.stringify(text);

function training({ specification, step, pairsTaken, data }: PolicyFacts): string {
  const rows: [string, string][] = [
    ['steps', `${step} of ${specification.schedule.totalSteps}`],
    ['pairs learned from', String(pairsTaken)],
  ];
  if (data !== undefined) {
    rows.push(['pairs in the training data', String(data.train)]);
    rows.push(['held-out pairs', String(data.evaluation)]);
    rows.push(['rejected records', String(data.rejected)]);
  }
  return ['## Training\n', table(['', ''], [...rows, ...settings(specification)]), ''].join('\n');
}

function settings(specification: RunSpecification): [string, string][] {
  const { objective, method, optimizer, schedule, batch, lengths, dtype, seed } = specification;
  return [
    ['objective', values(objective)],
    ['method', values(method)],
    ['optimizer (AdamW)', values(optimizer)],
    ['schedule', values(schedule)],
    ['pairs per step', String(batch.pairs)],
    ['longest sequence, prompt', `${lengths.maxLength}, ${lengths.maxPromptLength} tokens`],
    ['data type of the computation', dtype],
    ['seed', String(seed)],
  ];
}

/** `alphapo, alpha 0.25, beta 2.5` */
function values({ kind, ...others }: { readonly kind?: string; readonly [name: string]: unknown }): string {
  const named = Object.entries(others).map(
    ([name, value]) => `${name} ${Array.isArray(value) ? value.join('/') : value}`,
  );
  return [...(kind === undefined ? [] : [kind]), ...named].join(', ');
}

function evaluation({ evaluations = [] }: PolicyFacts): string {
  return [
    measured(evaluations, 'evaluation', [
      '## Held-out pairs\n',
      'Means over the pairs; log-probabilities are per response token, in nats.\n',
    ]),
    measured(evaluations, 'answers', [
      '## Answers\n',
      'Greedy answers to evaluation prompts. `right`, `ended`: shares; `tokens`: mean length; `repetition`: share of repeated sequences of 4 tokens; ' +
        '`divergence`: from the base model, in nats per token.\n',
    ]),
  ].join('');
}

/** A table of numbers by step; empty where there are none. */
function measured(
  evaluations: NonNullable<PolicyFacts['evaluations']>,
  kind: 'evaluation' | 'answers',
  head: readonly string[],
): string {
  const steps = evaluations.flatMap(({ step, [kind]: numbers }) => (numbers === undefined ? [] : [{ step, numbers }]));
  const [first] = steps;
  if (first === undefined) return '';
  const names = Object.keys(first.numbers);
  const rows = steps.map(({ step, numbers }) => [
    String(step),
    ...names.map((name) => String(Number((numbers[name] ?? Number.NaN).toPrecision(4)))),
  ]);
  return [...head, table(['step', ...names], rows), ''].join('\n');
}

function lineage({ facts, mergedInto }: Card): string {
  if (facts === undefined && mergedInto === undefined) return '';
  const digests = facts?.digests;
  const known: (readonly [string, string | undefined])[] = [
    ['run', facts?.runId],
    ['policy', digests?.policy],
    ['base model', digests?.model],
    ['base model that was merged into', mergedInto],
    ['run specification', digests?.runSpecification],
    ['tokenizer', digests?.tokenizer],
    ['chat template', digests?.chatTemplate],
  ];
  const rows = known.flatMap(([name, value]) => (value === undefined ? [] : [[name, `\`${value}\``]]));
  return ['## Lineage\n', table(['', ''], rows), ''].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
