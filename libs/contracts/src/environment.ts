import { AlphapoError } from '@alphapo/base';
import type { z } from 'zod';

/** Configuration from environment variables. Errors: INVALID_CONFIGURATION with the variable and what it is for. */
export function parseEnvironment<T extends z.ZodObject>(schema: T, environment: NodeJS.ProcessEnv): z.infer<T> {
  const result = schema.safeParse(environment);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const variable = String(issue?.path[0]);
  const purpose = (schema.shape[variable] as z.ZodType | undefined)?.description;
  const meaning = purpose === undefined ? '' : ` (${purpose})`;
  throw new AlphapoError('invalid-argument', 'INVALID_CONFIGURATION', `${variable}${meaning}: ${issue?.message}`, {
    metadata: { variable },
  });
}
