import { readFile } from 'node:fs/promises';
import { AlphapoError } from '@alphapo/base';
import { fetchModel } from '@alphapo/hub';
import { Command } from 'commander';
import { countProgress, stopSignal } from '../terminal.ts';

interface FetchModelOptions {
  readonly repo: string;
  readonly revision: string;
  readonly out: string;
  readonly endpoint?: string;
  readonly tokenFile?: string;
  readonly sha256: readonly string[];
}

export function fetchModelCommand(): Command {
  return new Command('fetch-model')
    .summary('download a model folder from Hugging Face or a compatible hub')
    .description(
      'Download a model folder from Hugging Face or a compatible hub. Goes on where an interrupted call stopped, checks each file against\nthe digest that the hub has of it, and leaves a folder alone that holds the model already.',
    )
    .requiredOption('--repo <organisation/name>', 'the repository')
    .option('--revision <name>', 'branch, tag or commit', 'main')
    .requiredOption('--out <folder>', 'where the model is written')
    .option('--endpoint <url>', "the hub, where it isn't Hugging Face's (HF_ENDPOINT)")
    .option('--token-file <file>', 'file with an access token, for models that need one (or HF_TOKEN)')
    .option('--sha256 <file=hex...>', 'digests that files must have, whatever the hub says', [])
    .action(fetch);
}

async function fetch({ repo, revision, out, endpoint, tokenFile, sha256 }: FetchModelOptions): Promise<void> {
  const token = tokenFile === undefined ? process.env.HF_TOKEN : (await readToken(tokenFile)).trim();
  const progress = countProgress('MB', 1e6);
  try {
    const { commit, files, fetched } = await fetchModel({
      ...{ repository: repo, revision, out, token, signal: stopSignal(), pinned: pinnedDigests(sha256) },
      endpoint: endpoint ?? process.env.HF_ENDPOINT,
      onWait: () => process.stderr.write(`${out}: another process is fetching into it, waiting\n`),
      onProgress: ({ file, fetchedBytes, totalBytes }) => progress.update(fetchedBytes, totalBytes, file),
    });
    progress.stop();
    const what = `${repo} at ${revision} (commit ${commit}, ${files.length} files)`;
    process.stderr.write(fetched ? `${out}: fetched ${what}\n` : `${out} holds ${what} already\n`);
  } finally {
    progress.stop();
  }
}

async function readToken(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new AlphapoError('invalid-argument', 'NO_TOKEN_FILE', `--token-file ${file} cannot be read`, {
      cause: error,
    });
  }
}

function pinnedDigests(given: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    given.map((pair) => {
      const [, file, hex] = /^(.+)=([0-9a-fA-F]{64})$/.exec(pair) ?? [];
      if (file !== undefined && hex !== undefined) return [file, hex] as const;
      throw new AlphapoError(
        'invalid-argument',
        'INVALID_DIGEST',
        `--sha256 ${pair}: give a file's name and 64 hexadecimal digits, as in model.safetensors=0123…`,
      );
    }),
  );
}
