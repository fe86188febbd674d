// Many users without a browser: each reads a stream of their own.
import http from 'node:http';
import { jwt, until } from './tabs.mjs';

export class Crowd {
  #requests = [];
  #text = ''; // what is awaited
  #reached = 0;

  // Resolves when each of `count` users has had the first block.
  static async open(system, route, count) {
    const crowd = new Crowd();
    const agent = new http.Agent({ maxSockets: Infinity });
    await Promise.all(Array.from({ length: count }, (_, n) => crowd.#join(system, route, agent, `user-${n}`)));
    return crowd;
  }

  #join(system, route, agent, sub) {
    return new Promise((resolve, reject) => {
      const headers = { Accept: 'text/event-stream; weir=1', Authorization: `Bearer ${jwt(system, { sub })}` };
      const request = http.get(`http://${system.http}${route}`, { agent, headers }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${sub}: ${response.statusCode}`));
        let tail = '';
        response.setEncoding('utf8');
        response.on('error', () => {});
        response.on('data', (chunk) => {
          resolve();
          tail += chunk;
          if (this.#text && tail.includes(this.#text)) {
            this.#reached++;
            tail = '';
          }
          tail = tail.slice(-200);
        });
      });
      request.on('error', reject);
      this.#requests.push(request);
    });
  }

  // Publishes by `publish`; resolves to the milliseconds until everybody has read `text`.
  async reach(text, publish) {
    this.#text = text;
    this.#reached = 0;
    const started = performance.now();
    publish();
    await until('everybody', () => this.#reached === this.#requests.length);
    return performance.now() - started;
  }

  close() {
    for (const request of this.#requests) request.destroy();
  }
}
