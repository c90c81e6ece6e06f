// SPDX-License-Identifier: MIT
// A redis-server of the test's own, and a look into it that does not go through the library.
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Program, freePort, run, until } from "./process.js";

const PAGE = 200;

/** A reply that has not come as a whole: so many bytes are missing at least. */
class Missing {
  constructor(bytes) {
    this.bytes = bytes;
  }
}

/** One reply at `at` of `buffer`: [value, next], its texts as Buffers; or what is missing. */
function parse(buffer, at) {
  const end = buffer.indexOf("\r\n", at);
  if (end < 0) return new Missing(1);
  const head = buffer.toString("latin1", at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(buffer[at])) {
    case ":": return [Number(head), next];
    case "+": return [Buffer.from(head), next];
    case "-": return [new Error(head), next];
    case "$": {
      const size = Number(head);
      if (size < 0) return [null, next];
      const rest = next + size + 2;
      return buffer.length < rest ? new Missing(rest - buffer.length) : [buffer.subarray(next, next + size), rest];
    }
    default: {
      const items = [];
      let from = next;
      for (let n = Number(head); n > 0; n--) {
        const item = parse(buffer, from);
        if (item instanceof Missing) return item;
        items.push(item[0]);
        from = item[1];
      }
      return [items, from];
    }
  }
}

const texts = (value) =>
  Buffer.isBuffer(value) ? value.toString() : Array.isArray(value) ? value.map(texts) : value;

export class Store {
  #socket;
  #buffer = Buffer.alloc(0);
  #chunks = [];
  #missing = 0;
  #waiting = [];

  static async start() {
    const store = new Store();
    store.folder = await mkdtemp(join(tmpdir(), "evs-browser-"));
    store.port = await freePort();
    store.url = `redis://127.0.0.1:${store.port}`;
    store.program = new Program("redis-server", ["--port", String(store.port), "--bind", "127.0.0.1",
      "--dir", store.folder, "--save", "", "--appendonly", "no"]);
    await until("redis-server answers", () => store.#open());
    return store;
  }

  async stop() {
    this.#socket.destroy();
    await this.program.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  #open() {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1", () => resolve(true));
      socket.on("error", reject);
      socket.on("data", (data) => this.#read(data));
      this.#socket = socket;
    });
  }

  #read(data) {
    this.#chunks.push(data);
    this.#missing -= data.length;
    if (this.#missing > 0) return;
    this.#buffer = Buffer.concat([this.#buffer, ...this.#chunks.splice(0)]);
    for (;;) {
      const found = parse(this.#buffer, 0);
      if (found instanceof Missing) {
        this.#missing = found.bytes;
        return;
      }
      this.#buffer = this.#buffer.subarray(found[1]);
      const { resolve, reject } = this.#waiting.shift();
      if (found[0] instanceof Error) reject(found[0]);
      else resolve(found[0]);
    }
  }

  /** The server's answer, its texts as Buffers. */
  bytes(...words) {
    const parts = words.map((word) => (Buffer.isBuffer(word) ? word : Buffer.from(String(word))));
    this.#socket.write(Buffer.concat([Buffer.from(`*${parts.length}\r\n`),
      ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from("\r\n")])]));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** The server's answer, its texts as strings. */
  async call(...words) {
    return texts(await this.bytes(...words));
  }

  /** All entries of a stream: [{id, field: value…}], values as Buffers if `asBytes`. */
  async entries(key, asBytes = false) {
    const found = [];
    for (let from = "-"; ; from = `(${found.at(-1).id}`) {
      const rows = await this.bytes("XRANGE", key, from, "+", "COUNT", PAGE);
      for (const [id, fields] of rows) {
        const entry = { id: id.toString() };
        for (let i = 0; i < fields.length; i += 2) {
          entry[fields[i].toString()] = asBytes ? fields[i + 1] : fields[i + 1].toString();
        }
        found.push(entry);
      }
      if (rows.length < PAGE) return found;
    }
  }

  /** Dead letters of the topics that the fixtures and hosts use. */
  async deadLetters() {
    const keys = await this.call("KEYS", "dlq:*");
    return (await Promise.all(keys.map((key) => this.call("XLEN", key)))).reduce((sum, n) => sum + n, 0);
  }

  fill(fixture, count = 1000) {
    return run("python3", ["tests/fixtures/fill.py", fixture, "--redis", this.url, "--count", String(count)]);
  }
}
