import { within } from '@alphapo/base';

const PATIENCE_MS = 3_000;

/**
 * Resolves when a client of kafkajs is disconnected, or after some seconds: where a connection breaks or is being made just then,
 * kafkajs may wait without end. Never rejects.
 */
export async function disconnected(client: { disconnect(): Promise<void> } | undefined): Promise<void> {
  if (client === undefined) return;
  await within(
    PATIENCE_MS,
    client.disconnect().catch(() => {}),
    () => {},
  );
}
