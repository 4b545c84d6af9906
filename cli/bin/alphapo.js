#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runWithInstalledNode } from './installed-node.js';
import { whenLauncherIsGone } from './launcher-watch.js';

/** The program is TypeScript, and uses what Node.js can do from this version on. */
const NODE_VERSION = 24;

if (Number.parseInt(process.versions.node, 10) >= NODE_VERSION) {
  // V8 13.6 may end the process when it replaces a wrapper of WebAssembly's imports ("Check failed: jit_page_->allocations_.erase",
  // nodejs/node#64500), and Node.js strips types by WebAssembly in every thread. Such wrappers are never replaced.
  setFlagsFromString('--wasm-wrapper-tiering-budget=2147483647');
  const { keepCompiledSources } = await import('./compile-cache.js');
  keepCompiledSources(process.env);
  const { runProgram } = await import('../src/main.ts');
  whenLauncherIsGone(process.env, () => process.kill(process.pid, 'SIGTERM'));
  await runProgram(process.argv);
} else {
  runWithInstalledNode(NODE_VERSION, fileURLToPath(import.meta.url));
}
