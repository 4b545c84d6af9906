import type { Config } from 'jest';

/** Jest runs the TypeScript sources as ES modules; swc only strips the types. */
const config: Config = {
  testEnvironment: '<rootDir>/test/support/environment.ts',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' } }] },
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '\\.slow\\.test\\.ts$'],
  // Some wait for several processes: a machine that is busy with other work takes minutes where an idle one takes seconds.
  testTimeout: 600_000,
  // Each worker runs ONNX Runtime threads of its own; two fill a small machine.
  maxWorkers: 2,
  // Modules of finished files stay in a worker's memory: it is replaced before that fills the machine.
  workerIdleMemoryLimit: '1GB',
};

export default config;
