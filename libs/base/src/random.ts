/** A seeded stream of pseudo-random numbers: the same seed gives the same stream on every machine. */
export interface Random {
  /** Uniform in [0, 1) with 32 random bits. */
  next(): number;
  /** Uniform integer in [0, bound). */
  below(bound: number): number;
  /** Standard normal (Box and Muller). */
  normal(): number;
  /** Fisher and Yates, in place. */
  shuffle<T>(items: T[]): T[];
}

const UINT32 = 2 ** 32;

/** sfc32 (Chris Doty-Humphrey's Small Fast Counting generator), seeded through splitmix32. */
export function seededRandom(seed: number): Random {
  let mix = seed >>> 0;
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) | 0;
    let t = mix ^ (mix >>> 16);
    t = Math.imul(t, 0x21f0aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a2d97);
    return (t ^ (t >>> 15)) | 0;
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let counter = 1;
  const uint32 = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) uint32();
  const random: Random = {
    next: () => uint32() / UINT32,
    below: (bound) => Math.floor(random.next() * bound),
    normal: () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next()),
    shuffle: (items) => {
      for (let i = items.length - 1; i > 0; i--) {
        const j = random.below(i + 1);
        const item = items[i] as (typeof items)[number];
        items[i] = items[j] as (typeof items)[number];
        items[j] = item;
      }
      return items;
    },
  };
  return random;
}
