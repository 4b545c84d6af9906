import { GLOBALS } from './globals.ts';
import { Scope, write } from './interpreter.ts';
import { parse, type Statement } from './syntax.ts';
import { fromJson } from './values.ts';

/**
 * A Jinja template as transformers runs it: parsed by @huggingface/jinja, evaluated with the values of Python. It reaches
 * its variables, and nothing of the program that runs it.
 */
export class JinjaProgram {
  readonly #statements: readonly Statement[];

  /** Errors: SyntaxError, and others of the parser, for what is no template or uses what is not supported. */
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
