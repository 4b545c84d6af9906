import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlphapoError } from '@alphapo/base';
import { readEndTokens } from '@alphapo/models';
import { openTokenizer, type Tokenizer, type Turns, turnsOf } from '@alphapo/tokenization';

const MODELFILE = 'Modelfile';

/** What Ollama needs to know of a model beside its weights. */
export interface OllamaChat {
  readonly turns: Turns;
  /** What `start` begins with and Ollama adds by itself. */
  readonly addedStart: string;
  /** Texts that end a response. */
  readonly stops: readonly string[];
}

/**
 * How Ollama must write conversations for the chat template of a tokenizer's folder to mean the same; `model` is the folder of the model. Errors: OLLAMA_TEMPLATE where Ollama's templates cannot say what
 * this one does, and those of `openTokenizer`.
 */
export async function ollamaChat(folder: string, model: string): Promise<OllamaChat> {
  const tokenizer = await openTokenizer(folder);
  if (tokenizer.takes === 'ids') {
    throw cannot(folder, 'the folder has no tokenizer.json, which Ollama needs', 'omit --ollama');
  }
  const found = turnsOf(tokenizer.chatTemplate);
  if (found.kind === 'irregular') {
    throw cannot(
      `${folder}: ${tokenizer.chatTemplate.place}`,
      `the chat template depends on more than roles, for example for ${found.example}`,
      'omit --ollama and write a Modelfile by hand (docs/use-the-policy.md)',
    );
  }
  const { turns } = found;
  return { turns, addedStart: addedStart(tokenizer, turns), stops: await stopsOf(model, tokenizer, turns) };
}

/** Ollama puts the beginning-of-sequence token before a prompt where the tokenizer does. */
function addedStart(tokenizer: Tokenizer, { start }: Turns): string {
  const { bos } = tokenizer.special;
  if (bos === undefined || tokenizer.encode('a', { addSpecialTokens: true })[0] !== bos) return '';
  const text = tokenizer.decode([bos], { skipSpecialTokens: false });
  return start.startsWith(text) ? text : '';
}

/** End tokens, and what the template writes after a response: special tokens, or else its first line. */
async function stopsOf(folder: string, tokenizer: Tokenizer, { nextUser }: Turns): Promise<readonly string[]> {
  const ends = await readEndTokens(folder, tokenizer.special.eos);
  const texts = ends.map((id) => tokenizer.decode([id], { skipSpecialTokens: false }));
  const special = tokenizer
    .encode(nextUser, { addSpecialTokens: false })
    .filter((id) => tokenizer.decode([id], { skipSpecialTokens: true }) === '')
    .map((id) => tokenizer.decode([id], { skipSpecialTokens: false }));
  const written = special.length > 0 ? special : [nextUser.trimEnd()];
  return [...new Set([...texts, ...written])].filter((text) => text !== '');
}

/** Writes the Modelfile of a merged model's folder, for `ollama create NAME -f FOLDER/Modelfile`. */
export async function writeModelfile(folder: string, chat: OllamaChat): Promise<void> {
  await writeFile(join(folder, MODELFILE), modelfile(chat));
}

/** The text of a Modelfile for the folder that it lies in. */
export function modelfile(chat: OllamaChat): string {
  const notes = [
    'Use it with: ollama create NAME -f Modelfile',
    'Tools and reasoning of the chat template are not translated.',
  ];
  if (chat.turns.trims) notes.push('The chat template removes white space around messages; Ollama keeps it.');
  if (chat.turns.system === undefined) notes.push('The chat template takes no system message: they are left out.');
  return [
    ...notes.map((note) => `# ${note}`),
    'FROM .',
    `TEMPLATE """${goTemplate(chat)}"""`,
    // Without escapes: three quotes enclose several lines.
    ...chat.stops.map((stop) => `PARAMETER stop """${stop}"""`),
    '',
  ].join('\n');
}

/** The chat template in Go's language. Texts are string constants, so that no white space is lost. */
function goTemplate({ turns, addedStart }: OllamaChat): string {
  const { answer, nextUser, end, system } = turns;
  const text = (value: string) => (value === '' ? '' : `{{ ${goString(value)} }}`);
  const begins = (value: string) => text(value.startsWith(addedStart) ? value.slice(addedStart.length) : value);
  const start = begins(turns.start);
  const afterUser = end === answer ? text(end) : `{{ if $last }}${text(end)}{{ else }}${text(answer)}{{ end }}`;
  return [
    system === undefined ? start : `{{ if not .System }}${start}{{ end }}`,
    '{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}',
    system === undefined
      ? ''
      : `{{ if eq .Role "system" }}${begins(system.start)}{{ .Content }}${text(system.end)}{{ end }}`,
    `{{ if eq .Role "user" }}{{ .Content }}${afterUser}{{ end }}`,
    `{{ if eq .Role "assistant" }}{{ .Content }}{{ if not $last }}${text(nextUser)}{{ end }}{{ end }}`,
    '{{ end }}',
  ].join('');
}

/** A string constant of Go, on one line: JSON's escapes are Go's too. */
const goString = (value: string): string => JSON.stringify(value);

function cannot(place: string, why: string, remedy: string): AlphapoError {
  return new AlphapoError('failed-precondition', 'OLLAMA_TEMPLATE', `--ollama: ${place}: ${why}; ${remedy}`);
}
