import type { PlanChange, Planned, Planner } from './memory-planner.ts';

/** Settings with which training would fit, as options of the command line, and the memory that it would take. */
export interface FittingSettings {
  readonly options: string;
  readonly bytes: number;
}

/** A setting that a run could give up. */
interface Change {
  readonly option: string;
  readonly change: PlanChange;
}

const MOST_ADVICE = 3;
const SHORTEST_LENGTH = 64;
const SMALLEST_PACK = 128;

/**
 * What would fit, the cheapest change first: to compute activations again costs time only, then narrower numbers, shorter pairs, and LoRA
 * in place of all weights. Several together come only where none alone is enough. `planned` is the run as it does not fit, in the
 * way to compute that takes least memory within its settings.
 */
export function settingsThatFit(planner: Planner, planned: Planned, limitBytes: number): FittingSettings[] {
  const fit = (changes: readonly Change[]): FittingSettings[] => {
    const bytes = planner(
      Object.assign({ compute: planned.compute }, ...changes.map(({ change }) => change)),
    ).totalBytes;
    return bytes > limitBytes ? [] : [{ options: changes.map(({ option }) => option).join(' '), bytes }];
  };
  /** The longest of the shorter lengths, beside other changes. */
  const shorter = (changes: readonly Change[]): FittingSettings[] => {
    const { compute = planned.compute } = Object.assign({}, ...changes.map(({ change }) => change)) as PlanChange;
    for (const lengths of shorterLengths({ ...planned, compute })) {
      const [fitting] = fit([...changes, lengths]);
      if (fitting !== undefined) return [fitting];
    }
    return [];
  };
  const [compute, types, lora] = [computeChanges(planned), narrowerTypes(planned), loraChanges(planned)];
  const slower = compute.length === 0 ? [[]] : [[], compute];
  const alone = [...compute, ...types].flatMap((change) => fit([change]));
  const found = [...alone, ...shorter([]), ...lora.flatMap((change) => fit([change]))];
  if (found.length > 0) return found.slice(0, MOST_ADVICE);
  const narrow = types.length === 0 ? [[]] : types.map((type) => [type]);
  const method = lora.length === 0 ? [[]] : [[], lora];
  const together = method.flatMap((trained) =>
    narrow.flatMap((type) => slower.map((ways) => [...trained, ...type, ...ways])),
  );
  for (const changes of together) {
    const fitting = changes.length > 1 ? fit(changes) : [];
    const some = fitting.length > 0 ? fitting : shorter(changes);
    if (some.length > 0) return some;
  }
  return [];
}

/** Where the settings hold on to speed. */
function computeChanges({ compute }: Planned): Change[] {
  const options: string[] = [];
  if (compute.activations === 'kept') options.push('--recompute');
  if (compute.packTokens > SMALLEST_PACK) options.push(`--pack-tokens ${SMALLEST_PACK}`);
  if (compute.weights === 'packed') options.push('without --pack-weights');
  if (options.length === 0) return [];
  const packTokens = Math.min(compute.packTokens, SMALLEST_PACK);
  const least = { weights: 'in-place', activations: 'recomputed', packTokens } as const;
  return [{ option: options.join(' '), change: { compute: least } }];
}

/** bfloat16 before float16, which overflows more easily; WebGPU has float16 only. */
function narrowerTypes({ dtype, device }: Planned): Change[] {
  if (dtype !== 'float32') return [];
  const types = device === 'webgpu' ? (['float16'] as const) : (['bfloat16', 'float16'] as const);
  return types.map((type) => ({ option: `--dtype ${type}`, change: { dtype: type } }));
}

function loraChanges({ method }: Planned): Change[] {
  return method.kind === 'full' ? [{ option: 'LoRA instead of --full', change: { method: 'lora' } }] : [];
}

/** Half, a quarter, … of the longest length. */
function shorterLengths({ lengths, compute }: Planned): Change[] {
  const changes: Change[] = [];
  for (let factor = 2; lengths.maxLength / factor >= SHORTEST_LENGTH; factor *= 2) {
    const maxLength = Math.floor(lengths.maxLength / factor);
    const maxPromptLength = Math.max(1, Math.floor(lengths.maxPromptLength / factor));
    const packTokens = Math.min(compute.packTokens, maxLength);
    const change = { lengths: { maxLength, maxPromptLength }, compute: { ...compute, packTokens } };
    changes.push({ option: `--max-length ${maxLength}`, change });
  }
  return changes;
}
