import type { MessagingEvents } from '@alphapo/messaging';
import type { RpcEvents } from '@alphapo/rpc';
import type { TelemetryEvents } from '@alphapo/telemetry';
import type { TokenizerPool } from '@alphapo/tokenization';
import type { CommittedBatch } from './batcher.ts';

/** What a tokenizer logs. */
export type TokenizerEvents = OwnEvents & MessagingEvents & RpcEvents & TelemetryEvents;

type OwnEvents = {
  /** Tokenizer and chat template are loaded, and calls are served. */
  'tokenizer.started': {
    readonly address: string;
    readonly tokenizerDigest: string;
    readonly chatTemplate: TokenizerPool['description']['chatTemplate']['source'];
    readonly chatTemplatePlace: string;
  };
  /** The topic has another number of partitions than the setting says, and keeps it. */
  'partition-count.kept': { readonly topic: string; readonly partitions: number };
  /** Batches are this far ahead of the optimizer; the next one waits. */
  'batch.held-back': { readonly batchesAhead: bigint };
  /** A transaction with a batch, dead letters or both was committed. `partition`: of `preferences`. */
  'batch.committed': CommittedBatch & { readonly partition: number };
};
