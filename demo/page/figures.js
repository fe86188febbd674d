// The figures above the grid: count, rate, delay, last event.

const rateSeconds = 10;
const sparkSeconds = 60;
const delaysMax = 20;
const element = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export class Figures {
  count = 0;
  #seconds = new Map(); // arrivals by second
  #delays = [];
  #lastAt = 0;

  // An event published at `publishedAt` has arrived now.
  arrived(publishedAt) {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    this.count += 1;
    this.#lastAt = now;
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + 1);
    const delay = now - publishedAt;
    if (delay >= 0 && delay < 60_000) this.#delays.push(delay); // replays are not late, they are old
    if (this.#delays.length > delaysMax) this.#delays.shift();
  }

  place(id) {
    element('last-id').textContent = id;
    element('last-id').title = id;
  }

  draw(carCount) {
    const now = Math.floor(Date.now() / 1000);
    for (const second of this.#seconds.keys()) if (second < now - sparkSeconds) this.#seconds.delete(second);
    const at = (second) => this.#seconds.get(second) ?? 0;
    let recent = 0;
    for (let age = 1; age <= rateSeconds; age += 1) recent += at(now - age);
    element('count').textContent = whole.format(this.count);
    element('rate').textContent = (recent / rateSeconds).toFixed(1);
    element('cars-seen').textContent = carCount ? `${whole.format(carCount)} different cars` : 'no cars yet';
    if (this.#delays.length) {
      const sorted = [...this.#delays].sort((a, b) => a - b);
      element('delay').textContent = whole.format(sorted[sorted.length >> 1]);
    }
    if (this.#lastAt) {
      element('last-time').textContent = clock.format(this.#lastAt);
      const seconds = Math.round((Date.now() - this.#lastAt) / 1000);
      element('last-ago').textContent = seconds < 2 ? 'just now' : `${whole.format(seconds)} seconds ago`;
    }
    this.#drawSpark(now, at);
  }

  #drawSpark(now, at) {
    const spark = element('spark');
    while (spark.childElementCount < sparkSeconds) {
      spark.append(document.createElementNS('http://www.w3.org/2000/svg', 'rect'));
    }
    const bars = [...spark.children].map((bar, index) => ({ bar, value: at(now - sparkSeconds + index), index }));
    const most = Math.max(4, ...bars.map(({ value }) => value));
    for (const { bar, value, index } of bars) {
      const height = Math.max(1, (value / most) * 28);
      bar.setAttribute('x', index * 2);
      bar.setAttribute('y', 28 - height);
      bar.setAttribute('width', 1.4);
      bar.setAttribute('height', height);
      bar.setAttribute('rx', 0.7);
      bar.setAttribute('opacity', value ? 1 : 0.25);
    }
  }
}
