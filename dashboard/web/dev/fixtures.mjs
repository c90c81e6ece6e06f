// SPDX-License-Identifier: MIT
// Answers for the mock server: realistic ones, and hostile ones in the same places.
const HOUR = 3_600_000;
const hostile = '<img src=x onerror=alert(1)>"\'`${7*7}{{7*7}}</script><script>alert(2)</script>';
const key = (id) => Buffer.from(id).toString('base64url');
export const list = (items, more = {}) => ({
  items,
  next: null,
  scanned: items.length,
  exhausted: true,
  total: items.length,
  totalExact: true,
  ...more,
});

export function transports(down) {
  const now = Date.now();
  const lost = {
    connected: false,
    since: now - 42_000,
    lastError: 'Connection refused 10.0.4.7:6379',
    nextTry: now + 4000,
  };
  const fine = { connected: true, since: now - 3 * HOUR, lastError: null, nextTry: null };
  return [
    { name: 'main', type: 'redis-streams', ...(down ? lost : fine) },
    { name: 'local', type: 'memory', ...fine },
  ];
}

export const session = (flags) => ({
  actor: flags.hostile ? hostile : 'ana',
  mode: 'credentials',
  unredacted: false,
  readOnly: flags.readonly,
  permissions: flags.viewer
    ? ['view']
    : ['view', 'payload.view', 'dlq.requeue', 'dlq.edit', 'dlq.archive', 'consumer.pause', 'audit.view'],
  title: null,
  environment: { name: flags.hostile ? hostile : 'production', color: '#c0262d' },
  version: '0.1.0',
  generation: flags.changed ? 'feedfacefeedface' : '9f31c0ffee12ab34',
  bootId: flags.restarted ? 'boot-2' : 'boot-1',
  service: 'shop',
  instance: '7f3a',
  hasDeadLetters: true,
  transports: transports(flags.down),
});

export function publishers(flags) {
  if (flags.empty) return [];
  const now = Date.now();
  const row = (service, host, pid, state, rate) => ({
    id: `${service}:${pid.toString(16)}`,
    service,
    host,
    pid,
    state,
    ageMs: state === 'gone' ? 95_000 : 1200,
    sent: rate * 86_400,
    rate,
    bytesRate: rate * 812,
    errors: rate > 100 ? 17 : 0,
    errorRate: 0,
    lastPublishAt: state === 'never' ? null : now - (state === 'gone' ? 95_000 : 300),
    inFlight: Math.round(rate / 20),
    inFlightLimit: 10_000,
    typeCount: 3,
    types: ['order.created', 'order.paid', flags.hostile ? hostile : 'eu.de.payment.authorised'].map(
      (type, i) => ({
        type,
        sent: rate * 1000 * (i + 1),
        lastPublishAt: now - 300 * (i + 1),
      }),
    ),
  });
  return [
    row(flags.hostile ? hostile : 'shop', 'web-1.fra.example', 4121, 'live', 412.5),
    row('shop', 'web-2.fra.example', 977, 'live', 388),
    row('billing', 'bill-1.fra.example', 2210, 'gone', 12),
    row('reports', 'cron-1', 31, 'never', 0),
  ];
}

function group(name, over) {
  const now = Date.now();
  const topics = [0, 1].map((partition) => ({
    topic: 'order-events',
    partition,
    lag: over.lag === null ? null : Math.round((over.lag ?? 0) / 2),
    lagExact: true,
    pending: 4,
    parked: 1,
    entries: 120_331,
  }));
  return {
    group: name,
    lag: 0,
    lagReason: null,
    lagExact: true,
    pending: 8,
    parked: 2,
    oldestPendingAt: now - 4000,
    rate: 120.5,
    retries: 37,
    inFlight: 8,
    paused: null,
    topics,
    members: [1, 2].map((n) => ({
      name: `${name}-${n}-01990f3c7a1b`,
      host: `work-${n}`,
      pid: 400 + n,
      pending: 4,
      alive: n === 1 || !over.dying,
    })),
    subscriptions: [
      {
        name: 'order.*#1',
        pattern: 'order.*',
        service: 'shop',
        instance: '7f3a',
        handled: 1_204_331,
        failed: 37,
        inFlight: 8,
      },
    ],
    ...over,
  };
}

export function groups(flags) {
  if (flags.empty) return [];
  const now = Date.now();
  return [
    group('billing', { lag: 21_044, oldestPendingAt: now - 14 * 60_000, dying: true }),
    group(flags.hostile ? hostile : 'search-index', { lag: 312 }),
    group('mail', {
      lag: 9,
      paused: { by: 'ana', at: now - HOUR, reason: 'Provider rejects everything, see the incident channel' },
    }),
    group('warehouse', {
      lag: null,
      lagReason: 'entries were deleted in the middle of the stream',
      lagExact: false,
    }),
    group('archive', { members: [], subscriptions: [], lag: 1_200_000, rate: 0, inFlight: 0 }),
    group('shop', {}),
  ];
}

export function routes(flags) {
  const now = Date.now();
  const row = (order, name, pattern, over = {}) => ({
    order,
    service: 'shop',
    name,
    pattern,
    priority: 100 - order,
    transports: ['main'],
    topic: 'order-events',
    enabled: true,
    hits: 91_230 * (order + 1),
    hitsRate: 41.2 / (order + 1),
    lastHit: now - 1000 * (order + 1),
    ...over,
  });
  const items = flags.empty
    ? []
    : [
        row(0, 'payments', 'payment.*'),
        row(1, flags.hostile ? hostile : 'orders', 'order.{created,paid,sent}'),
        row(2, 'legacy', 'legacy.**', { enabled: false, hits: 0, hitsRate: 0, lastHit: null, topic: null }),
        row(3, 'all', '**', { transports: ['main', 'local'], topic: null }),
      ];
  return {
    ...list(items),
    generation: '9f31c0ffee12ab34',
    services: ['shop', 'billing'],
    defaults: {
      shop: {
        defaultTransport: 'main',
        defaultTopicStrategy: 'category',
        topicMapping: { 'user.*': 'user-events' },
      },
    },
  };
}

export function coverage(flags) {
  const item = {
    service: 'shop',
    neverHit: ['legacy', flags.hostile ? hostile : 'gifts'],
    shadowed: [{ route: 'payments', other: 'all', because: 'priority' }],
    overlapping: [{ route: 'order.*.eu', other: 'order.paid.*', because: 'pattern' }],
    unmatched: [{ type: 'stock.moved', count: 1204 }],
    examined: 4,
  };
  return list(flags.empty ? [] : [item]);
}

export const trace = ({ type = '' }) => ({
  type,
  fullType: `eu.de.${type}`,
  topic: 'order-events',
  topicRule: 'route orders',
  transports: ['main'],
  partition: 3,
  routes: [
    {
      name: 'payments',
      pattern: 'payment.*',
      matched: false,
      reason: `segment 1: ${type.split('.')[0]} is not payment`,
    },
    {
      name: 'orders',
      pattern: 'order.*',
      matched: type.startsWith('order.'),
      reason: type.startsWith('order.') ? 'priority 2' : 'segment 1 differs',
    },
  ],
  subscriptions: [{ name: 'order.*#1', group: 'shop' }],
});

const SCHEMA = (version, properties) => ({
  version,
  latest: version === '1.1.0',
  title: 'An order was placed',
  description: null,
  hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  registeredAt: Date.now() - 30 * 3_600_000,
  registeredBy: 'ana',
  removedAt: null,
  validated: 81_204,
  invalid: 3,
  schemaText: JSON.stringify({ type: 'object', required: ['id'], properties }),
});

export const schemas = (flags) => ({
  ...list(
    flags.empty
      ? []
      : ['order.placed', flags.hostile ? hostile : 'user.created'].map((type) => ({
          type,
          latest: '1.1.0',
          versions: 2,
          title: 'An order was placed',
          compatibility: 'backward-transitive',
          policy: 'pragmatic',
          registeredAt: Date.now() - 30 * 3_600_000,
          validated: 162_408,
          invalid: 6,
        })),
  ),
  registry: { kind: 'transport', alarm: null },
});

export const schema = (type) => ({
  type,
  compatibility: 'backward-transitive',
  policy: 'pragmatic',
  versions: [
    SCHEMA('1.0.0', { id: { type: 'integer' } }),
    SCHEMA('1.1.0', { id: { type: 'integer' }, note: { type: 'string' } }),
  ],
});

export const schemaDiff = (from, to) => ({
  from,
  to,
  changes: [{ path: '/properties/note', change: 'added', after: '{"type":"string"}' }],
  compatibility: { backward: 'compatible', forward: 'compatible', reasons: [] },
});

export const bodyVerdict = (type, text) => {
  const valid = !text.includes('-1');
  const error = {
    instancePath: '/amount',
    schemaPath: '/properties/amount/minimum',
    keyword: 'minimum',
    expected: '0',
    actual: '-1',
    message: 'is below 0',
  };
  return { type, version: '1.1.0', valid, errors: valid ? [] : [error], more: false };
};

const ERRORS = [
  ['ETIMEDOUT', 'gateway timeout after <n> ms at payment-gateway', 'order.paid', 'billing', 2104],
  ['KeyError', "missing '<s>' in event", 'user.created', 'search-index', 311],
  ['ValueError', 'amount must not be negative: <n>', 'order.created', 'warehouse', 1],
];

export function fingerprints(flags) {
  if (flags.empty) return [];
  const now = Date.now();
  const sum = ERRORS.reduce((total, error) => total + error[4], 0);
  return ERRORS.map(([errorClass, message, type, groupName, count], i) => ({
    fingerprint: `9f3c${i}a77b21d00e5`,
    count,
    share: count / sum,
    firstAt: now - 30 * HOUR,
    lastAt: now - 90_000 * (i + 1),
    topics: ['order-events'],
    type: flags.hostile ? hostile : type,
    group: groupName,
    errorClass,
    message: flags.hostile ? hostile : message,
    sample: message.replace('<n>', '30000'),
    lastId: `main/order-events/${i}-0`,
    lastKey: key(`${i}`),
  }));
}

export function entry(n, flags) {
  const now = Date.now();
  const [errorClass, message, type, groupName] = ERRORS[n % 3];
  const id = `main/order-events/17639199${String(90_000 - n).padStart(5, '0')}-0`;
  return {
    id,
    key: key(id),
    topic: 'order-events',
    partition: null,
    type: flags.hostile ? hostile : type,
    group: groupName,
    subscription: 'order.*#1',
    fingerprint: `9f3c${n % 3}a77b21d00e5`,
    error: { class: errorClass, message: flags.hostile ? hostile : message.replace('<n>', '30000') },
    attempts: 5,
    requeueCount: n % 7 === 0 ? 1 : 0,
    firstFailureAt: now - 2 * HOUR - n * 1000,
    lastFailureAt: now - HOUR - n * 1000,
    size: 1834 + n,
    note: n === 3 ? { text: flags.hostile ? hostile : 'known, see the runbook', by: 'ana', at: now - HOUR } : null,
  };
}

const BODY = (
  text,
) => `{"order":{"id":9007199254740993,"total":10.10,"paid":false,"note":${JSON.stringify(text)},
  "lines":[{"sku":"A-1","count":2},{"sku":"B-2","count":1}],"coupon":null},"at":"2026-03-01T03:12:44Z","tags":[]}`;

export function entryDetail(id, flags) {
  const n = Math.max(0, [...Array(200).keys()].find((i) => entry(i, flags).key === id) ?? 0);
  const short = entry(n, flags);
  const stack =
    'Traceback (most recent call last):\n  File "billing/handler.py", line 88, in handle\n    gateway.capture(order)\n' +
    '  File "billing/gateway.py", line 31, in capture\n    raise TimeoutError(30000)';
  const attempt = (i) => ({
    at: short.lastFailureAt - i * 60_000,
    consumer: `billing-${1 + (i % 2)}-01990f3c7a1b`,
    durationMs: 30_004 - i,
    error: { ...short.error, stack },
  });
  return {
    ...short,
    originalId: '1763919990000-3',
    subscriptions: [],
    consumer: 'billing-1-01990f3c7a1b',
    service: 'shop',
    error: { ...short.error, stack },
    history: [0, 1, 2, 3, 4].map(attempt),
    header: { id: '01990f3c-7a1b', type: short.type, timestamp: 1763919990000, hash: 'a81f' },
    headers: {
      'x-tenant': flags.hostile ? hostile : 'acme',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    },
    contentType: 'application/json',
    bodyText: BODY(flags.hostile ? hostile : 'leave at the door'),
    raw: null,
    bodySize: null,
    bodyPreview: null,
    tooLarge: false,
    withheld: null,
    redacted: [],
    archived: null,
    ...(flags.binary && {
      bodyText: null,
      raw: Buffer.from([0xff, 0xfe, 0, 1, 72, 105, ...Array(60).keys()]).toString('base64'),
      contentType: 'application/octet-stream',
    }),
    ...(flags.large && {
      bodyText: null,
      bodySize: 20 * 1024 * 1024,
      bodyPreview: '{"rows":[1,2,3',
      tooLarge: true,
      size: 20 * 1024 * 1024,
    }),
    ...(flags.viewer && { bodyText: null, withheld: 'permission' }),
  };
}

export const preview = (count, kind) => ({
  count,
  exact: count < 5000,
  scanned: count,
  byType: { 'order.paid': count },
  byGroup: { billing: count },
  requeuedBefore: Math.min(count, 37),
  oldestAt: Date.now() - 30 * HOUR,
  newestAt: Date.now() - 90_000,
  dryRun: kind === 'requeue' ? { count, refused: null } : null,
  etaSeconds: kind === 'requeue' ? Math.ceil(count / 50) : null,
  warnings: count > 2000 ? ['The group billing is 21 044 events behind: these are added to it.'] : [],
  targets:
    kind === 'requeue' ? [{ group: 'billing', lag: 21_044, pending: 8, paused: null, members: 2 }] : [],
});

export const about = (flags) => ({
  version: '0.1.0',
  civetweb: '1.15',
  transports: transports(flags.down),
  config: {
    generation: '9f31c0ffee12ab34',
    routing: routes(flags).defaults.shop,
    dashboard: { host: '127.0.0.1', port: 8080, basePath: '/libevents', readOnly: false },
  },
  own: {
    requests: 48_211,
    refused: 3,
    threadsInUse: 2,
    threads: 96,
    uptime: 93_421,
    storeCommands: 120_442,
    storeCalls: 60_120,
  },
  assets: [
    { path: 'assets/main.5f3a.js', hash: '5f3a9b'.repeat(10), size: 103_000 },
    { path: 'assets/main.77aa.css', hash: '77aa01'.repeat(10), size: 16_000 },
  ],
});
