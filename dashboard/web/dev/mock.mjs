// SPDX-License-Identifier: MIT
// Serves the built page with made-up answers, to work on it without a host program.
// Usage: node dev/mock.mjs [PORT [BASE]]   (default: 8099 /libevents/)
// GET /mock?set=empty,hostile chooses the state until the next such call:
//   empty hostile readonly viewer down changed restarted binary large gone slow stopped noentry
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fix from './fixtures.mjs';

const dist = join(dirname(fileURLToPath(import.meta.url)), '../dist');
const port = Number(process.argv[2] ?? 8099);
const base = process.argv[3] ?? '/libevents/';
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const SECURITY = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
};

let flags = {};
let paused = null;
const operations = new Map();
const acted = new Map();

class Refusal extends Error {
  constructor(status, code, title, more = {}) {
    super(title);
    Object.assign(this, { status, body: { type: 'about:blank', status, code, title, detail: '', ...more } });
  }
}

function series(params) {
  const step = 2000;
  const now = Math.floor(Date.now() / step) * step;
  const since = Number(params.get('since') ?? 0);
  const points = [];
  for (let at = now - 900_000; at <= now; at += step) {
    const gap = at % 300_000 < 30_000;
    if (at <= since || gap) continue;
    const wave = Math.sin(at / 60_000);
    points.push({
      at,
      published: 400 + 90 * wave + (at % 7000) / 90,
      consumed: 380 + 80 * wave,
      failed: wave > 0.8 ? 12 : 0.4,
      deadLetters: 2416 - Math.round((now - at) / 20_000),
      p50: 4 + wave,
      p95: 22 + 6 * wave,
      p99: 88 + 20 * wave,
    });
  }
  return { at: now, step: 2, points: flags.empty ? [] : points };
}

function overview() {
  const empty = Boolean(flags.empty);
  return {
    at: Date.now(),
    rates: { published: empty ? 0 : 412.52, consumed: empty ? 0 : 380.1, failed: empty ? 0 : 0.42 },
    totals: { published: empty ? 0 : 81_204_331, consumed: 80_100_222, failed: 4021, deadLettered: 2416 },
    deadLetters: { total: empty ? 0 : 2416 },
    latency: empty ? null : { p50: 4, p95: 22, p99: 88 },
    groups: fix.groups(flags).slice(0, 5),
    fingerprints: fix.fingerprints(flags),
    transports: fix.transports(flags.down),
    instances: 4,
    notes: empty ? ['Transport local keeps everything in memory: lost on exit.'] : [],
    unavailable: [],
  };
}

function entries(params) {
  const from = Number(params.get('cursor') ?? 0);
  const limit = Number(params.get('limit') ?? 50);
  if (flags.empty) return fix.list([]);
  if (params.get('text') === 'needle' && from < 10_000)
    return fix.list([], { next: String(from + 5000), scanned: 5000, exhausted: false, total: 1_000_000 });
  const items = Array.from({ length: Math.min(limit, Math.max(0, 120 - from)) }, (_, i) =>
    fix.entry(from + i, flags),
  );
  return fix.list(items, {
    next: from + limit < 120 ? String(from + limit) : null,
    exhausted: from + limit >= 120,
    total: 2416,
  });
}

function entryOf(key, archived) {
  const gone =
    acted.get(key) ??
    (flags.gone ? { by: 'bert', at: Date.now() - 60_000, action: 'discarded', copy: null } : null);
  if (flags.noentry) throw new Refusal(404, 'not_found', 'There is no such entry.');
  if (gone && !archived) throw new Refusal(404, 'dlq_entry_gone', 'Already acted on', gone);
  return { ...fix.entryDetail(key, flags), archived: gone ? { ...gone, reason: null } : null };
}

function act(key, action, outcome) {
  if (acted.has(key) || flags.gone)
    throw new Refusal(409, 'dlq_entry_gone', 'Already acted on', {
      by: 'bert',
      at: Date.now() - 60_000,
      action: 'requeued',
    });
  acted.set(key, {
    by: 'ana',
    at: Date.now(),
    action,
    copy: action === 'requeued' ? '1763920011000-3' : null,
  });
  return outcome;
}

function startOperation({ kind, scope, rate }) {
  const now = Date.now();
  const common = {
    kind,
    rate: rate ?? null,
    to: null,
    canary: null,
    stop: null,
    stopped: null,
    again: null,
    actor: 'ana',
    skipped: 0,
    failed: 0,
    errors: [],
    reason: null,
    lastError: null,
    startedAt: now,
    updatedAt: now,
    endedAt: null,
    results: null,
  };
  if (scope.keys) {
    const past = { requeue: 'requeued', discard: 'discarded', restore: 'restored' }[kind];
    const results = scope.keys.map((key) => ({ id: key, key, outcome: past }));
    return {
      ...common,
      id: null,
      filter: null,
      snapshot: null,
      state: 'done',
      done: results.length,
      remaining: 0,
      endedAt: now,
      results,
    };
  }
  const operation = {
    ...common,
    id: `op${operations.size + 1}`,
    filter: scope.filter,
    snapshot: { count: 2104, takenAt: now, bounds: {} },
    state: 'running',
    done: 0,
    remaining: 2104,
  };
  operations.set(operation.id, operation);
  return operation;
}

function progress(operation) {
  if (!operation) throw new Refusal(404, 'not_found', 'There is no such operation.');
  if (operation.state !== 'running') return operation;
  operation.done = Math.min(
    2104,
    operation.done + Math.round(((Date.now() - operation.updatedAt) / 1000) * (operation.rate ?? 200)),
  );
  Object.assign(operation, { updatedAt: Date.now(), remaining: 2104 - operation.done });
  if (operation.remaining === 0) Object.assign(operation, { state: 'done', endedAt: Date.now() });
  return operation;
}

const grouped = (name) => {
  const found = fix.groups(flags).find((group) => group.group === name);
  if (!found) throw new Refusal(404, 'not_found', 'There is no such group.');
  return paused === null ? found : { ...found, paused: paused || null };
};
const fingerprint = (id) =>
  fix.fingerprints(flags).find((one) => one.fingerprint === id) ?? fix.fingerprints({})[0];
const publisher = (id) => {
  const found = fix.publishers(flags).find((one) => one.id === id);
  if (!found) throw new Refusal(404, 'not_found', 'There is no such publisher.');
  return found;
};

const API = [
  ['GET', /^session$/, () => fix.session(flags)],
  ['GET', /^overview$/, overview],
  ['GET', /^series$/, (_m, params) => series(params)],
  ['GET', /^publishers$/, () => fix.list(fix.publishers(flags))],
  ['GET', /^publishers\/(.+)$/, ([id]) => publisher(id)],
  ['GET', /^groups$/, () => fix.list(fix.groups(flags))],
  ['GET', /^groups\/([^:]+)$/, ([name]) => grouped(name)],
  [
    'POST',
    /^groups\/([^:]+):pause$/,
    ([group], _p, body) => ({
      group,
      paused: (paused = { by: 'ana', at: Date.now(), reason: body.reason ?? null }),
    }),
  ],
  ['POST', /^groups\/([^:]+):resume$/, ([group]) => ({ group, paused: (paused = false) || null })],
  ['GET', /^routes$/, () => fix.routes(flags)],
  ['GET', /^routes\/coverage$/, () => fix.coverage(flags)],
  ['POST', /^routes:trace$/, (_m, _p, body) => fix.trace(body)],
  ['GET', /^schemas$/, () => fix.schemas(flags)],
  ['GET', /^schemas\/([^/:]+)$/, ([type]) => fix.schema(type)],
  ['GET', /^schemas\/([^/]+)\/diff$/, (_m, params) => fix.schemaDiff(params.get('from'), params.get('to'))],
  ['POST', /^schemas\/([^:]+):validate$/, ([type], _p, body) => fix.bodyVerdict(type, body.bodyText)],
  ['GET', /^dlq\/groups$/, () => fix.list(fix.fingerprints(flags))],
  ['GET', /^dlq\/groups\/(.+)$/, ([id]) => fingerprint(id)],
  ['GET', /^dlq\/entries$/, (_m, params) => entries(params)],
  ['GET', /^dlq\/entries\/([^:]+)$/, ([key], params) => entryOf(key, params.has('archived'))],
  [
    'POST',
    /^dlq\/entries\/([^:]+):requeue$/,
    ([key]) => act(key, 'requeued', { outcome: 'requeued', offset: '1763920011000-3', operation: null }),
  ],
  ['POST', /^dlq\/entries\/([^:]+):discard$/, ([key]) => act(key, 'discarded', { outcome: 'discarded' })],
  ['POST', /^dlq\/entries\/([^:]+):note$/, () => ({ outcome: 'noted' })],
  ['POST', /^dlq\/entries\/([^:]+):restore$/, ([key]) => (acted.delete(key), { outcome: 'restored', key })],
  [
    'GET',
    /^dlq\/archive$/,
    () => fix.list([...acted].map(([key, archived]) => ({ ...fix.entryDetail(key, flags), archived }))),
  ],
  [
    'POST',
    /^dlq:preview$/,
    (_m, _p, { scope, kind }) =>
      fix.preview(scope.keys?.length ?? (scope.filter.fingerprint?.includes('1a7') ? 311 : 2104), kind),
  ],
  ['POST', /^operations$/, (_m, _p, body) => startOperation(body)],
  ['GET', /^operations$/, () => fix.list([...operations.values()].map(progress).reverse())],
  ['GET', /^operations\/(.+)$/, ([id]) => progress(operations.get(id))],
  ['PATCH', /^operations\/(.+)$/, ([id], _p, body) => Object.assign(progress(operations.get(id)), body)],
  ['GET', /^about$/, () => fix.about(flags)],
];

function answer(method, path, params, body) {
  if (method !== 'GET' && flags.readonly) throw new Refusal(403, 'read_only', 'This dashboard is read-only.');
  if (flags.forbidden && path !== 'session')
    throw new Refusal(403, 'forbidden', 'You may not do this.', { permission: 'view' });
  for (const [verb, pattern, handler] of API) {
    const match = verb === method && pattern.exec(path);
    if (match) return handler(match.slice(1).map(decodeURIComponent), params, body);
  }
  throw new Refusal(404, 'not_found', 'There is no such resource.');
}

function sendJson(request, response, status, value) {
  const text = JSON.stringify(value);
  const etag = `"${createHash('sha1').update(text).digest('hex')}"`;
  const same = request.headers['if-none-match'] === etag;
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(same ? 304 : status, {
    ...SECURITY,
    'Content-Type': type,
    ETag: etag,
    'Cache-Control': 'no-store',
  });
  response.end(same ? undefined : text);
}

async function serveApi(request, response, url) {
  let text = '';
  try {
    for await (const chunk of request) text += chunk;
  } catch {
    return; // the page was left meanwhile
  }
  try {
    const value = answer(
      request.method,
      url.pathname.slice(`${base}api/v1/`.length),
      url.searchParams,
      JSON.parse(text || '{}'),
    );
    sendJson(request, response, 200, value);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    sendJson(request, response, error.status, error.body);
  }
}

function servePage(response, path) {
  const asset = path.startsWith(`${base}assets/`);
  const file = readFileSync(join(dist, asset ? path.slice(base.length) : 'index.html'));
  response.writeHead(200, { ...SECURITY, 'Content-Type': asset ? TYPES[extname(path)] : 'text/html' });
  response.end(asset ? file : file.toString().replaceAll('__BASE__', base));
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://mock');
  if (url.pathname === '/mock') {
    flags = Object.fromEntries(
      (url.searchParams.get('set') ?? '')
        .split(',')
        .filter(Boolean)
        .map((name) => [name, true]),
    );
    acted.clear();
    paused = null;
    response.end(JSON.stringify(flags));
  } else if (flags.stopped) request.socket.destroy();
  else if (url.pathname.startsWith(`${base}api/`))
    setTimeout(() => void serveApi(request, response, url), flags.slow ? 1500 : 0);
  else if (url.pathname.startsWith(base)) servePage(response, url.pathname);
  else response.writeHead(302, { Location: base }).end();
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}${base}`));
