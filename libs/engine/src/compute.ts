import { AlphapoError, type FloatTensor, type FloatTensors, sameShape } from '@alphapo/base';
import {
  type ComputeSettings,
  DEFAULT_PACK_TOKENS,
  needsReference,
  type Objective,
  type TrainingMethod,
} from '@alphapo/contracts';
import type {
  AppliedObjective,
  GradientRequest,
  ModelDescription,
  PairOutcome,
  PairTokens,
  PolicyChoice,
  SequenceLogProbs,
  SequenceTokens,
  ShardGradient,
} from './engine.ts';
import { GradientSum } from './gradient-sum.ts';
import { batchFeeds, batchPairsFeed, pairFeeds, type ReferenceSums, referenceFeeds } from './objective-feeds.ts';
import { PAIR_OUTPUTS } from './objective-program.ts';
import { ObjectiveSession } from './objective-session.ts';
import { checkRow, groupRows, logitLayout, type Pack, packRows } from './pack.ts';
import { gradientProgram, type Program, scoringProgram, trainableParameters } from './program.ts';
import { openReference } from './reference.ts';
import type { Row } from './row.ts';
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

/** Which weights rows are scored with: a caller's choice, or the model that objectives compare with. */
type RowChoice = PolicyChoice | { readonly kind: 'reference' };

/** Says whether the caller of a computation still wants it. Called between packs. */
export type Checkpoint = () => Promise<void>;

/** Computes on the calling thread. Sessions are made when they are first needed and kept. */
export class Computer implements AsyncDisposable {
  readonly #folder: ModelFolder;
  /** The model that objectives compare with: the same folder where no other was given. */
  readonly #reference: ModelFolder;
  readonly #options: SessionOptions;
  readonly #sessions = new Map<string, { readonly program: Program; readonly session: Promise<Session> }>();
  readonly #objectives = new Map<string, Promise<ObjectiveSession>>();
  /** In the order of use, the least recently used first. */
  readonly #policies = new Map<string, Policy>();

  private constructor(folder: ModelFolder, reference: ModelFolder, options: SessionOptions) {
    this.#folder = folder;
    this.#reference = reference;
    this.#options = options;
  }

  /** `referenceModel`: folder of the model that objectives compare with; absent: the model itself. */
  static async open(folder: string, options: SessionOptions, referenceModel?: string): Promise<Computer> {
    const model = await ModelFolder.open(folder);
    return new Computer(model, await openReference(model, referenceModel), options);
  }

  get description(): ModelDescription {
    const { definition, digest, parameterCount } = this.#folder;
    return {
      modelType: definition.modelType,
      digest,
      referenceDigest: this.#reference.digest,
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
    applied: AppliedObjective | undefined,
    checkpoint: Checkpoint,
  ): Promise<PairOutcome[]> {
    const rows = pairs.map(pairRow);
    const scored = (await this.#scoreRows(rows, choice, checkpoint)) as [SequenceLogProbs, SequenceLogProbs][];
    if (applied === undefined || pairs.length === 0) {
      return scored.map(([chosen, rejected]) => outcome(chosen, rejected, Number.NaN, Number.NaN, Number.NaN));
    }
    const { objective, batch } = applied;
    const session = await this.#objective(objective);
    const sums = {
      chosen: scored.map(([chosen]) => chosen),
      rejected: scored.map(([, rejected]) => rejected),
      reference: needsReference(objective) ? await this.#referenceSums(pairs, checkpoint) : undefined,
    };
    const values = await session.evaluate(sums, batch);
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

  async gradient(request: GradientRequest, checkpoint: Checkpoint): Promise<ShardGradient> {
    const started = performance.now();
    const { pairs, objective } = request;
    const policy = this.#policy(request.policyDigest);
    const rows = pairs.map(pairRow);
    checkRows(rows, this.#folder);
    if (needsReference(objective)) checkRows(rows, this.#reference);
    const sum = new GradientSum();
    const outcomes: PairOutcome[] = [];
    const { packTokens, activations, weights } = request.compute;
    for (const group of groupRows(rows, this.#folder.definition, packTokens)) {
      await checkpoint();
      const from = outcomes.length;
      const groupPairs = pairs.slice(from, from + group.length);
      const logits = logitLayout(group, this.#folder.definition);
      const key = `gradient ${JSON.stringify([policy.method, objective, logits, activations, weights])}`;
      const build = () => gradientProgram(this.#folder, policy.method, objective, { logits, activations });
      const { program, session } = await this.#session(key, { folder: this.#folder, weights }, build);
      const pack = packRows(group, this.#folder.definition, program.windows);
      const outputs = await session.run({
        ...pack.feeds,
        ...pairFeeds(pack),
        ...batchPairsFeed(request),
        ...batchFeeds(objective, request),
        ...(needsReference(objective) ? referenceFeeds(await this.#referenceSums(groupPairs, checkpoint)) : {}),
        ...policyFeeds(policy),
      });
      const scored = sequenceLogProbs(pack, outputs.log_probs as TensorData) as [SequenceLogProbs, SequenceLogProbs][];
      scored.forEach(([chosen, rejected], i) => {
        outcomes.push(outcome(chosen, rejected, ...pairNumbers(outputs, i)));
      });
      sum.add(program.gradients, outputs);
    }
    return {
      pairs: outcomes,
      loss: outcomes.reduce((sum, { loss }) => sum + loss, 0) / request.batchPairs,
      gradient: sum.total,
      computeMs: performance.now() - started,
    };
  }

  /** Writes the profiles of all sessions, where they were asked for. */
  async endProfiling(): Promise<void> {
    for (const { session } of this.#sessions.values()) (await session).endProfiling();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sessions: Promise<AsyncDisposable>[] = [
      ...[...this.#sessions.values()].map(({ session }) => session),
      ...this.#objectives.values(),
    ];
    for (const session of sessions) await (await session)[Symbol.asyncDispose]();
    this.#sessions.clear();
    this.#objectives.clear();
  }

  async #scoreRows(rows: readonly Row[], choice: RowChoice, checkpoint: Checkpoint): Promise<SequenceLogProbs[][]> {
    const folder = choice.kind === 'reference' ? this.#reference : this.#folder;
    checkRows(rows, folder);
    const policy = choice.kind === 'policy' ? this.#policy(choice.digest) : undefined;
    const model = folder === this.#folder ? 'model' : 'reference';
    const results: SequenceLogProbs[][] = [];
    for (const group of groupRows(rows, folder.definition, DEFAULT_PACK_TOKENS)) {
      await checkpoint();
      const logits = logitLayout(group, folder.definition);
      const key = `score ${model} ${JSON.stringify(policy?.method)} ${logits}`;
      const { program, session } = await this.#session(key, { folder, weights: 'in-place' }, () =>
        scoringProgram(folder, policy?.method, logits),
      );
      const pack = packRows(group, folder.definition, program.windows);
      const outputs = await session.run({ ...pack.feeds, ...(policy === undefined ? {} : policyFeeds(policy)) });
      results.push(...sequenceLogProbs(pack, outputs.log_probs as TensorData));
    }
    return results;
  }

  /** Summed log-probabilities of pairs under the reference. */
  async #referenceSums(pairs: readonly PairTokens[], checkpoint: Checkpoint): Promise<ReferenceSums> {
    const scored = await this.#scoreRows(pairs.map(pairRow), { kind: 'reference' }, checkpoint);
    const side = (index: 0 | 1) => scored.map((both) => both[index]?.sum ?? Number.NaN);
    return { chosen: side(0), rejected: side(1) };
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

  async #session<P extends Program>(
    key: string,
    { folder, weights }: { readonly folder: ModelFolder; readonly weights: ComputeSettings['weights'] },
    build: () => P,
  ): Promise<{ program: P; session: Session }> {
    let known = this.#sessions.get(key) as { program: P; session: Promise<Session> } | undefined;
    if (known === undefined) {
      const program = build();
      const options = { ...this.#options, weights, weightsFolder: folder.weightsFolder };
      known = { program, session: Session.create(program.graph, options) };
      this.#sessions.set(key, known);
      known.session.catch(() => this.#sessions.delete(key));
    }
    return { program: known.program, session: await known.session };
  }
}

const pairRow = ({ prompt, chosen, rejected }: PairTokens): Row => ({ prompt, responses: [chosen, rejected] });

function checkRows(rows: readonly Row[], { definition }: ModelFolder): void {
  for (const [i, row] of rows.entries()) checkRow(row, i, definition);
}

const toData = ({ shape, data }: FloatTensor): TensorData => ({ type: 'f32', shape, data });

function policyError(problem: string): AlphapoError {
  return new AlphapoError('failed-precondition', 'POLICY_MISMATCH', `the policy does not fit: ${problem}`);
}

function policyFeeds(policy: Policy): Feeds {
  return Object.fromEntries([...policy.tensors].map(([name, tensor]) => [name, toData(tensor)]));
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
