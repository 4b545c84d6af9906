/** Where one broker listens and keeps its data. */
export interface BrokerPlace {
  readonly port: number;
  readonly controllerPort: number;
  readonly dataFolder: string;
  /** Where it listens besides. */
  readonly listeners?: readonly BrokerListener[];
}

/** A further listener of this machine, with settings of its own. */
export interface BrokerListener {
  readonly name: string;
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_SSL';
  readonly port: number;
  /** Without their prefix `listener.name.<name>.`. */
  readonly settings: Readonly<Record<string, string>>;
}

/** The settings of a single KRaft node that is broker and controller at once, made for short lives and quick restarts. */
export function brokerProperties({ port, controllerPort, dataFolder, listeners = [] }: BrokerPlace): string {
  const further = listeners.map((listener) => `,${listener.name}://127.0.0.1:${listener.port}`).join('');
  const protocols = listeners.map(({ name, protocol }) => `,${name}:${protocol}`).join('');
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${further}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}${further}`,
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${protocols}`,
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
    // The cleaner looks often, for the tests with compacted topics.
    'log.cleaner.backoff.ms': 300,
    'log.cleaner.min.cleanable.ratio': 0.01,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'num.recovery.threads.per.data.dir': 2,
  };
  for (const listener of listeners) {
    for (const [name, value] of Object.entries(listener.settings)) {
      settings[`listener.name.${listener.name.toLowerCase()}.${name}`] = value;
    }
  }
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
