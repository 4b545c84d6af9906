import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { initModel, TINY_CONFIG } from '@alphapo/cli';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ALPHAPO = join(import.meta.dirname, '../../cli/bin/alphapo.js');
/** Starting takes seconds on a busy machine, and so does draining. */
const TIMEOUT_MS = 180_000;

/** What npx does: it starts the program, directly or by a shell that waits for it, and says by `npm_command` that it does. */
const LAUNCHER = `
  const { spawn } = require('node:child_process');
  const [, ...command] = process.argv;
  spawn(command[0], command.slice(1), { stdio: 'inherit', env: { ...process.env, npm_command: 'exec' } });
`;
/** The processes of the last test, as a group. */
let group: number | undefined;
afterEach(() => {
  try {
    // A test that ran out of time leaves its service.
    if (group !== undefined) process.kill(-group, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
});

/** The second command keeps the shell: with one alone it would become the program. */
const SHELL = ['/bin/sh', '-c', '"$@"; true', 'alphapo'];

test.each([
  ['directly', []],
  ['by a shell', SHELL],
])(
  'a service that a launcher like npx started %s ends once the launcher is killed',
  async (_how, by) => {
    const model = await temporaryFolder();
    await initModel(model, TINY_CONFIG, 1);
    const service = [process.execPath, ALPHAPO, 'serve', 'scorer', '--model', model, '--address', '127.0.0.1:0'];
    const launcher = spawn(process.execPath, ['--eval', LAUNCHER, ...by, ...service], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    group = launcher.pid;
    const events: string[] = [];
    const lines = createInterface({ input: launcher.stderr });
    const started = new Promise<void>((resolve) =>
      lines.on('line', (line) => {
        events.push(line);
        if (line.includes('scorer.started')) resolve();
      }),
    );
    // The pipe ends with the last process that writes to it, which is the service.
    const ended = once(lines, 'close');
    await Promise.race([started, ended]);
    expect(events.at(-1)).toContain('scorer.started');
    launcher.kill('SIGKILL');
    await ended;
  },
  TIMEOUT_MS,
);
