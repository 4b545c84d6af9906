/** Tokens of a call: a slow scorer or sampler answers it within its time limit. */
const CALL_TOKENS = 32_768;

/** Items in calls of at most `most`, and of at most 32,768 tokens where that is possible. */
export function* inCalls<T>(items: readonly T[], most: number, tokensOf: (item: T) => number): Generator<T[]> {
  let call: T[] = [];
  let tokens = 0;
  for (const item of items) {
    const more = tokensOf(item);
    if (call.length > 0 && (call.length === most || tokens + more > CALL_TOKENS)) {
      yield call;
      [call, tokens] = [[], 0];
    }
    call.push(item);
    tokens += more;
  }
  if (call.length > 0) yield call;
}
