/** The services of the run, each a process of its own. */
export const SERVICES = ['tokenizer-1', 'tokenizer-2', 'scorer-1', 'scorer-2', 'scorer-3', 'optimizer'] as const;
export type ServiceName = (typeof SERVICES)[number];

const SCORERS = ['scorer-1', 'scorer-2', 'scorer-3'] as const;

/** Connections to the broker, each through a proxy of its own. */
const KAFKA_LINKS = ['tokenizer-1 → kafka', 'tokenizer-2 → kafka', 'optimizer → kafka', 'producer → kafka'] as const;
/** Connections between services, likewise. */
const GRPC_LINKS = [
  ...SCORERS.map((scorer) => `optimizer → ${scorer}` as const),
  ...SCORERS.map((scorer) => `${scorer} → optimizer` as const),
] as const;
export const LINKS = [...KAFKA_LINKS, ...GRPC_LINKS] as const;
export type LinkName = (typeof LINKS)[number];

/** Requests of a transaction whose reply may be lost: then the client cannot know whether they were carried out. */
export const TRANSACTION_REQUESTS = {
  tokenizers: ['addPartitionsToTransaction', 'produce', 'commitOffsets', 'endTransaction'],
  optimizer: ['addPartitionsToTransaction', 'produce', 'endTransaction'],
} as const;
type TransactionWriter = keyof typeof TRANSACTION_REQUESTS;
type TransactionRequest = (typeof TRANSACTION_REQUESTS)[TransactionWriter][number];

/** A fault with all that decides what happens. */
export type Fault =
  | { readonly kind: 'kill'; readonly target: ServiceName | 'producer' }
  | { readonly kind: 'terminate'; readonly target: ServiceName }
  | { readonly kind: 'freeze'; readonly target: ServiceName; readonly forMs: number }
  | { readonly kind: 'freeze-long'; readonly target: ServiceName; readonly forMs: number }
  | { readonly kind: 'replace-optimizer' }
  | { readonly kind: 'broker-kill'; readonly forMs: number }
  | { readonly kind: 'broker-restart'; readonly forMs: number }
  | { readonly kind: 'cut'; readonly target: LinkName; readonly forMs: number }
  | { readonly kind: 'stall'; readonly target: LinkName; readonly forMs: number }
  | {
      readonly kind: 'slow';
      readonly target: LinkName;
      readonly forMs: number;
      readonly latencyMs: number;
      readonly bytesPerSecond: number;
    }
  | { readonly kind: 'lost-reply'; readonly target: TransactionWriter; readonly request: TransactionRequest }
  | { readonly kind: 'disk-full'; readonly forMs: number }
  | { readonly kind: 'clock-jump'; readonly target: ServiceName; readonly byMs: number };

export type FaultKind = Fault['kind'];

/** What each kind does, for people. */
export const FAULT_KINDS: { readonly [K in FaultKind]: string } = {
  kill: 'SIGKILL of a service or of the producer',
  terminate: 'SIGTERM of a service, as in a rolling update',
  freeze: 'SIGSTOP of a service, SIGCONT within 3 s',
  'freeze-long': 'SIGSTOP for 12 to 17 s: beyond the sessions of consumer groups and the time of transactions',
  'replace-optimizer': 'the optimizer hangs, a second one takes over the run, the first one wakes up',
  'broker-kill': 'SIGKILL of the Kafka broker, started again within 4 s',
  'broker-restart': 'clean stop of the Kafka broker, started again within 4 s',
  cut: 'all connections of one link reset, and refused for up to 4 s',
  stall: 'nothing passes on one link for up to 8 s, then all of it does',
  slow: 'one link with 20 to 150 ms of latency and 64 to 512 KB/s for up to 6 s',
  'lost-reply': 'a request of a transaction reaches the broker, and the connection breaks before the reply',
  'disk-full': 'no byte left on the volume of checkpoints for up to 5 s',
  'clock-jump': 'the clock of one service moves by seconds, an hour or a day, back or forth, for good',
};

export const ALL_KINDS = Object.keys(FAULT_KINDS) as FaultKind[];

/** A fault in words: kind, target, and how long or how much. */
export function describeFault(fault: Fault): string {
  const { kind, ...rest } = fault;
  const details = Object.entries(rest).map(([name, value]) => (name === 'target' ? value : `${name} ${value}`));
  return [kind, ...details].join(', ');
}
