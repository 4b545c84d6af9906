import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { kafkaClassPath } from '../kafka/installation.ts';

/** The images that the trial needs: built here, and brought to where the cluster's pods find them. */

const ROOT = join(import.meta.dirname, '../..');
export const TAG = 'e2e';
export const IMAGE = 'docker.io/library/alphapo';
export const KAFKA_IMAGE = 'docker.io/library/alphapo-trial-kafka';
export const MODEL_IMAGE = 'docker.io/library/alphapo-trial-model';

export async function buildImages(): Promise<void> {
  buildAlphapoImage();
  await buildKafkaImage();
}

/** Builds the image of all services. */
export function buildAlphapoImage(): void {
  run(process.execPath, ['charts/tools/images.ts', '--target', 'alphapo', '--tag', TAG], ROOT);
}

/** Builds the trial broker's image, of the jars that the tests of messaging use. */
async function buildKafkaImage(): Promise<void> {
  const context = mkdtempSync(join(tmpdir(), 'alphapo-kafka-image-'));
  try {
    cpSync(join(import.meta.dirname, 'kafka-image'), context, { recursive: true });
    cpSync(join(import.meta.dirname, '../kafka/log4j2.properties'), join(context, 'log4j2.properties'));
    for (const jar of (await kafkaClassPath()).split(':')) cpSync(jar, join(context, 'jars', basename(jar)));
    build(KAFKA_IMAGE, context);
  } finally {
    rmSync(context, { recursive: true });
  }
}

/** Builds an image that holds nothing but a model's folder, for volumes, and brings it to the cluster. */
export function makeModelImage(model: string, path: string): void {
  const context = mkdtempSync(join(tmpdir(), 'alphapo-model-image-'));
  try {
    cpSync(model, join(context, 'model'), { recursive: true });
    writeFileSync(join(context, 'Dockerfile'), `FROM scratch\nCOPY model /${path}\n`);
    build(MODEL_IMAGE, context);
  } finally {
    rmSync(context, { recursive: true });
  }
  loadImage(`${MODEL_IMAGE}:${TAG}`);
}

function build(image: string, context: string): void {
  const name = `${image}:${TAG}`;
  if (spawnSync('buildah', ['--version']).status === 0) {
    run('buildah', ['build', '--isolation', 'chroot', '--layers', '--timestamp', '0', '-t', name, context]);
  } else run('docker', ['build', '-t', name, context]);
}

export function loadImages(): void {
  for (const image of [`${IMAGE}:${TAG}`, `${KAFKA_IMAGE}:${TAG}`]) loadImage(image);
}

/** Runs the command of E2E_LOAD_IMAGE for an image, its name in place of {}. Without it the cluster has the image already. */
export function loadImage(image: string): void {
  const command = process.env.E2E_LOAD_IMAGE;
  if (command !== undefined) run('sh', ['-c', command.replaceAll('{}', image)]);
}

function run(program: string, args: readonly string[], cwd?: string): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}
