import type { ContinuedPrompt } from '@alphapo/generation';
import { type Listener, streamed } from './stream.ts';

const piece = (text: string) => ({ prompt: 0, index: 0, text, tokens: [], logProbs: [], top: [] });

/** A generation that runs until its signal, and has given out two pieces. */
function endless() {
  const state = { ended: false };
  const generate = async ({ onPiece, signal }: Listener) => {
    onPiece(piece('a'));
    onPiece(piece('b'));
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    }).finally(() => {
      state.ended = true;
    });
  };
  return { generate, state };
}

test('parts come as they are given out, and the stream ends with the generation', async () => {
  const continuation = { ...piece('ab'), finish: 'stop' } as ContinuedPrompt;
  const generate = async ({ onPiece, onContinuation }: Listener) => {
    onPiece(piece('ab'));
    onContinuation(continuation);
  };
  const parts = await Array.fromAsync(streamed(generate, new AbortController().signal));
  expect(parts).toEqual([
    { kind: 'piece', piece: piece('ab') },
    { kind: 'continuation', continuation },
  ]);
});

test('whoever leaves the loop ends the generation, and it has ended when the loop is left', async () => {
  const { generate, state } = endless();
  for await (const part of streamed(generate, new AbortController().signal)) {
    expect(part).toMatchObject({ piece: { text: 'a' } });
    break;
  }
  expect(state.ended).toBe(true);
});

test("the caller's signal ends the generation while the stream waits for it, with the signal's reason", async () => {
  const { generate, state } = endless();
  const gone = new AbortController();
  const texts: unknown[] = [];
  const reading = (async () => {
    for await (const part of streamed(generate, gone.signal)) {
      texts.push(part);
      if (texts.length === 2) setImmediate(() => gone.abort(new Error('the caller is gone')));
    }
  })();
  await expect(reading).rejects.toThrow('the caller is gone');
  expect([texts.length, state.ended]).toEqual([2, true]);
});

test('an error of the generation is thrown behind what was given out', async () => {
  const generate = async () => {
    throw new Error('no such token');
  };
  await expect(Array.fromAsync(streamed(generate, new AbortController().signal))).rejects.toThrow('no such token');
});
