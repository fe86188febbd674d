// Waiting for what events bring about: whoever changes something calls check().
export class Waits {
  #timers = new Map(); // by check

  check() {
    for (const check of this.#timers.keys()) check();
  }

  // Resolves when `done()` is true; fails when it throws, or after a generous time with what `there()` says.
  until(what, done, there, millis = 120_000) {
    return new Promise((resolve, reject) => {
      const settle = (how, value) => {
        clearTimeout(this.#timers.get(check));
        this.#timers.delete(check);
        how(value);
      };
      const check = () => {
        try {
          if (done()) settle(resolve);
        } catch (error) {
          settle(reject, error);
        }
      };
      const late = () => settle(reject, new Error(`waited ${millis} ms for ${what}; ${there()}`));
      this.#timers.set(check, setTimeout(late, millis));
      check();
    });
  }

  // Whoever still waits does so for ever, but nothing is held up by it.
  forget() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
