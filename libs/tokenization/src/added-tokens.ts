type Json = Readonly<Record<string, unknown>>;

/** A token beside the model's vocabulary, found in a text before anything else. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Found as a whole word only. */
  readonly single_word: boolean;
  /** Takes the white space before it, or behind it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Found in the normalized text, in its own normalized form. */
  readonly normalized: boolean;
  readonly special: boolean;
}

/** Where a model's files name tokens. */
export interface TokenFiles {
  /** tokenizer.json. */
  readonly definition: Json;
  /** tokenizer_config.json. */
  readonly config: Json;
  /** added_tokens.json: ids by token. */
  readonly addedTokens: Json | undefined;
  /** Special tokens that have a name, such as `bos_token`. */
  readonly named: Readonly<Record<string, string>>;
}

/**
 * The added tokens as transformers has them after it has opened a tokenizer: those of tokenizer.json, then what
 * `added_tokens_decoder` (without it, added_tokens.json) has otherwise, then special tokens that are no added tokens yet.
 * A token that the vocabulary lacks gets the next id.
 */
export function addedTokensOf(files: TokenFiles): readonly AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  for (const token of listOf(files.definition.added_tokens)) tokens.set(token.content, token);
  const vocabulary = vocabularyOf(files.definition);
  const add = (token: Omit<AddedToken, 'id'>) => {
    const id = tokens.get(token.content)?.id ?? vocabulary.get(token.content) ?? nextId(tokens, vocabulary);
    tokens.set(token.content, { ...token, id });
  };
  const names = new Set(Object.values(files.named));
  for (const declared of declaredTokens(files, names)) {
    const known = tokens.get(declared.content);
    const special = declared.special || names.has(declared.content);
    if (known === undefined || !isSame(known, declared)) add({ ...declared, special });
  }
  for (const content of [...names, ...extraTokens(files.config)]) {
    if (!tokens.has(content)) add({ ...PLAIN, content, normalized: false, special: true });
  }
  return [...tokens.values()].sort((a, b) => a.id - b.id);
}

/** Whether a token has an id by the files, without being added for being special. */
export function isDeclared(files: TokenFiles, content: string): boolean {
  const known = [...listOf(files.definition.added_tokens), ...declaredTokens(files, new Set())];
  return vocabularyOf(files.definition).has(content) || known.some((token) => token.content === content);
}

const PLAIN = { single_word: false, lstrip: false, rstrip: false };

function declaredTokens({ config, addedTokens }: TokenFiles, names: ReadonlySet<string>): readonly AddedToken[] {
  const { added_tokens_decoder: decoder } = config;
  if (isObject(decoder)) return byId(Object.entries(decoder).map(([id, token]) => tokenOf(token, Number(id))));
  const special = new Set([...names, ...extraTokens(config)]);
  return byId(
    Object.entries(addedTokens ?? {}).map(([content, id]) => ({
      ...PLAIN,
      ...{ content, id: Number(id), normalized: !special.has(content), special: special.has(content) },
    })),
  );
}

const byId = (tokens: readonly AddedToken[]) => tokens.toSorted((a, b) => a.id - b.id);

/** `additional_special_tokens`, which transformers 5 calls `extra_special_tokens`; a list of texts or of tokens. */
function extraTokens(config: Json): readonly string[] {
  const given = config.extra_special_tokens ?? config.additional_special_tokens;
  const list = Array.isArray(given) ? given : isObject(given) ? Object.values(given) : [];
  return list.map(contentOf).filter((content) => content !== undefined);
}

/** A token is given as text, or as an object with the text as its `content`. */
export function contentOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token;
  const content = (token as { readonly content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

function listOf(tokens: unknown): readonly AddedToken[] {
  return (Array.isArray(tokens) ? tokens : []).map((token) => tokenOf(token, token.id));
}

function tokenOf(token: unknown, id: number): AddedToken {
  const given = (isObject(token) ? token : {}) as Partial<AddedToken>;
  const special = given.special ?? false;
  return {
    id,
    content: contentOf(token) ?? '',
    single_word: given.single_word ?? false,
    lstrip: given.lstrip ?? false,
    rstrip: given.rstrip ?? false,
    normalized: given.normalized ?? !special,
    special,
  };
}

function isSame(a: AddedToken, b: AddedToken): boolean {
  return (['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const).every((flag) => a[flag] === b[flag]);
}

/** The model's own vocabulary: an object of ids, or (Unigram) a list of tokens with scores. */
function vocabularyOf({ model }: Json): ReadonlyMap<string, number> {
  const vocab = (model as { readonly vocab?: unknown } | undefined)?.vocab;
  if (Array.isArray(vocab)) return new Map(vocab.map((entry, id) => [String(entry?.[0]), id]));
  return new Map(isObject(vocab) ? (Object.entries(vocab) as [string, number][]) : []);
}

function nextId(tokens: ReadonlyMap<string, AddedToken>, vocabulary: ReadonlyMap<string, number>): number {
  const last = [...tokens.values()].reduce((most, { id }) => Math.max(most, id), -1);
  return Math.max(last + 1, vocabulary.size);
}

function isObject(value: unknown): value is Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
