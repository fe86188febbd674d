// A proxy between a client and the edge that sees what passes, and can spoil it. TCP only (TLS ends here, and begins
// anew): it understands no more of HTTP
// than where a request's head ends.
import { once } from 'node:events';
import { connect, createServer, http } from '../e2e/tls.mjs';

export class Tap {
  requests = []; // {target, headers, at}, in order; preflights are left out
  #links = new Set();
  #cut;
  #silent = false;
  #pieces = 0;

  // `target`: HOST:PORT, or the path of a Unix socket.
  static async open(target) {
    const tap = new Tap();
    const [host, port] = target.split(':');
    const to = target.startsWith('/') ? { path: target } : { host, port: Number(port) };
    tap.server = createServer((client) => tap.#join(client, connect(to))).listen(0, '127.0.0.1');
    await once(tap.server, 'listening');
    tap.url = `${http}://127.0.0.1:${tap.server.address().port}`;
    return tap;
  }

  // Of the requests for a path, those headers.
  sent(header) {
    return this.requests.map(({ headers }) => headers.get(header));
  }

  // Holds back what the edge sends until `place(text)` finds where to cut; then passes what lies before it, and the
  // connection breaks. Once.
  cutAt(place) {
    this.#cut = place;
  }

  // From now on nothing passes, and nobody is told: as when a phone has lost its network.
  fallSilent() {
    this.#silent = true;
  }

  // Passes what the edge sends in pieces of so many bytes.
  inPieces(bytes) {
    this.#pieces = bytes;
  }

  // Breaks all connections.
  breakAll() {
    for (const { client, edge } of this.#links) {
      client.destroy();
      edge.destroy();
    }
  }

  close() {
    this.breakAll();
    this.server.close();
  }

  #join(client, edge) {
    const link = { client, edge };
    this.#links.add(link);
    client.setNoDelay(true);
    let head = '';
    client.on('data', (bytes) => {
      head = this.#note(head + bytes.toString('latin1'));
      if (!this.#silent) edge.write(bytes);
    });
    let held = '';
    let last = Promise.resolve();
    edge.on('data', (bytes) => {
      if (this.#silent) return;
      if (this.#pieces) {
        last = last.then(() => inPieces(client, bytes, this.#pieces));
        return;
      }
      if (!this.#cut) {
        client.write(bytes);
        return;
      }
      held += bytes.toString('latin1');
      const at = this.#cut(held);
      if (at < 0) return;
      this.#cut = undefined;
      edge.destroy();
      client.end(Buffer.from(held.slice(0, at), 'latin1'));
    });
    const close = () => {
      this.#links.delete(link);
      // What is on its way in pieces comes first.
      last.then(() => client.destroySoon());
      edge.destroy();
    };
    for (const socket of [client, edge]) socket.on('error', () => {});
    client.on('close', () => edge.destroy());
    edge.on('end', () => last.then(() => client.end()));
    edge.on('close', close);
  }

  // Notes complete requests; returns the rest.
  #note(text) {
    let end;
    while ((end = text.indexOf('\r\n\r\n')) >= 0) {
      const [first, ...lines] = text.slice(0, end).split('\r\n');
      const [method, target] = first.split(' ');
      const headers = new Map(lines.map((line) => [line.split(':')[0].toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
      if (method === 'GET') this.requests.push({ target, headers, at: Date.now() });
      text = text.slice(end + 4);
    }
    return text;
  }
}

// One write for each piece, each in a turn of its own.
async function inPieces(socket, bytes, size) {
  for (let at = 0; at < bytes.length && !socket.destroyed; at += size) {
    await new Promise((resolve) => socket.write(bytes.subarray(at, at + size), () => setImmediate(resolve)));
  }
}
