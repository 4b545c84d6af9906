import { Readable } from 'node:stream';
import type { ContinuedPrompt, TextPiece } from '@alphapo/generation';

/** What a caller receives while prompts are continued. */
export type StreamPart =
  | { readonly kind: 'piece'; readonly piece: TextPiece }
  | { readonly kind: 'continuation'; readonly continuation: ContinuedPrompt };

/** What a generation calls while it runs. */
export interface Listener {
  readonly onPiece: (piece: TextPiece) => void;
  readonly onContinuation: (continuation: ContinuedPrompt) => void;
  readonly signal: AbortSignal;
}

/** The parts of a generation as they come. Leaving the loop, or the signal, ends the computation. */
export async function* streamed(
  generate: (listener: Listener) => Promise<unknown>,
  signal: AbortSignal,
): AsyncGenerator<StreamPart> {
  const leaving = new AbortController();
  const parts = new Readable({ objectMode: true, read: () => {} });
  const running = generate({
    onPiece: (piece) => void parts.push({ kind: 'piece', piece }),
    onContinuation: (continuation) => void parts.push({ kind: 'continuation', continuation }),
    signal: AbortSignal.any([signal, leaving.signal]),
  });
  running.then(
    () => parts.push(null),
    (error: unknown) => parts.destroy(error as Error),
  );
  try {
    yield* parts as AsyncIterable<StreamPart>;
  } finally {
    leaving.abort();
    await running.catch(() => {});
  }
}
