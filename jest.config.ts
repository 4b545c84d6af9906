import type { Config } from 'jest';

/** Jest runs the TypeScript sources as ES modules; swc only strips the types. */
const config: Config = {
  testEnvironment: '<rootDir>/test/environment.ts',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' } }] },
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '\\.slow\\.test\\.ts$'],
  testTimeout: 60_000,
  // Each worker runs ONNX Runtime threads of its own; two fill a small machine.
  maxWorkers: 2,
};

export default config;
