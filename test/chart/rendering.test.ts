import { parseAllDocuments } from 'yaml';
import {
  describeHelm,
  environmentOf,
  helm,
  NAMESPACE,
  one,
  podsOf,
  type Resource,
  render,
  template,
  type Values,
} from './helm.ts';
import { COMMIT, VARIANTS } from './variants.ts';

const HOST = `trial-alphapo-%.${NAMESPACE}.svc`;
const host = (component: string) => HOST.replace('%', component);

describeHelm('the chart', () => {
  test.each(VARIANTS)('passes helm lint --strict: %s', (_, values, files) => {
    expect(helm(['lint', '--strict', '--kube-version', '1.34.0'], values, files)).toContain('0 chart(s) failed');
  });

  test.each(VARIANTS)('has pods that Pod Security "restricted" admits: %s', (_, values, files) => {
    const pods = podsOf(render(values, files));
    expect(pods.length).toBeGreaterThan(3);
    for (const { name, spec } of pods) {
      expect({
        name,
        nonRoot: spec.securityContext.runAsNonRoot,
        seccomp: spec.securityContext.seccompProfile.type,
      }).toEqual({ name, nonRoot: true, seccomp: 'RuntimeDefault' });
      for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
        expect({ name, context: container.securityContext }).toEqual({
          name,
          context: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        });
        expect(container.resources.requests).toBeDefined();
      }
      expect(spec.volumes.filter((volume: Resource) => volume.hostPath !== undefined)).toEqual([]);
    }
  });

  test.each(VARIANTS)('gives only the autoscaler a token of the Kubernetes API: %s', (_name, values, files) => {
    const holders = podsOf(render(values, files)).filter(({ spec }) => spec.automountServiceAccountToken !== false);
    const { mode = 'builtin' } = (values.autoscaling ?? {}) as { readonly mode?: string };
    const expected = ['builtin', 'keda'].includes(mode) ? ['trial-alphapo-autoscaler'] : [];
    expect(holders.map(({ name }) => name)).toEqual(expected);
  });

  test.each(VARIANTS)('has a NetworkPolicy for every pod of a service: %s', (_, values, files) => {
    const resources = render(values, files);
    const policed = resources
      .filter(({ kind }) => kind === 'NetworkPolicy')
      .map(({ metadata }) => metadata.name)
      .sort();
    const workloads = resources
      .filter(({ kind }) => ['Deployment', 'StatefulSet'].includes(kind))
      .map(({ metadata }) => metadata.name);
    expect(policed).toEqual(workloads.sort());
    expect(
      render({ ...values, networkPolicy: { enabled: false } }, files).filter(({ kind }) => kind === 'NetworkPolicy'),
    ).toEqual([]);
  });

  test('starts at zero with the built-in autoscaler, which Score calls go through', () => {
    const resources = render();
    for (const [kind, name] of [
      ['Deployment', 'tokenizer'],
      ['Deployment', 'scorer'],
      ['StatefulSet', 'optimizer'],
    ] as const) {
      expect(one(resources, kind, name).spec.replicas).toBe(0);
    }
    expect(one(resources, 'Deployment', 'autoscaler').spec.replicas).toBe(2);
    const selector = (name: string) => one(resources, 'Service', name).spec.selector['app.kubernetes.io/component'];
    expect([selector('scorer'), selector('scorer-pods')]).toEqual(['autoscaler', 'scorer']);
    expect(one(resources, 'Service', 'scorer-pods').spec.clusterIP).toBe('None');
  });

  test('tells the autoscaler what to scale, and lets it do no more', () => {
    const resources = render({
      autoscaling: { scorer: { maxReplicas: 7 }, cooldownSeconds: 60 },
    });
    expect(environmentOf(one(resources, 'Deployment', 'autoscaler'))).toMatchObject({
      ALPHAPO_SCORER_WORKLOAD: 'deployment/trial-alphapo-scorer',
      ALPHAPO_OPTIMIZER_WORKLOAD: 'statefulset/trial-alphapo-optimizer',
      ALPHAPO_SCORERS: `${host('scorer-pods')}:50052`,
      ALPHAPO_OPTIMIZER: `${host('optimizer')}:50053`,
      ALPHAPO_MAX_SCORERS: '7',
      ALPHAPO_COOLDOWN_SECONDS: '60',
    });
    const { rules } = one(resources, 'Role', 'autoscaler');
    expect(rules.flatMap(({ resources }: Resource) => resources)).not.toContain('secrets');
    expect(rules.filter(({ verbs }: Resource) => verbs.includes('*') || verbs.includes('delete'))).toEqual([]);
    for (const rule of rules.filter(({ resources }: Resource) =>
      resources.some((name: string) => name.endsWith('/scale')),
    )) {
      expect(rule.resourceNames.length).toBeGreaterThan(0);
    }
  });

  test('gives calls the grace period to end, less what goes by before the signal and after the last call', () => {
    const resources = render({
      scorer: { terminationGracePeriodSeconds: 900 },
      tokenizer: { terminationGracePeriodSeconds: 3 },
    });
    const drainSeconds = (kind: string, name: string) =>
      environmentOf(one(resources, kind, name)).ALPHAPO_DRAIN_SECONDS;
    expect(drainSeconds('Deployment', 'scorer')).toBe('890');
    expect(drainSeconds('Deployment', 'tokenizer')).toBe('1');
    expect(drainSeconds('Deployment', 'autoscaler')).toBe('50');
    expect(drainSeconds('StatefulSet', 'optimizer')).toBeUndefined();
  });

  test('without an autoscaler runs the replicas of the values, and callers reach the scorers themselves', () => {
    const resources = render({ autoscaling: { mode: 'none' }, scorer: { replicas: 3 }, optimizer: { replicas: 0 } });
    expect(one(resources, 'Deployment', 'scorer').spec.replicas).toBe(3);
    expect(one(resources, 'StatefulSet', 'optimizer').spec.replicas).toBe(0);
    expect(one(resources, 'Service', 'scorer').spec.selector['app.kubernetes.io/component']).toBe('scorer');
    expect(resources.filter(({ kind }) => kind === 'Role')).toEqual([]);
  });

  test('scales by CPU with mode hpa, never to zero', () => {
    const resources = render({ autoscaling: { mode: 'hpa', scorer: { maxReplicas: 5 } } });
    const { spec } = one(resources, 'HorizontalPodAutoscaler', 'scorer');
    expect([spec.minReplicas, spec.maxReplicas]).toEqual([1, 5]);
    expect(one(resources, 'StatefulSet', 'optimizer').spec.replicas).toBe(1);
  });

  test('with mode keda KEDA scales, by what the autoscaler tells it', () => {
    const limits = { tokenizer: { maxReplicas: 3 }, scorer: { minReplicas: 1, maxReplicas: 5 } };
    const resources = render({ autoscaling: { mode: 'keda', keda: { namespace: 'scaling' }, ...limits } });
    const [service] = resources.filter(({ metadata }) => metadata.name === 'trial-alphapo-external-scaler');
    const { port } = service.spec.ports[0];
    const autoscaler = one(resources, 'Deployment', 'autoscaler');
    expect(service.spec.selector).toEqual(autoscaler.spec.selector.matchLabels);
    expect(environmentOf(autoscaler).ALPHAPO_KEDA_ADDRESS).toBe(`0.0.0.0:${port}`);
    for (const [component, min, max] of [
      ['tokenizer', 0, 3],
      ['scorer', 1, 5],
      ['optimizer', 0, 1],
    ] as const) {
      const { spec } = one(resources, 'ScaledObject', component);
      expect([spec.minReplicaCount, spec.maxReplicaCount]).toEqual([min, max]);
      // All that are desired come, or go, in one round.
      const atOnce = { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: max, periodSeconds: 15 }] };
      const { behavior } = spec.advanced.horizontalPodAutoscalerConfig;
      expect(behavior).toEqual({ scaleUp: atOnce, scaleDown: atOnce });
      expect(spec.cooldownPeriod).toBeGreaterThanOrEqual(60);
      const metadata = { component, scalerAddress: `${host('external-scaler')}:${port}` };
      expect(spec.triggers).toEqual([{ type: 'external', metadata }]);
    }
    const { ingress } = one(resources, 'NetworkPolicy', 'autoscaler').spec;
    const peer = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'scaling' } } };
    expect(ingress).toContainEqual({ ports: [{ protocol: 'TCP', port }], from: [peer] });
    const rights = (all: Resource[]) => JSON.stringify(one(all, 'Role', 'autoscaler').rules);
    expect(rights(resources)).not.toContain('/scale');
    expect(rights(render())).toContain('deployments/scale');
  });

  test.each(VARIANTS)('notes of what KEDA was told are not made where there are none: %s', (_, values, files) => {
    const noted = render(values, files).filter(
      ({ metadata }) => metadata.annotations?.['alphapo.dev/desired-replicas'] !== undefined,
    );
    expect(noted).toEqual([]);
  });

  test('asks for a GPU by the resource’s name, where taints let it', () => {
    const slice = { scorer: { gpu: { resource: 'nvidia.com/mig-3g.40gb' }, runtimeClassName: 'nvidia' } };
    const { spec } = one(render(slice, ['values-gpu.yaml']), 'Deployment', 'scorer').spec.template;
    const [container] = spec.containers;
    expect(container.resources.limits).toEqual({ memory: '48Gi', 'nvidia.com/mig-3g.40gb': 1 });
    expect(container.image).toBe('alphapo-cuda:0.1.0');
    expect(spec.tolerations).toContainEqual({ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' });
    expect(spec.runtimeClassName).toBe('nvidia');
    const { strategy } = one(render(slice, ['values-gpu.yaml']), 'Deployment', 'scorer').spec;
    expect(strategy.rollingUpdate).toEqual({ maxSurge: 0, maxUnavailable: 1 });
    expect(environmentOf(one(render(slice, ['values-gpu.yaml']), 'Deployment', 'scorer'))).toMatchObject({
      ALPHAPO_DEVICE: 'cuda',
      ALPHAPO_DTYPE: 'bfloat16',
    });
  });

  test('takes images by digest, for all components or one', () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const image = (values: Values, name: string) =>
      one(render(values), 'Deployment', name).spec.template.spec.containers[0].image;
    expect(image({ image: { repository: 'r/alphapo', digest } }, 'tokenizer')).toBe(`r/alphapo@${digest}`);
    const own = { image: { repository: 'r/alphapo', digest }, scorer: { image: { repository: 'r/mine', tag: '2' } } };
    expect([image(own, 'scorer'), image(own, 'tokenizer')]).toEqual(['r/mine:2', `r/alphapo@${digest}`]);
  });

  test('downloads a model from a hub with its token, into every pod that computes', () => {
    const [, values] = VARIANTS.find(([name]) => name === 'hub and reference model') as (typeof VARIANTS)[number];
    const resources = render(values);
    for (const [kind, name] of [
      ['Deployment', 'tokenizer'],
      ['Deployment', 'scorer'],
      ['StatefulSet', 'optimizer'],
    ] as const) {
      const workload = one(resources, kind, name);
      const [download] = workload.spec.template.spec.initContainers;
      expect(download.args).toEqual([
        'fetch-model',
        '--repo=org/name',
        `--revision=${COMMIT}`,
        `--out=/models/model/org/name/${COMMIT}`,
        '--token-file=/etc/alphapo/model-token/token',
      ]);
      const authority = download.volumeMounts.find(({ name: volume }: Resource) => volume === 'model-ca');
      expect(download.env).toEqual([{ name: 'NODE_EXTRA_CA_CERTS', value: `${authority.mountPath}/ca.crt` }]);
      const { volumes } = workload.spec.template.spec;
      const [{ secret }] = volumes.filter(({ name: volume }: Resource) => volume === 'model-ca');
      expect(secret.secretName).toBe('hub-ca');
      expect(environmentOf(workload).ALPHAPO_MODEL).toBe(`/models/model/org/name/${COMMIT}`);
    }
    expect(environmentOf(one(resources, 'Deployment', 'scorer')).ALPHAPO_REFERENCE_MODEL).toBe(
      '/models/reference-model/weights',
    );
    expect(environmentOf(one(resources, 'Deployment', 'tokenizer')).ALPHAPO_REFERENCE_MODEL).toBeUndefined();
    const egress = one(resources, 'NetworkPolicy', 'scorer').spec.egress.flatMap(({ ports }: Resource) => ports);
    expect(egress).toContainEqual({ protocol: 'TCP', port: 443 });
  });

  test.each(['disabled', 'server'])(
    'probes health on a port without TLS, which it has to itself: tls.mode %s',
    (mode) => {
      const { spec } = one(render({ tls: { mode } }), 'Deployment', 'tokenizer').spec.template;
      const [{ env, ports, ...container }] = spec.containers;
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
        expect(container[probe].grpc.port).toBe(50050);
      }
      expect(env).toContainEqual({ name: 'ALPHAPO_HEALTH_ADDRESS', value: '0.0.0.0:50050' });
      expect(ports).toContainEqual({ name: 'health', containerPort: 50050 });
    },
  );

  test('makes certificates that hold the names which clients expect', () => {
    const resources = render({
      tls: { mode: 'mutual', source: 'cert-manager', certManager: { issuerRef: { name: 'ca' } } },
    });
    const { dnsNames } = one(resources, 'Certificate', 'scorer').spec;
    expect(dnsNames).toEqual(
      expect.arrayContaining([`trial-alphapo.${NAMESPACE}.svc`, host('scorer'), host('scorer-pods')]),
    );
    expect(environmentOf(one(resources, 'StatefulSet', 'optimizer'))).toMatchObject({
      ALPHAPO_TLS: 'mutual',
      ALPHAPO_TLS_SERVER_NAME: `trial-alphapo.${NAMESPACE}.svc`,
    });
  });

  test('tells the optimizer what exports call the model: its name, else the hub’s', () => {
    const name = (values: Values) =>
      environmentOf(one(render(values), 'StatefulSet', 'optimizer')).ALPHAPO_BASE_MODEL_NAME;
    const model = { existingClaim: { name: '' }, huggingFace: { repo: 'org/name', revision: COMMIT } };
    expect(name({})).toBeUndefined();
    expect(name({ model })).toBe(`org/name@${COMMIT}`);
    expect(name({ model: { ...model, name: 'org/other' } })).toBe('org/other');
  });

  test('makes tokens that no pod but the services sees', () => {
    const { data } = one(render({ tls: { mode: 'server' }, access: { enabled: true } }), 'Secret', 'access');
    const text = (key: string) => Buffer.from(data[key], 'base64').toString();
    expect(text('access')).toBe(
      `score,read,control token ${text('token')}\nscore,read token ${text('client-token')}\n`,
    );
    expect(text('token')).toMatch(/^\w{48}$/);
  });

  test('hands Kafka’s password over as a file', () => {
    const [, values] = VARIANTS.find(([name]) => name.startsWith('KEDA')) as (typeof VARIANTS)[number];
    const workload = one(render(values), 'Deployment', 'tokenizer');
    expect(environmentOf(workload)).toMatchObject({
      KAFKA_TLS: 'on',
      KAFKA_SASL_MECHANISM: 'scram-sha-512',
      KAFKA_PASSWORD_FILE: '/etc/alphapo/kafka-password/password',
    });
    expect(workload.spec.template.spec.volumes).toContainEqual({
      name: 'kafka-password',
      secret: { secretName: 'login', defaultMode: 288, items: [{ key: 'password', path: 'password' }] },
    });
  });

  test('keeps checkpoints when the release is removed, unless told otherwise', () => {
    const policy = (keepOnUninstall: boolean) =>
      one(render({ optimizer: { persistence: { keepOnUninstall } } }), 'StatefulSet', 'optimizer').spec
        .persistentVolumeClaimRetentionPolicy;
    expect(policy(true)).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
    expect(policy(false)).toEqual({ whenDeleted: 'Delete', whenScaled: 'Retain' });
  });

  test('checks the specification before anything starts, and makes topics for it', () => {
    const resources = render();
    const hook = (name: string) => one(resources, 'Job', name).metadata.annotations['helm.sh/hook'];
    expect([hook('validate'), hook('topics')]).toEqual(['pre-install,pre-upgrade', 'pre-install,pre-upgrade']);
    const trial = render({ kafka: { brokers: [], trial: { enabled: true } } });
    expect(one(trial, 'Job', 'topics').metadata.annotations['helm.sh/hook']).toBe('post-install,post-upgrade');
  });

  test.each(VARIANTS)(
    'makes topics in one attempt that waits for brokers within the job’s time: %s',
    (_, values, files) => {
      const { spec } = one(render(values, files), 'Job', 'topics');
      expect(spec.backoffLimit).toBe(0);
      const [wait] = spec.template.spec.containers[0].args.filter((arg: string) => arg.startsWith('--wait-seconds='));
      expect(Number(wait.split('=')[1])).toBe(spec.activeDeadlineSeconds - 30);
    },
  );

  describe('the job that checks the specification', () => {
    const job = (values: Values, ...options: string[]) => {
      const place = [
        '--namespace',
        NAMESPACE,
        '--kube-version',
        '1.34.0',
        '--show-only',
        'templates/hooks/validate.yaml',
      ];
      const documents = parseAllDocuments(helm(['template', 'trial', ...place, ...options], values));
      const { spec } = documents.map((document) => document.toJS()).find(({ kind }) => kind === 'Job').spec.template;
      return {
        args: spec.containers[0].args,
        mounts: spec.containers[0].volumeMounts.map(({ name }: Resource) => name),
        volumes: spec.volumes.map(({ name }: Resource) => name),
      };
    };
    const image = { existingClaim: { name: '' }, image: { reference: 'registry/model:1' } };
    const config = '--config=/etc/alphapo/run/run.yaml';
    const model = '--model=/models/model';
    const reference = '--reference-model=/models/reference-model/old';

    test.each<[string, Values, string[], string[]]>([
      ['a claim, at an install', {}, [], [model]],
      // Without a cluster to ask, the claim may be held by a pod on another node.
      ['a claim, at an upgrade', {}, ['--is-upgrade'], []],
      ['an image, at an upgrade', { model: image }, ['--is-upgrade'], [model]],
      ['a model that is not to be mounted', { hooks: { validateModel: false } }, [], []],
      ['a model of a hub', VARIANTS.at(-1)?.[1] as Values, [], ['--reference-model=/models/reference-model/weights']],
      [
        'a reference model',
        { policy: { objective: 'dpo' }, referenceModel: { existingClaim: { name: 'old', path: '/old/' } } },
        [],
        [model, reference],
      ],
    ])('mounts %s', (_, values, options, expected) => {
      const { args, mounts, volumes } = job(values, ...options);
      expect(args).toEqual(['validate', config, ...expected]);
      const names = expected.map((option) => (option.startsWith('--model') ? 'model' : 'reference-model'));
      expect(mounts).toEqual(['tmp', 'run', ...names]);
      expect(volumes.filter((name: string) => mounts.includes(name))).toEqual(mounts);
    });
  });

  test('makes topics with the replication of the values, and with that of the brokers where there is none', () => {
    const argsOf = (values: Values) => one(render(values), 'Job', 'topics').spec.template.spec.containers[0].args;
    const replicated = argsOf({ topics: { replicationFactor: 3, minInSyncReplicas: 2, retentionHours: 5 } });
    expect(replicated).toEqual(
      expect.arrayContaining(['--replication-factor=3', '--min-insync-replicas=2', '--retention-hours=5']),
    );
    const plain = ['topics', '--wait-seconds=90', expect.stringMatching(/^--topic-prefix=trial-/), '--partitions=4'];
    expect(argsOf({})).toEqual(plain);
  });

  test('gives another specification topics and a folder of its own, and the same one the same', () => {
    const place = (values: Values) => {
      const { ALPHAPO_TOPIC_PREFIX, ALPHAPO_FOLDER } = environmentOf(one(render(values), 'StatefulSet', 'optimizer'));
      return { ALPHAPO_TOPIC_PREFIX, ALPHAPO_FOLDER };
    };
    const before = place({});
    expect(before.ALPHAPO_FOLDER).toBe(`/var/lib/alphapo/${before.ALPHAPO_TOPIC_PREFIX?.slice(0, -1)}`);
    expect(place({ scorer: { replicas: 9 }, optimizer: { settings: { checkpointEvery: 3 } } })).toEqual(before);
    expect(place({ policy: { beta: 3 } })).not.toEqual(before);
    expect(place({ model: { existingClaim: { path: 'other' } } })).not.toEqual(before);
    expect(place({ run: { name: 'mine' } })).toEqual({
      ALPHAPO_TOPIC_PREFIX: 'mine-',
      ALPHAPO_FOLDER: '/var/lib/alphapo/mine',
    });
  });

  test('starts pods anew when the specification changes, and not for another version of the chart', () => {
    const metadata = (values: Values) => one(render(values), 'Deployment', 'scorer').spec.template.metadata;
    expect(metadata({}).annotations['checksum/run']).not.toBe(
      metadata({ policy: { beta: 3 } }).annotations['checksum/run'],
    );
    expect(Object.keys(metadata({}).labels)).not.toContain('helm.sh/chart');
  });

  test('says the next commands after an install', () => {
    const notes = helm([
      'template',
      'trial',
      '--namespace',
      NAMESPACE,
      '--kube-version',
      '1.34.0',
      '--show-only',
      'templates/run/configmap.yaml',
    ]);
    expect(notes).toContain('run-name: "trial-');
    expect(template()).not.toContain('<no value>');
  });
});
