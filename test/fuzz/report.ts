import { printable } from '@alphapo/base';
import type { CampaignFailure } from './campaign.ts';

const LONGEST_SHOWN = 100;

/** A failure for a person to read: what went wrong, on what, and how to see it again. */
export function describeFailure(reader: string, seed: number, failure: CampaignFailure): string {
  const { what, folder, mutations, path } = failure;
  return [
    `FAILED: ${what}`,
    `  files: ${folder}`,
    `  mutations: ${JSON.stringify(mutations, short)}`,
    `  again: npm run fuzz -- --target ${reader} --seed ${seed} --path ${path}`,
  ].join('\n');
}

function short(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'string' ? printable(value, LONGEST_SHOWN) : value;
}
