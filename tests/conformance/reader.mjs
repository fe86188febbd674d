// What one client was given, kept outside of it.
import { Waits } from './waits.mjs';

export class Reader {
  opens = 0; // streams that began
  events = []; // {type, id, data}: the id as the client told it
  closed = false; // the client has given up
  ended = false; // a stream has ended cleanly, as far as the client tells
  #waits = new Waits();

  // What clients report: 'open'; 'event', {type, id, data}; 'closed'.
  record = (kind, event) => {
    if (kind === 'open') this.opens += 1;
    if (kind === 'closed') this.closed = true;
    if (kind === 'ended') this.ended = true;
    if (kind === 'event') this.events.push(event);
    this.#waits.check();
  };

  named(...types) {
    return this.events.filter(({ type }) => types.includes(type));
  }

  until(what, done) {
    const last = () => this.events.slice(-5).map(({ type, id, data }) => `${type} ${id} ${data.slice(0, 80)}`);
    return this.#waits.until(what, done, () => `opened ${this.opens} times, ${this.events.length} events, the last: ${last().join(' | ')}`);
  }

  connected(times = 1) {
    return this.until(`connection ${times}`, () => this.named('weir.connected').length >= times);
  }

  // Resolves when an event with the id `cursor` has come.
  reached(cursor) {
    return this.until(`the event ${cursor}`, () => this.events.some(({ id, type }) => id === cursor && !type.startsWith('weir.')));
  }
}

// What these tests listen for: clients like the native one have no way to listen for everything.
export const names = [
  ...['message', 'flash_message', 'bilstatus_update', 'event_created', 'goal.created', 'beat'],
  ...['weir.connected', 'weir.gap', 'weir.draining', 'weir.overloaded', 'weir.auth_expired'],
];
