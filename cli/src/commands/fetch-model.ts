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
      "Download a model folder from Hugging Face or a compatible hub. Resumes interrupted downloads, checks each file against\nthe hub's digest, and skips a folder that already has the model.",
    )
    .requiredOption('--repo <owner/name>', 'the repository')
    .option('--revision <name>', 'branch, tag or commit', 'main')
    .requiredOption('--out <folder>', 'output folder');
  return addHubOptions(command)
    .option('--sha256 <file=hex...>', 'expected digests of files, regardless of the hub', [])
    .action(fetch);
}

async function fetch({ repo, revision, out, sha256, ...hub }: FetchModelOptions): Promise<void> {
  const access = await hubAccess(hub);
  const progress = countProgress('MB', 1e6);
  try {
    const { commit, files, fetched } = await fetchModel({
      ...{ repository: repo, revision, out, signal: stopSignal(), pinned: pinnedDigests(sha256) },
      ...access,
      onWait: () => process.stderr.write(`${out}: waiting for another process that is fetching into it\n`),
      onProgress: ({ file, fetchedBytes, totalBytes }) => progress.update(fetchedBytes, totalBytes, file),
    });
    progress.stop();
    const what = `${repo} at ${revision} (commit ${commit}, ${files.length} files)`;
    process.stderr.write(fetched ? `${out}: fetched ${what}\n` : `${out} already has ${what}\n`);
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
        `--sha256 ${pair}: must be a file name and 64 hexadecimal digits, such as model.safetensors=0123…`,
      );
    }),
  );
}
