import { z } from 'zod';

/**
 * What computes: the processor; an NVIDIA GPU, `cuda` the first and `cuda:1` the second; or any GPU by way of Vulkan,
 * Metal or Direct3D.
 */
export const executionProviderSchema = z.union(
  [z.enum(['cpu', 'cuda', 'webgpu']), z.templateLiteral(['cuda:', z.int().nonnegative()])],
  { error: 'must be cpu, cuda (or cuda:1 for the second GPU) or webgpu' },
);

export type ExecutionProvider = z.infer<typeof executionProviderSchema>;
