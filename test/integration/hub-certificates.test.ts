import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HubServer } from '../../libs/hub/src/hub-server.fixture.ts';
import { certificateAuthority } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Node.js reads the authorities that it trusts when it starts: so these are processes. */

const ALPHAPO = join(import.meta.dirname, '../../cli/bin/alphapo.js');

async function fetchModel(endpoint: string, out: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const args = ['fetch-model', '--repo', 'team/model', '--endpoint', endpoint, '--out', out];
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, ...environment };
  const { stderr } = await promisify(execFile)(process.execPath, [ALPHAPO, ...args], { env });
  return stderr;
}

test('a hub behind an authority of one’s own is refused with what to do, and with that authority it is not', async () => {
  const folder = await temporaryFolder();
  const authority = await certificateAuthority();
  const { certificate: cert, key } = await authority.issue();
  const files = {
    'config.json': Buffer.from('{}'),
    'tokenizer.json': Buffer.from('{}'),
    'model.safetensors': Buffer.alloc(8),
  };
  await using hub = new HubServer(files, { cert, key });
  const endpoint = await hub.listen();
  await expect(fetchModel(endpoint, join(folder, 'first'))).rejects.toMatchObject({
    stderr: expect.stringMatching(/certificate of https:.*NODE_EXTRA_CA_CERTS.*huggingFace.caSecret/),
  });
  expect(hub.requests).toBe(0);
  const file = join(folder, 'authority.pem');
  await writeFile(file, authority.certificate);
  expect(await fetchModel(endpoint, join(folder, 'second'), { NODE_EXTRA_CA_CERTS: file })).toContain(
    'fetched team/model',
  );
});
