/**
 * What a source yields, with the next element asked for while the one before is worked on. Leaving early does not wait for
 * that element: abort the source, and it ends as soon as it can.
 */
export async function* readAhead<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next(); ; ) {
      const { done, value } = await next;
      if (done) return;
      next = iterator.next();
      // Reported when it is consumed.
      next.catch(() => {});
      yield value;
    }
  } finally {
    iterator.return?.().catch(() => {});
  }
}
