import { AlphapoError, messageOf } from '@alphapo/base';
import { datasetInfo, downloadFile, HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import type { Digest } from './digests.ts';

/** Request timeout and too many requests: they say nothing about who asks, and pass. */
const PASSING = [408, 429];
/** Of a model that has several chat templates: one file each. */
export const TEMPLATES_FOLDER = 'additional_chat_templates';
const HUGGING_FACE = 'https://huggingface.co';

type RepositoryKind = 'model' | 'dataset';

export interface HubOptions {
  /** `owner/name`. */
  readonly repository: string;
  /** `model` where absent. */
  readonly kind?: RepositoryKind | undefined;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Of a hub that is compatible with Hugging Face's; Hugging Face's own where absent. */
  readonly endpoint?: string | undefined;
  readonly token?: string | undefined;
}

export interface HubFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/** One repository of a hub. Errors of all methods: HUB_REFUSED, HUB_UNAVAILABLE. */
export class Hub {
  readonly #options: HubOptions;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** The commit that the revision names now. */
  async commit(): Promise<string> {
    const { repository: name, revision, kind = 'model' } = this.#options;
    const request = { name, revision, ...this.#access };
    const { sha } = await this.#ask<{ readonly sha: string }>(() =>
      kind === 'model'
        ? modelInfo({ ...request, additionalFields: ['sha'] })
        : datasetInfo({ ...request, additionalFields: ['sha'] }),
    );
    return sha;
  }

  /** The files at the top of a model's repository with those of its chat templates, and all files of a data set's. */
  async files(commit: string): Promise<readonly HubFile[]> {
    const recursive = this.#options.kind === 'dataset';
    return this.#ask(() => this.#list({ repo: this.#repo, revision: commit, recursive, ...this.#access }));
  }

  async #list(request: Parameters<typeof listFiles>[0]): Promise<readonly HubFile[]> {
    const files: HubFile[] = [];
    for await (const { type, path, size, oid, lfs } of listFiles(request)) {
      if (type === 'directory' && path === TEMPLATES_FOLDER && !request.recursive) {
        files.push(...(await this.#list({ ...request, path })));
      }
      if (type !== 'file') continue;
      // Large files have the SHA-256 of their bytes, others git's digest of a blob.
      const digest: Digest =
        lfs === undefined ? { algorithm: 'git-blob', hex: oid ?? '' } : { algorithm: 'sha256', hex: lfs.oid };
      files.push({ path, size: lfs?.size ?? size, digest });
    }
    return files;
  }

  /** A file's bytes, from any of them on. */
  async content(commit: string, { path, size }: HubFile): Promise<(from: number) => ReadableStream<Uint8Array>> {
    const { repository } = this.#options;
    const request = { repo: this.#repo, path, revision: commit, xet: false, ...this.#access };
    const blob = await this.#ask(() => downloadFile(request));
    if (blob === null) {
      throw new AlphapoError('not-found', 'FILE_NOT_FOUND', `${repository} has no ${path} at ${commit}`);
    }
    if (blob.size !== size) {
      throw new AlphapoError(
        'data-loss',
        'WRONG_SIZE',
        `${repository}: ${path} has ${blob.size} bytes, but ${size} in the list of files; run it again`,
      );
    }
    return (from) => blob.slice(from).stream() as ReadableStream<Uint8Array>;
  }

  /**
   * The token goes along by a `fetch` of our own: the library takes none but Hugging Face's, which begin with `hf_`. It goes to the hub itself, and
   * not to whoever stores the files for it.
   */
  get #access() {
    const { endpoint = HUGGING_FACE, token } = this.#options;
    const hubUrl = endpoint.replace(/\/+$/, '');
    const fetchWithToken: typeof fetch = (input, init) => {
      const request = new Request(input, init);
      const toHub = new URL(request.url).origin === new URL(hubUrl).origin;
      if (token !== undefined && toHub) request.headers.set('authorization', `Bearer ${token}`);
      return fetch(request);
    };
    return { hubUrl, fetch: fetchWithToken };
  }

  get #repo() {
    const { repository: name, kind: type = 'model' } = this.#options;
    return { type, name };
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    const { repository, revision, endpoint = 'the hub' } = this.#options;
    try {
      return await question();
    } catch (error) {
      if (error instanceof HubApiError && error.statusCode < 500 && !PASSING.includes(error.statusCode)) {
        const advice =
          error.statusCode === 404
            ? 'check the name, and whether it needs a token'
            : "check the token and its owner's access";
        throw new AlphapoError(
          'failed-precondition',
          'HUB_REFUSED',
          `${endpoint} rejects ${repository} at ${revision} with status ${error.statusCode}: ${advice}`,
          { cause: error },
        );
      }
      const connection = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
      if (isUntrusted(connection)) throw untrusted(endpoint, connection);
      const problem = `${endpoint} failed to return ${repository}: ${messageOf(connection ?? error)}`;
      throw new AlphapoError('unavailable', 'HUB_UNAVAILABLE', problem, { cause: error });
    }
  }
}

/** OpenSSL's words for a certificate that no trusted authority vouches for. */
const UNTRUSTED = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

function isUntrusted(error: Error | undefined): error is Error {
  return error !== undefined && UNTRUSTED.includes(String((error as NodeJS.ErrnoException).code));
}

function untrusted(endpoint: string, error: Error): AlphapoError {
  return new AlphapoError(
    'failed-precondition',
    'HUB_NOT_TRUSTED',
    `the certificate of ${endpoint} is not trusted (${error.message}); set NODE_EXTRA_CA_CERTS to a PEM file with its certificate authority, or in the chart huggingFace.caSecret`,
    { cause: error },
  );
}
