// SPDX-License-Identifier: MIT
// scenarios.mjs - plays every scenario through the public Node package, against every transport that can.
//
// EVS_SCENARIOS names another folder, EVS_TRANSPORTS another file of transports, EVS_LOOK_SECONDS how long an
// expectation is waited for. Says what failed, then for each transport how many ran; exits with 1 if one failed.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Closed, EventsError } from 'libevents';

import { startRedis } from '../../../../bindings/node/tests/support/redis.mjs';
import { difference, differenceInAnyOrder, repeated, show } from './match.mjs';
import { LOOK_AGAIN_MS, Stage, errorOf } from './stage.mjs';
import { OwnTransport } from './own.mjs';
import { POLLED, WITHOUT_ORDER, play } from './verbs.mjs';

const TESTS = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = process.env.EVS_SCENARIOS ?? join(TESTS, 'scenarios');
const TRANSPORTS = process.env.EVS_TRANSPORTS ?? join(TESTS, 'transports.json');
const BUILD = process.env.EVS_BUILD_DIR ?? fileURLToPath(new URL('../../../../build', import.meta.url));
const LOOK_MS = Number(process.env.EVS_LOOK_SECONDS ?? 30) * 1000;

/** A scenario does not hold. */
class Unexpected extends Error {}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** A kind of transport; every scenario gets places of its own in it. */
class Transport {
  #template;
  #isOwn;
  #places = 0;

  constructor(name, { capabilities, config, own = false }, { port, folder }) {
    this.#isOwn = own;
    this.name = name;
    this.capabilities = new Set(capabilities);
    const values = { port, folder, build: BUILD };
    this.#template = JSON.stringify(config).replace(/\$\{(port|folder|build)\}/g, (_, key) => values[key]);
  }

  /** Why it cannot play a scenario, or undefined. */
  missing({ needs = [], lacks = [] }) {
    const unwanted = lacks.find((each) => this.capabilities.has(each));
    return needs.find((each) => !this.capabilities.has(each)) ?? (unwanted && `without ${unwanted}`);
  }

  /** Configurations by the name of a transport, apart from those of other scenarios. */
  places() {
    const numbers = new Map();
    return (name) => {
      if (!numbers.has(name)) numbers.set(name, this.#places++);
      const found = JSON.parse(this.#template.replaceAll('${place}', numbers.get(name)));
      return this.#isOwn ? { transport: new OwnTransport(numbers.get(name)), retry: found.retry } : found;
    };
  }
}

function differs({ do: verb, gives, inOrder }, found) {
  if (!WITHOUT_ORDER.has(verb)) return difference(gives, found);
  return (inOrder ? difference : differenceInAnyOrder)(repeated(gives), found);
}

/** Does a step, again and again where its result may still become what is expected. */
async function look(stage, step) {
  const until = performance.now() + LOOK_MS;
  for (;;) {
    const found = await play(stage, step);
    if ('fails' in step) throw new Unexpected(`it did not fail but gave ${show(found)}`);
    const wrong = 'gives' in step ? differs(step, found) : undefined;
    if (wrong === undefined) {
      if (step.do === 'handled') stage.runs.splice(0, found.length);
      return;
    }
    if (!POLLED.has(step.do) || performance.now() > until) throw new Unexpected(`${wrong}\n    found: ${show(found)}`);
    await pause(LOOK_AGAIN_MS);
  }
}

async function take(stage, step) {
  try {
    await look(stage, step);
  } catch (error) {
    if (!(error instanceof EventsError)) throw error;
    const found = errorOf(error);
    const wrong = 'fails' in step ? difference(step.fails, found) : 'it failed';
    if (wrong !== undefined) throw new Unexpected(`${wrong}\n    found: ${show(found)}`);
  }
}

async function unsettled(stage, name) {
  try {
    return await stage.unsettled(name);
  } catch (error) {
    if (error instanceof Closed) return [];
    throw error;
  }
}

/** Nothing is left to do, and nothing was handled that no step expected. */
async function settle(stage) {
  const until = performance.now() + LOOK_MS;
  for (const name of stage.systems.keys()) {
    for (let left; (left = await unsettled(stage, name)).length > 0; await pause(LOOK_AGAIN_MS)) {
      if (performance.now() > until) throw new Unexpected(`${name} is not done: ${show(left)}`);
    }
  }
  if (stage.runs.length > 0) throw new Unexpected(`handled beyond what was expected: ${show(stage.runs)}`);
  for (const name of stage.systems.keys()) {
    for (let wrong; (wrong = miscounted(stage, name)) !== undefined; await pause(LOOK_AGAIN_MS)) {
      if (performance.now() > until) throw new Unexpected(`statistics of ${name}: ${wrong}`);
    }
  }
}

/** Where the statistics of a system are not what was seen, or undefined. */
function miscounted(stage, name) {
  try {
    return difference(stage.ledgers.get(name).expected(), stage.systems.get(name).stats());
  } catch (error) {
    if (error instanceof Closed) return undefined;
    throw error;
  }
}

/** Plays a scenario; gives why it does not hold, or undefined. */
async function playAll(stage, { steps }) {
  let at = 'the end';
  try {
    for (const [index, step] of steps.entries()) {
      at = `step ${index + 1} (${step.do})`;
      await take(stage, step);
    }
    at = 'the end';
    await settle(stage);
    return undefined;
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    return `${at}: ${error.message}`;
  } finally {
    await stage.close();
  }
}

/** Plays all scenarios of all files on one transport; gives how many ran, were skipped and failed. */
async function run(transport, scenarios) {
  const skipped = new Map();
  let ran = 0;
  let failed = 0;
  for (const { file, ...scenario } of scenarios) {
    const reason = transport.missing(scenario);
    if (reason !== undefined) {
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      continue;
    }
    ran++;
    const problem = await playAll(new Stage(transport.places()), scenario);
    if (problem === undefined) continue;
    failed++;
    console.log(`FAILED ${transport.name}, ${file}: ${scenario.name}\n    ${problem}`);
  }
  const total = [...skipped.values()].reduce((sum, count) => sum + count, 0);
  const reasons = [...skipped].sort().map(([reason, count]) => `${reason} ${count}`);
  console.log(`${transport.name}: ${ran} ran, ${total} skipped${total ? ` (${reasons.join(', ')})` : ''}`);
  return [ran, total, failed];
}

const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json')).sort();
const scenarios = files.flatMap((file) => readJson(join(FOLDER, file)).map((scenario) => ({ file, ...scenario })));
const totals = [0, 0, 0];
for (const [name, entry] of Object.entries(readJson(TRANSPORTS))) {
  const server = entry.server ? await startRedis('--databases', '2000') : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'events-'));
  try {
    const counts = await run(new Transport(name, entry, { port: server?.port ?? 0, folder }), scenarios);
    counts.forEach((count, index) => (totals[index] += count));
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
const [ran, skipped, failed] = totals;
console.log(`${ran} scenarios ran, ${skipped} skipped, ${failed} failed`);
process.exitCode = failed || ran === 0 ? 1 : 0;
