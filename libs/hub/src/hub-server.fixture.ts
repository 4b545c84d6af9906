import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

const LARGE = 100_000;
/** What was sent is to be read by then, on a busy machine too: a stream that fails drops what was not. */
const CUT_AFTER_MS = 500;

/** What a hub answers with over HTTP or HTTPS, of one model or data set; connections can be cut, and bytes damaged. */
export class HubServer implements AsyncDisposable {
  readonly repository = 'team/model';
  /** What the hub has there. */
  kind: 'model' | 'dataset' = 'model';
  /** What every revision names. */
  commit = 'c0ffee'.padEnd(40, '0');
  readonly files: Map<string, Buffer>;
  /** Content requests are cut after so many bytes, this many times. */
  cuts = { after: 0, left: 0 };
  /** The file whose bytes come damaged. */
  damaged: string | undefined;
  /** Where a token is needed. */
  token: string | undefined;
  /** Every request is answered with this status. */
  status: number | undefined;
  /** Bytes of content that were sent, and requests that were answered. */
  sent = 0;
  requests = 0;
  readonly #server;
  readonly #protocol;

  /** `identity`: PEM texts, for HTTPS. */
  constructor(files: Readonly<Record<string, Buffer>>, identity?: { readonly cert: string; readonly key: string }) {
    this.files = new Map(Object.entries(files));
    const answer = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response);
    this.#server = identity === undefined ? createServer(answer) : createTlsServer(identity, answer);
    this.#protocol = identity === undefined ? 'http' : 'https';
  }

  /** Its address, for callers on this machine. */
  async listen(port = 0, host = '127.0.0.1'): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, host, resolve));
    return `${this.#protocol}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests++;
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://hub');
    const content = `${this.kind === 'dataset' ? '/datasets' : ''}/${this.repository}/resolve/${this.commit}/`;
    const api = `/api/${this.kind}s/${this.repository}`;
    const tree = `${api}/tree/${this.commit}`;
    if (this.status !== undefined) {
      this.#json(response, { error: 'not now' }, this.status);
    } else if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      this.#json(response, { error: 'unauthorised' }, 401);
    } else if (pathname.startsWith(`${api}/revision/`)) {
      this.#json(response, { id: this.repository, sha: this.commit, lastModified: '2026-01-01T00:00:00Z' });
    } else if (pathname === tree || pathname.startsWith(`${tree}/`)) {
      this.#json(response, this.#tree(pathname.slice(tree.length + 1), searchParams.get('recursive') === 'true'));
    } else if (pathname.startsWith(content) && this.files.has(pathname.slice(content.length))) {
      this.#content(pathname.slice(content.length), request, response);
    } else {
      this.#json(response, { error: 'not found' }, 404);
    }
  }

  /** What is in a folder; in the repository's top where it is empty. */
  #tree(folder: string, recursive: boolean): object[] {
    const inside = folder === '' ? '' : `${folder}/`;
    const below = [...this.files].filter(([path]) => path.startsWith(inside));
    const rest = (path: string) => path.slice(inside.length);
    const entries = below
      .filter(([path]) => recursive || !rest(path).includes('/'))
      .map(([path, bytes]) => {
        const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
        const entry = { type: 'file', path, size: bytes.length, oid };
        if (bytes.length < LARGE) return entry;
        return { ...entry, lfs: { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length } };
      });
    const folders = new Set(below.flatMap(([path]) => rest(path).split('/').slice(0, -1).slice(0, 1)));
    return [
      ...entries,
      ...[...folders].map((name) => ({ type: 'directory', path: `${inside}${name}`, size: 0, oid: '0' })),
    ];
  }

  #content(path: string, request: IncomingMessage, response: ServerResponse): void {
    const bytes = this.files.get(path) as Buffer;
    const [, first = '0', last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? 'bytes=0-') ?? [];
    const end = last ? Math.min(Number(last) + 1, bytes.length) : bytes.length;
    let part = bytes.subarray(Number(first), end);
    if (path === this.damaged) part = Buffer.alloc(part.length);
    response.writeHead(206, {
      'content-range': `bytes ${first}-${end - 1}/${bytes.length}`,
      'content-length': part.length,
      etag: '"1"',
    });
    if (part.length > this.cuts.after && this.cuts.left > 0) {
      this.cuts.left--;
      this.sent += this.cuts.after;
      response.write(part.subarray(0, this.cuts.after), () => setTimeout(() => response.destroy(), CUT_AFTER_MS));
      return;
    }
    this.sent += part.length;
    response.end(part);
  }

  #json(response: ServerResponse, body: object, status = 200): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}
