// SPDX-License-Identifier: MIT
// validate.mjs NAME SCHEMA TEXTS SECONDS - the same as validate.c in Node, by libevents, by Ajv or by Zod: from the text of
// a body to its verdict. Run by validate.py.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { Schema } from 'libevents';

const [name, schemaFile, textsFile, seconds] = process.argv.slice(2);
// Ajv and Zod are there for the binding's tests.
const require = createRequire(new URL('../../bindings/node/package.json', import.meta.url));
const source = readFileSync(schemaFile, 'utf8');
const texts = readFileSync(textsFile, 'utf8').trimEnd().split('\n');

function zodSchema() {
  const { z } = require('zod');
  const customer = z.object({ id: z.string().min(1), country: z.string().regex(/^[A-Z]{2}$/) });
  const line = z.object({ sku: z.string().regex(/^[A-Z]{2}-\d+$/), count: z.int().min(1).max(99) });
  return z.strictObject({
    id: z.int().min(1),
    number: z.string().min(1).max(20),
    total: z.number().min(0),
    currency: z.enum(['EUR', 'USD', 'GBP']),
    paid: z.boolean(),
    note: z.string().max(200).nullable().optional(),
    tags: z.array(z.string().max(20)).max(10).optional(),
    customer,
    lines: z.array(line).min(1),
    placedAt: z.string().min(20).max(40),
  });
}

const VALIDATORS = {
  libevents: () => {
    const schema = new Schema(source);
    return (text) => schema.isValidText(text);
  },
  ajv: () => {
    const { Ajv2020 } = require('ajv/dist/2020');
    const validate = new Ajv2020({ strict: false }).compile(JSON.parse(source));
    return (text) => validate(JSON.parse(text));
  },
  zod: () => {
    const schema = zodSchema();
    return (text) => schema.safeParse(JSON.parse(text)).success;
  },
};

const isValid = VALIDATORS[name]();
for (const text of texts) isValid(text); // compiled and warm
let [rounds, valid] = [0, 0];
const begun = performance.now();
let taken;
do {
  for (const text of texts) if (isValid(text)) valid++;
  rounds++;
  taken = (performance.now() - begun) / 1000;
} while (taken < Number(seconds));
console.log(JSON.stringify({ rounds, texts: texts.length, valid, seconds: taken }));
