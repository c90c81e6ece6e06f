// SPDX-License-Identifier: MIT
// file_peers.mjs FOLDER COUNT PACKAGE - the job of file_peers.py in Node: a table as a queue by hand, with better-sqlite3 at
// PACKAGE, and libevents. Prints one line of JSON: name to [seconds to put, seconds to take and acknowledge].

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createEventSystem } from 'libevents';

const BATCH = 128;
const [folder, countText, packages] = process.argv.slice(2);
const count = Number(countText);
const body = (number) => ({ number, text: 'a body of some bytes' });

function plain() {
  const Database = createRequire(join(packages, 'package.json'))('better-sqlite3');
  const made = new Database(join(folder, 'plain-node.db'));
  made.pragma('journal_mode = WAL');
  made.pragma('synchronous = NORMAL');
  made.exec('CREATE TABLE entry (id INTEGER PRIMARY KEY, body TEXT NOT NULL, taken INTEGER NOT NULL DEFAULT 0)');
  const insert = made.prepare('INSERT INTO entry (body) VALUES (?)');
  const select = made.prepare('SELECT id, body FROM entry WHERE taken = 0 ORDER BY id LIMIT ?');
  const mark = made.prepare('UPDATE entry SET taken = 1 WHERE id = ?');
  const remove = made.prepare('DELETE FROM entry WHERE id = ?');
  const putSome = made.transaction((first, end) => { for (let i = first; i < end; i++) insert.run(JSON.stringify(body(i))); });
  const takeSome = made.transaction(() => { const rows = select.all(BATCH); rows.forEach((row) => mark.run(row.id)); return rows; });
  const ackSome = made.transaction((rows) => rows.forEach((row) => remove.run(row.id)));
  let begun = performance.now();
  for (let first = 0; first < count; first += BATCH) putSome(first, Math.min(first + BATCH, count));
  const put = (performance.now() - begun) / 1000;
  begun = performance.now();
  for (let taken = 0; taken < count;) {
    const rows = takeSome();
    rows.forEach((row) => JSON.parse(row.body));
    ackSome(rows);
    taken += rows.length;
  }
  const taken = (performance.now() - begun) / 1000;
  return [put, taken, { journal_mode: made.pragma('journal_mode', { simple: true }), synchronous: made.pragma('synchronous', { simple: true }) }];
}

async function ours() {
  const system = createEventSystem({ service: 'bench', transports: { main: { type: 'file', path: join(folder, 'node.db') } } });
  await system.connect();
  let begun = performance.now();
  const waiting = [];
  for (let first = 0; first < count; first += BATCH) {
    const events = [];
    for (let i = first; i < Math.min(first + BATCH, count); i++) events.push({ type: 'bench.tick', body: body(i) });
    waiting.push(system.publisher.publishBatch(events));
    if (waiting.length >= 32) await waiting.shift();
  }
  await Promise.all(waiting);
  const put = (performance.now() - begun) / 1000;
  begun = performance.now();
  let handled = 0;
  await new Promise((resolve, reject) => {
    system.consumer.subscribe('bench.tick', () => { if (++handled === count) resolve(); }, { concurrency: 1024, from: 'earliest' }).catch(reject);
  });
  await system.drain();
  const taken = (performance.now() - begun) / 1000;
  await system.close();
  return [put, taken, {}];
}

const result = { ours: await ours() };
if (packages) result.plain = plain();
console.log(JSON.stringify(result));
