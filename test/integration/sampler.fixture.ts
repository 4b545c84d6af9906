import { SamplerServiceDefinition } from '@alphapo/contracts';
import { connect } from '@alphapo/rpc';
import { type SamplerConfig, startSampler } from '@alphapo/sampler';
import { LOOPBACK, silent } from './services.fixture.ts';

/** A sampler in this process, with both of its doors. */
export async function startTestSampler(model: string, config: Partial<SamplerConfig> = {}) {
  await using opened = new AsyncDisposableStack();
  const sampler = opened.use(
    await startSampler(
      {
        ...{ model, modelName: 'small', adapters: new Map(), executionProvider: 'cpu', threads: 1 },
        ...{ address: LOOPBACK, httpAddress: LOOPBACK },
        ...config,
      },
      silent,
    ),
  );
  const connection = opened.use(connect(SamplerServiceDefinition, sampler.address, config.security));
  const owned = opened.move();
  return {
    connection,
    address: sampler.address,
    httpPort: Number(sampler.httpAddress?.split(':').at(-1)),
    url: `${config.security?.httpsOptions() === undefined ? 'http' : 'https'}://${sampler.httpAddress}/v1`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
