// Examples of documents: the only fenced block of a language.
export function ofMarkdown(text, language) {
  const [found, ...more] = text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'gm'));
  if (!found || more.length) throw new Error(`${more.length + 1} blocks of ${language}, and one is needed`);
  return found[1];
}
