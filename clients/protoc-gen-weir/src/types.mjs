// The TypeScript type of what the edge writes for a field (docs/http-api.md, proto3 JSON).
import { ScalarType, getOption, hasOption } from '@bufbuild/protobuf';

const scalars = {
  [ScalarType.DOUBLE]: 'WeirNumber',
  [ScalarType.FLOAT]: 'WeirNumber',
  [ScalarType.INT32]: 'number',
  [ScalarType.UINT32]: 'number',
  [ScalarType.SINT32]: 'number',
  [ScalarType.FIXED32]: 'number',
  [ScalarType.SFIXED32]: 'number',
  [ScalarType.BOOL]: 'boolean',
  // 64-bit numbers are strings in proto3 JSON, and bytes are base64.
  [ScalarType.INT64]: 'string',
  [ScalarType.UINT64]: 'string',
  [ScalarType.SINT64]: 'string',
  [ScalarType.FIXED64]: 'string',
  [ScalarType.SFIXED64]: 'string',
  [ScalarType.STRING]: 'string',
  [ScalarType.BYTES]: 'string',
};

// What floating-point numbers look like that JSON has no number for.
export const numberType = "type WeirNumber = number | 'NaN' | 'Infinity' | '-Infinity';";

const wellKnown = {
  'google.protobuf.Timestamp': 'string',
  'google.protobuf.Duration': 'string',
  'google.protobuf.FieldMask': 'string',
  'google.protobuf.Struct': '{ [key: string]: unknown }',
  'google.protobuf.Value': 'unknown',
  'google.protobuf.ListValue': 'unknown[]',
  'google.protobuf.Empty': '{ [key: string]: never }',
  'google.protobuf.Any': "{ '@type': string; [key: string]: unknown }",
  'google.protobuf.DoubleValue': 'WeirNumber',
  'google.protobuf.FloatValue': 'WeirNumber',
  'google.protobuf.Int64Value': 'string',
  'google.protobuf.UInt64Value': 'string',
  'google.protobuf.Int32Value': 'number',
  'google.protobuf.UInt32Value': 'number',
  'google.protobuf.BoolValue': 'boolean',
  'google.protobuf.StringValue': 'string',
  'google.protobuf.BytesValue': 'string',
};

export const isWellKnown = (message) => Object.hasOwn(wellKnown, message.typeName);

// Names come from others' files, too: none of them ends a line or a text of ours.
export const oneLine = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
export const quote = (text) => `'${oneLine(text.replace(/[\\']/g, '\\$&'))}'`;

// `Outer_Inner` of `package.Outer.Inner`.
export const nameOf = (desc) => desc.typeName.slice(desc.file.proto.package ? desc.file.proto.package.length + 1 : 0).replaceAll('.', '_');

/** Knows the options of weir/v1/options.proto, and writes types; `refer(desc)` is told of each type that is named. */
export class Types {
  #options;
  #refer;

  constructor(registry, refer) {
    const extension = (name) => registry.getExtension(`weir.v1.${name}`);
    this.#options = { event: extension('event'), field: extension('field'), enum_value: extension('enum_value') };
    this.#refer = refer;
  }

  #option(desc, name) {
    const extension = this.#options[name];
    return extension && hasOption(desc, extension) ? getOption(desc, extension) : undefined;
  }

  /** The event options of a message type; undefined: it is no event. */
  event(message) {
    const event = this.#option(message, 'event');
    return event?.controlFrame ? undefined : event;
  }

  enumType(desc) {
    if (desc.typeName === 'google.protobuf.NullValue') return 'null';
    const names = desc.values.map((value) => quote(this.#option(value, 'enum_value')?.jsonName || value.name));
    // A value that this schema does not know yet is shown as its number.
    const open = desc.open ? ['number'] : [];
    return [...new Set(names), ...open].join(' | ');
  }

  /** A member of the type that a message is shown as: `title?: string`. */
  member(field, names) {
    const name = names === 'proto' ? field.name : field.jsonName;
    const printsDefaults = this.event(field.parent)?.printDefaults ?? false;
    const nullable = this.#option(field, 'field')?.nullWhenUnset ?? false;
    const singular = field.fieldKind !== 'list' && field.fieldKind !== 'map';
    const hasPresence = singular && field.presence !== 2; // IMPLICIT
    const always = hasPresence ? nullable || field.presence === 3 : printsDefaults;
    const type = this.#fieldType(field) + (hasPresence && nullable ? ' | null' : '');
    return `${/^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name)}${always ? '' : '?'}: ${type};`;
  }

  #fieldType(field) {
    switch (field.fieldKind) {
      case 'list':
        return `${bracketed(this.#one(field.listKind, field))}[]`;
      case 'map':
        return `{ [key: string]: ${this.#one(field.mapKind, field)} }`;
      default:
        return this.#one(field.fieldKind, field);
    }
  }

  #one(kind, field) {
    if (kind === 'scalar') return scalars[field.scalar];
    const desc = kind === 'enum' ? field.enum : field.message;
    if (kind === 'enum' && desc.typeName === 'google.protobuf.NullValue') return 'null';
    if (kind === 'message' && isWellKnown(desc)) return wellKnown[desc.typeName];
    this.#refer(desc);
    return nameOf(desc);
  }
}

const bracketed = (type) => (/[ |]/.test(type) && !type.startsWith('{') ? `(${type})` : type);
