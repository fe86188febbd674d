// Debian's Chromium, headless.
import { chromium } from 'playwright-core';
import { browserFlags } from './tls.mjs';

export async function launch() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update', ...browserFlags()],
    ],
  });
  browser.on('context', (context) => context.setDefaultTimeout(120_000)); // a busy machine needs more than 30 s
  return browser;
}
