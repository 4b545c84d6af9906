import { inspect } from 'node:util';
import { Secret } from './secret.ts';

test('a secret is seen by whoever asks for it, and by no log or message', () => {
  const secret = new Secret('hunter2');
  expect(secret.reveal()).toBe('hunter2');
  const shown = [`${secret}`, String(secret), JSON.stringify({ secret }), inspect({ secret }, { showHidden: true })];
  for (const text of shown) {
    expect(text).toContain('[secret]');
    expect(text).not.toContain('hunter2');
  }
});
