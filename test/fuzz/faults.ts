import type { Observation, Outcome } from './reader-sandbox.ts';
import { LONGEST_MESSAGE } from './readers.ts';

/** Mutated files have some hundred kilobytes: more memory than this is out of proportion. */
const MOST_MEGABYTES = 768;
const LONGEST_METADATA = 4_000;

/** What is wrong with how a reader took a folder, or undefined. */
export function faultOf({ outcome, peakBytes }: Observation, folder: string): string | undefined {
  const megabytes = peakBytes / 2 ** 20;
  if (megabytes > MOST_MEGABYTES) return `memory: ${megabytes.toFixed(0)} MB`;
  if (outcome.kind === 'accepted') return undefined;
  if (outcome.kind !== 'refused') return `${outcome.kind}: ${outcome.message}`;
  return faultOfRefusal(outcome, folder);
}

/** A refusal must be one that a program and a person can act on, and must not invite a retry: the file stays as it is. */
function faultOfRefusal(refusal: Extract<Outcome, { kind: 'refused' }>, folder: string): string | undefined {
  const { code, reason, message, metadataLength } = refusal;
  const told = `${reason} (${code}): ${message.slice(0, 300)}`;
  if (!/^[A-Z0-9]+(_[A-Z0-9]+)*$/.test(reason)) return `no stable reason: ${told}`;
  if (code === 'internal' || code === 'unavailable') return `a damaged file is called ${told}`;
  if (message.length > LONGEST_MESSAGE) return `a message of ${message.length} characters: ${told}`;
  if (metadataLength > LONGEST_METADATA) return `metadata of ${metadataLength} characters: ${told}`;
  if (!message.isWellFormed()) return `a message with half a character: ${told}`;
  if (!message.includes(folder) && !/^[\w.-]+: /.test(message)) return `no place is named: ${told}`;
  return undefined;
}
