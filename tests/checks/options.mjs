// What our own options promise to browsers, and whether a change keeps it. `buf breaking` does not look at these.
// Images come in as buf's JSON (`buf build -o image.json`). Pure.

function* messages(list, prefix) {
  for (const message of list ?? []) {
    const name = `${prefix}.${message.name}`;
    yield { name, message };
    yield* messages(message.nestedType, name);
  }
}

function* enums(file) {
  for (const item of file.enumType ?? []) yield { name: `${file.package}.${item.name}`, item };
  for (const { name, message } of messages(file.messageType, file.package)) {
    for (const item of message.enumType ?? []) yield { name: `${name}.${item.name}`, item };
  }
}

// promises(image) → Map of what (a line for people) → value. Absent options have their default.
export function promises(image) {
  const found = new Map();
  for (const file of image.file) {
    for (const { name, message } of messages(file.messageType, file.package)) {
      const event = message.options?.['[weir.v1.event]'];
      if (event) {
        found.set(`event name of ${name}`, event.name ?? '');
        found.set(`print_defaults of ${name}`, event.printDefaults ?? false);
        found.set(`control_frame of ${name}`, event.controlFrame ?? 'CONTROL_FRAME_UNSPECIFIED');
        found.set(`topics of ${name}`, event.topics ?? []);
      }
      for (const field of message.field ?? []) {
        found.set(`null_when_unset of ${name}.${field.name}`, field.options?.['[weir.v1.field]']?.nullWhenUnset ?? false);
      }
    }
    for (const { name, item } of enums(file)) {
      for (const value of item.value ?? []) {
        found.set(`JSON name of ${name}.${value.name}`, value.options?.['[weir.v1.enum_value]']?.jsonName || value.name);
      }
    }
  }
  return found;
}

// Topics may be added; none means any.
function topicsNarrowed(before, after) {
  if (after.length === 0) return false;
  return before.length === 0 || before.some((topic) => !after.includes(topic));
}

// changes(before, after) → complaints. What is new is no change; a removed message, field or value is buf's to judge,
// a removed event declaration ours.
export function changes(before, after) {
  const complaints = [];
  const now = promises(after);
  for (const [what, value] of promises(before)) {
    if (!now.has(what)) {
      if (what.startsWith('event name')) complaints.push(`${what} was "${value}" and is gone`);
    } else if (what.startsWith('topics')) {
      if (topicsNarrowed(value, now.get(what))) complaints.push(`${what} no longer allow all of ${JSON.stringify(value)}`);
    } else if (now.get(what) !== value) {
      complaints.push(`${what} was ${JSON.stringify(value)} and is ${JSON.stringify(now.get(what))}`);
    }
  }
  return complaints;
}
