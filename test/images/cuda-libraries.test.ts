import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cudaLibraries, cudaProvider, describeCudaStandIns } from '../placement/cuda-stand-ins.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CHECK = join(import.meta.dirname, '../../services/scorer/image/check-cuda-libraries.sh');
/** Versions that no machine has. */
const [OURS, OTHER] = [99, 98];
const cuda = (version: number) => ['cublasLt', 'cublas', 'cudart'].map((name) => `lib${name}.so.${version}`);
const CUDNN = 'libcudnn.so.9';
const DRIVER = 'libcuda.so.1';

/** Runs the check as the image's build does, with the libraries of a folder. */
function check(provider: string, libraries?: string): { status: number | null; message: string } {
  const env = { PATH: process.env.PATH, ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }) };
  const { status, stderr } = spawnSync('sh', [CHECK, provider], { encoding: 'utf8', env });
  return { status, message: stderr };
}

/** Whether the loader finds a library here. */
function isOnMachine(library: string): boolean {
  const { stderr } = spawnSync('ldd', ['/bin/sh'], { encoding: 'utf8', env: { LD_PRELOAD: library } });
  return !stderr?.includes('cannot be preloaded');
}

/** Makes an empty shared library that is linked with others of its folder; returns its path. */
function makeLibrary(folder: string, name: string, linked: readonly string[] = []): string {
  const path = join(folder, name);
  const options = ['-shared', `-Wl,-soname,${name}`, '-Wl,--no-as-needed', '-nostdlib', '-o', path];
  execFileSync('cc', [...options, ...linked.map((library) => join(folder, library)), '-x', 'c', '/dev/null']);
  return path;
}

/** A provider that is linked with our CUDA, and an image with the libraries of these names. */
async function imageWith(libraries: readonly string[]): Promise<{ provider: string; libraries: string }> {
  const folder = await temporaryFolder();
  const [built, image] = [join(folder, 'built'), join(folder, 'image')];
  await mkdir(built);
  await mkdir(image);
  for (const name of [...cuda(OURS), DRIVER]) makeLibrary(built, name);
  for (const name of libraries) makeLibrary(image, name);
  return { provider: makeLibrary(built, 'provider.so', [...cuda(OURS), DRIVER]), libraries: image };
}

const withCompiler =
  spawnSync('cc', ['--version']).status === 0 && process.platform === 'linux' ? describe : describe.skip;

const withoutCudnn = isOnMachine(CUDNN) ? test.skip : test;

withCompiler('the image of the CUDA scorer', () => {
  test('is built where all libraries of the provider are there; the driver comes with the node', async () => {
    const { provider, libraries } = await imageWith([...cuda(OURS), CUDNN]);
    expect(check(provider, libraries)).toEqual({ status: 0, message: '' });
  });

  test('with another CUDA is refused with what is missing, what is there, and which base to choose', async () => {
    const { provider, libraries } = await imageWith([...cuda(OTHER), CUDNN]);
    const { status, message } = check(provider, libraries);
    expect(status).toBe(1);
    for (const name of cuda(OURS)) expect(message).toContain(`${name} is missing`);
    expect(message).not.toContain(CUDNN);
    expect(message).toMatch(/linked with CUDA 99\. The image has .*libcudart\.so\.98/);
    expect(message).toContain('CUDA_IMAGE=docker.io/nvidia/cuda:99.');
  });

  withoutCudnn('without cuDNN, which the provider loads later, is refused', async () => {
    const { provider, libraries } = await imageWith(cuda(OURS));
    const { status, message } = check(provider, libraries);
    expect(status).toBe(1);
    expect(message).toContain('libcudnn.so.9 is missing');
    expect(message).not.toContain('linked with');
  });

  test('without the provider is refused', () => {
    const { status, message } = check('/nowhere/libonnxruntime_providers_cuda.so');
    expect(status).toBe(1);
    expect(message).toContain('no CUDA provider');
  });
});

describeCudaStandIns('the provider of the package onnxruntime-gpu', () => {
  test('passes beside libraries of the version that it is linked with', () => {
    expect(check(cudaProvider, cudaLibraries)).toEqual({ status: 0, message: '' });
  });

  test('is refused where what it is linked with is missing', () => {
    const needed = execFileSync('ldd', [cudaProvider], { encoding: 'utf8', env: { PATH: process.env.PATH } });
    const missing = needed.match(/\blibcu\S+(?= => not found)/g)?.filter((name) => name !== DRIVER) ?? [];
    const { status, message } = check(cudaProvider);
    expect(status).toBe(missing.length > 0 ? 1 : 0);
    for (const name of missing) expect(message).toContain(`${name} is missing`);
  });
});
