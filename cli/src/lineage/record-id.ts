/** The id that a record of `preferences` gives itself, good or bad; undefined where it has none that can be read. */
export function recordId(value: Uint8Array | null): string | undefined {
  if (value === null) return undefined;
  try {
    const fields = JSON.parse(new TextDecoder().decode(value));
    const id = fields?.id ?? fields?.prompt_id;
    return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined;
  } catch {
    return undefined;
  }
}
