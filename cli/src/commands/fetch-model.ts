import { AlphapoError } from '@alphapo/base';
import { fetchModel } from '@alphapo/hub';
import { Command } from 'commander';
import { addHubOptions, type HubValues, hubAccess } from '../hub-options.ts';
import { countProgress, stopSignal } from '../terminal.ts';

interface FetchModelOptions extends HubValues {
  readonly repo: string;
  readonly revision: string;
  readonly out: string;
  readonly sha256: readonly string[];
}

export function fetchModelCommand(): Command {
  const command = new Command('fetch-model')
    .summary('download a model folder from Hugging Face or a compatible hub')
    .description(
      'Download a model folder from Hugging Face or a compatible hub. Goes on where an interrupted call stopped, checks each file against\nthe digest that the hub has of it, and leaves a folder alone that holds the model already.',
    )
    .requiredOption('--repo <organisation/name>', 'the repository')
    .option('--revision <name>', 'branch, tag or commit', 'main')
    .requiredOption('--out <folder>', 'where the model is written');
  return addHubOptions(command)
    .option('--sha256 <file=hex...>', 'digests that files must have, whatever the hub says', [])
    .action(fetch);
}

async function fetch({ repo, revision, out, sha256, ...hub }: FetchModelOptions): Promise<void> {
  const access = await hubAccess(hub);
  const progress = countProgress('MB', 1e6);
  try {
    const { commit, files, fetched } = await fetchModel({
      ...{ repository: repo, revision, out, signal: stopSignal(), pinned: pinnedDigests(sha256) },
      ...access,
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
