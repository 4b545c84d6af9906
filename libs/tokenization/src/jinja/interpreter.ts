import { applyFilter, type Lookup } from './filters.ts';
import { attribute, item, slice } from './lookup.ts';
import { applyOperator, defined, negative } from './operators.ts';
import {
  type Argument,
  type Binary,
  type Call,
  type CallStatement,
  type Expression,
  type Filter,
  type For,
  type Macro,
  type Member,
  mentions,
  type Parameter,
  type Statement,
} from './syntax.ts';
import { test } from './tests.ts';
import {
  type Arguments,
  Callable,
  Float,
  fail,
  isDictionary,
  isEqual,
  isTrue,
  itemsOf,
  Namespace,
  Tuple,
  textOf,
  Undefined,
  type Value,
} from './values.ts';

/**
 * Evaluates a template as Jinja2 does: with Python's values, a scope for each loop and macro, and errors for undefined values. (The
 * interpreter of @huggingface/jinja writes `true` for `True` and nothing for `None`, keeps variables from one loop iteration to the next,
 * and drops the output of an iteration before a `break`.)
 */

/** Variables by name; those of the enclosing scopes can be read. */
export class Scope {
  readonly #variables = new Map<string, Value>();
  readonly #outer: Scope | ReadonlyMap<string, Value>;

  constructor(outer: Scope | ReadonlyMap<string, Value>) {
    this.#outer = outer;
  }

  get(name: string): Value | undefined {
    return this.#variables.has(name) ? this.#variables.get(name) : this.#outer.get(name);
  }

  set(name: string, value: Value): void {
    this.#variables.set(name, value);
  }
}

type Signal = 'next' | 'break' | 'continue';

/** Returns the output of the statements. Errors: TemplateError. */
export function write(statements: readonly Statement[], scope: Scope): string {
  const out: string[] = [];
  runAll(statements, scope, out);
  return out.join('');
}

function runAll(statements: readonly Statement[], scope: Scope, out: string[]): Signal {
  for (const statement of statements) {
    const signal = run(statement, scope, out);
    if (signal !== 'next') return signal;
  }
  return 'next';
}

function run(statement: Statement, scope: Scope, out: string[]): Signal {
  switch (statement.type) {
    case 'If':
      return runAll(isTrue(evaluate(statement.test, scope)) ? statement.body : statement.alternate, scope, out);
    case 'For':
      loop(statement, scope, out);
      return 'next';
    case 'Break':
      return 'break';
    case 'Continue':
      return 'continue';
    case 'Set': {
      const { assignee, value, body } = statement;
      assign(assignee, value === null ? write(body, new Scope(scope)) : evaluate(value, scope), scope);
      return 'next';
    }
    case 'Macro':
      scope.set(statement.name.value, macro(statement, scope));
      return 'next';
    case 'Comment':
      return 'next';
    case 'FilterStatement':
      out.push(textOf(filtered(write(statement.body, new Scope(scope)), statement.filter, scope)));
      return 'next';
    case 'CallStatement':
      out.push(textOf(callWithBody(statement, scope)));
      return 'next';
    default:
      out.push(textOf(evaluate(statement, scope)));
      return 'next';
  }
}

function loop(node: For, scope: Scope, out: string[]): void {
  const select = node.iterable.type === 'SelectExpression' ? node.iterable : undefined;
  const items = itemsOf(evaluate(select?.lhs ?? node.iterable, scope)).filter((one) => {
    if (select === undefined) return true;
    const trial = new Scope(scope);
    assign(node.loopvar, one, trial);
    return isTrue(evaluate(select.test, trial));
  });
  let isWhole = false;
  let changed: readonly Value[] | undefined;
  for (const [i, one] of items.entries()) {
    const turn = new Scope(scope);
    const hasChanged = new Callable(({ positional }) => {
      const before = changed;
      changed = positional;
      return before === undefined || !isEqual(before, positional);
    });
    turn.set('loop', new Namespace([...placeInLoop(items, i), ['changed', hasChanged]]));
    assign(node.loopvar, one, turn);
    const signal = runAll(node.body, turn, out);
    if (signal === 'break') break;
    if (signal === 'next') isWhole = true;
  }
  // As in Jinja2, `else` also runs if every iteration ended early.
  if (!isWhole) runAll(node.defaultBlock, new Scope(scope), out);
}

function placeInLoop(items: readonly Value[], i: number): [string, Value][] {
  const { length } = items;
  return [
    ['index', i + 1],
    ['index0', i],
    ['revindex', length - i],
    ['revindex0', length - i - 1],
    ['first', i === 0],
    ['last', i === length - 1],
    ['length', length],
    ['depth', 1],
    ['depth0', 0],
    ['previtem', i > 0 ? (items[i - 1] as Value) : new Undefined('there is no previous item')],
    ['nextitem', i < length - 1 ? (items[i + 1] as Value) : new Undefined('there is no next item')],
    [
      'cycle',
      new Callable(({ positional }) => positional[i % positional.length] ?? fail('no items for cycling given')),
    ],
  ];
}

function assign(target: Expression, value: Value, scope: Scope): void {
  if (target.type === 'Identifier') {
    scope.set(target.value, value);
    return;
  }
  if (target.type === 'TupleLiteral') {
    const parts = itemsOf(defined(value));
    if (parts.length !== target.value.length)
      fail(`expected ${target.value.length} values to unpack, got ${parts.length}`);
    for (const [i, part] of target.value.entries()) assign(part, parts[i] as Value, scope);
    return;
  }
  if (target.type !== 'MemberExpression' || target.property.type !== 'Identifier')
    fail('cannot assign to an expression');
  const object = evaluate(target.object, scope);
  if (!(object instanceof Namespace)) fail('cannot assign attribute on non-namespace object');
  object.attributes.set(target.property.value, value);
}

function evaluate(node: Expression, scope: Scope): Value {
  switch (node.type) {
    case 'Identifier': {
      const value = scope.get(node.value);
      return value === undefined ? new Undefined(`'${node.value}' is undefined`) : value;
    }
    case 'IntegerLiteral':
    case 'StringLiteral':
      return node.value;
    case 'FloatLiteral':
      return new Float(node.value);
    case 'ArrayLiteral':
      return node.value.map((one) => evaluate(one, scope));
    case 'TupleLiteral':
      return Tuple.from(node.value, (one) => evaluate(one, scope));
    case 'ObjectLiteral':
      return new Map([...node.value].map(([key, one]) => [evaluate(key, scope), evaluate(one, scope)]));
    case 'BinaryExpression':
      return binary(node, scope);
    case 'UnaryExpression':
      return unary(node.operator.value, evaluate(node.argument, scope));
    case 'Ternary':
      return evaluate(isTrue(evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
    case 'SelectExpression':
      if (isTrue(evaluate(node.test, scope))) return evaluate(node.lhs, scope);
      return new Undefined('the inline if-expression is false and has no else section');
    case 'FilterExpression':
      return filtered(evaluate(node.operand, scope), node.filter, scope);
    case 'TestExpression':
      return test(node.test.value, evaluate(node.operand, scope)) !== node.negate;
    case 'MemberExpression':
      return member(node, scope);
    case 'CallExpression':
      return call(node, scope);
  }
}

function binary({ operator, left, right }: Binary, scope: Scope): Value {
  const first = evaluate(left, scope);
  if (operator.value === 'and') return isTrue(first) ? evaluate(right, scope) : first;
  if (operator.value === 'or') return isTrue(first) ? first : evaluate(right, scope);
  return applyOperator(operator.value, first, evaluate(right, scope));
}

function unary(operator: string, value: Value): Value {
  if (operator === 'not') return !isTrue(value);
  return operator === '-' ? negative(value) : negative(negative(value));
}

function member({ object, property, computed }: Member, scope: Scope): Value {
  const value = evaluate(object, scope);
  if (property.type === 'SliceExpression') {
    const bound = (node: Expression | undefined) => (node === undefined ? null : evaluate(node, scope));
    return slice(defined(value), [bound(property.start), bound(property.stop), bound(property.step)]);
  }
  if (!computed && property.type === 'Identifier') return attribute(value, property.value);
  return item(value, evaluate(property, scope));
}

const look: Lookup = item;

function filtered(value: Value, filter: Filter, scope: Scope): Value {
  if (filter.type === 'Identifier') return applyFilter(filter.value, value, NOTHING, look);
  if (filter.callee.type !== 'Identifier') return fail('a filter has a name');
  return applyFilter(filter.callee.value, value, argumentsOf(filter.args, scope), look);
}

const NOTHING: Arguments = { positional: [], named: new Map() };

function call({ callee, args }: Call, scope: Scope): Value {
  return callable(evaluate(callee, scope)).call(argumentsOf(args, scope));
}

function callable(value: Value): Callable {
  return value instanceof Callable
    ? value
    : fail(value instanceof Undefined ? value.problem : 'the called value is not a function');
}

function argumentsOf(args: readonly Argument[], scope: Scope): Arguments {
  const positional: Value[] = [];
  const named = new Map<string, Value>();
  for (const argument of args) {
    if (argument.type === 'SpreadExpression')
      for (const one of itemsOf(evaluate(argument.argument, scope))) positional.push(one);
    else if (argument.type === 'KeywordArgumentExpression')
      named.set(argument.key.value, evaluate(argument.value, scope));
    else if (argument.type === 'KeywordSpreadExpression') {
      const given = evaluate(argument.argument, scope);
      if (!isDictionary(given)) fail('the argument after ** is not a dict');
      for (const [key, value] of given as ReadonlyMap<Value, Value>) named.set(textOf(key), value);
    } else positional.push(evaluate(argument, scope));
  }
  return { positional, named };
}

function macro({ name, args, body }: Macro, scope: Scope): Callable {
  return new Callable((given) => written(`macro '${name.value}'`, args, body, given, scope));
}

/** Calls a macro, or the block passed to one, and returns its output. */
function written(
  what: string,
  parameters: readonly Parameter[],
  body: readonly Statement[],
  { positional, named }: Arguments,
  around: Scope,
): string {
  const scope = new Scope(around);
  const left = new Map(named);
  const extra = positional.slice(parameters.length);
  const names = parameters.map((one) => (one.type === 'Identifier' ? one.value : one.key.value));
  for (const [i, name] of names.entries()) {
    const given = i < positional.length ? positional[i] : left.get(name);
    left.delete(name);
    scope.set(name, given === undefined ? new Undefined(`parameter '${name}' was not provided`) : given);
    const parameter = parameters[i] as Parameter;
    if (given === undefined && parameter.type !== 'Identifier') scope.set(name, evaluate(parameter.value, scope));
  }
  for (const name of ['caller', 'kwargs', 'varargs']) {
    if (names.includes(name) || !mentions(body, name)) continue;
    if (name === 'varargs') scope.set(name, Tuple.from(extra.splice(0)));
    else if (name === 'kwargs') scope.set(name, new Map(left));
    else scope.set(name, left.get(name) ?? new Undefined('No caller defined'));
    if (name === 'caller') left.delete(name);
    if (name === 'kwargs') left.clear();
  }
  const [unknown] = left.keys();
  if (unknown !== undefined) fail(`${what} takes no keyword argument '${unknown}'`);
  if (extra.length > 0) fail(`${what} takes not more than ${parameters.length} argument(s)`);
  return write(body, scope);
}

function callWithBody({ call: node, callerArgs, body }: CallStatement, scope: Scope): Value {
  const caller = new Callable((given) => written('the call block', callerArgs ?? [], body, given, scope));
  const { positional, named } = argumentsOf(node.args, scope);
  return callable(evaluate(node.callee, scope)).call({ positional, named: new Map([...named, ['caller', caller]]) });
}
