import { readFileSync } from 'node:fs';
import { apiPage, apiPageFile } from '../../proto/tools/api-page.ts';

test('docs/api.md is what `npm run proto` makes of the comments', () => {
  expect(readFileSync(apiPageFile, 'utf8')).toBe(apiPage());
});

test('every method, message, field and enum of the API is explained', () => {
  const unexplained = apiPage()
    .split('\n')
    .filter((line) => /^\| `/.test(line) && / \| \|$/.test(line));
  expect(unexplained).toEqual([]);
});
