import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HubServer } from '../../../libs/hub/src/hub-server.fixture.ts';

/**
 * A hub with one model, in a pod of the trial: `serve.ts FOLDER PORT`. It speaks HTTPS with the certificate and
 * key in /identity. Callers need the token in HUB_TOKEN, and no connection lives to bring
 * the whole of a large file: who has it in the end went on where it was cut off.
 */

const [folder, port] = process.argv.slice(2) as [string, string];
const files = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))] as const);
const identity = (name: string) => readFileSync(join('/identity', name), 'utf8');
const server = new HubServer(Object.fromEntries(files), { cert: identity('tls.crt'), key: identity('tls.key') });
server.token = process.env.HUB_TOKEN;
server.cuts = {
  after: Math.ceil(Math.max(...files.map(([, { length }]) => length)) / 3),
  left: Number.POSITIVE_INFINITY,
};
await server.listen(Number(port), '0.0.0.0');
