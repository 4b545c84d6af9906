import type { Gpu } from './graph-cases.ts';

/** Operators that ONNX Runtime runs on the CPU in graphs for a GPU. */
interface Exceptions {
  /** What they work on, as `Placement` names it. */
  readonly on: string;
  readonly operators: readonly string[];
  readonly reason: string;
}

/** All there may be. One that is not needed any more must go: then the GPU has the operator. */
const EXCEPTIONS: { readonly [K in Gpu]: readonly Exceptions[] } = {
  cuda: [
    {
      on: 'extents',
      operators: ['Concat'],
      reason: 'The extents of a shape are in the memory of the CPU, where Reshape and Expand read them.',
    },
  ],
  webgpu: [
    {
      on: 'extents',
      operators: ['Concat', 'Shape'],
      reason: 'The extents of a shape are in the memory of the CPU, where Reshape and Expand read them.',
    },
    {
      on: 'loop',
      operators: ['Scan'],
      reason: 'The CPU starts each round of the loop over chunks of the head; the operators of a round are on the GPU.',
    },
    {
      on: 'f64',
      operators: [
        ...['Abs', 'Add', 'Cast', 'Div', 'Equal', 'Exp', 'Expand', 'FusedMatMul', 'Identity', 'Less', 'Log', 'MatMul'],
        ...['Max', 'Min', 'Mul', 'Neg', 'Reshape', 'Sub', 'Tanh', 'Where'],
      ],
      reason: 'WebGPU has no float64, in which the objective is computed: a few numbers per pair.',
    },
    {
      on: 'i64',
      operators: ['Equal', 'Identity', 'Less', 'LessOrEqual', 'Reshape', 'Sub'],
      reason: 'WebGPU computes nothing in int64. The mask comes from the positions of tokens, once per pack.',
    },
    {
      on: 'bf16',
      operators: ['Cast', 'Gather'],
      reason:
        'WebGPU has no bfloat16. The CPU looks up rows of an embedding or a head stored in it, one per token, and widens them. Whole matrices are widened when the session is made.',
    },
    { on: 'bool', operators: ['Or'], reason: 'WebGPU has no such kernel. It is a part of the mask.' },
  ],
};

/** The exceptions of a GPU as `Placement` has them: `Concat extents`. */
export const exceptionsOf = (gpu: Gpu): ReadonlySet<string> =>
  new Set(EXCEPTIONS[gpu].flatMap(({ on, operators }) => operators.map((operator) => `${operator} ${on}`)));
