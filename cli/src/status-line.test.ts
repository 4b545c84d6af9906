import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { Screen, terminalStream } from '../../test/terminal/screen.ts';
import { StatusLine } from './status-line.ts';

const WIDTHS = [20, 60, 80, 120];
const text = fc
  .string({ unit: fc.constantFrom(...'abc def·/'), minLength: 1, maxLength: 200 })
  .map((line) => `[${line}]`);

test('lines that are written while the status line changes stay whole, above it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...WIDTHS),
      fc.array(text, { maxLength: 12 }),
      text,
      async (columns, lines, status) => {
        const screen = new Screen(columns);
        const stream = terminalStream(screen, columns);
        stream.write('before\n');
        const line = new StatusLine(stream, () => `${status} begins`);
        for (const [index, written] of lines.entries()) {
          line.update(() => `${status} ${index}`);
          stream.write(`${written}\n`);
        }
        line.update(() => status);
        line.stop();
        stream.write('after\n');
        expect(await screen.lines()).toEqual(['before', ...lines, status.slice(0, columns - 1), 'after']);
      },
    ),
    { numRuns: 60 },
  );
});

test('a line that comes in parts is not cut by the status line', async () => {
  const screen = new Screen(60);
  const stream = terminalStream(screen, 60);
  const line = new StatusLine(stream, () => 'status');
  stream.write('first ');
  line.update(() => 'later status');
  await sleep(150);
  stream.write('second\n');
  line.stop();
  expect(await screen.lines()).toEqual(['first second', 'later status']);
});

test('streams to the same terminal share it', async () => {
  const screen = new Screen(60);
  const [stream, other] = [terminalStream(screen, 60), terminalStream(screen, 60)];
  const line = new StatusLine(stream, () => 'status', [other]);
  other.write('from standard output\n');
  line.stop();
  other.write('after\n');
  expect(await screen.lines()).toEqual(['from standard output', 'status', 'after']);
});

test.each([
  [120, 60],
  [60, 120],
])('a terminal that is resized from %i to %i columns loses no line', async (from, to) => {
  const screen = new Screen(from);
  const stream = terminalStream(screen, from);
  const line = new StatusLine(stream, (columns) => '='.repeat(columns));
  stream.write('first\n');
  Object.assign(stream, { columns: to });
  screen.resize(to);
  stream.emit('resize');
  await sleep(400);
  stream.write('second\n');
  line.stop();
  const lines = await screen.lines();
  expect(lines).toEqual(expect.arrayContaining(['first', 'second']));
  expect(lines.at(-1)).toBe('='.repeat(to - 1));
});
