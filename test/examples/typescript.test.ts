import { join } from 'node:path';
import { smallModel } from '../integration/services.fixture.ts';
import { ServiceProcess } from '../support/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { runTypeScript } from './commands.ts';
import { exampleEnvironment, startExampleServices } from './example-services.ts';
import { expectFollowed, expectTokenizedAndScored } from './expected-output.ts';

test('the TypeScript examples tokenize, score and follow a run over TLS with a token', async () => {
  const folder = await temporaryFolder();
  const log = ['--log', join(folder, 'log.sqlite')];
  await using services = await startExampleServices({ folder, model: await smallModel() }, log);
  const environment = exampleEnvironment(services);
  const following = runTypeScript(['follow.ts'], environment);
  const data = join(import.meta.dirname, '../../examples/pairs.jsonl');
  await using producer = new ServiceProcess(['produce', ...log, '--data', data, '--end']);
  const tokenized = await runTypeScript(['tokenize.ts', 'After 1 comes 2'], environment);
  const scored = await runTypeScript(['score.ts', 'After 1 comes ', '2', '1'], environment);
  await expectTokenizedAndScored(tokenized + scored, services);
  expect(await producer.exited()).toBe(0);
  expectFollowed(await following);
});
