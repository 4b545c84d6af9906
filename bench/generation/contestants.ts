import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, peersFolder, python, run, setUpPeers } from '../peers.ts';
import type { Contestant } from './contestant.ts';

const LLAMA = 'node-llama-cpp@3.22.1';
const LLAMA_BINARY = '@node-llama-cpp/linux-x64@3.22.1';
const GGUF = 'gguf==0.19.0';

/**
 * The contestants for a model folder, AlphaPO first; installs into the benchmarks' cache what they need. Without products in bfloat16
 * PyTorch takes minutes for a few prompts, so it is left out.
 */
export function contestantsFor(model: string, bfloat16: 'multiplies' | 'lacks'): Contestant[] {
  if (!existsSync(model)) throw new Error(`${model}: no such folder; give a Llama model's by --model`);
  const llama = installLlama();
  const ours = [process.execPath, join(import.meta.dirname, 'ours.ts')];
  const transformers = [python(), join(import.meta.dirname, 'peer_transformers.py')];
  const llamaCpp = [process.execPath, join(import.meta.dirname, 'peer-llama.mjs'), llama];
  const all: readonly Contestant[] = [
    { name: 'AlphaPO', dtype: 'float32', command: ours, model },
    { name: 'transformers', dtype: 'float32', command: transformers, model },
    { name: 'llama.cpp', dtype: 'float32', command: llamaCpp, model: ggufOf(model, 'f32') },
    { name: 'transformers', dtype: 'bfloat16', command: transformers, model },
    { name: 'llama.cpp', dtype: 'float16', command: llamaCpp, model: ggufOf(model, 'f16') },
    { name: 'llama.cpp', dtype: 'bfloat16', command: llamaCpp, model: ggufOf(model, 'bf16') },
  ];
  return all.filter(({ name, dtype }) => !(name === 'transformers' && dtype === 'bfloat16' && bfloat16 === 'lacks'));
}

/** Makes the Python environment of the peers, with what writes GGUF files. Throws where the peers' scripts are missing. */
export function installPython(): void {
  const peers = peersFolder();
  if (peers === undefined) throw new Error('set ALPHAPO_SHARED to the folder that has bench/setup.sh');
  setUpPeers(peers);
  run(python(), ['-m', 'pip', 'install', '-q', GGUF]);
}

/** Installs node-llama-cpp with its built binary, unless it is there; returns the folder. */
function installLlama(): string {
  const folder = join(cacheFolder(), 'llama');
  if (existsSync(join(folder, 'node_modules/node-llama-cpp'))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  run('npm', ['install', '--prefix', folder, '--ignore-scripts', '--omit=optional', LLAMA, LLAMA_BINARY]);
  return folder;
}

/** Writes the model as a GGUF file and returns where. */
function ggufOf(model: string, type: 'f32' | 'f16' | 'bf16'): string {
  const file = join(cacheFolder(), `generation-${type}.gguf`);
  run(python(), [join(import.meta.dirname, 'to_gguf.py'), model, file, type]);
  return file;
}
