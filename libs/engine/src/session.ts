import { AlphapoError, messageOf } from '@alphapo/base';
import type { ComputeSettings, ExecutionProvider } from '@alphapo/contracts';
import { type Graph, writeOnnx } from '@alphapo/graph';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { deviceFailure, providerOptions } from './providers.ts';

/** The one door to ONNX Runtime. */

/** Elements of a tensor that crosses into or out of a session, with its shape. */
export type TensorData =
  | { readonly type: 'f32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly type: 'f64'; readonly shape: readonly number[]; readonly data: Float64Array }
  | { readonly type: 'i64'; readonly shape: readonly number[]; readonly data: BigInt64Array };

export type Feeds = Readonly<Record<string, TensorData>>;

export interface SessionOptions {
  readonly executionProvider: ExecutionProvider;
  /** Threads inside an operator. The order of sums may depend on it, so it is fixed for a run. */
  readonly threads: number;
  /** Packed copies of constant matrices: see ComputeSettings. */
  readonly weights?: ComputeSettings['weights'];
  /** Folder of the files that the graph's weights lie in. */
  readonly weightsFolder?: string;
  /** Writes a profile of every run in Chrome's trace format, to a file that starts with this. */
  readonly profilePrefix?: string;
  /** Writes what ONNX Runtime does to stderr; that includes the execution provider of every node. */
  readonly verbose?: boolean;
}

const LOG_EVERYTHING = 0;
/** What ONNX Runtime would print about a failure is also in the error that it throws. */
const LOG_NOTHING = 4;
env.logLevel = 'fatal';

/** The library that executes graphs, its version and the platform: another one may compute other bits. */
export const RUNTIME = `onnxruntime-${env.versions.common} ${process.platform}-${process.arch}`;

const ORT_TYPE = { f32: 'float32', f64: 'float64', i64: 'int64' } as const;

/** A graph ready to run. `run` blocks the calling thread: use it in a worker. */
export class Session implements AsyncDisposable {
  readonly #session: InferenceSession;
  readonly #provider: ExecutionProvider;

  private constructor(session: InferenceSession, provider: ExecutionProvider) {
    this.#session = session;
    this.#provider = provider;
  }

  static async create(graph: Graph, options: SessionOptions): Promise<Session> {
    const provider = providerOptions(options.executionProvider);
    const extra: Record<string, unknown> = {
      session: {
        disable_prepacking: options.weights === 'packed' ? '0' : '1',
        ...provider.session,
        ...(options.weightsFolder === undefined
          ? {}
          : { model_external_initializers_file_folder_path: options.weightsFolder }),
      },
    };
    try {
      const session = await InferenceSession.create(writeOnnx(graph, provider), {
        executionProviders: provider.executionProviders,
        intraOpNumThreads: options.threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        logSeverityLevel: options.verbose ? LOG_EVERYTHING : LOG_NOTHING,
        extra,
        ...(options.profilePrefix === undefined
          ? {}
          : { enableProfiling: true, profileFilePrefix: options.profilePrefix }),
      });
      return new Session(session, options.executionProvider);
    } catch (error) {
      const failure = deviceFailure(options.executionProvider, error);
      if (failure !== undefined) throw failure;
      throw new AlphapoError(
        'failed-precondition',
        'SESSION_NOT_CREATED',
        `ONNX Runtime cannot prepare the model on ${options.executionProvider}: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Runs the graph. Outputs come in the graph's order; their data is the caller's. */
  async run(feeds: Feeds): Promise<Record<string, TensorData>> {
    const inputs = Object.fromEntries(
      Object.entries(feeds).map(([name, { type, shape, data }]) => [name, new Tensor(ORT_TYPE[type], data, shape)]),
    );
    try {
      const outputs = await this.#session.run(inputs);
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, fromTensor(tensor)]));
    } catch (error) {
      const failure = deviceFailure(this.#provider, error);
      if (failure !== undefined) throw failure;
      throw new AlphapoError('internal', 'SESSION_RUN_FAILED', `ONNX Runtime stopped: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Writes the profile, where one was asked for. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

function fromTensor(tensor: Tensor): TensorData {
  const shape = tensor.dims;
  switch (tensor.type) {
    case 'float32':
      return { type: 'f32', shape, data: tensor.data as Float32Array };
    case 'float64':
      return { type: 'f64', shape, data: tensor.data as Float64Array };
    case 'int64':
      return { type: 'i64', shape, data: tensor.data as BigInt64Array };
    default:
      throw new AlphapoError('internal', 'SESSION_OUTPUT_TYPE', `an output has the type ${tensor.type}`);
  }
}
