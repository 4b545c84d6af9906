import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where SwiftShader may lie: where install.sh puts it, and where browsers bring it. */
const FOLDERS = [
  join(import.meta.dirname, '../../node_modules/.cache/swiftshader'),
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/opt/google/chrome',
];

const findDescription = () => FOLDERS.map((folder) => join(folder, 'vk_swiftshader_icd.json')).find(existsSync);

/** The environment of a process that shall find SwiftShader as its only Vulkan device, and the Vulkan loader beside it. */
export function swiftShaderEnvironment(): NodeJS.ProcessEnv {
  const description = findDescription();
  if (description === undefined) throw new Error('no SwiftShader: run test/swiftshader/install.sh');
  const libraries = [dirname(description), process.env.LD_LIBRARY_PATH ?? ''].filter((folder) => folder !== '');
  return { ...process.env, VK_ICD_FILENAMES: description, LD_LIBRARY_PATH: libraries.join(':') };
}

/** A `describe` for tests on SwiftShader. Without it they are skipped, and the name says so; but never in CI. */
export function describeSwiftShader(name: string, tests: () => void): void {
  if (findDescription() !== undefined || process.env.CI === 'true') describe(name, tests);
  else describe.skip(`${name} (skipped: no SwiftShader; run test/swiftshader/install.sh)`, tests);
}
