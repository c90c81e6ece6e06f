// SPDX-License-Identifier: MIT
// Dead letters: lists, groups, counts, edits, the archive, operations, the log; pausing a group.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { NotFound, Reject, ValidationError } from 'libevents';

import { openOnRedis, recorder } from './support/systems.mjs';
import { startRedis } from './support/redis.mjs';
import { until } from './support/until.mjs';

let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

/** Leaves so many dead letters of a type; gives their topic. */
async function bury(system, word, count) {
  const subscription = await system.consumer.subscribe(`${word}.sent`, ({ body }) => {
    throw new Reject(`no user ${body}`);
  });
  await system.publisher.publishBatch(`${word}.sent`, Array.from({ length: count }, (_, n) => n));
  const topic = `${word}-events`;
  await until(async () => (await system.dlq.count({ topic })).count === count, 'all are dead');
  subscription.unsubscribe();
  return topic;
}

test('lists, groups and counts', async (t) => {
  const system = await openOnRedis(t, redis);
  const topic = await bury(system, 'listed', 7);
  const { groups, total } = await system.dlq.groups({ topic });
  assert.deepEqual([total, groups.length, groups[0].count, groups[0].message], [7, 1, 7, 'no user #']);
  const [{ fingerprint, lastId }] = groups;
  const count = await system.dlq.count({ topic, fingerprint });
  assert.deepEqual([count.count, count.exact], [7, true]);
  const page = await system.dlq.list({ topic, order: 'newest', body: false, limit: 5, minAttempts: 1 });
  assert.deepEqual(page.items.map(({ size }) => size), [1, 1, 1, 1, 1]);
  assert.deepEqual([page.items[0].id, page.exhausted, 'body' in page.items[0]], [lastId, false, false]);
  const rest = await system.dlq.list({ topic, order: 'newest', cursor: page.next });
  assert.deepEqual([rest.items.map(({ body }) => body), rest.exhausted], [[1, 0], true]);
  await assert.rejects(system.dlq.count({ fingerprnt: 'x' }), ValidationError);
});

test('a selection says ids or filter', async (t) => {
  const { dlq } = await openOnRedis(t, redis);
  for (const options of [undefined, {}, 5, { ids: [], filter: {} }]) {
    await assert.rejects(dlq.discard(options), ValidationError);
    await assert.rejects(dlq.requeue(options), ValidationError);
  }
  await assert.rejects(dlq.requeue({ ids: ['x'], edit: 5 }), ValidationError);
});

test('an edited letter is delivered, and its original is in the archive', async (t) => {
  const system = await openOnRedis(t, redis);
  const topic = await bury(system, 'edited', 1);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('edited.sent', handler);
  const [{ id, header }] = (await system.dlq.list({ topic })).items;
  await system.dlq.requeue({ ids: [id], edit: '{"n": 18446744073709551616}', actor: 'ann' });
  await until(() => seen.length === 1, 'the edited one came');
  assert.equal(seen[0].message.bodyText, '{"n": 18446744073709551616}');
  assert.equal(seen[0].message.header.id, header.id);
  const [original] = (await system.dlq.archive({ topic })).items;
  assert.deepEqual([original.id, original.action, original.archivedBy, original.body], [id, 'edited', 'ann', 0]);
  assert.equal((await system.dlq.get(id, { archived: true })).id, id);
});

test('bytes can take the place of a body', async (t) => {
  const system = await openOnRedis(t, redis);
  const topic = await bury(system, 'bytes', 1);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('bytes.sent', handler);
  const [{ id }] = (await system.dlq.list({ topic })).items;
  await system.dlq.requeue({ ids: [id], edit: Uint8Array.from([0, 255]) });
  await until(() => seen.length === 1, 'the edited one came');
  assert.deepEqual([...seen[0].message.body], [0, 255]);
});

test('a discarded letter is restored, a purged one is gone', async (t) => {
  const system = await openOnRedis(t, redis);
  const topic = await bury(system, 'gone', 2);
  const ids = (await system.dlq.list({ topic })).items.map(({ id }) => id);
  assert.equal((await system.dlq.discard({ ids: ids.slice(0, 1), reason: 'no use', actor: 'ann' })).discarded, 1);
  const { restored, results } = await system.dlq.restore(ids.slice(0, 1));
  assert.deepEqual([restored, results[0].outcome], [1, 'restored']);
  assert.equal((await system.dlq.get(results[0].newId)).topic, topic);
  assert.equal((await system.dlq.discard({ filter: { topic }, purge: true })).discarded, 2);
  await assert.rejects(system.dlq.get(ids[1]), NotFound);
  const { items } = await system.dlq.log({ limit: 10 });
  assert.ok(items.some(({ action, actor }) => action === 'dlq.discard' && actor === 'ann'));
});

test('an operation moves all that a filter selects, once for a key', async (t) => {
  const system = await openOnRedis(t, redis);
  const topic = await bury(system, 'moved', 30);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('moved.sent', handler, { concurrency: 50 });
  const { id } = await system.dlq.start('requeue', { topic }, { key: 'once', actor: 'ann' });
  assert.equal((await system.dlq.start('requeue', { topic }, { key: 'once' })).id, id);
  let last;
  for await (const current of system.dlq.watch(id, { interval: 5 })) last = current;
  assert.deepEqual([last.state, last.done, last.failed], ['done', 30, 0]);
  await until(() => seen.length === 30, 'all came again');
  assert.ok((await system.dlq.operations()).some((operation) => operation.id === id));
  assert.equal((await system.dlq.operation(id)).kind, 'requeue');
  await assert.rejects(system.dlq.changeOperation(id, { state: 'aborted' }), { code: 'EVS_CONFLICT' });
  await assert.rejects(system.dlq.operation('none'), NotFound);
});

test('a paused group takes nothing until it is resumed', async (t) => {
  const system = await openOnRedis(t, redis);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('paused.sent', handler, { group: 'mail' });
  const { by, reason } = await system.pauseGroup('mail', { reason: 'mail is down', actor: 'ann' });
  assert.deepEqual([by, reason], ['ann', 'mail is down']);
  await system.publisher.publish('paused.sent');
  const [group] = await system.groups({ topic: 'paused-events' });
  assert.equal(group.paused.by, 'ann');
  assert.equal(seen.length, 0);
  await system.resumeGroup('mail');
  await until(() => seen.length === 1, 'the event came');
});

test('the doctor says what the store guarantees', async (t) => {
  const system = await openOnRedis(t, redis, { service: 'patient' });
  const report = await system.doctor({ role: 'operator' });
  assert.equal(report.permissions.role, 'operator');
  assert.deepEqual(report.permissions.missing, []);
  assert.match(report.guarantee, /at least once/);
  await assert.rejects(system.doctor({ role: 'owner' }), /role/);
});

test('the fleet knows this system', async (t) => {
  const system = await openOnRedis(t, redis, { service: 'in-the-fleet', fleet: { interval: 100 } });
  const found = await until(
    async () => (await system.fleet()).find(({ service }) => service === 'in-the-fleet'),
    'the system is there',
  );
  assert.equal(found.stats.service, 'in-the-fleet');
});

test('letters are noted, exported and imported', async (t) => {
  const { dlq, ...system } = await openOnRedis(t, redis);
  const topic = await bury({ dlq, ...system }, 'carried', 3);
  const [{ id }] = (await dlq.list({ topic })).items;
  assert.equal((await dlq.note([id], 'see ticket 7', { actor: 'ann' })).noted, 1);
  assert.equal((await dlq.get(id)).note.text, 'see ticket 7');
  const lines = [];
  for await (const line of dlq.export({ topic })) lines.push(line);
  assert.equal(lines.length, 3);
  await dlq.discard({ filter: { topic }, purge: true });
  const { imported, results } = await dlq.import(['no line', ...lines]);
  assert.deepEqual([imported, results[0].message, results[3].line], [3, 'line 1: it is no JSON', 4]);
  const letters = (await dlq.list({ topic })).items;
  assert.deepEqual(letters.map(({ body }) => body), [0, 1, 2]);
  assert.equal(letters[0].note.text, 'see ticket 7');
  assert.equal((await dlq.import(lines)).imported, 0);
});

test('a dry run moves nothing, another topic is told, a canary stops', async (t) => {
  const system = await openOnRedis(t, redis);
  const topic = await bury(system, 'redriven', 3);
  const dry = await system.dlq.requeue({ filter: { topic }, dryRun: true });
  assert.deepEqual([dry.requeued, dry.wouldBe], [0, 3]);
  const [{ id }] = (await system.dlq.list({ topic })).items;
  await assert.rejects(system.dlq.requeue({ ids: [id], to: 'mended' }), NotFound);
  const { results } = await system.dlq.requeue({ ids: [id], to: 'mended', create: true });
  assert.equal(results[0].topic, 'mended');
  const canary = { count: 1, outcomeTimeout: 300 };
  const { id: operation } = await system.dlq.start('requeue', { topic }, { to: 'mended', canary });
  for await (const { state, stopped } of system.dlq.watch(operation)) {
    if (state !== 'running') assert.deepEqual([state, stopped.rule], ['stopped', 'outcomeTimeout']);
  }
  await assert.rejects(system.dlq.start('requeue', {}, { canary: { count: 0 } }), ({ path }) => path === '/canary/count');
});
