// The bytes of a stream as they are on the wire, and the strict grammar that Weir's streams keep: narrower than what the
// standard lets a client read.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from '../e2e/tls.mjs';
import { Waits } from './waits.mjs';

export class RawStream {
  wire = ''; // everything, a byte a character
  ended = false; // the peer has closed its side
  #waits = new Waits();

  // Sends a request and reads whatever comes.
  static async open(address, target, { version = '1.1', headers = [], method = 'GET' } = {}) {
    const raw = new RawStream();
    const [host, port] = address.split(':');
    raw.socket = connect({ host, port: Number(port) });
    const take = (bytes) => {
      if (bytes) raw.wire += bytes.toString('latin1');
      else raw.ended = true;
      raw.#waits.check();
    };
    raw.socket.on('data', take);
    raw.socket.on('error', () => {}); // `close` follows
    raw.socket.on('close', () => take());
    await once(raw.socket, 'connect');
    raw.socket.write([`${method} ${target} HTTP/${version}`, `Host: ${address}`, ...headers, '', ''].join('\r\n'));
    await raw.until('the head', () => raw.wire.includes('\r\n\r\n'));
    return raw;
  }

  get head() {
    return this.wire.slice(0, this.wire.indexOf('\r\n\r\n'));
  }

  get status() {
    return Number(this.head.split(' ')[1]);
  }

  header(name) {
    return this.head.split('\r\n').flatMap((line) => (line.toLowerCase().startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []))[0];
  }

  // What stands behind the head, framed.
  get rest() {
    return this.wire.slice(this.head.length + 4);
  }

  // Of a chunked answer: its chunks, and whether the last one has come. Fails where the framing is wrong.
  get framed() {
    const chunks = [];
    let rest = this.rest;
    for (;;) {
      const size = /^([0-9a-f]+)\r\n/.exec(rest);
      const length = size ? parseInt(size[1], 16) : 0;
      const begin = size?.[0].length;
      if (!size || rest.length < begin + length + 2) {
        assert.match(rest, /^([0-9a-f]*\r?$|[0-9a-f]+\r\n)/, 'a chunk has no size');
        return { chunks, whole: false };
      }
      assert.equal(rest.slice(begin + length, begin + length + 2), '\r\n');
      if (length === 0) {
        assert.equal(rest, '0\r\n\r\n', 'something stands behind the last chunk');
        return { chunks, whole: true };
      }
      chunks.push(rest.slice(begin, begin + length));
      rest = rest.slice(begin + length + 2);
    }
  }

  // The body without framing.
  get body() {
    return this.header('transfer-encoding') === 'chunked' ? this.framed.chunks.join('') : this.rest;
  }

  get blocks() {
    return blocksOf(this.body);
  }

  until(what, done) {
    return this.#waits.until(what, done, () => `there is:\n${this.wire.slice(-2000)}`);
  }

  // Resolves to the first block of that name.
  async block(name) {
    const find = () => this.blocks.find(({ event }) => event === name);
    await this.until(name, find);
    return find();
  }

  close() {
    this.#waits.forget();
    this.socket.destroy();
  }
}

const block = /^event: ([A-Za-z0-9._-]{1,64})\n(?:id: ([\x21-\x7e]{1,128})\n)?(?:retry: ([0-9]{1,9})\n)?data: ([^\r\n\0]*)\n\n/;

// The blocks and comments of a stream, by rules 1 to 6 and nothing looser: fails where it keeps them not. A block that
// has not come to its end is left out.
export function blocksOf(body) {
  const found = [];
  for (let rest = body; rest; ) {
    if (rest.startsWith(':')) {
      if (rest === ':') break;
      assert.equal(rest[1], '\n', 'a comment is `:` and LF, nothing more');
      found.push({ comment: true });
      rest = rest.slice(2);
      continue;
    }
    const match = block.exec(rest);
    if (!match) {
      assert.ok(!rest.includes('\n\n') && /^(e|$)/.test(rest), `no block: ${JSON.stringify(rest.slice(0, 300))}`);
      break;
    }
    const [all, event, id, retry, data] = match;
    assert.ok(!['error', 'open'].includes(event), `a block is called ${event}`);
    JSON.parse(Buffer.from(data, 'latin1').toString('utf8'));
    found.push({ event, id, retry: retry === undefined ? undefined : Number(retry), data, all });
    rest = rest.slice(all.length);
  }
  return found;
}
