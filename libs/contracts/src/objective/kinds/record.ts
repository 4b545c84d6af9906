import { z } from 'zod';
import type * as wire from '../../generated/alphapo/v1/policy.ts';
import type { NllAverage, nll } from './fields.ts';
import type { ObjectiveParameters } from './parameters.ts';

type Message = NonNullable<wire.Objective['objective']>;

/** The cases of the message `Objective`: each has a record. */
export type MessageKind = Message['$case'];

/** A schema for every field of the objective's message; the NLL term is a field of the message around it. */
type Fields<K extends MessageKind> = Partial<typeof nll> & {
  readonly [F in keyof Extract<Message, { $case: K }>['value']]: z.ZodType;
};

type Resolved<F extends z.ZodRawShape> = z.infer<z.ZodObject<F>>;

/** The settings that an objective takes, each with its default; undefined: it has none. */
export type Defaults = { readonly [P in keyof ObjectiveParameters]?: ObjectiveParameters[P] | undefined };

/** The settings with the defaults filled in. */
type Settings<D extends Defaults> = {
  readonly [P in keyof ObjectiveParameters & keyof D]: undefined extends D[P]
    ? ObjectiveParameters[P] | undefined
    : ObjectiveParameters[P];
};

/** A paper's recipe: its numbers, and its peak learning rate for all weights. */
export interface Preset extends Partial<ObjectiveParameters> {
  readonly learningRate: number;
}

interface Definition<K extends MessageKind, F extends Fields<K>, D extends Defaults, P extends string> {
  readonly kind: K;
  /** What the loss is made of, in a few words, for the help. */
  readonly summary: string;
  /** With its parameters resolved; formulas and sources stand with each objective in `@alphapo/objectives`. */
  readonly fields: F;
  readonly settings: D;
  /** Defaults that depend on other settings, in words. */
  readonly defaultTexts?: { readonly [S in keyof D]?: string };
  /** The peak of its recipe, for all weights. */
  readonly learningRate: number;
  resolve(settings: Settings<D>): Resolved<F>;
  /** Whether it compares with a reference; `where-set`: where its field `reference` says `base`. */
  readonly reference: 'always' | 'where-set' | 'never';
  /** How the likelihood of the chosen responses that its loss holds is averaged; undefined: the loss holds none. */
  nllAverage(objective: Resolved<F>): NllAverage | undefined;
  readonly presets?: { readonly [N in P]: Preset };
  /** Fields of messages from before there was the field. */
  readonly absent?: Partial<Resolved<F>>;
}

/** What is known of any objective. */
export interface ObjectiveRecord
  extends Pick<
    Definition<MessageKind, never, Defaults, string>,
    'summary' | 'settings' | 'learningRate' | 'reference'
  > {
  readonly kind: MessageKind;
  readonly fields: z.ZodRawShape;
  readonly defaultTexts?: { readonly [S in keyof Defaults]?: string };
  readonly presets: Readonly<Record<string, Preset>>;
  readonly absent?: object;
  resolve(settings: Defaults): object;
  nllAverage(objective: object): NllAverage | undefined;
}

/** An objective, with the schema of its closed form. */
export function defineObjective<
  K extends MessageKind,
  F extends Fields<K>,
  const D extends Defaults,
  P extends string = never,
>(definition: Definition<K, F, D, P>) {
  return {
    ...definition,
    presets: (definition.presets ?? {}) as { readonly [N in P]: Preset },
    schema: z.strictObject({ kind: z.literal(definition.kind), ...definition.fields }),
  };
}
