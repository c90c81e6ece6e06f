// SPDX-License-Identifier: MIT
// The fault proxy: stands between a program and its Redis server, and breaks what passes on demand. It understands
// where commands and answers begin and end, so a fault can be aimed at the answer to one command.

import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { Frames } from './resp.js';

const QUEUED_CHUNKS = 64;
const RECORD_MAX = 10_000;
const THROTTLE_TICKS = 20;
const NIL = ['*-1', '$-1', '_\r\n'];

/** What the proxy did, for the proof that a fault has happened. */
export interface Incident {
  /** performance.now() */
  readonly at: number;
  readonly what: string;
  readonly detail: string;
}

export interface CutOptions {
  /** A name such as 'XADD', or a function of a command's words; without it, any command. */
  readonly command?: string | ((words: readonly Buffer[]) => boolean);
  /** Behind how many bytes of the answer; behind its last where it is shorter. */
  readonly after?: number;
  /** How many answers are cut. */
  readonly times?: number;
}

/** A cut that was ordered with `FaultProxy.cut`. */
export class Cut {
  readonly #command: CutOptions['command'];
  #left: number;
  #settle!: () => void;
  readonly after: number;
  /** How often it has happened. */
  count = 0;
  /** Resolves when it has happened at least once. */
  readonly happened = new Promise<void>((resolve) => (this.#settle = resolve));

  constructor({ command, after = 0, times = 1 }: CutOptions) {
    this.#command = command;
    this.#left = times;
    this.after = after;
  }

  /** Is the answer to this command to be cut? */
  appliesTo(words: readonly Buffer[]): boolean {
    if (this.#left === 0 || words.length === 0) return false;
    if (this.#command === undefined) return true;
    if (typeof this.#command === 'function') return this.#command(words);
    return nameOf(words) === this.#command.toUpperCase();
  }

  /** It happens now. */
  take(): void {
    this.#left--;
    this.count++;
    this.#settle();
  }
}

/** What passes of a piece of data, and whether the connection is cut behind it. */
interface Passing {
  readonly data: Buffer;
  readonly isCut: boolean;
}

/** One connection of a client, and the one to the server that belongs to it. */
class Link {
  readonly #proxy: FaultProxy;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #commands = new Frames(true);
  readonly #answers = new Frames(false);
  readonly #asked: (readonly Buffer[])[] = [];
  #said = 0; // bytes of the answer that is under way
  #cut: Cut | undefined;
  isSilent = false;

  constructor(proxy: FaultProxy, client: Socket, server: Socket) {
    this.#proxy = proxy;
    this.#client = client;
    this.#server = server;
  }

  /** Notes what is asked; all of it passes. */
  seeCommands(data: Buffer): Passing {
    for (const { words } of this.#commands.feed(data)) {
      this.#asked.push(words);
      this.#proxy.count(nameOf(words));
    }
    return { data, isCut: false };
  }

  seeAnswers(data: Buffer): Passing {
    let begin = 0;
    for (const { end, isPush } of this.#answers.feed(data)) {
      const passing = this.#passAnswer(data, begin, end, true);
      if (passing !== undefined) return { data: data.subarray(0, passing), isCut: true };
      if (!isPush) this.#asked.shift();
      begin = end;
      this.#said = 0;
      this.#cut = undefined;
    }
    const passing = this.#passAnswer(data, begin, data.length, false);
    return passing === undefined ? { data, isCut: false } : { data: data.subarray(0, passing), isCut: true };
  }

  /** A piece of one answer. undefined: it passes. Else where to cut. */
  #passAnswer(data: Buffer, begin: number, end: number, isWhole: boolean): number | undefined {
    const [words] = this.#asked;
    if (words === undefined || begin === end) return undefined;
    if (this.#said === 0 && !NIL.includes(data.toString('latin1', begin, begin + 3))) {
      this.#cut = this.#proxy.cutFor(words);
    }
    const size = end - begin;
    const cut = this.#cut;
    if (cut !== undefined && (isWhole || this.#said + size > cut.after)) {
      const passing = Math.min(size, Math.max(0, cut.after - this.#said));
      cut.take();
      this.#proxy.note('cut', `${nameOf(words)} behind ${this.#said + passing} bytes of its answer`);
      return begin + passing;
    }
    this.#said += size;
    return undefined;
  }

  /** Ends it behind what is under way. */
  close(): void {
    this.#client.destroySoon();
    this.#server.destroySoon();
  }

  /** Ends it at once, with RST to both sides. */
  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }
}

export class FaultProxy {
  readonly #url: URL;
  #target: URL;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #cuts: Cut[] = [];
  #isRefusing = false;
  #delayMs = 0;
  #jitterMs = 0;
  #rate: number | undefined;
  #held = Promise.resolve();
  #resume: () => void = () => undefined;
  /** How many connections were made so far. */
  connections = 0;
  /** How many commands passed, by name. */
  readonly commands = new Map<string, number>();
  /** What was done to the connections, oldest first. */
  readonly record: Incident[] = [];

  private constructor(url: URL) {
    this.#url = this.#target = url;
    this.#server = createServer((client) => this.#serve(client));
  }

  /** A proxy in front of the server of this URL, on a free port of loopback. */
  static async start(url: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(address(url));
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#drop();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The URL of the server, by way of the proxy. */
  get url(): string {
    const url = new URL(this.#url.href);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  /** The next answer to such a command is cut, and the connection closed on both sides. Nil answers do not count. */
  cut(options: CutOptions = {}): Cut {
    const cut = new Cut(options);
    this.#cuts.push(cut);
    return cut;
  }

  /** Resets all connections that are open now. */
  drop(): void {
    this.note('drop', `${this.#links.size} connections`);
    this.#drop();
  }

  /** Connections that are open now go silent for good, without a word to either side; new ones pass. */
  halfOpen(): void {
    for (const link of this.#links) link.isSilent = true;
    this.note('halfOpen', `${this.#links.size} connections`);
  }

  /** Nothing passes in any direction until `resume`, and nothing is lost. */
  pause(): void {
    this.#resume();
    this.#held = new Promise((resolve) => (this.#resume = resolve));
    this.note('pause', `${this.#links.size} connections`);
  }

  /** Ends `pause`. */
  resume(): void {
    this.#resume();
    this.note('resume', `${this.#links.size} connections`);
  }

  /** New connections are reset at once; those that are open stay. */
  refuse(): void {
    this.#isRefusing = true;
    this.note('refuse', 'new connections');
  }

  /** New connections go to that server, as after a failover; those that are open stay. */
  redirect(url: string): void {
    this.#target = address(url);
    this.note('redirect', `to ${this.#target.host}`);
  }

  /** Every piece of data takes so long, plus or minus `jitterMs`, in each direction; the order stays. */
  delay(ms: number, jitterMs = 0): void {
    this.#delayMs = ms;
    this.#jitterMs = jitterMs;
    this.note('delay', `${ms} ms, jitter ${jitterMs} ms`);
  }

  /** No direction of a connection carries more than that; without a number: no limit. */
  throttle(bytesPerSecond?: number): void {
    this.#rate = bytesPerSecond;
    this.note('throttle', `${bytesPerSecond ?? 'unlimited'} bytes a second`);
  }

  /** Takes all faults back; silent connections are reset, and cuts that did not happen will not. */
  heal(): void {
    for (const link of this.#links) {
      if (link.isSilent) link.reset();
    }
    this.#cuts = [];
    this.#isRefusing = false;
    this.#delayMs = this.#jitterMs = 0;
    this.#rate = undefined;
    this.#resume();
    this.note('heal', `${this.#links.size} connections`);
  }

  /** @internal */
  cutFor(words: readonly Buffer[]): Cut | undefined {
    return this.#cuts.find((cut) => cut.appliesTo(words));
  }

  /** @internal */
  count(name: string): void {
    this.commands.set(name, (this.commands.get(name) ?? 0) + 1);
  }

  /** @internal */
  note(what: string, detail: string): void {
    this.record.push({ at: performance.now(), what, detail });
    if (this.record.length > RECORD_MAX) this.record.shift();
  }

  #drop(): void {
    for (const link of this.#links) link.reset();
  }

  #serve(client: Socket): void {
    this.connections++;
    if (this.#isRefusing) {
      this.note('refuse', 'a connection');
      client.resetAndDestroy();
      return;
    }
    const server = connect(Number(this.#target.port || 6379), this.#target.hostname.replace(/^\[|\]$/g, ''));
    const link = new Link(this, client, server);
    this.#links.add(link);
    for (const socket of [client, server]) {
      socket.setNoDelay();
      socket.on('error', () => undefined); // its end follows
      socket.on('close', () => {
        this.#links.delete(link);
        if (!link.isSilent) link.close();
      });
    }
    this.#carry(link, client, server, (data) => link.seeCommands(data));
    this.#carry(link, server, client, (data) => link.seeAnswers(data));
  }

  /** One direction: pieces pass in order, each when its time has come; reading goes ahead of that. */
  #carry(link: Link, from: Socket, to: Socket, see: (data: Buffer) => Passing): void {
    let queued = 0;
    let turn = Promise.resolve();
    const pass = async (data: Buffer, due: number) => {
      await this.#wait(due);
      if (!link.isSilent) {
        const passing = see(data);
        await this.#write(to, passing.data);
        if (passing.isCut) link.close();
      }
      if (--queued < QUEUED_CHUNKS) from.resume();
    };
    from.on('data', (data: Buffer) => {
      const due = performance.now() + this.#delayMs + (2 * Math.random() - 1) * this.#jitterMs;
      if (++queued >= QUEUED_CHUNKS) from.pause();
      turn = turn.then(() => pass(data, due));
    });
    from.on('end', () => {
      turn = turn.then(() => this.#wait(0)).then(() => (link.isSilent ? undefined : link.close()));
    });
  }

  async #wait(due: number): Promise<void> {
    const ms = due - performance.now();
    if (ms > 0) await sleep(ms);
    await this.#held;
  }

  async #write(to: Socket, data: Buffer): Promise<void> {
    for (let at = 0, size = 0; at < data.length; at += size) {
      const rate = this.#rate;
      size = rate === undefined ? data.length - at : Math.max(1, Math.floor(rate / THROTTLE_TICKS));
      const piece = data.subarray(at, at + size);
      await new Promise<void>((resolve) => to.write(piece, () => resolve()));
      if (rate !== undefined) await sleep((piece.length / rate) * 1000);
    }
  }
}

function address(text: string): URL {
  const url = new URL(text);
  if (url.hostname === '') throw new TypeError(`a URL with a host is needed, such as redis://localhost:6379, got ${text}`);
  return url;
}

function nameOf(words: readonly Buffer[]): string {
  return words[0]?.toString('latin1').toUpperCase() ?? '';
}
