import { readFetchedModel } from '@alphapo/hub';

/** What programs that load an adapter find its base model by: a repository of a hub, perhaps at a revision, or a folder. */
export interface BaseModelName {
  readonly name: string;
  readonly revision?: string | undefined;
}

/** `owner/name@revision`, as people write it; paths may have an @ too. */
const REPOSITORY = /^(?<name>[\w.-]+\/[\w.-]+)@(?<revision>[^@/]+)$/;

/**
 * The name under which adapters remember their base model: the given one, as `owner/name`, `owner/name@revision` or a path; else
 * the repository and commit that the folder was fetched from by `alphapo fetch-model`; else the folder as it was given. config.json
 * has a `_name_or_path` too, but it may name the model that this one was made from.
 */
export async function baseModelName(folder: string, given: string | undefined): Promise<BaseModelName> {
  if (given !== undefined) {
    const { name, revision } = REPOSITORY.exec(given)?.groups ?? {};
    return name === undefined ? { name: given } : { name, revision };
  }
  const fetched = await readFetchedModel(folder);
  return fetched === undefined ? { name: folder } : { name: fetched.repository, revision: fetched.commit };
}
