import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { serve } from './scorer.fixture.ts';

const folder = join(dirname(createRequire(import.meta.url).resolve('@grpc/reflection')), '../proto');

interface Described {
  readonly fileDescriptorResponse: { readonly fileDescriptorProto: readonly [Buffer] };
}

interface Reflection {
  close(): void;
  serverReflectionInfo(): NodeJS.EventEmitter & { write(request: object): void; end(): void };
}

test('reflection lists the services of a server, that for health checks too, and describes them', async () => {
  const { server, connection } = await serve();
  await using _ = server;
  using _connection = connection;
  const definition = loadSync(join(folder, 'grpc/reflection/v1/reflection.proto'), { includeDirs: [folder] });
  // biome-ignore lint/suspicious/noExplicitAny: the client is made of a file when it is needed
  const Client = (loadPackageDefinition(definition) as any).grpc.reflection.v1.ServerReflection;
  const client: Reflection = new Client(server.address, credentials.createInsecure());
  const ask = (request: object) =>
    new Promise<unknown>((resolve, reject) => {
      const stream = client.serverReflectionInfo();
      stream.on('data', resolve).on('error', reject);
      stream.write(request);
      stream.end();
    });
  expect(await ask({ listServices: '' })).toMatchObject({
    listServicesResponse: { service: [{ name: 'alphapo.v1.ScorerService' }, { name: 'grpc.health.v1.Health' }] },
  });
  const { fileDescriptorResponse } = (await ask({ fileContainingSymbol: 'grpc.health.v1.Health' })) as Described;
  const [bytes] = fileDescriptorResponse.fileDescriptorProto;
  const { messageType } = fromBinary(FileDescriptorProtoSchema, bytes);
  const list = messageType.find(({ name }) => name === 'HealthListResponse');
  // Clients in Go reject the file where the name of a map's entries is another one.
  expect(list?.field.map(({ typeName }) => typeName)).toEqual(['.grpc.health.v1.HealthListResponse.StatusesEntry']);
  expect(list?.nestedType.map(({ name }) => name)).toEqual(['StatusesEntry']);
  client.close();
});
