// Each mode of weir-bench has its section in docs/benchmarks.md, with a table in it: `./dev bench --quick` compares with those.
import { ownFiles, read, report } from './tree.mjs';

// What is wrong with the document, given the text of the modes' files.
export function judge(document, sources) {
  const sections = new Map([...document.matchAll(/^<!-- bench (\S+) -->\n([^]*?)^<!-- end -->$/gm)].map(([, name, content]) => [name, content]));
  const modes = sources.flatMap((source) => [...source.matchAll(/\.name = "(\w+)",\s*\.what = /g)].map(([, name]) => name));
  return [
    ...(modes.length ? [] : ['no mode was found in tests/bench']),
    ...modes.filter((name) => !sections.has(name)).map((name) => `there is no section <!-- bench ${name} -->`),
    ...[...sections].filter(([, content]) => !/^\|[-:| ]+\|\n\|/m.test(content)).map(([name]) => `<!-- bench ${name} --> has no table: run ./dev bench --mode ${name} --write`),
    ...[...sections.keys()].filter((name) => !modes.includes(name)).map((name) => `<!-- bench ${name} --> is of no mode`),
  ];
}

const file = 'docs/benchmarks.md';
if (process.argv[1] === import.meta.filename) report(judge(read(file), ownFiles('tests/bench/*.cc').map(read)).map((complaint) => `${file}: ${complaint}`));
