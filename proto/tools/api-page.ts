import { readFileSync } from 'node:fs';
import { descriptorSetFile } from '@alphapo/contracts';
import { fromBinary, isFieldSet } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  type MethodDescriptorProto,
  type ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';

/** docs/api.md: the services of the package, made of the comments in the proto files. */

export const apiPageFile = new URL('../../docs/api.md', import.meta.url);

const PACKAGE = 'alphapo.v1';
const HEAD = `# gRPC API

The services of \`${PACKAGE}\`. \`npm run proto\` makes this page from the comments in [proto/alphapo/v1](../proto/alphapo/v1).

Every service also answers \`grpc.health.v1.Health\` and server reflection. [security.md](security.md) has TLS, tokens, the scope of each method
and the limits of requests; [examples](../examples) has clients in several languages.

Fields that are left out have their defaults: 0, false, "" or nothing. \`?\` marks fields that tell absent from default.
`;

/** Field numbers in descriptor.proto: a comment's path is made of these and of indices. */
const PATH = { messages: 4, enums: 5, services: 6, members: 2, oneofs: 8 } as const;

/** The whole page. */
export function apiPage(): string {
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(descriptorSetFile));
  const files = file.filter((each) => each.package === PACKAGE).map((each) => new ProtoFile(each));
  // Services first, in the order in which a pair meets them; then what they share.
  const order = ['tokenizer', 'scorer', 'optimizer', 'policy', 'events', 'tensor'];
  const rank = ({ name }: ProtoFile) => order.indexOf(name);
  files.sort((a, b) => rank(a) - rank(b));
  return [HEAD, ...files.map((each) => each.page())].join('\n');
}

/** One proto file with its comments. */
class ProtoFile {
  readonly #file: FileDescriptorProto;
  readonly #comments: ReadonlyMap<string, string>;

  constructor(file: FileDescriptorProto) {
    this.#file = file;
    const locations = file.sourceCodeInfo?.location ?? [];
    this.#comments = new Map(
      locations.map(({ path, leadingComments, trailingComments }) => [
        path.join('.'),
        `${leadingComments}${trailingComments}`.trim(),
      ]),
    );
  }

  /** The file's name without folder and ending. */
  get name(): string {
    return /(\w+)\.proto$/.exec(this.#file.name)?.[1] ?? '';
  }

  page(): string {
    const { service, messageType, enumType } = this.#file;
    const parts = [
      ...service.map((each, i) => this.#service(each, [PATH.services, i])),
      ...(service.length > 0 ? [] : [`## ${this.name}.proto\n`]),
      ...messageType.map((each, i) => this.#message(each, [PATH.messages, i])),
      ...enumType.map((each, i) => this.#enum(each, [PATH.enums, i])),
    ];
    return parts.join('\n');
  }

  #service({ name, method }: ServiceDescriptorProto, path: readonly number[]): string {
    const rows = method.map((each, i) => [
      `\`${each.name}\``,
      link(each.inputType),
      answerOf(each),
      this.#comment([...path, PATH.members, i]),
    ]);
    return `## ${name}\n\n${this.#paragraph(path)}${table(['method', 'request', 'response', ''], rows)}`;
  }

  #message(message: DescriptorProto, path: readonly number[]): string {
    const rows = message.field.map((field, i) => {
      const oneof = oneofOf(field, message);
      const meaning = this.#comment([...path, PATH.members, i]);
      const choice = oneof === undefined ? '' : `One of \`${oneof}\`. `;
      return [`\`${field.name}\``, `${field.number}`, typeOf(field), `${choice}${meaning}`];
    });
    const fields = rows.length === 0 ? 'No fields.\n' : table(['field', 'number', 'type', ''], rows);
    return `### ${message.name}\n\n${this.#paragraph(path)}${fields}`;
  }

  #enum({ name, value }: EnumDescriptorProto, path: readonly number[]): string {
    const rows = value.map((each, i) => [
      `\`${each.name}\``,
      `${each.number}`,
      this.#comment([...path, PATH.members, i]),
    ]);
    return `### ${name}\n\n${this.#paragraph(path)}${table(['value', 'number', ''], rows)}`;
  }

  #paragraph(path: readonly number[]): string {
    const comment = this.#comment(path);
    return comment === '' ? '' : `${comment}\n\n`;
  }

  /** A comment on one line. */
  #comment(path: readonly number[]): string {
    return escaped((this.#comments.get(path.join('.')) ?? '').replace(/\s+/g, ' '));
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |');
  return `${[line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')}\n`;
}

function answerOf({ outputType, serverStreaming }: MethodDescriptorProto): string {
  return serverStreaming ? `stream of ${link(outputType)}` : link(outputType);
}

function typeOf(field: FieldDescriptorProto): string {
  const { typeName, type, label, proto3Optional } = field;
  const single = typeName === '' ? FieldDescriptorProto_Type[type].toLowerCase() : link(typeName);
  if (label === FieldDescriptorProto_Label.REPEATED) return `${single}[]`;
  return proto3Optional ? `${single}?` : single;
}

/** The name of the oneof that a field belongs to; undefined for `optional` fields, whose oneofs are made by the compiler. */
function oneofOf(field: FieldDescriptorProto, { oneofDecl }: DescriptorProto): string | undefined {
  if (field.proto3Optional || !isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)) return undefined;
  return oneofDecl[field.oneofIndex]?.name;
}

/** A link to a message or enum of the page. */
function link(typeName: string): string {
  const name = typeName.split('.').at(-1) ?? '';
  return `[${name}](#${name.toLowerCase()})`;
}

/** As text of Markdown, where code stays code. */
function escaped(comment: string): string {
  return comment
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replace(/[<*|[\]]/g, '\\$&')))
    .join('')
    .replaceAll(/(?<!\\)\|/g, '\\|');
}
