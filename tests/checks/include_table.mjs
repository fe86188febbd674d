// Checks this tree by the include table (includes.mjs).
import { judge } from './includes.mjs';
import { ownFiles, read, report } from './tree.mjs';

report(judge(new Map(ownFiles('*.h', '*.cc').map((file) => [file, read(file)]))));
