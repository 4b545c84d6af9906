const LOOPBACK = '127.0.0.1';

/** Where one broker listens and keeps its data. */
export interface BrokerPlace {
  readonly port: number;
  readonly controllerPort: number;
  readonly dataFolder: string;
  readonly listeners: readonly ExtraListener[];
}

export interface ExtraListener {
  /** The address that it listens on; the loopback one where absent. */
  readonly host?: string;
  readonly port: number;
  /** Where clients are told to reach it: that of a proxy which can disturb their connections, say. */
  readonly advertisedPort: number;
  /** The loopback address where absent. */
  readonly advertisedHost?: string;
  /** PLAINTEXT where absent. */
  readonly protocol?: 'SSL' | 'SASL_SSL';
  /** Settings of its own, without their prefix `listener.name.<name>.`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The settings of a single KRaft node that is broker and controller at once, made for short lives and quick restarts. */
export function brokerProperties({ port, controllerPort, dataFolder, listeners }: BrokerPlace): string {
  const extra = listeners.map((listener, i) => ({ name: `VIA${i}`, ...listener }));
  const list = (first: string, each: (listener: (typeof extra)[number]) => string) =>
    [first, ...extra.map(each)].join();
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${LOOPBACK}:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: list(
      `PLAINTEXT://${LOOPBACK}:${port},CONTROLLER://${LOOPBACK}:${controllerPort}`,
      (via) => `${via.name}://${via.host ?? LOOPBACK}:${via.port}`,
    ),
    'advertised.listeners': list(
      `PLAINTEXT://${LOOPBACK}:${port}`,
      (via) => `${via.name}://${via.advertisedHost ?? LOOPBACK}:${via.advertisedPort}`,
    ),
    'listener.security.protocol.map': list(
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      (via) => `${via.name}:${via.protocol ?? 'PLAINTEXT'}`,
    ),
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataFolder,
    // One node holds the only replica of everything.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // With 50 partitions each, the first group and the first transaction would take seconds.
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.num.partitions': 3,
    'auto.create.topics.enable': false,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // A restarted broker waits until the session of its former life is over: 9 s by default.
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 250,
    // By default only every ten seconds.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
    // The cleaner looks often, for the tests with compacted topics.
    'log.cleaner.backoff.ms': 300,
    'log.cleaner.min.cleanable.ratio': 0.01,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'num.recovery.threads.per.data.dir': 2,
  };
  for (const { name: listener, settings: own = {} } of extra) {
    for (const [name, value] of Object.entries(own)) {
      settings[`listener.name.${listener.toLowerCase()}.${name}`] = value;
    }
  }
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
