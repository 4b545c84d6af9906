import { AlphapoError } from '@alphapo/base';
import type { EventLog } from './event-log.ts';

/** The partitions of an existing topic; if it must be created, as many as wanted. */
export async function partitionsFor(log: Pick<EventLog, 'partitions'>, topic: string, wanted: number): Promise<number> {
  try {
    return await log.partitions(topic);
  } catch (error) {
    if (error instanceof AlphapoError && error.code === 'not-found') return wanted;
    throw error;
  }
}
