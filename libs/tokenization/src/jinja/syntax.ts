import { parse as parseTokens } from '@huggingface/jinja';
import { scan } from './scan.ts';

/** The nodes that the parser of @huggingface/jinja makes, as a closed union. */
export type Statement =
  | { readonly type: 'If'; readonly test: Expression; readonly body: Statement[]; readonly alternate: Statement[] }
  | For
  | { readonly type: 'Break' }
  | { readonly type: 'Continue' }
  | {
      readonly type: 'Set';
      readonly assignee: Expression;
      readonly value: Expression | null;
      readonly body: Statement[];
    }
  | Macro
  | { readonly type: 'Comment' }
  | { readonly type: 'FilterStatement'; readonly filter: Filter; readonly body: Statement[] }
  | CallStatement
  | Expression;

export interface For {
  readonly type: 'For';
  readonly loopvar: Expression;
  readonly iterable: Expression;
  readonly body: Statement[];
  readonly defaultBlock: Statement[];
}

export interface Macro {
  readonly type: 'Macro';
  readonly name: Identifier;
  readonly args: readonly Parameter[];
  readonly body: Statement[];
}

export interface CallStatement {
  readonly type: 'CallStatement';
  readonly call: Call;
  readonly callerArgs: readonly Parameter[] | null;
  readonly body: Statement[];
}

interface Identifier {
  readonly type: 'Identifier';
  readonly value: string;
}

export interface Call {
  readonly type: 'CallExpression';
  readonly callee: Expression;
  readonly args: readonly Argument[];
}

interface Slice {
  readonly type: 'SliceExpression';
  readonly start?: Expression;
  readonly stop?: Expression;
  readonly step?: Expression;
}

export interface Member {
  readonly type: 'MemberExpression';
  readonly object: Expression;
  readonly property: Expression | Slice;
  readonly computed: boolean;
}

export interface Binary {
  readonly type: 'BinaryExpression';
  readonly operator: { readonly value: string };
  readonly left: Expression;
  readonly right: Expression;
}

interface KeywordArgument {
  readonly type: 'KeywordArgumentExpression';
  readonly key: Identifier;
  readonly value: Expression;
}

export type Parameter = Identifier | KeywordArgument;
export type Filter = Identifier | Call;
export type Argument =
  | Expression
  | KeywordArgument
  | { readonly type: 'SpreadExpression'; readonly argument: Expression }
  | { readonly type: 'KeywordSpreadExpression'; readonly argument: Expression };

export type Expression =
  | Identifier
  | { readonly type: 'IntegerLiteral' | 'FloatLiteral'; readonly value: number }
  | { readonly type: 'StringLiteral'; readonly value: string }
  | { readonly type: 'ArrayLiteral' | 'TupleLiteral'; readonly value: readonly Expression[] }
  | { readonly type: 'ObjectLiteral'; readonly value: ReadonlyMap<Expression, Expression> }
  | Binary
  | { readonly type: 'UnaryExpression'; readonly operator: { readonly value: string }; readonly argument: Expression }
  | {
      readonly type: 'Ternary';
      readonly condition: Expression;
      readonly trueExpr: Expression;
      readonly falseExpr: Expression;
    }
  | { readonly type: 'SelectExpression'; readonly lhs: Expression; readonly test: Expression }
  | { readonly type: 'FilterExpression'; readonly operand: Expression; readonly filter: Filter }
  | {
      readonly type: 'TestExpression';
      readonly operand: Expression;
      readonly negate: boolean;
      readonly test: Identifier;
    }
  | Member
  | Call;

/** Parses tokens. Errors: SyntaxError and other errors of the parser. */
export function parse(template: string): readonly Statement[] {
  const tokens = scan(template) as unknown as Parameters<typeof parseTokens>[0];
  return parseTokens(tokens).body as unknown as readonly Statement[];
}

/** Whether a name occurs anywhere in the nodes. */
export function mentions(node: unknown, name: string): boolean {
  if (node === null || typeof node !== 'object') return false;
  if (node instanceof Map) return [...node].some((entry) => mentions(entry, name));
  const { type, value } = node as { readonly type?: string; readonly value?: unknown };
  if (type === 'Identifier') return value === name;
  return Object.values(node).some((child) => mentions(child, name));
}
