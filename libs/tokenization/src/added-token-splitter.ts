import type { AddedToken } from './added-tokens.ts';

/** A piece of a text: an added token, or what stands between them. */
export type Piece = { readonly token: AddedToken } | { readonly text: string };

const WORD = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]`;
const ENDS_IN_WORD = new RegExp(`${WORD}$`, 'u');
const BEGINS_WITH_WORD = new RegExp(`^${WORD}`, 'u');

/** A node of the tree of all tokens' characters. */
interface Node {
  readonly next: Map<string, Node>;
  token?: AddedToken;
}

/**
 * Finds added tokens in texts as Hugging Face's library does: from the left, the longest first. One that has to be a whole
 * word and is none is passed over, with its text. (@huggingface/tokenizers 0.2.0 knows no `single_word`, and takes white
 * space that belongs to the token before.)
 */
export class AddedTokenSplitter {
  readonly #root: Node = { next: new Map() };

  /** `contents`: tokens by the text that they are found as. */
  constructor(contents: Iterable<readonly [content: string, token: AddedToken]>) {
    for (const [content, token] of contents) {
      if (content === '') continue;
      let node = this.#root;
      for (const unit of content.split('')) {
        const next: Node = node.next.get(unit) ?? { next: new Map() };
        node.next.set(unit, next);
        node = next;
      }
      node.token = token;
    }
  }

  split(text: string): readonly Piece[] {
    const pieces: Piece[] = [];
    let done = 0;
    for (let at = 0; at < text.length; ) {
      const found = this.#longestAt(text, at);
      if (found === undefined) {
        at++;
        continue;
      }
      const end = at + found.length;
      const isFree = !ENDS_IN_WORD.test(lastCharacter(text, at)) && !BEGINS_WITH_WORD.test(text.slice(end, end + 2));
      if (!found.token.single_word || isFree) {
        const start = found.token.lstrip ? Math.max(done, startOfSpace(text, at)) : at;
        if (start > done) pieces.push({ text: text.slice(done, start) });
        pieces.push({ token: found.token });
        done = found.token.rstrip ? endOfSpace(text, end) : end;
      }
      at = Math.max(end, done);
    }
    if (done < text.length) pieces.push({ text: text.slice(done) });
    return pieces;
  }

  #longestAt(text: string, start: number): { readonly token: AddedToken; readonly length: number } | undefined {
    let node: Node | undefined = this.#root;
    let found: { readonly token: AddedToken; readonly length: number } | undefined;
    for (let at = start; node !== undefined; at++) {
      if (node.token !== undefined) found = { token: node.token, length: at - start };
      node = at < text.length ? node.next.get(text[at] as string) : undefined;
    }
    return found;
  }
}

const SPACE = /^\p{White_Space}$/u;

const lastCharacter = (text: string, end: number) => text.slice(Math.max(0, end - 2), end);

function startOfSpace(text: string, end: number): number {
  let start = end;
  while (start > 0 && SPACE.test(text[start - 1] as string)) start--;
  return start;
}

function endOfSpace(text: string, start: number): number {
  let end = start;
  while (end < text.length && SPACE.test(text[end] as string)) end++;
  return end;
}
