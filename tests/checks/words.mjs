// Words that do not belong in the tree: unfinished work, and what is true of one machine only.
import { ownFiles, read, report } from './tree.mjs';

// Written so that this file does not match itself.
const words = [
  [/\b(TO[D]O|FIX[M]E|X[X]X)\b/, 'unfinished work: finish it, or write it down elsewhere'],
  [/(^|[\s"'(=])\/(wor[k]|hom[e]|root)\//, 'a path of one machine'],
  [/\b(registr[y]\.\w+\.|deb\.debia[n]|proxy\.golan[g])/, 'the host of a registry'],
  [/^(<{7}|>{7}) /, 'a conflict left in'],
  [/[ \t]+$/, 'blanks at the end of the line'],
];
const skipped = /(^LICENSE$|^tests\/fuzz\/corpus\/|package-lock\.json$|\.(png|ico|binpb)$)/;

const complaints = [];
for (const file of ownFiles()) {
  if (skipped.test(file)) continue;
  read(file)
    .split('\n')
    .forEach((line, index) => {
      for (const [pattern, why] of words) if (pattern.test(line)) complaints.push(`${file}:${index + 1}: ${why}`);
    });
}
report(complaints);
