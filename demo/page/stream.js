// One subscription over the browser's own EventSource: its state, its resumption after a reload, and what EventSource
// leaves to the page (it gives up for good on any status but 200, and does not say which).

const path = '/api/vehicles/updates';
const pauseMax = 30_000;

export class Stream {
  #source = null;
  #timer = 0;
  #failures = 0;
  #on;

  // on: {state(name, text), event(data, id), place(id), gap(data, id), refused(why)}
  constructor(on) {
    this.#on = on;
  }

  // Opens after `lastId`; without one, with what the last two minutes brought.
  open(token, lastId) {
    this.close();
    this.token = token;
    this.lastId = lastId;
    const query = new URLSearchParams({ token });
    if (lastId) query.set('last_event_id', lastId);
    else query.set('start', new Date(Date.now() - 120_000).toISOString());
    this.#on.state('connecting', this.#failures ? 'Reconnecting' : 'Connecting');

    const source = new EventSource(`${path}?${query}`);
    this.#source = source;
    const listen = (name, handle) =>
      source.addEventListener(name, (event) => {
        if (event.lastEventId) this.lastId = event.lastEventId;
        handle(event);
      });
    source.onopen = () => {
      this.#failures = 0;
      this.#on.state('connected', 'Connected');
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) this.#askWhy();
      else this.#on.state('connecting', 'Reconnecting');
    };
    listen('weir.connected', (event) => this.#on.place(event.lastEventId));
    listen('vehicle_update', (event) => this.#on.event(JSON.parse(event.data), event.lastEventId));
    listen('weir.gap', (event) => this.#on.gap(JSON.parse(event.data), event.lastEventId));
    listen('weir.overloaded', () => this.#on.state('connecting', 'The edge is full, waiting'));
    listen('weir.auth_expired', () => this.#refuse('The token’s time is over.'));
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  // The same URL answers a poll with a status that can be read.
  async #askWhy() {
    this.close();
    this.#failures += 1;
    this.#on.state('connecting', 'Reconnecting');
    const pause = Math.min(pauseMax, 1000 * 2 ** (this.#failures - 1)) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.open(this.token, this.lastId), pause);
    const timer = this.#timer;
    const answer = await fetch(path, {
      headers: { Accept: 'application/json', Authorization: `Bearer ${this.token}` },
    }).catch(() => null);
    if (timer !== this.#timer) return;
    if (answer?.status === 401 || answer?.status === 403) {
      const problem = await answer.json().catch(() => ({}));
      if (timer === this.#timer) this.#refuse(problem.detail ?? problem.title ?? 'The token was not accepted.');
    }
  }

  #refuse(why) {
    this.close();
    this.#on.refused(why);
  }
}
