// The budgets of what a page loads, minified and gzipped: the core with the parser, and what each part adds to it. What a
// page does not use is not loaded: one small name of the core brings nothing else along.
import { build } from 'esbuild';
import { gzipSync } from 'node:zlib';

const coreMax = 5000;
const partsMax = { native: 1500, poll: 1500, share: 1500, ws: 1500, react: 1500 };

const oneNameMax = 300;

const size = (...parts) => sizeOf(parts.map((part) => `export * from './src/${part}.ts';`).join(''));

async function sizeOf(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    external: ['react'],
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

function judge(name, bytes, limit) {
  console.log(`${name.padEnd(8)} ${bytes} of ${limit} bytes`);
  if (bytes > limit) process.exitCode = 1;
}

const core = await size('index');
judge('core', core, coreMax);
for (const [part, limit] of Object.entries(partsMax)) judge(part, (await size('index', part)) - core, limit);
judge('one name', await sizeOf(`export { StreamError } from './src/index.ts';`), oneNameMax);
