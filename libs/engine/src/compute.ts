import type { FloatTensor } from '@alphapo/base';
import { type ComputeSettings, type Dtype, needsReference } from '@alphapo/contracts';
import type { ModelDefinition } from '@alphapo/models';
import { probeDevice } from './device-probe.ts';
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
import type { DecodingPrograms } from './generation/decoding-batch.ts';
import { decodeProgram, prefillProgram } from './generation/programs.ts';
import type { TokenScores } from './generation/sequence.ts';
import { tokenScores } from './generation/token-scores.ts';
import { LoadedPolicies, type Policy } from './loaded-policies.ts';
import { lossScaleFeed } from './loss-scale.ts';
import {
  batchFeeds,
  batchPairsFeed,
  pairFeeds,
  type ReferenceSums,
  referenceFeeds,
  weightFeed,
} from './objective-feeds.ts';
import { ObjectiveSession } from './objective-session.ts';
import { outcome, pairNumbers, referenceSums, sequenceLogProbs } from './outcomes.ts';
import { checkRow, groupRows, logitLayout, type PackLimits, packLimits, packRows } from './pack.ts';
import { PackGradients } from './pack-gradients.ts';
import { Prepared } from './prepared.ts';
import { type GradientProgram, gradientProgram, type Program, scoringProgram } from './program.ts';
import { type ProgramStyle, programStyle } from './program-style.ts';
import { openReference } from './reference.ts';
import { type Lease, ResourceCache } from './resource-cache.ts';
import { ENGINE_REVISION } from './revision.ts';
import type { Row, RowChoice } from './row.ts';
import { type Feeds, RUNTIME, type SessionOptions, type TensorData } from './session.ts';
import { ModelFolder } from './weights.ts';
import type { YieldPoint } from './yield-point.ts';

/**
 * Sessions kept at a time. Each holds the memory of its largest pack. What a run needs is one for gradients, and one for
 * scoring under the base model, the policy and the reference each; twice as many where some responses are so long that
 * their logits come in chunks.
 */
const GRADIENT_SESSIONS_KEPT = 2;
const SCORING_SESSIONS_KEPT = 6;
/** One that reads prompts and one that continues them, for the base model and the policy. */
const DECODING_SESSIONS_KEPT = 4;
/** Objectives are small graphs. */
const OBJECTIVE_SESSIONS_KEPT = 16;

/** How a model is computed with. */
export interface ComputeOptions extends SessionOptions {
  /** Element type of frozen weights and activations; float32 where absent. */
  readonly dtype?: Dtype | undefined;
}

/** Has rows scored, by themselves or together with those of other calls. */
export type ScoreRows = (rows: readonly Row[], choice: RowChoice) => Promise<SequenceLogProbs[][]>;

/** Computes on the calling thread. Sessions are made when they are first needed; the last ones used are kept. */
export class Computer implements AsyncDisposable {
  readonly #folder: ModelFolder;
  /** The model that objectives compare with: the same folder where no other was given. */
  readonly #reference: ModelFolder;
  readonly #options: ComputeOptions;
  readonly #style: ProgramStyle;
  readonly #gradients = new ResourceCache<Prepared<GradientProgram>>(GRADIENT_SESSIONS_KEPT);
  readonly #scoring = new ResourceCache<Prepared<Program>>(SCORING_SESSIONS_KEPT);
  readonly #decoding = new ResourceCache<Prepared<Program>>(DECODING_SESSIONS_KEPT);
  readonly #objectives = new ResourceCache<ObjectiveSession>(OBJECTIVE_SESSIONS_KEPT);
  /** The policies to compute with. */
  readonly policies: LoadedPolicies;

  private constructor(
    folder: ModelFolder,
    reference: ModelFolder,
    { options, style }: { options: ComputeOptions; style: ProgramStyle },
  ) {
    this.#folder = folder;
    this.#reference = reference;
    this.#options = options;
    this.#style = style;
    this.policies = new LoadedPolicies(folder.definition);
  }

  /** `referenceModel`: folder of the model that objectives compare with; absent: the model itself. */
  static async open(folder: string, options: ComputeOptions, referenceModel?: string): Promise<Computer> {
    const style = programStyle(options.executionProvider, options.dtype ?? 'float32');
    await probeDevice(options, style);
    const model = await ModelFolder.open(folder);
    return new Computer(model, await openReference(model, referenceModel), { options, style });
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
      dtype: this.#options.dtype ?? 'float32',
      threads: this.#options.threads,
      engineRevision: ENGINE_REVISION,
      runtime: RUNTIME,
    };
  }

  get definition(): ModelDefinition {
    return this.#folder.definition;
  }

  /** How large packs may be. */
  get packLimits(): PackLimits {
    return packLimits(this.#folder.definition);
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
    const compares = applied !== undefined && needsReference(applied.objective);
    checkRows(rows, this.#folder);
    if (compares) checkRows(rows, this.#reference);
    const scored = (await scoreRows(rows, choice)) as [SequenceLogProbs, SequenceLogProbs][];
    if (applied === undefined || pairs.length === 0) {
      return scored.map(([chosen, rejected]) => outcome(chosen, rejected, Number.NaN, Number.NaN, Number.NaN));
    }
    const { objective, batch } = applied;
    const sums = {
      chosen: scored.map(([chosen]) => chosen),
      rejected: scored.map(([, rejected]) => rejected),
      reference: compares ? referenceSums(await scoreRows(rows, this.#referenceChoice)) : undefined,
      weights: pairs.map(({ weight }) => weight),
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

  async gradient(request: GradientRequest, yieldPoint: YieldPoint): Promise<ShardGradient> {
    const started = performance.now();
    const { pairs, objective } = request;
    const policy = this.policies.get(request.policyDigest);
    const rows = pairs.map(pairRow);
    checkRows(rows, this.#folder);
    if (needsReference(objective)) checkRows(rows, this.#reference);
    const sum = new PackGradients();
    const outcomes: PairOutcome[] = [];
    const { packTokens, activations, weights } = request.compute;
    for (const group of groupRows(rows, this.#folder.definition, packTokens)) {
      await yieldPoint();
      const logits = logitLayout(group, this.#folder.definition);
      const key = JSON.stringify([policy.method, objective, logits, activations, weights]);
      using prepared = await this.#gradients.acquire(key, () => {
        const program = gradientProgram(this.#folder, policy.method, objective, {
          ...this.#style,
          logits,
          activations,
        });
        return this.#prepare(this.#folder, program, weights);
      });
      const { program, session } = prepared.value;
      const pack = packRows(group, this.#folder.definition, program.windows);
      const outputs = await session.run({
        ...pack.feeds,
        ...pairFeeds(pack),
        // Packs have the pairs in their order.
        ...weightFeed(pairs.slice(outcomes.length, outcomes.length + group.length)),
        ...batchPairsFeed(request),
        ...lossScaleFeed(request, this.#style),
        ...batchFeeds(objective, request),
        ...(needsReference(objective) ? referenceFeeds(await this.#gradientReference(group, yieldPoint)) : {}),
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

  /** Scores rows that are one pack. */
  async scorePack(rows: readonly Row[], choice: RowChoice): Promise<SequenceLogProbs[][]> {
    const folder = choice.kind === 'reference' ? this.#reference : this.#folder;
    const policy = choice.kind === 'policy' ? this.policies.get(choice.digest) : undefined;
    const logits = logitLayout(rows, folder.definition);
    using prepared = await this.#scoring.acquire(JSON.stringify([policy?.method ?? choice.kind, logits]), () =>
      this.#prepare(folder, scoringProgram(folder, policy?.method, { ...this.#style, logits }), 'in-place'),
    );
    const { program, session } = prepared.value;
    const pack = packRows(rows, folder.definition, program.windows);
    const outputs = await session.run({ ...pack.feeds, ...(policy === undefined ? {} : policyFeeds(policy)) });
    return sequenceLogProbs(pack, outputs.log_probs as TensorData);
  }

  /** What continuations under a policy are computed with; the policy is held as long as the lease. */
  async decodingPrograms(choice: PolicyChoice): Promise<Lease<DecodingPrograms>> {
    const hold = this.policies.hold(choice);
    const policy = choice.kind === 'policy' ? this.policies.get(choice.digest) : undefined;
    const feeds = policy === undefined ? {} : policyFeeds(policy);
    const [folder, style] = [this.#folder, this.#style];
    const acquire = <P extends Program>(name: string, program: () => P) =>
      this.#decoding.acquire(JSON.stringify([name, policy?.method ?? choice.kind]), () =>
        this.#prepare(folder, program(), 'in-place'),
      ) as Promise<Lease<Prepared<P>>>;
    const prefill = await acquire('prefill', () => prefillProgram(folder, policy?.method, style));
    const decode = await acquire('decode', () => decodeProgram(folder, policy?.method, style));
    const run = <P extends Program>({ value: { program, session } }: Lease<Prepared<P>>) => ({
      program,
      run: (own: Feeds) => session.run({ ...own, ...feeds }),
    });
    return {
      value: { prefill: run(prefill), decode: run(decode) },
      [Symbol.dispose]: () => {
        for (const lease of [decode, prefill, hold]) lease[Symbol.dispose]();
      },
    };
  }

  /** Scores of the tokens of sequences, one after the other. Errors: EMPTY_PROMPT, TOO_LONG, UNKNOWN_TOKEN with the item. */
  async tokenScores(
    sequences: readonly (readonly number[])[],
    choice: PolicyChoice,
    top: number,
    yieldPoint: YieldPoint,
  ): Promise<TokenScores[]> {
    for (const [i, tokens] of sequences.entries()) {
      const responses = tokens.length > 1 ? [tokens.slice(1)] : [];
      checkRow({ prompt: tokens.slice(0, 1), responses }, i, this.definition);
    }
    using programs = await this.decodingPrograms(choice);
    const options = { model: this.definition, prefill: programs.value.prefill, top };
    const scores: TokenScores[] = [];
    for (const tokens of sequences) scores.push(await tokenScores(tokens, options, yieldPoint));
    return scores;
  }

  /** Writes the requested profiles. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const cache of [this.#gradients, this.#scoring, this.#decoding, this.#objectives])
      await cache[Symbol.asyncDispose]();
  }

  /** Without a reference model, the model and its reference share one session. */
  get #referenceChoice(): RowChoice {
    return { kind: this.#reference === this.#folder ? 'base' : 'reference' };
  }

  /** The reference of a gradient's pairs, in packs of their own, so that other scores cannot change its bits. */
  async #gradientReference(pairs: readonly Row[], yieldPoint: YieldPoint): Promise<ReferenceSums> {
    const scored: SequenceLogProbs[][] = [];
    for (const group of groupRows(pairs, this.#reference.definition)) {
      await yieldPoint();
      scored.push(...(await this.scorePack(group, this.#referenceChoice)));
    }
    return referenceSums(scored);
  }

  #prepare<P extends Program>(
    folder: ModelFolder,
    program: P,
    weights: ComputeSettings['weights'],
  ): Promise<Prepared<P>> {
    return Prepared.create(program, { ...this.#options, weights, weightsFolder: folder.weightsFolder });
  }
}

const pairRow = ({ prompt, chosen, rejected }: PairTokens): Row => ({ prompt, responses: [chosen, rejected] });

function checkRows(rows: readonly Row[], { definition }: ModelFolder): void {
  for (const [i, row] of rows.entries()) checkRow(row, i, definition);
}

const toData = ({ shape, data }: FloatTensor): TensorData => ({ type: 'f32', shape, data });

function policyFeeds(policy: Policy): Feeds {
  return Object.fromEntries([...policy.tensors].map(([name, tensor]) => [name, toData(tensor)]));
}
