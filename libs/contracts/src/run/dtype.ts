import { z } from 'zod';

/**
 * The element type of frozen weights and activations. What is trained, and sums over many elements, are float32 whatever
 * it says, the objective float64.
 */
export const dtypeSchema = z.enum(['float32', 'bfloat16', 'float16']);

export type Dtype = z.infer<typeof dtypeSchema>;
