import { AlphapoError, messageOf } from '@alphapo/base';

/** What the system's error codes mean for a path or an address. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'the address is in use: choose another port',
  EADDRNOTAVAIL: 'the address does not belong to this machine',
  EEXIST: 'exists already',
  EISDIR: 'is a folder, but a file is needed',
  ELOOP: 'symbolic links form a loop',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or folder',
  ENOSPC: 'no space is left on the device',
  ENOTDIR: 'part of the path is a file, but a folder is needed',
  ENOTEMPTY: 'the folder is not empty',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
};

/** The option of a command line that a value was given with. */
function optionOf(value: string, argv: readonly string[]): string | undefined {
  return argv.find(
    (word, index) => word.startsWith('--') && (argv[index + 1] === value || word === `${word.split('=')[0]}=${value}`),
  );
}

/**
 * The text of an error for the user: one line, unless it is a bug of the program. `--debug` in `argv` adds the stack trace.
 */
export function describeError(error: unknown, argv: readonly string[] = []): string {
  const stack = argv.includes('--debug') && error instanceof Error ? `\n${describeStack(error)}` : '';
  if (error instanceof AlphapoError) {
    const option = error.metadata.model === undefined ? undefined : optionOf(error.metadata.model, argv);
    return `${option === undefined ? '' : `${option.split('=')[0]} `}${inPlainWords(error.message)}${stack}`;
  }
  const system = systemError(error);
  if (system !== undefined) return `${system}${stack}`;
  return `unexpected error: ${messageOf(error)}${stack || '\nThis is a bug in AlphaPO. Run the command again with --debug and report its output.'}`;
}

/** What Node.js writes for a failed call of the system, within a longer message: `ENOENT: no such file …, stat '/a/b'`. */
const CALL_OF_SYSTEM = /\b(E[A-Z]+): [^,:;\n]+, [a-z]+(?: '[^'\n]*')?(?: -> '[^'\n]*')?/g;

function inPlainWords(message: string): string {
  return message.replace(CALL_OF_SYSTEM, (call, code: string) => SYSTEM_ERRORS[code] ?? call);
}

function systemError(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, path, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const meaning = code === undefined ? undefined : SYSTEM_ERRORS[code];
  if (meaning === undefined) return undefined;
  const place = path ?? (address === undefined ? undefined : `${address}:${port}`);
  return place === undefined ? meaning : `${place}: ${meaning}`;
}

function describeStack(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${describeStack(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
