import { checkUnread, type FieldLevel, isEmpty } from './field-table.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Where a record says whether a message is trained on, as `weight` of OpenAI's and `loss_weight` of other formats do. */
interface TrainingMark {
  readonly message: object;
  readonly trained: boolean;
  readonly place: string;
}

/** Limits of the list of a record's ignored fields: number of names, and length of a name. */
const NAMED_FIELDS = 100;
const LONGEST_NAME = 100;

/** The fields of a record; tracks which were read. */
export class RecordFields {
  readonly #fields: Fields;
  readonly #passedOver: ReadonlySet<string>;
  readonly #read = new Set<string>();
  readonly #ignored = new Set<string>();
  readonly marks: TrainingMark[] = [];

  constructor(fields: Fields, passedOver: readonly string[]) {
    this.#fields = fields;
    this.#passedOver = new Set(passedOver);
  }

  /** Fields with a value, whatever it is. */
  has(...names: readonly string[]): boolean {
    return names.every(
      (name) => Object.hasOwn(this.#fields, name) && this.#fields[name] !== undefined && !this.#passedOver.has(name),
    );
  }

  /** Whether a field says something: has a value that is not null, "", [] or {}. */
  says(name: string): boolean {
    return this.has(name) && !isEmpty(this.#fields[name]);
  }

  /** The value of a field, which counts as read from now on; undefined where there is none. */
  read(name: string): unknown {
    if (!this.has(name)) return undefined;
    this.#read.add(name);
    return this.#fields[name];
  }

  /** The value of a field, which does not count as read. */
  peek(name: string): unknown {
    return this.has(name) ? this.#fields[name] : undefined;
  }

  wasRead(name: string): boolean {
    return this.#read.has(name);
  }

  names(): readonly string[] {
    return Object.keys(this.#fields);
  }

  readNames(): readonly string[] {
    return [...this.#read];
  }

  /** Fields that say nothing about what is trained on; those inside messages as `chosen[].name`. */
  ignoredNames(): readonly string[] {
    return [...this.#ignored];
  }

  /** Every field that was not read is ignored or refused. Reasons: UNSUPPORTED_FIELD, UNKNOWN_FIELD. */
  checkUnread(): void {
    for (const name of Object.keys(this.#fields))
      if (!this.#read.has(name)) this.ignore('record', name, this.#fields[name]);
  }

  /** Ignores a field, or refuses it. `inside`: the place of the object that has it, within the record. */
  ignore(level: FieldLevel, name: string, value: unknown, inside = ''): void {
    const place = inside === '' ? name : `${inside}.${name}`;
    if (!this.#passedOver.has(name)) checkUnread(level, name, value, place);
    if (this.#ignored.size < NAMED_FIELDS) this.#ignored.add(place.replace(/\[\d+\]/g, '[]').slice(0, LONGEST_NAME));
  }
}
