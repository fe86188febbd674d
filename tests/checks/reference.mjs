// The keys of a configuration file as Markdown tables, from the comments of its proto file. Pure.

const scalar = {
  TYPE_STRING: 'text',
  TYPE_BOOL: '`true` or `false`',
  TYPE_UINT32: 'whole number',
  TYPE_UINT64: 'whole number or bytes',
};
const known = { '.google.protobuf.Duration': 'duration', '.google.protobuf.Struct': 'any YAML mapping' };

// comments(file) → Map of the location's path, joined by commas → the text on one line.
function comments(file) {
  const found = new Map();
  for (const { path = [], leadingComments } of file.sourceCodeInfo.location)
    if (leadingComments) found.set(path.join(), leadingComments.trim().replace(/\s*\n\s*/g, ' '));
  return found;
}

const simpleName = (typeName) => typeName.split('.').pop();

// An enum's constants as they are written in YAML: `LOG_ENGINE_ROCKSDB` of LogEngine is `rocksdb`.
function words(item) {
  const prefix = item.name.replace(/(?<!^)([A-Z])/g, '_$1').toUpperCase() + '_';
  return item.value.filter(({ number }) => number).map(({ name }) => name.replace(prefix, '').toLowerCase());
}

// `Default LOG_ENGINE_ROCKSDB.` in a comment becomes `rocksdb`, as one writes it.
function plain(text, enums) {
  let out = text.replace(/\|/g, '\\|');
  for (const item of enums) {
    const prefix = item.name.replace(/(?<!^)([A-Z])/g, '_$1').toUpperCase() + '_';
    out = out.replace(new RegExp(`\\b${prefix}([A-Z_]+)\\b`, 'g'), (_, word) => `\`${word.toLowerCase()}\``);
  }
  return out.replace(/ ?Written in lower case without the prefix: `\w+`\.?/, '');
}

function typeText(field, enums) {
  const list = field.label === 'LABEL_REPEATED' ? 'list of ' : '';
  if (field.type === 'TYPE_ENUM') {
    const item = enums.find(({ name }) => name === simpleName(field.typeName));
    return list + words(item).map((word) => `\`${word}\``).join(', ');
  }
  if (field.type !== 'TYPE_MESSAGE') return list + scalar[field.type];
  return list + (known[field.typeName] ?? `[${simpleName(field.typeName)}](#${simpleName(field.typeName).toLowerCase()})`);
}

// reference(image, name) → one table per message, the first message first.
export function reference(image, name) {
  const file = image.file.find((candidate) => candidate.name === name);
  if (!file) throw new Error(`no ${name} in the image`);
  const said = comments(file);
  const enums = file.enumType ?? [];
  const sections = file.messageType.map((message, index) => {
    const rows = message.field.map((field, at) => {
      const what = plain(said.get(`4,${index},2,${at}`) ?? '', enums);
      return `| \`${field.name}\` | ${typeText(field, enums)} | ${what} |`;
    });
    return `### ${message.name}\n\n${said.get(`4,${index}`) ?? ''}\n\n| key | value | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return sections.join('\n');
}
