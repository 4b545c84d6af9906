import { parseHostAndPort } from '@alphapo/base';
import type { Settings } from '@alphapo/settings';
import { z } from 'zod';

/** Where a service's metrics are. */
export const metricsSettings = {
  metricsAddress: {
    schema: z.string().refine(isHostAndPort, 'must be host:port, such as 0.0.0.0:9464').optional(),
    description: 'address to serve /metrics on, over HTTP (default: no metrics)',
    placeholder: 'host:port',
    variable: 'ALPHAPO_METRICS_ADDRESS',
  },
} as const satisfies Settings;

function isHostAndPort(text: string): boolean {
  try {
    parseHostAndPort(text);
    return true;
  } catch {
    return false;
  }
}
