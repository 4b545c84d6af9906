import { parseYaml } from '@alphapo/settings';
import { z } from 'zod';

/** What the README.md of a Hugging Face data set says of its files: https://huggingface.co/docs/hub/datasets-manual-configuration */

const patterns = z.union([z.string().transform((pattern) => [pattern]), z.array(z.string())]);
const dataFiles = z.union([
  patterns.transform((paths) => [{ split: 'train', paths }]),
  z.array(z.object({ split: z.string(), path: patterns }).transform(({ split, path }) => ({ split, paths: path }))),
  z
    .record(z.string(), patterns)
    .transform((splits) => Object.entries(splits).map(([split, paths]) => ({ split, paths }))),
]);
const configSchema = z.object({
  config_name: z.string().default('default'),
  data_files: dataFiles.optional(),
  data_dir: z.string().optional(),
  default: z.boolean().optional(),
});
const cardSchema = z.object({ configs: z.array(configSchema).optional() });

/** A configuration: patterns of the files of each split, or none where they are known by their names. */
export type CardConfig = z.infer<typeof configSchema>;

const FRONT_MATTER = /^\ufeff?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/;

/** The configurations that a README.md declares; none where it declares none, or says it in a way that `datasets` would not read. */
export function configsOfCard(card: string): readonly CardConfig[] {
  const [, text] = FRONT_MATTER.exec(card) ?? [];
  if (text === undefined) return [];
  try {
    const parsed = cardSchema.safeParse(parseYaml(text));
    return parsed.success ? (parsed.data.configs ?? []) : [];
  } catch {
    return [];
  }
}
