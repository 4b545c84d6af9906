import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelFolder } from '@alphapo/engine/testing';
import type { Graph, Value } from '@alphapo/graph';
import { CASE_MARK, type Gpu, type GraphCase, graphOf, type SessionsToCreate } from './graph-cases.ts';

/** How a process finds a GPU's libraries. */
export interface GpuProcess {
  readonly environment: NodeJS.ProcessEnv;
  readonly nodeArguments: readonly string[];
}

/** Where the nodes of a graph run. */
export interface Placement {
  /** How many are on the GPU. */
  readonly onGpu: number;
  /**
   * Those on the CPU, as "operator what": of a node's element types the one that GPUs support least, `loop` where it has a body,
   * `extents` where it computes the shapes that others need.
   */
  readonly onCpu: readonly string[];
}

const PROVIDERS = { cuda: 'CUDAExecutionProvider', webgpu: 'WebGpuExecutionProvider' } as const;
const CPU = 'CPUExecutionProvider';

/**
 * Where ONNX Runtime runs each node of the cases' graphs, after its optimizations, as its log says when a session is made.
 * A session that cannot be made is an error. `folder` is that of the model.
 */
export async function placements(
  gpu: Gpu,
  { environment, nodeArguments }: GpuProcess,
  { folder, cases }: { readonly folder: string; readonly cases: readonly GraphCase[] },
): Promise<Placement[]> {
  const given: SessionsToCreate = { gpu, folder, cases };
  const script = join(import.meta.dirname, 'create-sessions.ts');
  const logFile = join(folder, 'sessions.log');
  await using log = await open(logFile, 'w');
  // A file, because Node.js makes pipes non-blocking: ONNX Runtime stops to log when one is full.
  const child = spawn(process.execPath, [...nodeArguments, script, JSON.stringify(given)], {
    env: environment,
    stdio: ['ignore', 'ignore', log.fd],
  });
  const [code, signal] = await once(child, 'exit');
  const text = await readFile(logFile, 'utf8');
  if (code !== 0)
    throw new Error(`no sessions on ${gpu}: the process ended with ${signal ?? code}:\n${text.slice(-3000)}`);
  const logs = text.split(`${CASE_MARK}\n`).slice(1);
  const model = await ModelFolder.open(folder);
  return cases.map((one, i) => placementIn(logs[i] ?? '', gpu, graphOf(model, gpu, one)));
}

function placementIn(log: string, gpu: Gpu, graph: Graph): Placement {
  const kinds = nodeKinds(graph);
  let provider = '';
  const counts = new Map<string, number>();
  const onCpu: string[] = [];
  for (const line of log.split('\n')) {
    const group = /odes?(?:\(s\))? placed on \[(\w+)\]\. Number of nodes: (\d+)/.exec(line);
    if (group !== null) {
      provider = group[1] as string;
      counts.set(provider, (counts.get(provider) ?? 0) + Number(group[2]));
      continue;
    }
    const node = /VerifyEachNodeIsAssignedToAnEp\] {3}(\S+) \((.+)\)$/.exec(line);
    if (node !== null && provider === CPU) onCpu.push(`${node[1]} ${kindOf(node[2] as string, kinds)}`);
  }
  const onGpu = counts.get(PROVIDERS[gpu]);
  if (onGpu === undefined || onCpu.length !== (counts.get(CPU) ?? 0)) {
    throw new Error(`the log of ONNX Runtime does not say where the nodes run:\n${log.slice(-2000)}`);
  }
  return { onGpu, onCpu };
}

/** What a node with a name works on: see Placement. */
function kindOf(name: string, kinds: ReadonlyMap<string, string>): string {
  if (/(^|\/)(extents?|product)_\d+(\/\d+)?$/.test(name)) return 'extents';
  return kinds.get(name.replace(/\/\w+Fusion\/$/, '')) ?? `unknown (${name})`;
}

const LEAST_SUPPORTED = ['f64', 'bf16', 'i64', 'bool', 'f16', 'f32'] as const;

function nodeKinds(graph: Graph, kinds = new Map<string, string>()): Map<string, string> {
  const typeOf = (values: readonly Value[]): string => {
    const types = new Set(values.map(({ type }) => type));
    return LEAST_SUPPORTED.find((type) => types.has(type)) ?? 'nothing';
  };
  for (const { inputs, outputs, attributes } of graph.nodes) {
    const { body } = attributes as { readonly body?: Graph };
    if (body !== undefined) nodeKinds(body, kinds);
    kinds.set(outputs[0]?.name ?? '', body === undefined ? typeOf([...inputs, ...outputs]) : 'loop');
  }
  for (const { name, value } of graph.outputs) kinds.set(name, typeOf([value]));
  return kinds;
}
