import { type Lookup, resolveAddresses } from './addresses.ts';

const answering = (...addresses: string[]): Lookup => {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return async () => found;
};
const failing =
  (code: string): Lookup =>
  () =>
    Promise.reject(Object.assign(new Error(code), { code }));

test('addresses stand for themselves', async () => {
  expect(await resolveAddresses('127.0.0.1:50061')).toEqual(['127.0.0.1:50061']);
  expect(await resolveAddresses('[::1]:50061')).toEqual(['[::1]:50061']);
  await expect(resolveAddresses('scorer')).rejects.toMatchObject({ reason: 'INVALID_ADDRESS' });
});

test('a name stands for all its addresses, those of IPv6 where there are no others', async () => {
  expect(await resolveAddresses('s:1', answering('10.0.0.1', '10.0.0.2'))).toEqual(['10.0.0.1:1', '10.0.0.2:1']);
  expect(await resolveAddresses('s:1', answering('fd00::1', 'fd00::2'))).toEqual(['[fd00::1]:1', '[fd00::2]:1']);
  expect(await resolveAddresses('s:1', answering('fd00::1', '10.0.0.1'))).toEqual(['10.0.0.1:1']);
});

test('a name that is not there has no addresses, and a DNS that does not answer is an error', async () => {
  expect(await resolveAddresses('s:1', failing('ENOTFOUND'))).toEqual([]);
  await expect(resolveAddresses('s:1', failing('EAI_AGAIN'))).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'HOST_LOOKUP_FAILED',
  });
});
