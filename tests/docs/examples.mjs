// The examples of documents and help texts that can be run. Pure.
//
// In Markdown: a block whose fence says ```sh runnable, all of it one script. With until="TEXT" the script need not end: it
// is right as soon as it has printed TEXT. In a help text: the lines of the paragraph after `Examples:`, each one a
// script; a line that ends in `\` goes on in the next; what stands after three blanks is for people. One that reads
// without end is right as soon as it has printed a line of JSON.

export function ofMarkdown(name, text) {
  const found = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const fence = /^```(?:sh|bash) runnable(?:\s+until="([^"]*)")?\s*$/.exec(lines[at]);
    if (!fence) continue;
    const end = lines.indexOf('```', at);
    if (end < 0) throw new Error(`${name}:${at + 1}: the block has no end`);
    found.push({ name: `${name}:${at + 1}`, script: lines.slice(at + 1, end).join('\n'), until: fence[1] });
    at = end;
  }
  return found;
}

export function ofHelp(name, text) {
  const lines = text.split('\n');
  const begin = lines.findIndex((line) => /^\s*examples:?\s*$/i.test(line));
  if (begin < 0) return [];
  const found = [];
  let script = '';
  for (const line of lines.slice(begin + 1)) {
    if (line.trim() === '' || !/^\s/.test(line)) break;
    script += (script && '\n') + line.trim().replace(/\s{3,}.*$/, '');
    if (script.endsWith('\\')) continue;
    const endless = /^tail -f |^weir subscribe (?!.*(-n|--wait))/.test(script);
    found.push({ name: `${name}: ${script}`, script, until: endless ? '{"' : undefined });
    script = '';
  }
  return found;
}

// The demo's addresses and data, as examples write them, replaced by those of a system under test.
export function moved(script, { http, grpc, dir }) {
  return script.replaceAll('$PWD/build/dev-data', dir).replaceAll('127.0.0.1:8080', http).replace(/\b(127\.0\.0\.1|10\.0\.0\.7):50051/g, grpc);
}
