// SPDX-License-Identifier: MIT
// Another validator's opinion: reads lines [schema, instance] and writes for each whether Ajv takes it (true, false),
// or why it cannot say.

import { createInterface } from 'node:readline';

import { Ajv2020 } from 'ajv/dist/2020.js';

const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false, logger: false });

function verdict(schema, instance) {
  try {
    return ajv.validate(schema, instance);
  } catch (problem) {
    return String(problem.message);
  } finally {
    if (typeof schema === 'object') ajv.removeSchema(schema);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(verdict(...JSON.parse(line))));
}
