// Keeps docs/configuration.md true: its tables are written from the comments of proto/weir/config/v1.
//   node config_reference.mjs           complains when the document differs
//   node config_reference.mjs --write   writes it
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { reference } from './reference.mjs';
import { read, report, root } from './tree.mjs';

const document = 'docs/configuration.md';
const image = JSON.parse(
  execFileSync(path.join(root, 'node_modules/.bin/buf'), ['build', 'proto', '--path', 'proto/weir/config', '-o', '-#format=json'], {
    cwd: root,
    encoding: 'utf8',
  }),
);

// Each `<!-- keys of FILE -->` … `<!-- end -->` holds what the proto file says.
const before = read(document);
const after = before.replace(
  /(<!-- keys of (\S+) -->\n)[^]*?(<!-- end -->)/g,
  (_, begin, file, end) => `${begin}\n${reference(image, file)}\n${end}`,
);
if (process.argv.includes('--write')) writeFileSync(path.join(root, document), after);
else if (before !== after) report([`${document}: differs from the proto files; ./dev fmt writes it again`]);
