/** What every server and client of calls logs. */
export type RpcEvents = {
  /** A handler threw an error that is not ours; the caller gets INTERNAL. Level: error. */
  'rpc.failed': { readonly method: string; readonly peer: string; readonly error: unknown };
  /** Certificates or tokens changed on disk, and are in use now. */
  'security.reloaded': { readonly files: readonly string[] };
  /** Changed certificates or tokens cannot be used; those in use stay, and the files are tried again. Level: warn. */
  'security.not-reloaded': { readonly files: readonly string[]; readonly error: unknown };
};
