import { existsSync } from 'node:fs';
import { AlphapoError, messageOf } from '@alphapo/base';
import { cachedModel } from '@alphapo/hub';
import { fromHub, type HubAccess } from './hub-options.ts';

/** `owner/name`, perhaps with a revision. A path is written ./models/tiny where it could be one. */
const HUB_MODEL = /^(?<repository>[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@(?<revision>[^@]+))?$/;

interface ModelPlaceOptions {
  /** The option that names it, for messages. */
  readonly option?: '--model' | '--reference-model';
  /** `configuration`: config.json is enough. */
  readonly needs?: 'all' | 'configuration';
}

/**
 * The folder of a model: the path that is given, or where there is nothing, a model of the hub by its name, fetched into the cache. Errors: MODEL_NOT_FOUND
 * with the way to it, where the hub does not give it.
 */
export async function modelFolder(
  place: string,
  access: HubAccess,
  { option = '--model', needs = 'all' }: ModelPlaceOptions = {},
): Promise<string> {
  const { repository, revision = 'main' } = HUB_MODEL.exec(place)?.groups ?? {};
  if (repository === undefined || existsSync(place)) return place;
  const onNote = (note: string) => void process.stderr.write(`${place}: ${note}\n`);
  try {
    const { commit, folder } = await fromHub(access, onNote, (settings) =>
      cachedModel({ ...settings, repository, revision, needs }),
    );
    onNote(`commit ${commit}, in ${folder}`);
    return folder;
  } catch (error) {
    if (!(error instanceof AlphapoError) || error.reason === 'STOPPED') throw error;
    const at = revision === 'main' ? '' : ` --revision ${revision}`;
    const way = `fetch it: alphapo fetch-model --repo ${repository}${at} --out ${repository.split('/')[1]}`;
    throw new AlphapoError(
      error.code,
      'MODEL_NOT_FOUND',
      `${option} ${place}: no such folder; ${way}. Looked for it on the hub: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
