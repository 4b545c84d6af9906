/** Classifies a field by its name: does it describe the record, or is it part of the conversation? */

/** Only this many characters of a name are examined. */
const LONGEST_NAME = 200;

/** The words of a name in lower case: `chosenModel`, `chosen-model` and `chosen_model` are all `chosen`, `model`. */
export function wordsOf(name: string): readonly string[] {
  return name
    .slice(0, LONGEST_NAME)
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1_$2')
    .replace(/(\p{L})(\d)/gu, '$1_$2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ''));

/** Words that say which of several things a field is about: `score_chosen` is a score, `annotator2` an annotator. */
const WHICH = words(`
  chosen rejected preferred better worse winner loser positive negative pos neg left right first second
  a b c d i j k w l avg average mean total overall all old new str list utc`);

/** A field whose name ends with one of these words describes the record. */
const DESCRIBES = words(`
  score scores rating ratings rank ranks ranking margin margins reward rewards vote votes probability prob probs
  confidence strength preference preferences agreement quality difficulty helpfulness honesty truthfulness
  harmlessness correctness toxicity perplexity logp logps logprob logprobs loss grade grades metric metrics stats
  pair source dataset datasource origin corpus collection split subset fold config configs file filename path
  url urls uri link links license licence copyright provenance
  id ids uid uuid guid hash sha md5 digest index idx row line lineno order position offset
  model models policy policies generator engine checkpoint temperature seed
  date dates time times datetime timestamp timestamps created updated modified year month day at
  annotator annotators worker workers labeler labeller labelers rater raters reviewer judge judges author authors
  category categories topic topics domain domains type types kind class tag tags label labels flag flags
  language languages lang locale country level
  metadata meta attributes properties annotation annotations critique critiques feedback rationale rationales
  justification judgement judgment comment comments reason reasons verdict status version revision commit
  length lengths len token tokens characters chars size embedding embeddings vector vectors`);

/** A field whose name ends with one of these words is a further response beside the pair, which is not trained on. */
const FURTHER_RESPONSE = words(`
  output outputs response responses completion completions generation generations answer answers candidate candidates
  solution solutions target targets truth gold reply replies`);

/** A field whose name begins with one of these words tells how the record was made or judged. */
const MAKING = words('labelling labeling judge critic critique annotation generation gen distilabel');

/** Names that no rule above covers. */
const NAMES = words('info other_info extra extra_info original_chosen original_rejected full_chosen full_rejected');
const NAMES_IN_MESSAGES = words('header hashed_ip state emojis cache_control');

/** Whether a field of a record describes the record, whatever its value: scores, sources, ids, further responses … */
export function describesRecord(name: string): boolean {
  const all = wordsOf(name);
  const last = headOf(all);
  return (
    name.startsWith('_') ||
    NAMES.has(all.join('_')) ||
    MAKING.has(all[0] ?? '') ||
    DESCRIBES.has(last) ||
    FURTHER_RESPONSE.has(last)
  );
}

/** A column that holds the number of the row: pandas writes it without a name, and reads that as `Unnamed: 0`. */
export function isRowNumber(name: string, value: unknown): boolean {
  return /^(?:Unnamed: ?\d+)?$/.test(name) && /^\d+$/.test(String(value));
}

/** Whether a field of a message describes the message, whatever its value: ids, times, models … */
export function describesMessage(name: string): boolean {
  const all = wordsOf(name);
  return name.startsWith('_') || NAMES_IN_MESSAGES.has(all.join('_')) || DESCRIBES.has(headOf(all));
}

/** The head noun: the last word that is not in WHICH. */
const headOf = (all: readonly string[]): string =>
  all.findLast((word) => !WHICH.has(word) && !/^\p{N}+$/u.test(word)) ?? '';
