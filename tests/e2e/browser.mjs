// Debian's Chromium, headless, and a page of the demo that keeps a record of what it was given.
import { chromium } from 'playwright-core';

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });

// The demo's page with its records: ids of events in the order of arrival, over reloads too; gaps; and what the browser
// complained of.
export class DemoPage {
  ids = [];
  gaps = [];
  errors = [];
  #waiting = new Set();

  static async open(browser, url, options = {}) {
    const demo = new DemoPage();
    demo.context = await browser.newContext(options);
    demo.page = await demo.context.newPage();
    demo.page.on('pageerror', (error) => demo.errors.push(String(error)));
    demo.page.on('console', (message) => {
      // A browser reports every lost connection; only what the page itself did wrong counts.
      if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text())) demo.errors.push(message.text());
    });
    await demo.page.exposeFunction('recordForTest', (kind, id, data) => demo.#record(kind, id, data));
    await demo.page.addInitScript(() => {
      document.addEventListener('weir:event', ({ detail }) => window.recordForTest('event', detail.id, detail.data));
      document.addEventListener('weir:gap', ({ detail }) => window.recordForTest('gap', detail.id, detail.data));
    });
    await demo.page.goto(url);
    return demo;
  }

  #record(kind, id, data) {
    if (kind === 'event') this.ids.push(id);
    else this.gaps.push({ id, data });
    for (const check of this.#waiting) check();
  }

  // Resolves when `done(this)` holds; fails after a generous time, with what was there.
  until(what, done, millis = 30_000) {
    return new Promise((resolve, reject) => {
      const check = () => {
        if (!done(this)) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`waited ${millis} ms for ${what}; ${this.ids.length} events, the last ${this.ids.at(-1)}`));
      }, millis);
      this.#waiting.add(check);
      check();
    });
  }

  // Resolves when `count` more events have come.
  more(count) {
    const goal = this.ids.length + count;
    return this.until(`${count} more events`, () => this.ids.length >= goal);
  }

  state(name) {
    return this.page.waitForSelector(`#state[data-state="${name}"]`, { timeout: 30_000 });
  }

  close() {
    return this.context.close();
  }
}
