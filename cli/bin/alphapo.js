#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { runWithInstalledNode } from './installed-node.js';
import { whenLauncherIsGone } from './launcher-watch.js';

/** The program is TypeScript, and uses what Node.js can do from this version on. */
const NODE_VERSION = 24;

if (Number.parseInt(process.versions.node, 10) >= NODE_VERSION) {
  const { runProgram } = await import('../src/main.ts');
  whenLauncherIsGone(process.env, () => process.kill(process.pid, 'SIGTERM'));
  await runProgram(process.argv);
} else {
  runWithInstalledNode(NODE_VERSION, fileURLToPath(import.meta.url));
}
