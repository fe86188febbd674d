// WebSockets to the edge, as a client sees them: with the npm client `ws`, and byte by byte for what it would never send.
import { randomBytes } from 'node:crypto';
import WebSocket from 'ws';
import { connect, ws } from '../e2e/tls.mjs';
import { Waits } from './waits.mjs';

// What one connection was given, kept as it came.
export class Wire {
  events = []; // {event, id, data, retry}: the stream
  answers = []; // {type, …}: to what was said
  texts = []; // all messages as they are
  pings = 0;
  pongs = []; // their payloads
  #waits = new Waits();

  // `auth`: the first message without its type; null: nothing is said. `headers`, `protocols`, further `options`: of `ws`.
  static open(address, target, { auth = {}, protocols = [], scheme = ws, ...options } = {}) {
    const wire = new Wire();
    wire.ws = new WebSocket(`${scheme}://${address}${target}`, protocols, { perMessageDeflate: false, ...options });
    wire.ws.on('open', () => {
      wire.opened = true;
      if (auth) wire.say({ type: 'auth', ...auth });
      wire.#waits.check();
    });
    wire.ws.on('message', (bytes, binary) => wire.#take(bytes.toString('utf8'), binary));
    wire.ws.on('ping', () => {
      wire.pings += 1;
      wire.#waits.check();
    });
    wire.ws.on('pong', (bytes) => {
      wire.pongs.push(bytes.toString('latin1'));
      wire.#waits.check();
    });
    // The upgrade is refused: an ordinary answer.
    wire.ws.on('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (bytes) => (body += bytes));
      response.on('end', () => {
        wire.refusal = { status: response.statusCode, headers: response.headers, body: body && JSON.parse(body) };
        wire.ws.terminate();
        wire.#waits.check();
      });
    });
    wire.ws.on('error', (error) => (wire.error = error));
    wire.ws.on('close', (code, reason) => {
      wire.closed = { code, reason: reason.toString() };
      wire.#waits.check();
    });
    return wire;
  }

  // Opens, and waits for the beginning of the stream.
  static async start(address, target, options) {
    const wire = Wire.open(address, target, options);
    await wire.until('the stream', () => wire.events.length > 0);
    return wire;
  }

  say(message) {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  // Says it, and resolves to the next answer.
  async ask(message) {
    const before = this.answers.length;
    this.say(message);
    await this.until(`an answer to ${JSON.stringify(message)}`, () => this.answers.length > before);
    return this.answers[before];
  }

  // Of the stream's events those that are not the edge's own.
  get given() {
    return this.events.filter(({ event }) => !event.startsWith('weir.') && event !== 'beat');
  }

  get cursor() {
    return this.events.findLast(({ id }) => id)?.id;
  }

  until(what, done) {
    return this.#waits.until(what, done, () => `closed: ${JSON.stringify(this.closed)}, refused: ${JSON.stringify(this.refusal)}, ${this.texts.length} messages, the last: ${this.texts.slice(-3).join(' | ').slice(0, 600)}`);
  }

  async reached(cursor) {
    await this.until(`the event ${cursor}`, () => this.given.some(({ id }) => id === cursor));
    return this;
  }

  async ended() {
    await this.until('its end', () => this.closed);
    return this.closed;
  }

  // Lets go of the connection, and waits until it is gone.
  async close() {
    if (!this.closed) {
      this.ws.close();
      await this.ended();
    }
    this.#waits.forget();
  }

  #take(text, binary) {
    if (binary) throw new Error('a binary message');
    this.texts.push(text);
    const message = JSON.parse(text);
    (message.event === undefined ? this.answers : this.events).push(message);
    this.#waits.check();
  }
}

// A frame as a client sends it; the parts that a good client never gets wrong may be wrong.
export function frame(opcode, payload = '', { fin = true, mask = true, rsv = 0, length } = {}) {
  const bytes = Buffer.from(payload);
  const size = length ?? bytes.length;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const masked = mask ? 0x80 : 0;
  if (size <= 125) head.push(masked | size);
  else if (size <= 0xffff) head.push(masked | 126, size >> 8, size & 0xff);
  else head.push(masked | 127, 0, 0, 0, 0, (size >>> 24) & 0xff, (size >> 16) & 0xff, (size >> 8) & 0xff, size & 0xff);
  if (!mask) return Buffer.concat([Buffer.from(head), bytes]);
  const key = randomBytes(4);
  return Buffer.concat([Buffer.from(head), key, bytes.map((byte, at) => byte ^ key[at % 4])]);
}

export const text = (message) => frame(1, typeof message === 'string' ? message : JSON.stringify(message));

// A connection whose every byte is the test's.
export class RawSocket {
  bytes = Buffer.alloc(0);
  ended = false;
  #waits = new Waits();

  static async open(address, target, { headers = [], auth = {} } = {}) {
    const raw = new RawSocket();
    const [host, port] = address.split(':');
    raw.socket = connect({ host, port: Number(port) });
    const check = () => raw.#waits.check();
    raw.socket.on('data', (bytes) => {
      raw.bytes = Buffer.concat([raw.bytes, bytes]);
      check();
    });
    raw.socket.on('error', () => {});
    for (const end of ['end', 'close'])
      raw.socket.on(end, () => {
        raw.ended = true;
        check();
      });
    const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
    raw.socket.write([`GET ${target} HTTP/1.1`, `Host: ${address}`, ...lines, ...headers, '', ''].join('\r\n'));
    await raw.until('the head', () => raw.bytes.includes('\r\n\r\n'));
    if (auth) {
      raw.write(text({ type: 'auth', ...auth }));
      await raw.until('the stream', () => raw.frames.length >= 2);
    }
    return raw;
  }

  get head() {
    return this.bytes.subarray(0, this.bytes.indexOf('\r\n\r\n') + 4).toString('latin1');
  }

  // The complete frames that came: {opcode, payload}.
  get frames() {
    const found = [];
    let at = this.head.length;
    for (;;) {
      const rest = this.bytes.subarray(at);
      if (rest.length < 2) return found;
      let size = rest[1];
      let lead = 2;
      if (size === 126) [size, lead] = [rest.length < 4 ? Infinity : rest.readUInt16BE(2), 4];
      else if (size === 127) [size, lead] = [rest.length < 10 ? Infinity : Number(rest.readBigUInt64BE(2)), 10];
      if (rest.length < lead + size) return found;
      if ((rest[0] & 0xf0) !== 0x80) throw new Error('a frame of the edge is not whole');
      found.push({ opcode: rest[0] & 0xf, payload: rest.subarray(lead, lead + size) });
      at += lead + size;
    }
  }

  get messages() {
    return this.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => JSON.parse(payload.toString('utf8')));
  }

  write(...frames) {
    this.socket.write(Buffer.concat(frames));
  }

  until(what, done) {
    return this.#waits.until(what, done, () => `ended: ${this.ended}, there is: ${JSON.stringify(this.bytes.toString('latin1').slice(-500))}`);
  }

  // Resolves to the code that the edge closed with, when the connection is at its end.
  async closeCode() {
    await this.until('its end', () => this.ended);
    const close = this.frames.find(({ opcode }) => opcode === 8);
    return close && (close.payload.length ? close.payload.readUInt16BE(0) : 1005);
  }

  close() {
    this.#waits.forget();
    this.socket.destroy();
  }
}
