import type { Program } from './program.ts';
import { Session, type SessionOptions } from './session.ts';

/** A program with the session that runs it. */
export class Prepared<P extends Program> implements AsyncDisposable {
  readonly program: P;
  readonly session: Session;

  private constructor(program: P, session: Session) {
    this.program = program;
    this.session = session;
  }

  static async create<P extends Program>(program: P, options: SessionOptions): Promise<Prepared<P>> {
    return new Prepared(program, await Session.create(program.graph, options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.session[Symbol.asyncDispose]();
  }
}
