import { AlphapoError, type FloatTensors } from '@alphapo/base';

/** As PEFT saves LoRA factors: `base_model.model.<module path>.lora_A.weight` [r, in] and `lora_B` [out, r]. */
const FACTOR = /^base_model\.model\.(?<module>.+)\.lora_(?<factor>[AB])\.weight$/;

/**
 * The paths of the adapted modules, in the order of the tensors. Checks that there is nothing but LoRA factors of this
 * rank, both of each module. `place` is for messages. Throws INVALID_ADAPTER, naming the tensor.
 */
export function adaptedModules(tensors: FloatTensors, rank: number, place: string): readonly string[] {
  const factors = new Map<string, Set<string>>();
  for (const [name, { shape }] of tensors) {
    const { module, factor } = FACTOR.exec(name)?.groups ?? {};
    if (module === undefined || factor === undefined) {
      throw invalid(place, name, 'is not a LoRA factor; names are base_model.model.<module>.lora_A.weight and lora_B');
    }
    const rankAxis = factor === 'A' ? 0 : 1;
    if (shape.length !== 2 || shape[rankAxis] !== rank) {
      throw invalid(place, name, `has shape [${shape.join(', ')}]: axis ${rankAxis} of 2 must be the rank, ${rank}`);
    }
    factors.set(module, (factors.get(module) ?? new Set()).add(factor));
  }
  for (const [module, found] of factors) {
    if (found.size === 2) continue;
    const name = `base_model.model.${module}.lora_${found.has('A') ? 'B' : 'A'}.weight`;
    throw invalid(place, name, 'is missing');
  }
  if (factors.size === 0) throw invalid(place, 'lora_A', 'is missing: the file has no tensors');
  return [...factors.keys()];
}

/** Throws INVALID_ADAPTER where a module is adapted that no target names. */
export function checkTargets(modules: readonly string[], targets: readonly string[], place: string): void {
  const named = new Set(targets);
  const longest = targets.reduce((most, target) => Math.max(most, target.length), 0);
  const stray = modules.find((module) => !endsOf(module, longest).some((end) => named.has(end)));
  if (stray === undefined) return;
  throw invalid(
    place,
    `base_model.model.${stray}.lora_A.weight`,
    `belongs to no target module (${targets.join(', ')})`,
  );
}

/** The ends of a module path that begin at one of its parts, such as `c`, `b.c`, `a.b.c`, up to a length. */
function endsOf(module: string, longest: number): readonly string[] {
  const ends: string[] = [];
  let at = module.length;
  while (at >= 0 && module.length - at <= longest) {
    at = at === 0 ? -1 : module.lastIndexOf('.', at - 1);
    ends.push(module.slice(at + 1));
  }
  return ends;
}

/** The last parts of the module paths, each once, sorted: what `all-linear` stands for. */
export function targetsOf(modules: readonly string[]): readonly string[] {
  return [...new Set(modules.map((module) => module.slice(module.lastIndexOf('.') + 1)))].sort();
}

function invalid(place: string, tensor: string, problem: string): AlphapoError {
  return new AlphapoError('invalid-argument', 'INVALID_ADAPTER', `${place}: ${tensor} ${problem}`, {
    metadata: { tensor },
  });
}
