// node option_changes.mjs OLD.json NEW.json: both from `buf build proto -o FILE.json`.
import { readFileSync } from 'node:fs';
import { changes } from './options.mjs';
import { report } from './tree.mjs';

const [before, after] = process.argv.slice(2, 4).map((file) => JSON.parse(readFileSync(file, 'utf8')));
report(changes(before, after));
