// The files of this repository, as git sees them: what it knows or would add, and that is there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

export function ownFiles(...patterns) {
  const out = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...patterns], { cwd: root, encoding: 'utf8' });
  return [...new Set(out.split('\0'))].filter((file) => file && existsSync(path.join(root, file)));
}

export const read = (file) => readFileSync(path.join(root, file), 'utf8');

// Prints complaints and sets the exit code.
export function report(complaints) {
  for (const complaint of complaints) console.log(complaint);
  if (complaints.length) process.exitCode = 1;
}
