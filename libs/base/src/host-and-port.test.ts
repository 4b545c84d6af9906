import { formatHostAndPort, parseHostAndPort } from './host-and-port.ts';

test.each([
  ['0.0.0.0:50051', '0.0.0.0', 50_051],
  ['localhost:0', 'localhost', 0],
  ['scorer.alphapo.svc:65535', 'scorer.alphapo.svc', 65_535],
  ['[::1]:50051', '::1', 50_051],
])('%s is a host and a port, and back', (address, host, port) => {
  expect(parseHostAndPort(address)).toEqual({ host, port });
  expect(formatHostAndPort({ host, port })).toBe(address);
});

test.each([
  'localhost',
  ':1',
  'localhost:',
  'localhost:65536',
  'localhost:x',
  '::1:50051',
  '[::1]',
  '[]:1',
  'a]:1',
  '',
])('%j is none', (address) => {
  expect(() => parseHostAndPort(address)).toThrow(expect.objectContaining({ reason: 'INVALID_ADDRESS' }));
});
