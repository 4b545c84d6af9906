import { AlphapoError, type FloatTensor, type FloatTensors, floatTensor, sameShape } from '@alphapo/base';
import { needsReference, type Objective, type TrainingMethod } from '@alphapo/contracts';
import type {
  ModelDescription,
  PairOutcome,
  PairTokens,
  PolicyChoice,
  SequenceLogProbs,
  SequenceTokens,
  ShardGradient,
} from './engine.ts';
import { ObjectiveSession } from './objective-session.ts';
import { checkRow, groupRows, membership, type Pack, packRows, type Row } from './pack.ts';
import { gradientProgram, PAIR_OUTPUTS, scoringProgram, trainableParameters } from './program.ts';
import { type Feeds, Session, type SessionOptions, type TensorData } from './session.ts';
import { ModelFolder } from './weights.ts';

/** Policies kept at a time: the one being trained, the one before it, and some that are being scored. */
const POLICIES_KEPT = 4;
/** Bytes that they may take together; the newest is kept in any case, so with all weights trained often no other. */
const POLICY_BYTES_KEPT = 2 ** 28;

interface Policy {
  readonly method: TrainingMethod;
  readonly tensors: FloatTensors;
}

/** Says whether the caller of a computation still wants it. Called between packs. */
export type Checkpoint = () => Promise<void>;

/** Computes on the calling thread. Sessions are made when they are first needed and kept. */
export class Computer implements AsyncDisposable {
  readonly #folder: ModelFolder;
  readonly #options: SessionOptions;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #objectives = new Map<string, Promise<ObjectiveSession>>();
  /** In the order of use, the least recently used first. */
  readonly #policies = new Map<string, Policy>();

  private constructor(folder: ModelFolder, options: SessionOptions) {
    this.#folder = folder;
    this.#options = { ...options, weightsFolder: folder.weightsFolder };
  }

  static async open(folder: string, options: SessionOptions): Promise<Computer> {
    return new Computer(await ModelFolder.open(folder), options);
  }

  get description(): ModelDescription {
    const { definition, digest, parameterCount } = this.#folder;
    return {
      modelType: definition.modelType,
      digest,
      parameterCount,
      vocabularySize: definition.vocabularySize,
      maxPositions: definition.maxPositions,
      executionProvider: this.#options.executionProvider,
      threads: this.#options.threads,
    };
  }

  /** Keeps a policy; returns the digests of those that had to go. */
  loadPolicy(digest: string, method: TrainingMethod, tensors: FloatTensors): string[] {
    const ordered = new Map<string, FloatTensor>();
    for (const { name, shape } of trainableParameters(this.#folder.definition, method)) {
      const tensor = tensors.get(name);
      if (tensor === undefined || !sameShape(tensor.shape, shape)) {
        const found = tensor === undefined ? 'is missing' : `has the shape [${tensor.shape}]`;
        throw policyError(`${name} ${found}; [${shape}] is needed for this model and method`);
      }
      ordered.set(name, tensor);
    }
    const unknown = [...tensors.keys()].find((name) => !ordered.has(name));
    if (unknown !== undefined) throw policyError(`${unknown} is not trained by this method`);
    this.#policies.delete(digest);
    this.#policies.set(digest, { method, tensors: ordered });
    const gone = this.#superfluousPolicies();
    for (const old of gone) this.#policies.delete(old);
    return gone;
  }

  async score(
    sequences: readonly SequenceTokens[],
    choice: PolicyChoice,
    checkpoint: Checkpoint,
  ): Promise<SequenceLogProbs[]> {
    const rows = sequences.map(({ prompt, response }) => ({ prompt, responses: [response] }));
    return (await this.#scoreRows(rows, choice, checkpoint)).flat();
  }

  async scorePairs(
    pairs: readonly PairTokens[],
    choice: PolicyChoice,
    objective: Objective | undefined,
    checkpoint: Checkpoint,
  ): Promise<PairOutcome[]> {
    const rows = pairs.map(pairRow);
    const scored = (await this.#scoreRows(rows, choice, checkpoint)) as [SequenceLogProbs, SequenceLogProbs][];
    if (objective === undefined || pairs.length === 0) {
      return scored.map(([chosen, rejected]) => outcome(chosen, rejected, Number.NaN, Number.NaN, Number.NaN));
    }
    const session = await this.#objective(objective);
    const values = await session.evaluate({
      chosen: scored.map(([chosen]) => chosen),
      rejected: scored.map(([, rejected]) => rejected),
      reference: needsReference(objective) ? await this.#referenceSums(pairs, checkpoint) : undefined,
    });
    return scored.map(([chosen, rejected], i) =>
      outcome(
        chosen,
        rejected,
        values.loss[i] as number,
        values.rewardChosen[i] as number,
        values.rewardRejected[i] as number,
      ),
    );
  }

  async gradient(
    request: { pairs: readonly PairTokens[]; batchPairs: number; objective: Objective; policyDigest: string },
    checkpoint: Checkpoint,
  ): Promise<ShardGradient> {
    const started = performance.now();
    const { pairs, objective } = request;
    const policy = this.#policy(request.policyDigest);
    const rows = pairs.map(pairRow);
    rows.forEach((row, i) => {
      checkRow(row, i, this.#folder.definition);
    });
    const key = `gradient ${JSON.stringify(policy.method)} ${JSON.stringify(objective)}`;
    const session = await this.#session(key, () => gradientProgram(this.#folder, policy.method, objective));
    const parameters = [...policy.tensors].map(([name, { shape }]) => ({ name, shape }));
    let sums: Feeds = Object.fromEntries(
      parameters.map(({ name, shape }) => [`sum:${name}`, toData(floatTensor(shape))]),
    );
    const outcomes: PairOutcome[] = [];
    for (const group of groupRows(rows, this.#folder.definition)) {
      await checkpoint();
      const pack = packRows(group, this.#folder.definition);
      const from = outcomes.length;
      const groupPairs = pairs.slice(from, from + group.length);
      const outputs = await session.run({
        ...pack.feeds,
        ...pairFeeds(pack, request.batchPairs),
        ...(needsReference(objective) ? await this.#referenceFeeds(groupPairs, checkpoint) : {}),
        ...policyFeeds(policy),
        ...sums,
      });
      const scored = sequenceLogProbs(pack, outputs.log_probs as TensorData) as [SequenceLogProbs, SequenceLogProbs][];
      scored.forEach(([chosen, rejected], i) => {
        outcomes.push(outcome(chosen, rejected, ...pairNumbers(outputs, i)));
      });
      sums = Object.fromEntries(
        parameters.map(({ name }) => [`sum:${name}`, outputs[`gradient:${name}`] as TensorData]),
      );
    }
    return {
      pairs: outcomes,
      loss: outcomes.reduce((sum, { loss }) => sum + loss, 0) / request.batchPairs,
      gradient: new Map(
        parameters.map(({ name, shape }) => [name, { shape, data: sums[`sum:${name}`]?.data as Float32Array }]),
      ),
      computeMs: performance.now() - started,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sessions: Promise<AsyncDisposable>[] = [...this.#sessions.values(), ...this.#objectives.values()];
    for (const session of sessions) await (await session)[Symbol.asyncDispose]();
    this.#sessions.clear();
    this.#objectives.clear();
  }

  async #scoreRows(rows: readonly Row[], choice: PolicyChoice, checkpoint: Checkpoint): Promise<SequenceLogProbs[][]> {
    rows.forEach((row, i) => {
      checkRow(row, i, this.#folder.definition);
    });
    const policy = choice.kind === 'base' ? undefined : this.#policy(choice.digest);
    const session = await this.#session(`score ${JSON.stringify(policy?.method)}`, () =>
      scoringProgram(this.#folder, policy?.method),
    );
    const results: SequenceLogProbs[][] = [];
    for (const group of groupRows(rows, this.#folder.definition)) {
      await checkpoint();
      const pack = packRows(group, this.#folder.definition);
      const outputs = await session.run({ ...pack.feeds, ...(policy === undefined ? {} : policyFeeds(policy)) });
      results.push(...sequenceLogProbs(pack, outputs.log_probs as TensorData));
    }
    return results;
  }

  /** Summed log-probabilities of pairs under the base model. */
  async #referenceSums(
    pairs: readonly PairTokens[],
    checkpoint: Checkpoint,
  ): Promise<{ chosen: number[]; rejected: number[] }> {
    const scored = await this.#scoreRows(pairs.map(pairRow), { kind: 'base' }, checkpoint);
    const side = (index: 0 | 1) => scored.map((both) => both[index]?.sum ?? Number.NaN);
    return { chosen: side(0), rejected: side(1) };
  }

  async #referenceFeeds(pairs: readonly PairTokens[], checkpoint: Checkpoint): Promise<Feeds> {
    const { chosen, rejected } = await this.#referenceSums(pairs, checkpoint);
    const column = (sums: number[]): TensorData => ({
      type: 'f64',
      shape: [sums.length],
      data: Float64Array.from(sums),
    });
    return { reference_chosen: column(chosen), reference_rejected: column(rejected) };
  }

  #objective(objective: Objective): Promise<ObjectiveSession> {
    const key = JSON.stringify(objective);
    const known = this.#objectives.get(key);
    if (known !== undefined) return known;
    const made = ObjectiveSession.open(objective);
    this.#objectives.set(key, made);
    made.catch(() => this.#objectives.delete(key));
    return made;
  }

  #superfluousPolicies(): string[] {
    let bytes = 0;
    const newestFirst = [...this.#policies].toReversed();
    const superfluous = newestFirst.filter(([, { tensors }], i) => {
      for (const { data } of tensors.values()) bytes += data.byteLength;
      return i > 0 && (i >= POLICIES_KEPT || bytes > POLICY_BYTES_KEPT);
    });
    return superfluous.map(([digest]) => digest);
  }

  #policy(digest: string): Policy {
    const policy = this.#policies.get(digest);
    if (policy === undefined) {
      throw new AlphapoError(
        'failed-precondition',
        'POLICY_NOT_LOADED',
        `policy ${digest} is not loaded; load it again`,
      );
    }
    this.#policies.delete(digest);
    this.#policies.set(digest, policy);
    return policy;
  }

  #session(key: string, build: () => ReturnType<typeof scoringProgram>): Promise<Session> {
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const made = Session.create(build(), this.#options);
    this.#sessions.set(key, made);
    made.catch(() => this.#sessions.delete(key));
    return made;
  }
}

const pairRow = ({ prompt, chosen, rejected }: PairTokens): Row => ({ prompt, responses: [chosen, rejected] });

const toData = ({ shape, data }: FloatTensor): TensorData => ({ type: 'f32', shape, data });

function policyError(problem: string): AlphapoError {
  return new AlphapoError('failed-precondition', 'POLICY_MISMATCH', `the policy does not fit: ${problem}`);
}

function policyFeeds(policy: Policy): Feeds {
  return Object.fromEntries([...policy.tensors].map(([name, tensor]) => [name, toData(tensor)]));
}

function pairFeeds(pack: Pack, batchPairs: number): Feeds {
  const counts = (response: 0 | 1): TensorData => ({
    type: 'f64',
    shape: [pack.spans.length],
    data: Float64Array.from(pack.spans, (spans) => spans[response]?.count ?? 0),
  });
  return {
    members_chosen: membership(pack, 0),
    members_rejected: membership(pack, 1),
    tokens_chosen: counts(0),
    tokens_rejected: counts(1),
    batch_pairs: { type: 'f64', shape: [], data: Float64Array.of(batchPairs) },
  };
}

/** Cuts the head's rows into the log-probabilities of each row's responses; sums are taken in float64. */
function sequenceLogProbs(pack: Pack, logProbs: TensorData): SequenceLogProbs[][] {
  const all = logProbs.data as Float32Array;
  return pack.spans.map((spans) =>
    spans.map(({ start, count }) => {
      const own = all.slice(start, start + count);
      const sum = own.reduce((total, logProb) => total + logProb, 0);
      return { sum, mean: sum / count, tokens: count, logProbs: own };
    }),
  );
}

function pairNumbers(outputs: Record<string, TensorData>, index: number): [number, number, number] {
  return PAIR_OUTPUTS.map((name) => Number(outputs[name]?.data[index])) as [number, number, number];
}

function outcome(
  chosen: SequenceLogProbs,
  rejected: SequenceLogProbs,
  loss: number,
  rewardChosen: number,
  rewardRejected: number,
): PairOutcome {
  return { chosen, rejected, loss, rewardChosen, rewardRejected, margin: rewardChosen - rewardRejected };
}
