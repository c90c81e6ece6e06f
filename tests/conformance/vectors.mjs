// SPDX-License-Identifier: MIT
// Runs every conformance vector through the public Node API.
//
//   node vectors.mjs [FOLDER]     (without: the folder that EVS_VECTORS names, or vectors/ beside this)
//
// Prints for each file how many of its entries ran and agreed; exits with 1 on any mismatch, and on a file that
// no check is written for.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import * as libevents from 'libevents';

function checkPatternSyntax(entry) {
  const expected = entry.valid ? (entry.normalized ?? 'a text') : null;
  try {
    return [libevents.normalizePattern(entry.pattern), expected];
  } catch (error) {
    if (!(error instanceof libevents.ValidationError)) throw error;
    return [null, expected];
  }
}

async function checkTopic(entry) {
  const system = libevents.createEventSystem(entry.config);
  try {
    return [system.router.resolveTopic(entry.type), entry.topic];
  } finally {
    await system.close(0);
  }
}

function checkBackoff({ backoffStrategy, baseDelay, maxDelay, delay_ms_before_retry_1_to_8: expected }) {
  const retries = [1, 2, 3, 4, 5, 6, 7, 8];
  return [retries.map((retry) => libevents.retryDelay(backoffStrategy, baseDelay, maxDelay, retry)), expected];
}

const checkPattern = (entry) => [
  libevents.matchesPattern(entry.type, entry.pattern, { originPrefix: entry.originPrefix ?? '' }),
  entry.matches,
];
function checkSchema({ schema: source, text, valid, errors }) {
  const schema = new libevents.Schema(source);
  const found = schema.validateText(text).map(({ instancePath, schemaPath }) => `${instancePath} ${schemaPath}`);
  return [[schema.isValidText(text), found.sort()], [valid, [...errors].sort()]];
}

function checkSchemaCompat({ older, newer, mode, policy, verdict }) {
  return [new libevents.Schema(older).compat(newer, { mode, policy }).verdict, verdict];
}

function checkSchemaFaults({ schema, paths }) {
  try {
    new libevents.Schema(schema);
    return [[], paths];
  } catch (error) {
    if (!(error instanceof libevents.ValidationError)) throw error;
    return [error.problems.map(({ path }) => path).sort(), [...paths].sort()];
  }
}

/** Each gives [found, expected]. */
const CHECKS = {
  'backoff.json': checkBackoff,
  'expressions.json': checkPattern,
  'full_types.json': (entry) => [libevents.getFullEventType(entry.type, entry.originPrefix ?? ''), entry.full],
  'hashes.json': (entry) => [libevents.bodyHash(entry.body_text ?? JSON.stringify(entry.body)), entry.sha256],
  'origins.json': (entry) => [libevents.originDelivered({ ...entry, eventPrefix: entry.event_prefix }), entry.delivered],
  'partitions.json': (entry) => [libevents.partitionForKey(entry.key, entry.partitions), entry.partition],
  'pattern_syntax.json': checkPatternSyntax,
  'patterns.json': checkPattern,
  'schema_compat.json': checkSchemaCompat,
  'schema_faults.json': checkSchemaFaults,
  'schemas.json': checkSchema,
  'slots.json': (entry) => [libevents.keySlot(entry.key), entry.slot],
  'topics.json': checkTopic,
  'types.json': (entry) => [libevents.validateEventType(entry.type), entry.valid],
};

async function runEntry(check, entry) {
  try {
    return await check(entry);
  } catch (error) {
    return [error, 'no error'];
  }
}

/** [ran, agreed, entries]; says on stderr what differs. */
async function runFile(folder, name) {
  const entries = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  if (!Object.hasOwn(CHECKS, name)) {
    console.error(`${name}: no check is written for this file`);
    return [0, 0, entries.length];
  }
  let agreed = 0;
  for (const [index, entry] of entries.entries()) {
    const [found, expected] = await runEntry(CHECKS[name], entry);
    if (isDeepStrictEqual(found, expected)) agreed++;
    else console.error(`${name}[${index}]: found`, found, 'expected', expected, entry);
  }
  return [entries.length, agreed, entries.length];
}

function line(name, [ran, agreed, entries]) {
  return `${name}: ran ${ran} of ${entries}${ran === agreed ? '' : `, ${ran - agreed} wrong`}`;
}

async function main(argv) {
  const beside = fileURLToPath(new URL('./vectors', import.meta.url));
  const folder = argv[0] ?? process.env.EVS_VECTORS ?? beside;
  const names = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
  if (names.length === 0) {
    console.error(`${folder}: no .json files`);
    return 1;
  }
  let totals = [0, 0, 0];
  for (const name of names) {
    const counts = await runFile(folder, name);
    console.log(line(name, counts));
    totals = totals.map((total, index) => total + counts[index]);
  }
  console.log(line('total', totals));
  console.log(`${totals[0]} vectors`);
  return totals[0] === totals[1] && totals[1] === totals[2] ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
