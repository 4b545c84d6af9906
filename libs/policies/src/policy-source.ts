import { AlphapoError, type FloatTensors, unlessAborted } from '@alphapo/base';
import { policyDigest } from '@alphapo/checkpoints';
import {
  OPTIMIZER_UNAVAILABLE,
  OptimizerServiceDefinition,
  type PolicyHeader,
  type PolicyVersion,
  trainingMethodFromWire,
} from '@alphapo/contracts';
import type { Engine } from '@alphapo/engine';
import { type Client, connect, type RpcSecurity, TensorAssembler } from '@alphapo/rpc';

/** Largest policy that is accepted, in bytes: a guard against a broken or hostile peer, not a limit of the design. */
const MAX_POLICY_BYTES = 2 ** 40;
const FETCH_TIMEOUT_MS = 10 * 60_000;

/** The policies of the engine, fetched from the optimizer when they are first asked for. */
export class PolicySource implements Disposable {
  readonly #engine: Engine;
  readonly #optimizer: Client<OptimizerServiceDefinition> | undefined;
  /** Fetches under way, by digest (or "latest"): whoever asks meanwhile waits for the same one. */
  readonly #fetching = new Map<string, Promise<PolicyVersion>>();
  #loaded: PolicyVersion[] = [];
  /** Memory for the next policy. */
  #spare: FloatTensors | undefined;
  readonly #closing = new AbortController();

  /** Without the optimizer's address there are no policies to fetch. */
  constructor(engine: Engine, optimizerAddress: string | undefined, security: RpcSecurity | undefined) {
    this.#engine = engine;
    this.#optimizer =
      optimizerAddress === undefined ? undefined : connect(OptimizerServiceDefinition, optimizerAddress, security);
  }

  get loaded(): PolicyVersion[] {
    return this.#loaded.filter(({ digest }) => this.#engine.hasPolicy(digest));
  }

  /**
   * Takes tensors that are no longer needed. The next policy is written into them if names and shapes match, as a gradient's do:
   * allocating memory for all weights takes longer than filling it.
   */
  reuse(tensors: FloatTensors): void {
    this.#spare = tensors;
  }

  /** Loads a version unless it is there; the current one where none is named. Returns what was loaded. */
  async ensure(version: PolicyVersion | undefined, signal: AbortSignal): Promise<PolicyVersion> {
    if (version !== undefined && this.#engine.hasPolicy(version.digest)) return version;
    const key = version?.digest ?? 'latest';
    const known = this.#fetching.get(key);
    if (known !== undefined) return unlessAborted(known, signal);
    // Shared by all who ask meanwhile, so no single caller's leaving may stop it.
    const fetching = this.#fetch(version).finally(() => this.#fetching.delete(key));
    this.#fetching.set(key, fetching);
    return unlessAborted(fetching, signal);
  }

  /** Ends the fetches under way, which would keep the process alive, and the connection. */
  [Symbol.dispose](): void {
    this.#closing.abort();
    this.#optimizer?.[Symbol.dispose]();
  }

  async #fetch(version: PolicyVersion | undefined): Promise<PolicyVersion> {
    if (this.#optimizer === undefined) {
      throw new AlphapoError(
        'failed-precondition',
        'NO_OPTIMIZER',
        'this service was started without an optimizer address, so it has the base model only; set --optimizer',
      );
    }
    let header: PolicyHeader | undefined;
    const into = this.#spare ?? new Map();
    this.#spare = undefined;
    const tensors = new TensorAssembler({ maxBytes: MAX_POLICY_BYTES, into });
    const settings = { timeoutMs: FETCH_TIMEOUT_MS, signal: this.#closing.signal };
    const stream = this.#optimizer.getPolicy({ version }, settings);
    for await (const { part } of namingOptimizer(stream)) {
      if (part?.$case === 'header') {
        header = part.value;
        if (version === undefined && this.#engine.hasPolicy(header.version?.digest ?? '')) break;
      } else if (part?.$case === 'chunk') tensors.push(part.value);
    }
    const found = header?.version;
    const method = header?.method && trainingMethodFromWire(header.method);
    if (header === undefined || found === undefined || method === undefined) throw broken('has no complete header');
    if (header.modelDigest !== this.#engine.model.digest) {
      throw new AlphapoError(
        'failed-precondition',
        'MODEL_MISMATCH',
        `the optimizer trains model ${header.modelDigest}, but this service has ${this.#engine.model.digest}; start both with the same model folder`,
      );
    }
    if (!this.#engine.hasPolicy(found.digest)) {
      const assembled = tensors.finish(header.tensorCount);
      // What never left the process has not been damaged on the way.
      const travelled = this.#optimizer.transport === 'network';
      if (travelled && (await policyDigest(assembled)) !== found.digest) {
        throw broken(`does not have the digest ${found.digest}`);
      }
      await this.#engine.loadPolicy({ digest: found.digest, method, tensors: assembled });
    }
    this.#loaded = [...this.loaded.filter(({ digest }) => digest !== found.digest), found];
    return found;
  }
}

/** Whoever asked this service must not take it for the one that is away. */
async function* namingOptimizer<T>(answers: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* answers;
  } catch (error) {
    if (!(error instanceof AlphapoError) || error.code !== 'unavailable') throw error;
    const message = `the policy cannot be fetched from the optimizer, at ${error.message}; retry later`;
    throw new AlphapoError('unavailable', OPTIMIZER_UNAVAILABLE, message, { cause: error });
  }
}

function broken(problem: string): AlphapoError {
  return new AlphapoError('data-loss', 'POLICY_DAMAGED', `the policy that the optimizer sent ${problem}; retry`);
}
