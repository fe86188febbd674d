// Relative links of the documents lead to files, and to headings, that are there.
import path from 'node:path';
import { ownFiles, read, report } from './tree.mjs';

// As GitHub makes them: lower case, punctuation dropped, blanks to hyphens.
const anchors = (text) =>
  new Set(
    text.split('\n').flatMap((line) => {
      const heading = /^#+\s+(.*)$/.exec(line);
      return heading ? [heading[1].toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')] : [];
    }),
  );

const files = new Set(ownFiles());
const folders = new Set([...files].flatMap((file) => file.split('/').map((_, at, parts) => parts.slice(0, at).join('/'))));
const complaints = [];
for (const file of ownFiles('*.md')) {
  const text = read(file).replace(/```[^]*?```/g, '');
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [to, anchor] = target.split('#');
    const found = to ? path.posix.join(path.posix.dirname(file), to).replace(/\/$/, '') : file;
    if (!files.has(found) && !folders.has(found)) complaints.push(`${file}: ${target} leads nowhere`);
    else if (anchor && !anchors(read(found)).has(anchor)) complaints.push(`${file}: ${target} names no heading there`);
  }
}
report(complaints);
