import { defineConfig } from 'vitest/config';

// Time is faked where it counts: these end only what hangs.
export default defineConfig({ test: { include: ['test/**/*.test.{ts,tsx}'], testTimeout: 120_000, hookTimeout: 120_000 } });
