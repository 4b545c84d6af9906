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
import { checkRow, groupRows, MIN_PACK_TOKENS, membership, type Pack, packRows, packTokens, type Row } from './pack.ts';
import { gradientProgram, PAIR_OUTPUTS, scoringProgram, trainableParameters } from './program.ts';
import { ResourceCache } from './resource-cache.ts';
import { type Feeds, Session, type SessionOptions, type TensorData } from './session.ts';
import { ModelFolder } from './weights.ts';

/** Policies kept at a time: the one being trained, the one before it, and some that are being scored. */
const POLICIES_KEPT = 4;

/**
 * Sessions kept at a time. Each holds the memory of its largest pack: what a run needs is one for gradients, and one for
 * scoring under the base model and under the policy each.
 */
const GRADIENT_SESSIONS_KEPT = 2;
const SCORING_SESSIONS_KEPT = 4;
/** Objectives are small graphs. */
const OBJECTIVE_SESSIONS_KEPT = 16;

interface Policy {
  readonly method: TrainingMethod;
  readonly tensors: FloatTensors;
}

/** Says whether the caller of a computation still wants it, and lets others compute. Called between packs. */
export type Checkpoint = () => Promise<void>;

/** Has rows scored, by themselves or together with those of other calls. */
export type ScoreRows = (rows: readonly Row[], choice: PolicyChoice) => Promise<SequenceLogProbs[][]>;

/** Computes on the calling thread. Sessions are made when they are first needed; the last ones used are kept. */
export class Computer implements AsyncDisposable {
  readonly #folder: ModelFolder;
  readonly #options: SessionOptions;
  readonly #gradients = new ResourceCache<Session>(GRADIENT_SESSIONS_KEPT);
  readonly #scoring = new ResourceCache<Session>(SCORING_SESSIONS_KEPT);
  readonly #objectives = new ResourceCache<ObjectiveSession>(OBJECTIVE_SESSIONS_KEPT);
  /** In the order of use, the least recently used first. */
  readonly #policies = new Map<string, Policy>();
  /** Calls that need a policy, by its digest. */
  readonly #holds = new Map<string, number>();

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

  /** Tokens that a pack may have, and those with which it runs at full speed. */
  get packSizes(): { readonly packTokens: number; readonly mergeTokens: number } {
    return { packTokens: packTokens(this.#folder.definition), mergeTokens: MIN_PACK_TOKENS };
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
    const gone = [...this.#policies.keys()].slice(0, -POLICIES_KEPT).filter((old) => !this.#holds.has(old));
    for (const old of gone) this.#policies.delete(old);
    return gone;
  }

  /** Keeps a policy as long as a call needs it. Errors: POLICY_NOT_LOADED. */
  hold(choice: PolicyChoice): Disposable {
    if (choice.kind === 'base') return { [Symbol.dispose]: () => {} };
    const { digest } = choice;
    this.#policy(digest);
    const count = (change: 1 | -1) => {
      const holds = (this.#holds.get(digest) ?? 0) + change;
      if (holds > 0) this.#holds.set(digest, holds);
      else this.#holds.delete(digest);
    };
    count(1);
    return { [Symbol.dispose]: () => count(-1) };
  }

  async score(
    sequences: readonly SequenceTokens[],
    choice: PolicyChoice,
    scoreRows: ScoreRows,
  ): Promise<SequenceLogProbs[]> {
    const rows = sequences.map(({ prompt, response }) => ({ prompt, responses: [response] }));
    this.#checkRows(rows);
    return (await scoreRows(rows, choice)).flat();
  }

  async scorePairs(
    pairs: readonly PairTokens[],
    choice: PolicyChoice,
    objective: Objective | undefined,
    scoreRows: ScoreRows,
  ): Promise<PairOutcome[]> {
    const rows = pairs.map(pairRow);
    this.#checkRows(rows);
    const scored = (await scoreRows(rows, choice)) as [SequenceLogProbs, SequenceLogProbs][];
    if (objective === undefined || pairs.length === 0) {
      return scored.map(([chosen, rejected]) => outcome(chosen, rejected, Number.NaN, Number.NaN, Number.NaN));
    }
    const reference = needsReference(objective) ? await referenceSums(pairs, scoreRows) : undefined;
    using session = await this.#objectives.acquire(JSON.stringify(objective), () => ObjectiveSession.open(objective));
    const values = await session.value.evaluate({
      chosen: scored.map(([chosen]) => chosen),
      rejected: scored.map(([, rejected]) => rejected),
      reference,
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
    this.#checkRows(rows);
    using session = await this.#gradients.acquire(JSON.stringify([policy.method, objective]), () =>
      Session.create(gradientProgram(this.#folder, policy.method, objective), this.#options),
    );
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
      const outputs = await session.value.run({
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

  /** Scores rows that fit into one pack. */
  async scorePack(rows: readonly Row[], choice: PolicyChoice): Promise<SequenceLogProbs[][]> {
    const policy = choice.kind === 'base' ? undefined : this.#policy(choice.digest);
    using session = await this.#scoring.acquire(JSON.stringify(policy?.method ?? 'base'), () =>
      Session.create(scoringProgram(this.#folder, policy?.method), this.#options),
    );
    const pack = packRows(rows, this.#folder.definition);
    const outputs = await session.value.run({ ...pack.feeds, ...(policy === undefined ? {} : policyFeeds(policy)) });
    return sequenceLogProbs(pack, outputs.log_probs as TensorData);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cache of [this.#gradients, this.#scoring, this.#objectives]) await cache[Symbol.asyncDispose]();
  }

  #checkRows(rows: readonly Row[]): void {
    rows.forEach((row, i) => {
      checkRow(row, i, this.#folder.definition);
    });
  }

  /** The reference of a gradient's pairs, in packs of their own: what else is scored must not change its bits. */
  async #referenceFeeds(pairs: readonly PairTokens[], checkpoint: Checkpoint): Promise<Feeds> {
    const { chosen, rejected } = await referenceSums(pairs, async (rows, choice) => {
      const results: SequenceLogProbs[][] = [];
      for (const group of groupRows(rows, this.#folder.definition)) {
        await checkpoint();
        results.push(...(await this.scorePack(group, choice)));
      }
      return results;
    });
    const column = (sums: number[]): TensorData => ({
      type: 'f64',
      shape: [sums.length],
      data: Float64Array.from(sums),
    });
    return { reference_chosen: column(chosen), reference_rejected: column(rejected) };
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
}

const pairRow = ({ prompt, chosen, rejected }: PairTokens): Row => ({ prompt, responses: [chosen, rejected] });

/** Summed log-probabilities of pairs under the base model. */
async function referenceSums(
  pairs: readonly PairTokens[],
  scoreRows: ScoreRows,
): Promise<{ chosen: number[]; rejected: number[] }> {
  const scored = await scoreRows(pairs.map(pairRow), { kind: 'base' });
  const side = (index: 0 | 1) => scored.map((both) => both[index]?.sum ?? Number.NaN);
  return { chosen: side(0), rejected: side(1) };
}

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
