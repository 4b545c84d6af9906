import { alphapo } from './alphapo.ts';
import { cpo } from './cpo.ts';
import { dpo } from './dpo.ts';
import { hinge } from './hinge.ts';
import { ipo } from './ipo.ts';
import { orpo } from './orpo.ts';
import type { MessageKind, ObjectiveRecord } from './record.ts';
import { sft } from './sft.ts';
import { simpo } from './simpo.ts';

/**
 * The objectives that there are, in the order in which people read them. The types, the schema, the settings with their help
 * and the wire form follow from it; the first is the default.
 */
export const OBJECTIVES = { alphapo, simpo, dpo, ipo, orpo, cpo, hinge, sft } satisfies {
  readonly [K in MessageKind]: ObjectiveRecord & { readonly kind: K };
};
