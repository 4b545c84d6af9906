import { explainLoadError } from './cuda-libraries.ts';
import { deviceFailure } from './providers.ts';

test.each([
  ['libcuda.so.1', 'driver'],
  ['libcudnn.so.9', 'cuDNN 9'],
  ['libcublasLt.so.12', 'CUDA toolkit'],
])('a missing %s is named with where it comes from', (library, origin) => {
  const message = explainLoadError(`${library}: cannot open shared object file: No such file or directory`);
  expect(message).toContain(library);
  expect(message).toContain(origin);
});

test('other messages of the loader are passed on', () => {
  expect(explainLoadError('undefined symbol: x')).toContain('undefined symbol: x');
});

const onLinux = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip;

onLinux.each([
  ['CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=a', 'DEVICE_NOT_AVAILABLE'],
  ['CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=0', 'DEVICE_NOT_AVAILABLE'],
  [
    'cuDNN is unavailable: dlopen failed for libcudnn.so.9: libcudnn.so.9: cannot open shared object file',
    'DEVICE_NOT_AVAILABLE',
  ],
  ['Failed to allocate memory for requested buffer of size 4294967296', 'DEVICE_MEMORY'],
  ['CUDA failure 2: out of memory ; GPU=0', 'DEVICE_MEMORY'],
])('"%s" is reported as %s', (message, reason) => {
  expect(deviceFailure('cuda', new Error(message))).toMatchObject({ reason });
});

test('other failures are not blamed on the device', () => {
  expect(deviceFailure('cuda', new Error('Non-zero status code returned while running Gemm node'))).toBeUndefined();
});
