import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The client is taken from its source. Everything is a file of its own, so that the page needs nothing inline.
export default defineConfig({
  root: at('.'),
  base: './',
  resolve: {
    alias: [
      { find: /^@weir\/client$/, replacement: at('../src/index.ts') },
      { find: /^@weir\/client\//, replacement: at('../src/') },
    ],
  },
  build: { outDir: at('../../../build/page'), emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
