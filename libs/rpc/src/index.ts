export { Admission } from './admission.ts';
export { type Connection, callServerStream, callUnary, connect } from './client.ts';
export { type CallContext, Handlers } from './handlers.ts';
export { HealthClient } from './health-client.ts';
export { inProcess } from './in-process.ts';
export { RpcSecurity } from './security/rpc-security.ts';
export { RpcServer, type Service } from './server.ts';
export { TensorAssembler, tensorsToChunks } from './tensors.ts';
export type { CallSettings } from './transport.ts';
