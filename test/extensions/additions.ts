import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Addition } from './copy.ts';

/** Throw-away extensions, as CONTRIBUTING.md tells to make them. */

export interface Extension {
  /** What makes it: the places that CONTRIBUTING.md counts. */
  readonly places: readonly Addition[];
  /** What its recipe adds to tests. */
  readonly tests: readonly Addition[];
}

const ROOT = join(import.meta.dirname, '../..');

/** A file of DPO as one of the objective `probe`, which has no reference. */
const fromDpo = (file: string) =>
  readFileSync(join(ROOT, file.replace('probe', 'dpo')), 'utf8')
    .replaceAll('dpo', 'probe')
    .replace("reference: 'always'", "reference: 'never'")
    .replace("logRatios('base'", "logRatios('none'");

const KINDS = 'libs/contracts/src/objective/kinds';

export const OBJECTIVE: Extension = {
  places: [
    {
      file: 'proto/alphapo/v1/policy.proto',
      after: '    HingeObjective hinge = 8;\n',
      text: '    ProbeObjective probe = 10;\n',
    },
    {
      file: 'proto/alphapo/v1/policy.proto',
      after: 'package alphapo.v1;\n',
      text: '\nmessage ProbeObjective {\n  double beta = 1;\n  double label_smoothing = 2;\n}\n',
    },
    { file: `${KINDS}/probe.ts`, text: fromDpo(`${KINDS}/probe.ts`) },
    {
      file: `${KINDS}/index.ts`,
      after: "import { orpo } from './orpo.ts';\n",
      text: "import { probe } from './probe.ts';\n",
    },
    { file: `${KINDS}/index.ts`, after: 'cpo, hinge, sft', text: ', probe' },
    { file: 'libs/objectives/src/probe.ts', text: fromDpo('libs/objectives/src/probe.ts') },
    {
      file: 'libs/objectives/src/objective.ts',
      after: "import { orpo } from './orpo.ts';\n",
      text: "import { probe } from './probe.ts';\n",
    },
    { file: 'libs/objectives/src/objective.ts', after: 'cpo, hinge, sft', text: ', probe' },
  ],
  tests: [
    { file: 'docs/objectives.md', after: '# Objectives\n', text: '\n`probe` is a trial.\n' },
    {
      file: 'libs/objectives/src/examples.fixture.ts',
      after: '  orpo: [{ beta: 0.1 }],\n',
      text: '  probe: [{ beta: 0.3 }],\n',
    },
    {
      file: 'libs/objectives/src/formulas.fixture.ts',
      after: '  dpo: (objective) => summedRewards(objective),\n',
      text: '  probe: (objective) => summedRewards(objective),\n',
    },
    {
      file: 'libs/objectives/src/objective.test.ts',
      after: '  orpo: joined(fc.record({ beta }), nll),\n',
      text: '  probe: joined(fc.record({ beta }), labelSmoothing, nll),\n',
    },
    {
      file: 'test/placement/graph-cases.ts',
      after: "  orpo: { kind: 'orpo', beta: 0.1 },\n",
      text: "  probe: { kind: 'probe', beta: 0.1 },\n",
    },
    {
      file: 'libs/contracts/src/objective/objective-wire.test.ts',
      after: "  { kind: 'dpo', beta: 0.1, labelSmoothing: 0.2, nll: NLL },\n",
      text: "  { kind: 'probe', beta: 0.1, labelSmoothing: 0.2, nll: NLL },\n",
    },
  ],
};

export const SETTING: Extension = {
  places: [
    {
      file: 'services/tokenizer/src/settings.ts',
      after: '  ...chatTemplateSettings,\n',
      text: "  probe: { schema: z.int().min(1).max(7).default(3), description: 'a trial' },\n",
    },
  ],
  tests: [],
};

export const OPERATOR: Extension = {
  places: [
    { file: 'libs/graph/src/operators.ts', after: '  Erf: None;\n', text: '  Atan: None;\n' },
    { file: 'libs/graph/src/operators.ts', after: '  Erf: computes(same),\n', text: '  Atan: computes(same),\n' },
    {
      file: 'libs/graph/src/derivatives.ts',
      after: "  Erf: unary((g, x) => mul(mul(g, 2 / Math.sqrt(Math.PI)), apply('Exp', [neg(mul(x, x))], {}))),\n",
      text: '  Atan: unary((g, x) => div(g, add(mul(x, x), 1))),\n',
    },
    { file: 'libs/graph/src/onnx/lower.ts', after: "  Erf: direct('Erf'),\n", text: "  Atan: direct('Atan'),\n" },
    {
      file: 'libs/graph/src/build.ts',
      after: "export const erf = (x: Value): Value => apply('Erf', [x], {});\n",
      text: "export const atan = (x: Value): Value => apply('Atan', [x], {});\n",
    },
  ],
  tests: [
    {
      file: 'libs/graph/src/derivatives.test.ts',
      after: '  Exp: [{ inputs: [[3, 4]], build: (x) => exp(x) }],\n',
      text: "  Atan: [{ inputs: [[3, 4]], build: (x) => cast(atan(cast(x, 'f32')), 'f64'), single: true }],\n",
    },
    {
      file: 'libs/graph/src/derivatives.test.ts',
      after: "import { outputGradient, readGradient } from './gradient.fixture.ts';\n",
      text: "import { atan } from './build.ts';\n",
    },
  ],
};
