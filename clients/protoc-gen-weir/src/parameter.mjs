// What stands after `--weir_out=`, or in `opt:` of buf.gen.yaml: `field_names=proto,import_extension=none`.
export class UsageError extends Error {}

const allowed = {
  // As the route's `json.field_names`: `camel` are the JSON names.
  field_names: ['camel', 'proto'],
  // How generated files import each other: `./goals_weir.js` or `./goals_weir`.
  import_extension: ['js', 'ts', 'none'],
};

export function parseParameter(text) {
  const options = Object.fromEntries(Object.entries(allowed).map(([name, [first]]) => [name, first]));
  for (const part of text.split(',').filter(Boolean)) {
    const [name, value = ''] = part.split('=');
    if (!Object.hasOwn(allowed, name)) throw new UsageError(`unknown parameter '${name}'; there are ${Object.keys(allowed).join(', ')}`);
    if (!allowed[name].includes(value)) throw new UsageError(`${name}: '${value}' is not one of ${allowed[name].join(', ')}`);
    options[name] = value;
  }
  return options;
}
