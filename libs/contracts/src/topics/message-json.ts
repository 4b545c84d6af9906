import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  type DescField,
  type DescMessage,
  fromBinary,
  type JsonObject,
  type JsonValue,
  ScalarType,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptorSetFile } from '../descriptor-set.ts';

/** What the generated code has of a message's type. */
interface MessageType<T> {
  readonly $type: string;
  encode(message: T): { finish(): Uint8Array };
}

let registry: ReturnType<typeof createFileRegistry> | undefined;

/**
 * A message as protobuf's own JSON has it (https://protobuf.dev/programming-guides/json): enum values by their names, fields of a
 * `oneof` by theirs, fields without a value of their own with their defaults. Other than there, 64-bit integers are numbers where
 * they fit, so that a program can calculate with them.
 */
export function messageJson<T>(type: MessageType<T>, message: T): JsonValue {
  registry ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptorSetFile)));
  const schema = registry.getMessage(type.$type);
  if (schema === undefined) throw new TypeError(`${type.$type} is not in the descriptor set; run npm run generate`);
  const decoded = fromBinary(schema, type.encode(message).finish());
  return withNumbers(schema, toJson(schema, decoded, { registry, alwaysEmitImplicit: true }) as JsonObject);
}

function withNumbers(schema: DescMessage, json: JsonObject): JsonObject {
  const fields = schema.fields.flatMap((field): [string, JsonValue][] => {
    const value = json[field.jsonName];
    return value === undefined ? [] : [[field.jsonName, fieldValue(field, value)]];
  });
  return Object.fromEntries(fields);
}

function fieldValue(field: DescField, value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((element) => fieldValue(field, element));
  if (field.message !== undefined) return withNumbers(field.message, value as JsonObject);
  const is64Bit = field.scalar !== undefined && INTEGERS_64.has(field.scalar);
  return is64Bit && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

const INTEGERS_64: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);
