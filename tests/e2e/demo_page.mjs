// The demo's page as a person sees it: what its parts show, what their records say, and what the browser complained of.
import assert from 'node:assert/strict';

const patience = { timeout: 120_000 };

export class DemoPage {
  errors = [];

  // `context`: of a browser; pages of one are tabs that may share.
  static async open(context, url) {
    const demo = new DemoPage();
    demo.page = await context.newPage();
    demo.page.setDefaultTimeout(patience.timeout);
    demo.page.on('pageerror', (error) => demo.errors.push(String(error)));
    demo.page.on('console', (message) => {
      // A browser reports every lost connection; only what the page itself did wrong counts.
      if (message.type() === 'error' && !/Failed to load resource|net::ERR|^WebSocket connection to /.test(message.text())) demo.errors.push(message.text());
    });
    await demo.page.goto(url);
    return demo;
  }

  part(name) {
    return this.page.getByRole('region', { name, exact: true });
  }

  // What a part lists, the newest first: the ids of rows, goals, notifications, requests.
  ids(scope) {
    return scope.locator('[data-id]').evaluateAll((found) => found.map(({ dataset }) => dataset.id));
  }

  async press(part, button) {
    await this.part(part).getByRole('button', { name: button, exact: true }).click();
  }

  // Resolves when each stream of the part is in this state.
  async state(part, name) {
    const others = this.part(part).locator(`.indicator:not([data-state="${name}"])`);
    await this.part(part).locator(`.indicator[data-state="${name}"]`).first().waitFor();
    await until(`${part} to be ${name}`, async () => (await others.count()) === 0);
  }

  // Resolves when the part's record says so, the newest entries first.
  async says(part, pattern) {
    await this.part(part).locator('.log li').filter({ hasText: pattern }).first().waitFor();
  }

  async shows(part, text) {
    await this.part(part).getByText(text).first().waitFor();
  }

  assertNoErrors() {
    assert.deepEqual(this.errors, []);
  }
}

// Waits for a condition that a page or a process brings about.
export async function until(what, check) {
  const end = Date.now() + patience.timeout;
  while (!(await check())) {
    assert.ok(Date.now() < end, `waited ${patience.timeout} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
