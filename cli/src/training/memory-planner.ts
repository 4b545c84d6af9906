import { type MemoryPlan, planMemory, type WeightSource } from '@alphapo/engine';
import { defaultLoraTargets } from '@alphapo/models';

type Rows = Parameters<typeof planMemory>[2];
/** What of a run decides on its memory. */
export type Planned = Parameters<typeof planMemory>[1];

/** What a plan has in place of the run's own; `lora`: the default factors in place of all weights. */
export type PlanChange = Partial<Pick<Planned, 'compute' | 'lengths' | 'dtype'>> & { readonly method?: 'lora' };

/** Plans of one run in different ways; each is made once. */
export type Planner = (change: PlanChange) => MemoryPlan;

const DEFAULT_RANK = 16;

export function memoryPlanner(model: WeightSource, run: Planned, rows?: Rows): Planner {
  const known = new Map<string, MemoryPlan>();
  return (change) => {
    const key = JSON.stringify(change);
    const { method: kind, ...others } = change;
    const targets = defaultLoraTargets(model.definition);
    const method = kind === undefined ? run.method : { kind, rank: DEFAULT_RANK, alpha: 2 * DEFAULT_RANK, targets };
    // Shorter lengths are about other pairs than those that are there.
    const changedRows = change.lengths === undefined ? rows : undefined;
    const plan = known.get(key) ?? planMemory(model, { ...run, ...others, method }, changedRows);
    known.set(key, plan);
    return plan;
  };
}
