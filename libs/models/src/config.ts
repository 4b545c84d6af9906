import { AlphapoError } from '@alphapo/base';
import { z } from 'zod';

/** An unsupported model configuration. */
export function configError(field: string, problem: string): never {
  throw new AlphapoError('failed-precondition', 'MODEL_CONFIG', `config.json: ${field}: ${problem}`, {
    metadata: { field },
  });
}

/** Parses a configuration; every problem names its field. */
export function parseConfig<T extends z.ZodType>(schema: T, config: unknown): z.infer<T> {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  return configError(issue?.path.join('.') || '(root)', issue?.message ?? 'is not valid');
}

/** Refuses an option unless it has the one value that is computed here. */
export function requireOption(field: string, actual: unknown, honoured: readonly unknown[], advice: string): void {
  if (actual === undefined || honoured.includes(actual)) return;
  configError(
    field,
    `${JSON.stringify(actual)} is not supported (${honoured.map((v) => JSON.stringify(v)).join(' or ')} is). ${advice}`,
  );
}

export const positive = z.int().positive();
export const positiveNumber = z.number().positive();
