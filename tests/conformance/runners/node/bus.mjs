// SPDX-License-Identifier: MIT
// bus.mjs - C and Node in one process, on one named memory bus: what C publishes Node handles byte for byte, and
// the other way round.
//
//     bus.mjs ADDON MATRIX FOLDER      the C runner as an addon, the scenarios of the matrix, a folder to write in
//
// Exits with 1, and says why, when something is not as it was published.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { EventSystem } from 'libevents';

import { differenceInAnyOrder } from './match.mjs';
import { LOOK_AGAIN_MS, eventOf, runOf } from './stage.mjs';

const [addon, matrix, folder] = process.argv.slice(2);
const { play } = createRequire(import.meta.url)(addon);
const LOOK_MS = 30_000;

function stepsOf(act) {
  return JSON.parse(readFileSync(join(matrix, act, 'values.json'), 'utf8'))[0].steps;
}

/** Plays an act with the C runner. */
function playC(act, bus) {
  const transports = join(folder, `${act}.json`);
  writeFileSync(transports, JSON.stringify({ one: { capabilities: [], config: bus } }));
  return play(join(matrix, act), transports);
}

/** The systems that an act opens: name and configuration. */
function openingsOf(act) {
  return stepsOf(act).filter((step) => step.do === 'open');
}

async function connect(service, bus, config) {
  const system = new EventSystem({ service, transports: { main: bus }, ...config });
  await system.connect();
  return system;
}

async function waitUntil(condition) {
  const end = performance.now() + LOOK_MS;
  while (!(await condition()) && performance.now() < end) await pause(LOOK_AGAIN_MS);
}

async function fromC() {
  const bus = { type: 'memory', name: 'from c' };
  const expected = stepsOf('2-consume').find((step) => step.do === 'handled').gives;
  const runs = [];
  const [{ config }] = openingsOf('2-consume');
  const system = await connect('reader', bus, config);
  await system.consumer.subscribe('*', (message, metadata) => void runs.push(runOf(message, metadata)));
  const holds = await playC('1-publish', bus);
  await waitUntil(() => runs.length >= expected.length);
  await system.close();
  return holds ? differenceInAnyOrder(expected, runs) : 'the C side did not publish';
}

async function toC() {
  const bus = { type: 'memory', name: 'to c' };
  const writers = new Map();
  for (const { at, config } of openingsOf('1-publish')) writers.set(at, await connect(at, bus, config));
  const playing = playC('2-consume', bus);
  await waitUntil(async () => (await writers.get('writer').groups()).length > 0); // the C side has subscribed
  for (const { do: verb, at, gives, ...event } of stepsOf('1-publish')) {
    if (verb === 'publish') await writers.get(at).publisher.publish(...eventOf(event));
  }
  const holds = await playing;
  for (const system of writers.values()) await system.close();
  return holds ? undefined : 'the C side did not handle it as it was published';
}

for (const act of [fromC, toC]) {
  const wrong = await act();
  if (wrong === undefined) continue;
  console.log(`${act.name}: ${wrong}`);
  process.exitCode = 1;
}
