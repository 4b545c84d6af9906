import { createLogger, type Logger, meter, type NoFields, serveMetrics, type TelemetryEvents } from './index.ts';

type TeaEvents = TelemetryEvents & {
  'cup.drunk': { readonly tea: string };
  'cup.broken': NoFields;
};

const silent = createLogger<TeaEvents>({ service: 'test', level: 'silent' });
const ANY_PORT = { environment: { ALPHAPO_METRICS_ADDRESS: '127.0.0.1:0' } };

async function scrape(address: string | undefined): Promise<string> {
  const response = await fetch(`http://${address}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  return response.text();
}

test('events become metrics, served in the format of Prometheus beside those of the process', async () => {
  const measure = (logger: Logger<TeaEvents>) => {
    const taken = meter.counter({ name: 'test_cups_total', help: 'Cups drunk.', labels: ['tea'] });
    return logger.on({ 'cup.drunk': ({ tea }) => taken.add(1, { tea }) });
  };
  await using metrics = await serveMetrics(ANY_PORT, silent, measure);
  silent.info('cup.drunk', { tea: 'green' });
  silent.with({ table: 3 }).debug('cup.drunk', { tea: 'green' });
  silent.info('cup.broken');
  const text = await scrape(metrics.address);
  expect(text).toContain('# TYPE test_cups_total counter\ntest_cups_total{tea="green"} 2\n');
  expect(text).toMatch(/process_resident_memory_bytes \d+/);
});

test('an observed gauge has the value of the moment, and none while there is none', async () => {
  await using metrics = await serveMetrics(ANY_PORT, silent);
  let depth: number | undefined;
  meter.observed({ name: 'test_depth_metres', help: 'Depth.' }, () => depth);
  expect(await scrape(metrics.address)).not.toMatch(/^test_depth_metres/m);
  depth = 7;
  expect(await scrape(metrics.address)).toMatch(/^test_depth_metres 7$/m);
  depth = undefined;
  expect(await scrape(metrics.address)).not.toMatch(/^test_depth_metres/m);
});

test('a service that stopped counts no more, and its port is free', async () => {
  const seen: string[] = [];
  const metrics = await serveMetrics(ANY_PORT, silent, (logger) =>
    logger.on({ 'cup.drunk': ({ tea }) => void seen.push(tea) }),
  );
  silent.info('cup.drunk', { tea: 'green' });
  await metrics[Symbol.asyncDispose]();
  silent.info('cup.drunk', { tea: 'black' });
  expect(seen).toEqual(['green']);
  await expect(fetch(`http://${metrics.address}/metrics`)).rejects.toThrow();
});

test('other paths are not found', async () => {
  await using metrics = await serveMetrics(ANY_PORT, silent);
  expect((await fetch(`http://${metrics.address}/`)).status).toBe(404);
});

test('an address that is none, or taken, is refused by the name of its variable', async () => {
  await expect(serveMetrics({ environment: { ALPHAPO_METRICS_ADDRESS: '9464' } }, silent)).rejects.toMatchObject({
    reason: 'INVALID_CONFIGURATION',
    message: expect.stringContaining('ALPHAPO_METRICS_ADDRESS'),
  });
  await using taken = await serveMetrics(ANY_PORT, silent);
  await expect(serveMetrics({ environment: { ALPHAPO_METRICS_ADDRESS: taken.address } }, silent)).rejects.toMatchObject(
    {
      reason: 'CANNOT_LISTEN',
    },
  );
});

test('without an address nothing is served', async () => {
  await using metrics = await serveMetrics({}, silent);
  expect(metrics.address).toBeUndefined();
});
