// One connection for all tabs of an origin.
//
// The tabs that read the same URL as the same principal compete for a Web Lock. Who has it leads: runs the transport and
// passes on what comes over a BroadcastChannel. When it goes, the browser gives the lock to another one, which reads on
// from its own cursor. Each block names the cursor before it, so that a follower sees what it missed or has already; it
// then asks the leader for what lies behind its cursor. What the leader no longer has, a tab reads for itself, until its
// cursor is one that the leader passes by.
import { principalOf } from './token.js';
import type { Attempt, Ending, Renew, Sink, Transport } from './transport.js';

interface Block {
  before: string;
  name: string;
  data: string;
  id: string;
}

type Word =
  | { word: 'blocks'; to?: string; blocks: Block[] }
  | { word: 'alive' }
  | { word: 'retry'; ms: number }
  | { word: 'ended'; ending: Ending }
  // There is a new leader: whoever waits for an answer asks again.
  | { word: 'led' }
  // A follower comes, or has lost the thread.
  | { word: 'join'; from: string; tab: string }
  // The answer; without blocks: read for yourself.
  | { word: 'joined'; to: string; at: string; blocks?: Block[] };

const blocksMax = 256;
const charactersMax = 1 << 20;
const aliveInterval = 1000;

/** Shares what `transport` brings between tabs. Without Web Locks or BroadcastChannel it is `transport` itself. */
export function share(transport: Transport): Transport {
  if (!globalThis.navigator?.locks || !globalThis.BroadcastChannel) return transport;
  const past = new Past();
  return {
    ...transport,
    name: `shared ${transport.name}`,
    async run(attempt, sink) {
      const key = `weir ${transport.name} ${attempt.url.href} ${attempt.start ?? ''} ${await principalOf(attempt.token)}`;
      return new Tab(transport, past, attempt, sink, key).run();
    },
  };
}

// The newest blocks that this tab has seen: what it can tell others once it leads.
class Past {
  #blocks: Block[] = [];
  #characters = 0;

  add(block: Block): void {
    this.#blocks.push(block);
    this.#characters += block.data.length;
    while (this.#blocks.length > blocksMax || this.#characters > charactersMax) this.#characters -= this.#blocks.shift()?.data.length ?? 0;
  }

  /** What follows this cursor; undefined when that is not known any more. */
  after(cursor: string): Block[] | undefined {
    const at = this.#blocks.findLastIndex(({ id }) => id === cursor);
    if (at >= 0) return this.#blocks.slice(at + 1);
    return this.#blocks[0]?.before === cursor ? [...this.#blocks] : undefined;
  }
}

// One attempt of one tab.
class Tab {
  #cursor: string;
  #state: 'waiting' | 'following' | 'alone' | 'leading' = 'waiting';
  #id = crypto.randomUUID();
  #channel: BroadcastChannel;
  #over = new AbortController(); // everything of this attempt
  #reading: AbortController | undefined; // its own connection
  #opened = false;
  #aliveTold = 0;
  #asking: { from: string; tab: string }[] = []; // before it could answer
  #resolve: (ending: Ending) => void = () => {};

  constructor(
    private readonly transport: Transport,
    private readonly past: Past,
    private readonly attempt: Attempt,
    private readonly sink: Sink,
    private readonly key: string,
  ) {
    this.#cursor = attempt.cursor;
    this.#channel = new BroadcastChannel(key);
  }

  run(): Promise<Ending> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const { signal } = this.#over;
      this.#channel.onmessage = ({ data }) => this.#hear(data as Word);
      this.attempt.signal.addEventListener('abort', () => this.#end({ message: 'aborted' }), { signal });
      if (this.attempt.signal.aborted) return this.#end({ message: 'aborted' });
      navigator.locks
        .request(this.key, { signal }, async () => {
          if (signal.aborted) return;
          this.#state = 'leading';
          this.#say({ word: 'led' });
          const ending = await this.#read();
          if (signal.aborted) return; // it left, and another one goes on
          this.#say({ word: 'ended', ending });
          this.#end(ending);
        })
        .catch(() => {}); // aborted while it waited
      this.#ask();
    });
  }

  #ask(): void {
    this.#say({ word: 'join', from: this.#cursor, tab: this.#id });
  }

  #say(word: Word): void {
    if (!this.#over.signal.aborted) this.#channel.postMessage(word);
  }

  #end(ending: Ending): void {
    this.#over.abort();
    this.#reading?.abort();
    this.#channel.close();
    this.#resolve(ending);
  }

  // A connection of this tab's own: to lead, or to catch up alone.
  #read(): Promise<Ending> {
    this.#reading?.abort();
    const { signal } = (this.#reading = new AbortController());
    const leads = this.#state === 'leading';
    return this.transport.run(
      { ...this.attempt, cursor: this.#cursor, signal },
      {
        opened: (renew) => {
          if (signal.aborted) return;
          this.#open(renew);
          if (leads) this.#answer();
        },
        alive: () => {
          if (signal.aborted) return;
          this.sink.alive();
          if (!leads || Date.now() < this.#aliveTold + aliveInterval) return;
          this.#aliveTold = Date.now();
          this.#say({ word: 'alive' });
        },
        retry: (ms) => {
          if (signal.aborted) return;
          this.sink.retry(ms);
          if (leads) this.#say({ word: 'retry', ms });
        },
        block: (name, data, id) => {
          if (signal.aborted) return;
          const block = { before: this.#cursor, name, data, id };
          this.#take(block);
          if (!leads) return;
          this.#say({ word: 'blocks', blocks: [block] });
          this.#answer();
        },
      },
    );
  }

  #open(renew?: Renew): void {
    if (this.#opened && !renew) return;
    this.#opened = true;
    this.sink.opened(renew);
  }

  #take(block: Block): void {
    if (block.id) {
      this.#cursor = block.id;
      this.past.add(block);
    }
    this.sink.block(block.name, block.data, block.id);
  }

  #hear(word: Word): void {
    if (this.#over.signal.aborted) return;
    if (word.word === 'join') {
      if (this.#state !== 'leading') return;
      this.#asking.push(word);
      return this.#answer();
    }
    if (this.#state === 'leading') return;
    if (word.word === 'led') return this.#state === 'waiting' ? this.#ask() : undefined;
    if (word.word === 'joined') return word.to === this.#id ? this.#join(word.at, word.blocks) : undefined;
    if (word.word === 'blocks') return this.#follow(word.blocks);
    if (this.#state !== 'following') return;
    if (word.word === 'alive') this.sink.alive();
    if (word.word === 'retry') this.sink.retry(word.ms);
    if (word.word === 'ended') this.#end(word.ending);
  }

  // The leader's side: needs a place of its own to tell.
  #answer(): void {
    if (!this.#cursor || !this.#opened) return;
    for (const { from, tab } of this.#asking.splice(0)) {
      const fresh = !from && (this.attempt.start ?? 'latest') === 'latest';
      const blocks = fresh ? [] : from === this.#cursor ? [] : this.past.after(from);
      this.#say({ word: 'joined', to: tab, at: this.#cursor, ...(blocks && { blocks }) });
    }
  }

  #join(at: string, blocks: Block[] | undefined): void {
    if (this.#state !== 'waiting') return;
    if (!blocks) return this.#goAlone();
    this.#state = 'following';
    this.#open();
    this.sink.alive();
    if (!this.#cursor) this.#take({ before: '', name: 'weir.connected', data: '{}', id: at });
    blocks.forEach((block) => this.#take(block));
  }

  #goAlone(): void {
    this.#state = 'alone';
    void this.#read().then((ending) => {
      if (this.#state === 'alone') this.#end(ending);
    });
  }

  #follow(blocks: Block[]): void {
    for (const block of blocks) {
      if (this.#state === 'alone' && (block.before === this.#cursor || block.id === this.#cursor)) {
        this.#state = 'following';
        this.#reading?.abort();
      }
      if (this.#state !== 'following') return;
      if (block.before === this.#cursor) this.#take(block);
      else if (!block.id || this.past.after(block.id) === undefined) {
        this.#state = 'waiting';
        return this.#ask();
      }
    }
  }
}
