import { AlphapoError, messageOf } from '@alphapo/base';
import type { ExecutionProvider } from '@alphapo/contracts';
import type { ElementType } from '@alphapo/graph';
import { missingForCuda } from './cuda-libraries.ts';

/** How ONNX Runtime is told to compute on a device; docs/devices.md says what each can do. */
interface ProviderOptions {
  /** In the order of preference: the processor takes what the device has no kernel for. */
  readonly executionProviders: readonly (string | { readonly name: string; readonly deviceId: number })[];
  /** Types without kernels: computed in float32, and rounded after every operator. */
  readonly rounded: readonly ElementType[];
  /** Configuration entries below `session.`. */
  readonly session: Readonly<Record<string, string>>;
}

export function providerOptions(provider: ExecutionProvider): ProviderOptions {
  if (provider === 'cpu') return { executionProviders: ['cpu'], rounded: ['f16', 'bf16'], session: {} };
  if (provider === 'webgpu') return { executionProviders: ['webgpu', 'cpu'], rounded: [], session: {} };
  return {
    executionProviders: [{ name: 'cuda', deviceId: Number(provider.split(':')[1] ?? 0) }, 'cpu'],
    rounded: [],
    session: {
      // The arena doubles as it grows: weights get memory of their own size instead.
      use_device_allocator_for_initializers: '1',
      // Sums in a fixed order instead of by atomic additions: the same bits again.
      use_deterministic_compute: '1',
    },
  };
}

/**
 * Settings of the whole process that a device's libraries read once, when they are loaded. Call it on the main thread:
 * a worker's environment is a copy that native code does not see.
 */
export function prepareProcess(provider: ExecutionProvider): void {
  // Products of float32 matrices with factors rounded to 10 bits of mantissa (TF32) are not float32.
  if (provider.startsWith('cuda')) process.env.NVIDIA_TF32_OVERRIDE ??= '0';
}

/** The error to report where a session failed because of its device, which is missing or full; undefined otherwise. */
export function deviceFailure(provider: ExecutionProvider, error: unknown): AlphapoError | undefined {
  if (/Failed to allocate memory for requested buffer|CUDA failure 2:/.test(messageOf(error))) {
    return new AlphapoError(
      'internal',
      'DEVICE_MEMORY',
      `${provider} does not have enough memory; lower max-length, use a narrower dtype, or use a larger device`,
      { cause: error, metadata: { device: provider } },
    );
  }
  const missing = missingFor(provider, messageOf(error));
  if (missing === undefined) return undefined;
  return new AlphapoError(
    'failed-precondition',
    'DEVICE_NOT_AVAILABLE',
    `${provider} cannot be used here: ${missing}. See docs/devices.md, or use cpu`,
    { cause: error, metadata: { device: provider } },
  );
}

function missingFor(provider: ExecutionProvider, message: string): string | undefined {
  if (provider.startsWith('cuda')) return missingForCuda(message);
  if (provider === 'webgpu' && message.includes('requires f16')) return 'its GPU has no float16. Use float32';
  if (provider === 'webgpu' && message.includes('Failed to get a WebGPU adapter')) {
    return process.platform === 'linux'
      ? 'there is no Vulkan device. Install libvulkan1 and the GPU driver (vulkaninfo lists devices), or set VK_ICD_FILENAMES to the JSON file of a driver'
      : 'the system offers no GPU that WebGPU can use';
  }
  return undefined;
}
