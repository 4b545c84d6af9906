import { execFileSync } from 'node:child_process';
import { readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { temporaryFolder } from '../../../../test/support/temporary-folder.ts';
import { parsePreference, readRecords } from '../index.ts';

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, content);
  return file;
}

async function recordsOf(file: string) {
  const records: { text: string; line: number }[] = [];
  for await (const record of readRecords(file)) {
    expect(record.file).toBe(file);
    records.push({ text: Buffer.from(record.bytes).toString(), line: record.line });
  }
  return records;
}

const read = async (name: string, content: string | Uint8Array) => recordsOf(await fileOf(name, content));
const numbered = (texts: readonly string[]) => texts.map((text, i) => ({ text, line: i + 1 }));

describe('.jsonl', () => {
  test('one record a line, with and without a newline at the end', async () => {
    const expected = numbered(['{"a":1}', '{"a":2}']);
    expect(await read('a.jsonl', '{"a":1}\n{"a":2}\n')).toEqual(expected);
    expect(await read('a.jsonl', '{"a":1}\n{"a":2}')).toEqual(expected);
  });

  test('a byte-order mark, carriage returns and white space are no part of a record', async () => {
    expect(await read('a.jsonl', '\ufeff{"a":1}\r\n\t {"a":2} \r\n')).toEqual(numbered(['{"a":1}', '{"a":2}']));
  });

  test('blank lines are left out, but counted', async () => {
    expect(await read('a.jsonl', '\n{"a":1}\n \t\r\n\n{"a":2}\n\n')).toEqual([
      { text: '{"a":1}', line: 2 },
      { text: '{"a":2}', line: 5 },
    ]);
  });

  test('a line comes as its bytes, valid or not', async () => {
    const file = await fileOf('a.jsonl', Buffer.from([0x7b, 0xff, 0x0a, 0x7d]));
    const records = await Array.fromAsync(readRecords(file), ({ bytes }) => [...bytes]);
    expect(records).toEqual([[0x7b, 0xff], [0x7d]]);
  });

  test('lines may be longer than what is read at once', async () => {
    const lines = [2 ** 21 + 7, 1, 2 ** 20].map((length, i) => `"${`${i}`.repeat(length)}"`);
    expect(await read('a.jsonl', lines.join('\n'))).toEqual(numbered(lines));
  });

  test('a line that is too long is refused by the parser, and takes no more memory than a record may', async () => {
    const long = Buffer.alloc(20 * 2 ** 20, 'a');
    const file = await fileOf('a.jsonl', gzipSync(Buffer.concat([long, Buffer.from('\n{"a":2}\n'), long])));
    const records = await Array.fromAsync(readRecords(file), ({ bytes, line }) => {
      const parsed = parsePreference(bytes);
      return [line, bytes.length, parsed.ok || parsed.reason];
    });
    const limit = 16 * 2 ** 20;
    expect(records).toEqual([
      [1, limit + 1, 'LINE_TOO_LONG'],
      [2, 7, 'MISSING_FIELD'],
      [3, limit + 1, 'LINE_TOO_LONG'],
    ]);
  });
});

describe('.json', () => {
  test('a list of records', async () => {
    expect(await read('a.json', '\ufeff[{"a": 1},\n {"a": 2}]')).toEqual(numbered(['{"a":1}', '{"a":2}']));
  });

  test('an object with one list of records', async () => {
    const text = '{"train": [{"a": 1}, {"a": 2}], "test": []}';
    expect(await read('a.json', text)).toEqual(numbered(['{"a":1}', '{"a":2}']));
  });

  test('the lists of an object are read one after the other', async () => {
    const text = '{"text": [{"a": 1}], "chat": [{"a": 2}, {"a": 3}]}';
    expect(await read('a.json', text)).toEqual(numbered(['{"a":1}', '{"a":2}', '{"a":3}']));
  });

  test('an object with a list for evaluation beside another is refused', async () => {
    const text = '{"train": [{"a": 1}], "empty": [], "test": [{"a": 2}, {"a": 3}]}';
    await expect(read('a.json', text)).rejects.toMatchObject({
      code: 'data-loss',
      message: expect.stringMatching(/a\.json has a second list of records, at byte 44.*jq -c '\.train\[\]'/),
    });
  });

  test('a single record, also where all its fields are lists of messages', async () => {
    expect(await read('a.json', '{"prompt": "a"}')).toEqual(numbered(['{"prompt":"a"}']));
    const message = [{ role: 'user', content: 'a' }];
    const pair = JSON.stringify({ prompt: message, chosen: message, rejected: message });
    expect(await read('a.json', pair)).toEqual(numbered([pair]));
    const whole = JSON.stringify({ chosen_messages: message, rejected_messages: message });
    expect(await read('a.json', whole)).toEqual(numbered([whole]));
  });
});

describe('files that would fill the memory', () => {
  const MiB = 2 ** 20;

  test('gzip and zstd bombs are skipped, as JSON and as lines', async () => {
    for (const pack of [gzipSync, zstdCompressSync]) {
      const bomb = Buffer.concat(Array(40).fill(pack(Buffer.alloc(MiB, ' '))));
      expect(bomb.length).toBeLessThan(MiB);
      const list = await fileOf('a.json', Buffer.concat([pack('['), bomb, pack('{"a":1}]')]));
      expect(await recordsOf(list)).toEqual(numbered(['{"a":1}']));
      const file = await fileOf('a.jsonl', Buffer.concat([bomb, pack('\n{"a":1}')]));
      const records = await Array.fromAsync(readRecords(file), ({ bytes, line }) => [bytes.length, line]);
      expect(records).toEqual([
        [16 * MiB + 1, 1],
        [7, 2],
      ]);
    }
  });

  test('a record of a list that is too long comes cut, and the next ones whole', async () => {
    const file = await fileOf('a.json', `["${'a'.repeat(17 * MiB)}",{"a":1}]`);
    const records = await Array.fromAsync(readRecords(file), ({ bytes }) => bytes.length);
    expect(records).toEqual([16 * MiB + 1, 7]);
  });

  test('a record that nests as deep as the stack is named', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    await expect(read('a.json', `[{"a":1},{"a":${deep}}]`)).rejects.toMatchObject({
      reason: 'DATA_DAMAGED',
      message: expect.stringMatching(/a\.json is not valid JSON: it is nested too deeply in record 2/),
    });
    expect(await read('a.jsonl', `{"a":${deep}}`)).toHaveLength(1);
  });

  test('a pipe or a device is refused: it is read twice, and may have no end', async () => {
    const pipe = join(await temporaryFolder(), 'pairs.jsonl');
    execFileSync('mkfifo', [pipe]);
    for (const path of [pipe, '/dev/zero']) {
      await expect(recordsOf(path)).rejects.toMatchObject({
        code: 'invalid-argument',
        reason: 'DATA_NOT_A_FILE',
        message: expect.stringContaining(path),
      });
    }
  });
});

describe('gzip', () => {
  test('is known by its first bytes, whatever the name', async () => {
    const [lines, list] = [gzipSync('{"a":1}\n{"a":2}'), gzipSync('[{"a":1},{"a":2}]')];
    const expected = numbered(['{"a":1}', '{"a":2}']);
    expect(await read('a.jsonl.gz', lines)).toEqual(expected);
    expect(await read('a.jsonl', lines)).toEqual(expected);
    expect(await read('a.json.gz', list)).toEqual(expected);
    expect(await read('a.json', list)).toEqual(expected);
    expect(await read('a.jsonl.gz', '{"a":1}\n{"a":2}')).toEqual(expected);
  });

  test('that is cut off is an error, after the records before the cut', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `{"a":${Math.imul(i, 0x9e3779b1)}}`);
    const whole = gzipSync(lines.join('\n'));
    const file = await fileOf('a.jsonl.gz', whole.subarray(0, whole.length >> 1));
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { line } of readRecords(file)) seen.push(line);
    })();
    await expect(reading).rejects.toMatchObject({
      reason: 'DATA_DAMAGED',
      message: expect.stringMatching(
        `a\\.jsonl\\.gz cannot be read beyond byte ${whole.length >> 1}, after \\d+ records: `,
      ),
    });
    expect(seen.length).toBeLessThan(lines.length);
  });
});

test('a file without records is an error', async () => {
  for (const [name, content] of [
    ['a.jsonl', ''],
    ['a.jsonl', '\n \n'],
    ['a.json', '[]'],
    ['a.json', ''],
    ['a.json.gz', gzipSync('\n')],
    ['a.jsonl.gz', gzipSync('')],
  ] as const) {
    await expect(read(name, content)).rejects.toMatchObject({ code: 'invalid-argument', reason: 'DATA_EMPTY' });
  }
});

test('a file or a folder that is not there is an error with its path', async () => {
  const folder = await temporaryFolder();
  for (const path of [join(folder, 'nowhere.jsonl'), join(folder, 'nowhere'), `${join(folder, 'nowhere')}:test`]) {
    await expect(recordsOf(path)).rejects.toMatchObject({
      code: 'not-found',
      reason: 'DATA_NOT_FOUND',
      message: expect.stringContaining(path),
    });
  }
});

test('a reader that stops early leaves no file open', async () => {
  const lines = Array.from({ length: 200_000 }, (_, i) => `{"a":${Math.imul(i, 0x9e3779b1)}}\n`).join('');
  for (const content of [lines, gzipSync(lines)]) {
    const file = await fileOf('a.jsonl', content);
    for await (const { line } of readRecords(file)) if (line === 3) break;
    await setTimeout(100);
    expect(await isOpen(file)).toBe(false);
  }
});

async function isOpen(file: string): Promise<boolean> {
  const folder = '/proc/self/fd';
  const descriptors = await readdir(folder).catch(() => []);
  const targets = await Promise.all(descriptors.map((name) => readlink(join(folder, name)).catch(() => '')));
  return targets.includes(file);
}
