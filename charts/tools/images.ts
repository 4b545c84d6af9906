import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_PREFIX, IMAGE_NAMES, imageReference } from './image-names.ts';

/** Builds the images with buildah or docker, the same bytes for the same commit, and prints their sizes: `npm run images`. */

const ROOT = join(import.meta.dirname, '../..');
const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const TARGETS = Object.keys(IMAGE_NAMES);

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: ['alphapo'] },
    tag: { type: 'string', default: VERSION },
    prefix: { type: 'string', default: DEFAULT_PREFIX },
    'node-image': { type: 'string' },
    'cuda-image': { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.help) {
  console.log(`Builds images with buildah or docker and prints their sizes.
  --target NAME      ${TARGETS.join(', ')}; may be given again (default: alphapo, which the chart runs)
  --tag TAG          (default: ${VERSION})
  --prefix TEXT      before the images' names (default: ${DEFAULT_PREFIX})
  --node-image REF   base, best by digest: docker.io/library/node@sha256:…
  --cuda-image REF   base of scorer-cuda: CUDA 13 with cuDNN 9; its build names what is missing`);
} else {
  const builder = ['buildah', 'docker'].find((program) => spawnSync(program, ['--version']).status === 0);
  if (builder === undefined) throw new Error('neither buildah nor docker is on the PATH');
  for (const target of values.target) build(builder, target);
}

function build(builder: string, target: string): void {
  if (!TARGETS.includes(target))
    throw new Error(`--target ${target}: there is no such image; there are ${TARGETS.join(', ')}`);
  const image = imageReference(target, values.tag, values.prefix);
  const time = execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' }).trim();
  const bases = Object.entries({ NODE_IMAGE: values['node-image'], CUDA_IMAGE: values['cuda-image'] }).flatMap(
    ([name, reference]) => (reference === undefined ? [] : ['--build-arg', `${name}=${reference}`]),
  );
  const options = ['--target', target, '-t', image, ...bases];
  const command =
    builder === 'buildah'
      ? ['build', '--isolation', 'chroot', '--network', 'host', '--layers', '--timestamp', time, ...options, '.']
      : ['build', '--build-arg', `SOURCE_DATE_EPOCH=${time}`, ...options, '.'];
  execFileSync(builder, command, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  console.log(`${image}\t${sizeOf(builder, image)}`);
}

function sizeOf(builder: string, image: string): string {
  return execFileSync(builder, ['images', '--format', '{{.Size}}', image], { encoding: 'utf8' }).trim();
}
