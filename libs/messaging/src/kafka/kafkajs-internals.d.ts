/** The parts of kafkajs 2.2.4 behind its public door that this package uses, typed as far as it uses them. */

declare module 'kafkajs/src/cluster/index.js' {
  export interface RawResponse<T> {
    decode(payload: Buffer): Promise<T & { readonly clientSideThrottleTime: number }>;
    parse(decoded: T): Promise<T>;
  }
  export interface Broker {
    readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>;
    readonly connectionPool: {
      send<T>(call: { request: unknown; response: RawResponse<T>; requestTimeout?: number }): Promise<T>;
    };
    disconnect(): Promise<void>;
  }
  export default class Cluster {
    constructor(options: Readonly<Record<string, unknown>>);
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    isConnected(): boolean;
    addTargetTopic(topic: string): Promise<void>;
    refreshMetadata(): Promise<void>;
    refreshMetadataIfNecessary(): Promise<void>;
    removeBroker(address: { host: string; port: number }): void;
    findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
    findBroker(node: { nodeId: string }): Promise<Broker>;
    findGroupCoordinator(group: { groupId: string }): Promise<Broker>;
    findGroupCoordinatorMetadata(request: { groupId: string; coordinatorType: number }): Promise<unknown>;
  }
}

declare module 'kafkajs/src/protocol/requests/fetch/v11/request.js' {
  const request: (options: Readonly<Record<string, unknown>>) => unknown;
  export default request;
}

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    writeBufferInternal(buffer: Buffer): void;
    writeBuffer(buffer: Buffer): this;
  }
}

declare module 'kafkajs/src/protocol/error.js' {
  const errors: { createErrorFromCode(code: number): Error & { readonly type: string; readonly retriable: boolean } };
  export default errors;
}

declare module 'kafkajs/src/network/socketFactory.js' {
  const socketFactory: () => unknown;
  export default socketFactory;
}

declare module 'kafkajs/src/loggers/index.js' {
  const loggers: { createLogger(options: { level: number; logCreator: unknown }): unknown };
  export default loggers;
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    pending: unknown[];
    throttledUntil: number;
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    checkPendingRequests(): void;
    scheduleCheckPendingRequests(): void;
  }
}

declare module 'kafkajs/src/consumer/consumerGroup.js' {
  export default class ConsumerGroup {
    /** Of the last heartbeat that was sent, on the clock of `Date`. */
    lastRequest: number;
    heartbeat(options: { readonly interval: number }): Promise<void>;
  }
}
