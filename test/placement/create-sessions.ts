import { writeSync } from 'node:fs';
import { ModelFolder, Session } from '@alphapo/engine/testing';
import { CASE_MARK, graphOf, type SessionsToCreate } from './graph-cases.ts';

/** Makes the session of each case, verbosely, after a line CASE_MARK on stderr: see placement.ts. */

const { gpu, folder, cases }: SessionsToCreate = JSON.parse(process.argv[2] ?? '');
const model = await ModelFolder.open(folder);
for (const one of cases) {
  writeSync(2, `${CASE_MARK}\n`);
  await using _session = await Session.create(graphOf(model, gpu, one), {
    ...{ executionProvider: gpu, threads: 1, verbose: true },
    ...{ weights: one.weights, weightsFolder: model.weightsFolder },
  });
}
