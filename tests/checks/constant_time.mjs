// Checks this tree's comparisons of secrets (comparisons.mjs).
import { judge } from './comparisons.mjs';
import { ownFiles, read, report } from './tree.mjs';

report(judge(new Map(ownFiles('*.h', '*.cc').map((file) => [file, read(file)]))));
