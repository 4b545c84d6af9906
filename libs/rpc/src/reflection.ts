import { readFileSync } from 'node:fs';
import { descriptorSetFile } from '@alphapo/contracts';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Server } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';

/** Lets a server list its services, and describe all files of the descriptor set. */
export function addReflection(server: Server, services: readonly string[]): void {
  const described = { files: { fileDescriptorProtos: files() } } as unknown as PackageDefinition;
  new ReflectionService(described, { services: [...services] }).addToServer(server);
}

/**
 * The descriptor of each file as the compiler wrote it. proto-loader would make descriptors anew, whose map fields other clients
 * reject (grpcurl: "incorrect implicit map entry name").
 */
function files(): Buffer[] {
  const reader = new BinaryReader(readFileSync(descriptorSetFile));
  const found: Buffer[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) found.push(Buffer.from(reader.bytes()));
    else reader.skip(type, field);
  }
  return found;
}
