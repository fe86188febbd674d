// A TypeScript file for each proto file: its messages and enums as types, and `…Events`, the map from event name to type.
import path from 'node:path';
import { Types, isWellKnown, nameOf, numberType, oneLine, quote } from './types.mjs';

/** The files of a plugin's response: `{name, content}`. */
export function generate(registry, files, options) {
  return files.flatMap((name) => {
    const file = registry.getFile(name);
    const content = new Generator(registry, file, options).content();
    return content ? [{ name: moduleOf(file), content }] : [];
  });
}

const moduleOf = (file) => `${file.name}_weir.ts`; // file.name has no `.proto`

// `ImageGenEvents` of `apps/imagegen/v1/image_gen.proto`.
const mapName = (file) =>
  path.posix.basename(file.name).replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, first) => first.toUpperCase()) + 'Events';

class Generator {
  #file;
  #options;
  #types;
  #imports = new Map(); // names by file

  constructor(registry, file, options) {
    this.#file = file;
    this.#options = options;
    this.#types = new Types(registry, (desc) => this.#refer(desc));
  }

  #refer(desc) {
    if (desc.file === this.#file) return;
    if (!this.#imports.has(desc.file)) this.#imports.set(desc.file, new Set());
    this.#imports.get(desc.file).add(nameOf(desc));
  }

  content() {
    const messages = [...nested(this.#file)].filter((message) => !isWellKnown(message));
    const enums = [this.#file, ...messages].flatMap(({ enums, nestedEnums }) => enums ?? nestedEnums);
    if (!messages.length && !enums.length) return '';
    const events = messages.filter((message) => this.#types.event(message));
    const parts = [...enums.map((desc) => this.#enum(desc)), ...messages.map((desc) => this.#message(desc))];
    if (events.length) parts.push(this.#map(events));
    const text = parts.join('\n');
    return [
      `// Made by protoc-gen-weir from ${oneLine(this.#file.name)}.proto: what the edge sends. Do not edit.`,
      ...this.#importLines(),
      ...(/\bWeirNumber\b/.test(text) ? ['', numberType] : []),
      '',
      text,
    ].join('\n');
  }

  #importLines() {
    const extension = this.#options.import_extension === 'none' ? '' : `.${this.#options.import_extension}`;
    return [...this.#imports].map(([file, names]) => {
      const to = path.posix.relative(path.posix.dirname(this.#file.name), `${file.name}_weir`);
      return `import type { ${[...names].sort().join(', ')} } from ${quote(`${to.startsWith('.') ? to : `./${to}`}${extension}`)};`;
    });
  }

  #enum(desc) {
    return `${this.#comment(desc)}export type ${nameOf(desc)} = ${this.#types.enumType(desc)};\n`;
  }

  #message(desc) {
    const members = desc.fields.map((field) => this.#comment(field, '  ') + `  ${this.#types.member(field, this.#options.field_names)}\n`);
    return `${this.#comment(desc)}export interface ${nameOf(desc)} {\n${members.join('')}}\n`;
  }

  #map(events) {
    const members = events.map((message) => `  ${quote(this.#types.event(message).name)}: ${nameOf(message)};\n`);
    return `/** The data of each event, by its name. */\nexport interface ${mapName(this.#file)} {\n${members.join('')}}\n`;
  }

  #comment(desc, indent = '') {
    const text = commentOf(desc);
    if (!text.length) return '';
    if (text.length === 1) return `${indent}/** ${text[0]} */\n`;
    return `${indent}/**\n${text.map((line) => `${indent} * ${line}`.trimEnd() + '\n').join('')}${indent} */\n`;
  }
}

function* nested(from) {
  for (const message of from.messages ?? from.nestedMessages) {
    if (message.proto.options?.mapEntry) continue;
    yield message;
    yield* nested(message);
  }
}

// Where a descriptor stands in its file, as google/protobuf/descriptor.proto's SourceCodeInfo counts.
function placeOf(desc) {
  const parent = desc.parent;
  switch (desc.kind) {
    case 'message':
      return parent ? [...placeOf(parent), 3, parent.nestedMessages.indexOf(desc)] : [4, desc.file.messages.indexOf(desc)];
    case 'enum':
      return parent ? [...placeOf(parent), 4, parent.nestedEnums.indexOf(desc)] : [5, desc.file.enums.indexOf(desc)];
    default:
      return [...placeOf(parent), 2, parent.fields.indexOf(desc)];
  }
}

function commentOf(desc) {
  const place = placeOf(desc).join();
  const file = desc.file ?? desc.parent.file;
  const location = file.proto.sourceCodeInfo?.location.find((one) => one.path.join() === place);
  const text = (location?.leadingComments ?? '').replaceAll('*/', '* /').trim();
  return text ? text.split('\n').map((line) => line.trim()) : [];
}
