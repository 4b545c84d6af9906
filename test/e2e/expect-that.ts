/** Throws unless it holds; says what was checked. */
export function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Error(`NOT SO: ${what}`);
  console.log(`ok: ${what}`);
}

/** Throws unless a text contains a part. */
export function expectIn(text: string | undefined, part: string): void {
  if (!text?.includes(part)) throw new Error(`NOT SO: "${text}" says "${part}"`);
}
