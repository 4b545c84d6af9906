import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { corpus, withRightChecksums } from './corpus.ts';
import { faultOf } from './faults.ts';
import { preparePlace, writeFolder } from './folders.ts';
import { type FolderImage, type Mutation, type MutationKind, mutate, mutations } from './mutations.ts';
import { indexOf, place } from './places.ts';
import { type Observation, ReaderSandbox } from './reader-sandbox.ts';
import type { ReaderName } from './readers.ts';

export interface CampaignOptions {
  readonly seed: number;
  /** Ends after so many folders or so long, whichever comes first. */
  readonly iterations: number;
  readonly milliseconds: number;
  /** Goes to one failure of the seed directly. */
  readonly path?: string | undefined;
}

export interface CampaignReport {
  readonly iterations: number;
  /** How often each outcome was seen: reasons of refusals, and what was accepted. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly slowestMs: number;
  readonly peakMegabytes: number;
  readonly failure: CampaignFailure | undefined;
}

export interface CampaignFailure {
  readonly what: string;
  readonly mutations: readonly Mutation[];
  /** For CampaignOptions. */
  readonly path: string;
  /** Left with the files that made it fail. */
  readonly folder: string;
}

/** Mutated files have some hundred kilobytes: what takes longer than this hangs, whatever else the machine does. */
const MOST_MS = 20_000;
const MOST_HEAP_MEGABYTES = 384;
const MOST_MUTATIONS = 5;

/** A folder of the corpus and what happens to it. */
interface Case {
  readonly image: number;
  readonly mutations: readonly Mutation[];
  readonly rightChecksums: boolean;
}

const MUTATED: Partial<Record<ReaderName, MutationKind>> = {
  // Settings may well come through a pipe: their file is the operator's own.
  settings: 'contents',
  // Files stand for what comes over a connection.
  requests: 'messages',
  batches: 'messages',
};

function casesOf(reader: ReaderName): fc.Arbitrary<Case> {
  const mutation = mutations(MUTATED[reader] ?? 'contents-and-forms');
  return fc.record({
    image: place,
    mutations: fc.oneof(
      { weight: 2, arbitrary: fc.tuple(mutation) },
      { weight: 1, arbitrary: fc.array(mutation, { minLength: 2, maxLength: MOST_MUTATIONS }) },
    ),
    rightChecksums: fc.boolean(),
  });
}

/** A sandbox for campaigns, which many may share. */
export const campaignSandbox = () => new ReaderSandbox({ milliseconds: MOST_MS, heapMegabytes: MOST_HEAP_MEGABYTES });

/** Feeds mutated folders to a reader until the budget is spent or it fails; a failure is shrunk to its smallest form. */
export async function runCampaign(
  reader: ReaderName,
  sandbox: ReaderSandbox,
  options: CampaignOptions,
): Promise<CampaignReport> {
  const root = await mkdtemp(join(tmpdir(), `alphapo-fuzz-${reader}-`));
  const folder = await preparePlace(root);
  const images = await acceptedImages(reader, sandbox, folder);
  const statistics = new Statistics();
  const attempt = async (example: Case) => {
    await writeFolder(folder, folderOf(images, example));
    const observation = await sandbox.read({ reader, folder });
    statistics.add(observation);
    const fault = faultOf(observation, folder);
    if (fault === undefined) return;
    // Its peak of memory would be held against those that follow.
    await sandbox.restart();
    throw new Error(fault);
  };
  const deadline = performance.now() + options.milliseconds;
  const property = fc.asyncProperty(casesOf(reader), async (example) => {
    // Not fast-check's own time limit, which does not wait for what is going on, and loses its failure.
    if (performance.now() > deadline) throw new fc.PreconditionFailure(true);
    await attempt(example);
  });
  const run = await fc.check(property, {
    seed: options.seed,
    numRuns: options.iterations,
    ...(options.path !== undefined && { path: options.path, endOnFailure: true }),
  });
  const [example] = run.counterexample ?? [];
  if (example === undefined) {
    await rm(root, { recursive: true });
    return { ...statistics.report(), failure: undefined };
  }
  await writeFolder(folder, folderOf(images, example));
  const what = run.errorInstance instanceof Error ? run.errorInstance.message : String(run.errorInstance);
  const failure = { what, mutations: example.mutations, path: run.counterexamplePath ?? '', folder };
  return { ...statistics.report(), failure };
}

/** What mutations start from: real folders may be of models that are not supported. */
async function acceptedImages(reader: ReaderName, sandbox: ReaderSandbox, folder: string): Promise<FolderImage[]> {
  const images: FolderImage[] = [];
  for (const image of await corpus[reader]()) {
    await writeFolder(folder, { files: image, forms: new Map() });
    if ((await sandbox.read({ reader, folder })).outcome.kind === 'accepted') images.push(image);
  }
  if (images.length === 0) throw new Error(`${reader} accepts none of the folders to be mutated`);
  return images;
}

function folderOf(images: readonly FolderImage[], { image, mutations, rightChecksums }: Case) {
  const mutated = mutate(images[indexOf(image, images.length)] as FolderImage, mutations);
  return rightChecksums ? { ...mutated, files: withRightChecksums(mutated.files) } : mutated;
}

class Statistics {
  #iterations = 0;
  #slowestMs = 0;
  #peakBytes = 0;
  readonly #outcomes = new Map<string, number>();

  add({ outcome, milliseconds, peakBytes }: Observation): void {
    this.#iterations++;
    this.#slowestMs = Math.max(this.#slowestMs, milliseconds);
    this.#peakBytes = Math.max(this.#peakBytes, peakBytes);
    const name =
      outcome.kind === 'accepted' ? outcome.detail : outcome.kind === 'refused' ? outcome.reason : outcome.kind;
    this.#outcomes.set(name, (this.#outcomes.get(name) ?? 0) + 1);
  }

  report() {
    return {
      iterations: this.#iterations,
      outcomes: this.#outcomes,
      slowestMs: this.#slowestMs,
      peakMegabytes: this.#peakBytes / 2 ** 20,
    };
  }
}
