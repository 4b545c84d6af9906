import { type Arguments, fail, isTrue, textOf, typeName, type Value } from './values.ts';

/** The arguments of a Python function, by its parameter names. */
export class Given {
  readonly #what: string;
  readonly #values: ReadonlyMap<string, Value>;

  /** Errors: TemplateError for more arguments than it takes. */
  constructor(what: string, names: readonly string[], { positional, named }: Arguments) {
    this.#what = what;
    if (positional.length > names.length)
      fail(`${what} takes at most ${names.length} arguments (${positional.length} given)`);
    const unknown = [...named.keys()].find((name) => !names.includes(name));
    if (unknown !== undefined) fail(`${what} got an unexpected keyword argument '${unknown}'`);
    this.#values = new Map([...positional.map((value, i) => [names[i] as string, value] as const), ...named]);
  }

  value(name: string): Value | undefined {
    return this.#values.get(name);
  }

  required(name: string): Value {
    return this.value(name) ?? (this.#values.has(name) ? null : fail(`${this.#what} misses its argument '${name}'`));
  }

  text(name: string): string {
    const value = this.required(name);
    return typeof value === 'string' ? value : fail(`${this.#what}: ${name} must be str, not ${typeName(value)}`);
  }

  optionalText(name: string): string | undefined {
    return (this.value(name) ?? null) === null ? undefined : this.text(name);
  }

  integer(name: string, otherwise: number): number {
    const value = this.value(name) ?? otherwise;
    return typeof value === 'number' ? value : fail(`${this.#what}: ${name} must be int, not ${typeName(value)}`);
  }

  flag(name: string, otherwise = false): boolean {
    const value = this.value(name);
    return value === undefined ? otherwise : isTrue(value);
  }

  /** Converts the argument to text. */
  written(name: string): string {
    return textOf(this.required(name));
  }
}
