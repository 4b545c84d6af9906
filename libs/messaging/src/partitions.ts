import { AlphapoError } from '@alphapo/base';
import type { EventLog } from './event-log.ts';

/** The partitions of a topic, which keeps what it has; where it has to be made, as many as are wanted. */
export async function partitionsFor(log: Pick<EventLog, 'partitions'>, topic: string, wanted: number): Promise<number> {
  try {
    return await log.partitions(topic);
  } catch (error) {
    if (error instanceof AlphapoError && error.code === 'not-found') return wanted;
    throw error;
  }
}
