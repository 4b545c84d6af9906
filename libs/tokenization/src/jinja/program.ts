import { GLOBALS } from './globals.ts';
import { Scope, write } from './interpreter.ts';
import { parse, type Statement } from './syntax.ts';
import { fromJson } from './values.ts';

/**
 * A Jinja template as transformers runs it: parsed by @huggingface/jinja, evaluated with Python's values. It can access its variables and
 * nothing else of the process.
 */
export class JinjaProgram {
  readonly #statements: readonly Statement[];

  /** Errors: SyntaxError and other errors of the parser for an invalid template or unsupported syntax. */
  constructor(text: string) {
    this.#statements = parse(text);
  }

  /** `variables`: JSON values by name. Errors: TemplateError. */
  render(variables: Readonly<Record<string, unknown>>): string {
    const scope = new Scope(GLOBALS);
    for (const [name, value] of Object.entries(variables)) scope.set(name, fromJson(value));
    return write(this.#statements, new Scope(scope));
  }
}
