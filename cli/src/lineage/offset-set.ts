/** Offsets of a page: its bits take 8 KiB. */
const PAGE_BITS = 16n;
const PAGE_BYTES = 2 ** 13;

/**
 * A set of offsets that takes a bit for each of a dense range: a hundred million offsets are 12 MB. Pages that become
 * empty are given back.
 */
export class OffsetSet {
  readonly #pages = new Map<bigint, { readonly bits: Uint8Array; size: number }>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether the offset is new. */
  add(offset: bigint): boolean {
    const number = offset >> PAGE_BITS;
    const page = this.#pages.get(number) ?? { bits: new Uint8Array(PAGE_BYTES), size: 0 };
    const [byte, bit] = placeOf(offset);
    if (((page.bits[byte] as number) & bit) !== 0) return false;
    page.bits[byte] = (page.bits[byte] as number) | bit;
    page.size++;
    this.#size++;
    this.#pages.set(number, page);
    return true;
  }

  has(offset: bigint): boolean {
    const [byte, bit] = placeOf(offset);
    return (((this.#pages.get(offset >> PAGE_BITS)?.bits[byte] ?? 0) as number) & bit) !== 0;
  }

  /** Whether the offset was there. */
  delete(offset: bigint): boolean {
    const page = this.#pages.get(offset >> PAGE_BITS);
    const [byte, bit] = placeOf(offset);
    if (page === undefined || ((page.bits[byte] as number) & bit) === 0) return false;
    page.bits[byte] = (page.bits[byte] as number) & ~bit;
    this.#size--;
    if (--page.size === 0) this.#pages.delete(offset >> PAGE_BITS);
    return true;
  }

  /** The offsets in order. */
  *[Symbol.iterator](): Generator<bigint> {
    for (const [number, { bits }] of [...this.#pages].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const [index, byte] of bits.entries()) {
        if (byte === 0) continue;
        for (let bit = 0; bit < 8; bit++) {
          if ((byte & (1 << bit)) !== 0) yield (number << PAGE_BITS) + BigInt(index * 8 + bit);
        }
      }
    }
  }
}

function placeOf(offset: bigint): [byte: number, bit: number] {
  const within = Number(offset & ((1n << PAGE_BITS) - 1n));
  return [within >> 3, 1 << (within & 7)];
}
