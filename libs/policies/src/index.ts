export { loadAdapter } from './adapter.ts';
export { PolicySource } from './policy-source.ts';
