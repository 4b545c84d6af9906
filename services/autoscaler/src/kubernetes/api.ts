import { AlphapoError, type ErrorCode, messageOf } from '@alphapo/base';
import {
  ApiException,
  AppsV1Api,
  CoordinationV1Api,
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  PatchStrategy,
  ServerConfiguration,
} from '@kubernetes/client-node';

/**
 * How long a request may take. A leader gives up five seconds before others may follow it: what it asked for just before
 * has come to an end by then.
 */
const REQUEST_MS = 4_000;

export interface KubernetesApi {
  readonly apps: AppsV1Api;
  readonly core: CoreV1Api;
  readonly coordination: CoordinationV1Api;
}

/**
 * The API server of the cluster that this runs in, or of KUBECONFIG. Patches are merge patches. Errors: NO_CLUSTER where
 * neither says which one.
 */
export function openKubernetesApi(): KubernetesApi {
  const config = new KubeConfig();
  config.loadFromDefault();
  const cluster = config.getCurrentCluster();
  // Without a file and outside of a cluster the library falls back to plain HTTP on this machine.
  if (cluster === null || cluster.server === 'http://localhost:8080') {
    throw new AlphapoError('failed-precondition', 'NO_CLUSTER', 'not running in a Kubernetes cluster; set KUBECONFIG');
  }
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(cluster.server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        async pre(request) {
          request.setSignal(AbortSignal.timeout(REQUEST_MS));
          if (request.getHttpMethod() === 'PATCH') request.setHeaderParam('Content-Type', PatchStrategy.MergePatch);
          return request;
        },
        post: async (response) => response,
      },
    ],
  });
  return {
    apps: new AppsV1Api(configuration),
    core: new CoreV1Api(configuration),
    coordination: new CoordinationV1Api(configuration),
  };
}

const CODES: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  401: ['unauthenticated', 'API_REFUSED'],
  403: ['permission-denied', 'API_FORBIDDEN'],
  404: ['not-found', 'NOT_IN_CLUSTER'],
  409: ['aborted', 'CONFLICT'],
  422: ['invalid-argument', 'API_REJECTED'],
};

/** What a request gives. Errors: those of the API server by their meaning, else API_UNAVAILABLE, with what was to be done. */
export async function asking<T>(doing: string, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    const status = error instanceof ApiException ? error.code : undefined;
    const [code, reason] = CODES[status ?? 0] ?? ['unavailable', 'API_UNAVAILABLE'];
    throw new AlphapoError(code, reason, `${doing}: ${explanation(error)}`, { cause: error });
  }
}

/** The API server's own words where it gave some. */
function explanation(error: unknown): string {
  if (!(error instanceof ApiException)) return `the API server does not answer: ${messageOf(error)}`;
  const { body } = error;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  try {
    return JSON.parse(text).message ?? text;
  } catch {
    return text;
  }
}
