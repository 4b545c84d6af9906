import { AlphapoError, type FloatTensor, type FloatTensors, sameShape } from '@alphapo/base';
import { needsReference, type TrainingMethod } from '@alphapo/contracts';
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
import { checkRow, groupRows, logitLayout, PACK_TOKENS, type Pack, PackRoom, packRows } from './pack.ts';
import { type Policy, PolicyStore } from './policy-store.ts';
import { type GradientProgram, gradientProgram, type Program, scoringProgram, trainableParameters } from './program.ts';
import { openReference } from './reference.ts';
import { type Lease, ResourceCache } from './resource-cache.ts';
import type { Row } from './row.ts';
import type { RowChoice, ScoreQueueOptions } from './score-queue.ts';
import { type Feeds, Session, type SessionOptions, type TensorData } from './session.ts';
import { ModelFolder } from './weights.ts';

/**
 * Sessions kept at a time. Each holds the memory of its largest pack. A run needs those of one objective: for whole logits,
 * and for chunks of them where a response is very long; and as many for each of base model, policy and reference.
 */
const GRADIENT_SESSIONS_KEPT = 2;
const SCORING_SESSIONS_KEPT = 6;
/** Objectives are small graphs. */
const OBJECTIVE_SESSIONS_KEPT = 16;

/** Tokens up to which calls are merged on cores: they run at full speed with these. Accelerators take whole packs. */
const CPU_MERGE_TOKENS = 256;

/** Says whether the caller of a computation still wants it, and lets others compute. Called between packs. */
export type Checkpoint = () => Promise<void>;

/** Has rows scored, by themselves or together with those of other calls. */
export type ScoreRows = (rows: readonly Row[], choice: RowChoice) => Promise<SequenceLogProbs[][]>;

/** A program, and the session that runs it. */
interface Prepared<P extends Program> extends AsyncDisposable {
  readonly program: P;
  readonly session: Session;
}

/** Computes on the calling thread. Sessions are made when they are first needed; the last ones used are kept. */
export class Computer implements AsyncDisposable {
  readonly #folder: ModelFolder;
  /** The model that objectives compare with: the same folder where no other was given. */
  readonly #reference: ModelFolder;
  readonly #options: SessionOptions;
  readonly #gradients = new ResourceCache<Prepared<GradientProgram>>(GRADIENT_SESSIONS_KEPT);
  readonly #scoring = new ResourceCache<Prepared<Program>>(SCORING_SESSIONS_KEPT);
  readonly #objectives = new ResourceCache<ObjectiveSession>(OBJECTIVE_SESSIONS_KEPT);
  readonly #policies = new PolicyStore();

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

  /** How much of the rows that wait one execution takes. */
  get executionSize(): Pick<ScoreQueueOptions, 'newRoom' | 'mergeTokens'> {
    const newRoom = () => PackRoom.of(this.#folder.definition);
    return { newRoom, mergeTokens: this.#options.executionProvider === 'cpu' ? CPU_MERGE_TOKENS : PACK_TOKENS };
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
    return this.#policies.add(digest, { method, tensors: ordered });
  }

  /** Keeps a policy as long as a call needs it. Errors: POLICY_NOT_LOADED. */
  hold(choice: PolicyChoice): Disposable {
    return choice.kind === 'policy' ? this.#policies.hold(choice.digest) : { [Symbol.dispose]: () => {} };
  }

  async score(
    sequences: readonly SequenceTokens[],
    choice: PolicyChoice,
    scoreRows: ScoreRows,
  ): Promise<SequenceLogProbs[]> {
    const rows = sequences.map(({ prompt, response }) => ({ prompt, responses: [response] }));
    checkRows(rows, this.#folder);
    return (await scoreRows(rows, choice)).flat();
  }

  async scorePairs(
    pairs: readonly PairTokens[],
    choice: PolicyChoice,
    applied: AppliedObjective | undefined,
    scoreRows: ScoreRows,
  ): Promise<PairOutcome[]> {
    const rows = pairs.map(pairRow);
    checkRows(rows, this.#folder);
    if (applied !== undefined && needsReference(applied.objective)) checkRows(rows, this.#reference);
    const scored = (await scoreRows(rows, choice)) as [SequenceLogProbs, SequenceLogProbs][];
    if (applied === undefined || pairs.length === 0) {
      return scored.map(([chosen, rejected]) => outcome(chosen, rejected, Number.NaN, Number.NaN, Number.NaN));
    }
    const { objective, batch } = applied;
    const sums = {
      chosen: scored.map(([chosen]) => chosen),
      rejected: scored.map(([, rejected]) => rejected),
      reference: needsReference(objective) ? await referenceSums(rows, scoreRows) : undefined,
    };
    using session = await this.#objectives.acquire(JSON.stringify(objective), () => ObjectiveSession.open(objective));
    const values = await session.value.evaluate(sums, batch);
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
    const policy = this.#policies.get(request.policyDigest);
    const rows = pairs.map(pairRow);
    checkRows(rows, this.#folder);
    if (needsReference(objective)) checkRows(rows, this.#reference);
    const sum = new GradientSum();
    const outcomes: PairOutcome[] = [];
    for (const group of groupRows(rows, this.#folder.definition)) {
      await checkpoint();
      const logits = logitLayout(group, this.#folder.definition);
      using prepared = await this.#prepare(this.#gradients, [policy.method, objective, logits], this.#folder, () =>
        gradientProgram(this.#folder, policy.method, objective, logits),
      );
      const { program, session } = prepared.value;
      const pack = packRows(group, this.#folder.definition, program.windows);
      const outputs = await session.run({
        ...pack.feeds,
        ...pairFeeds(pack),
        ...batchPairsFeed(request),
        ...batchFeeds(objective, request),
        ...(needsReference(objective) ? referenceFeeds(await referenceSums(group, this.inOwnPacks(checkpoint))) : {}),
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
    for (const cache of [this.#gradients, this.#scoring]) {
      for (const { session } of await cache.kept()) session.endProfiling();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cache of [this.#gradients, this.#scoring, this.#objectives]) await cache[Symbol.asyncDispose]();
  }

  /** Scores rows that fit into one pack. */
  async scorePack(rows: readonly Row[], choice: RowChoice): Promise<SequenceLogProbs[][]> {
    const folder = choice.kind === 'reference' ? this.#reference : this.#folder;
    const policy = choice.kind === 'policy' ? this.#policies.get(choice.digest) : undefined;
    const weights = folder === this.#folder ? 'model' : 'reference';
    const logits = logitLayout(rows, folder.definition);
    using prepared = await this.#prepare(this.#scoring, [weights, policy?.method, logits], folder, () =>
      scoringProgram(folder, policy?.method, logits),
    );
    const { program, session } = prepared.value;
    const pack = packRows(rows, folder.definition, program.windows);
    const outputs = await session.run({ ...pack.feeds, ...(policy === undefined ? {} : policyFeeds(policy)) });
    return sequenceLogProbs(pack, outputs.log_probs as TensorData);
  }

  /** Scores rows in packs that depend on them alone, as the reference of a gradient must be. */
  inOwnPacks(checkpoint: Checkpoint): ScoreRows {
    return async (rows, choice) => {
      const results: SequenceLogProbs[][] = [];
      for (const group of groupRows(rows, this.#folder.definition)) {
        await checkpoint();
        results.push(...(await this.scorePack(group, choice)));
      }
      return results;
    };
  }

  #prepare<P extends Program>(
    cache: ResourceCache<Prepared<P>>,
    key: readonly unknown[],
    folder: ModelFolder,
    build: () => P,
  ): Promise<Lease<Prepared<P>>> {
    return cache.acquire(JSON.stringify(key), async () => {
      const program = build();
      const session = await Session.create(program.graph, { ...this.#options, weightsFolder: folder.weightsFolder });
      return { program, session, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
    });
  }
}

const pairRow = ({ prompt, chosen, rejected }: PairTokens): Row => ({ prompt, responses: [chosen, rejected] });

function checkRows(rows: readonly Row[], { definition }: ModelFolder): void {
  for (const [i, row] of rows.entries()) checkRow(row, i, definition);
}

/** Summed log-probabilities of pairs under the reference. */
async function referenceSums(rows: readonly Row[], scoreRows: ScoreRows): Promise<ReferenceSums> {
  const scored = await scoreRows(rows, { kind: 'reference' });
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
