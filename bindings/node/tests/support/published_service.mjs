// SPDX-License-Identifier: MIT
// A service of @logistically/events 3 as the others in a store see it: what it writes and reads, by plain commands
// and without any code of either library.

import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export class PublishedService {
  constructor(redis, name) {
    this.port = String(redis.port);
    this.name = name;
  }

  /** One command; its answer as JSON has it. */
  async command(...words) {
    const argv = ['-p', this.port, 'EVAL', 'return cjson.encode({redis.call(unpack(ARGV))})', '0', ...words];
    const { stdout } = await execute('redis-cli', argv);
    return JSON.parse(stdout)[0];
  }

  envelope(type, body) {
    const hash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
    const header = { id: randomUUID(), type, origin: this.name, timestamp: new Date().toISOString(), hash, version: '1.0.0' };
    return { header, body };
  }

  #fields(type, body) {
    return ['data', JSON.stringify(this.envelope(type, body)), 'timestamp', String(Date.now()), 'topic', topicOf(type)];
  }

  publish(type, body) {
    return this.command('XADD', streamOf(type), '*', ...this.#fields(type, body));
  }

  /** What it writes when a handler has failed for the last time. */
  bury(type, body, message) {
    const about = ['originalId', '1-1', 'originalStream', streamOf(type), 'error', message, 'timestamp', String(Date.now())];
    return this.command('XADD', `dlq:${streamOf(type)}`, '*', ...about, ...this.#fields(type, body));
  }

  async subscribe(type, group) {
    await this.command('XGROUP', 'CREATE', streamOf(type), group, '$', 'MKSTREAM');
  }

  /** Reads what is new for a group, and acknowledges it: [{envelope, fields}]. */
  async read(type, group) {
    const key = streamOf(type);
    const answer = await this.command('XREADGROUP', 'GROUP', group, `consumer-${this.name}`, 'COUNT', '10', 'STREAMS', key, '>');
    const entries = answer ? answer[0][1] : [];
    for (const [id] of entries) await this.command('XACK', key, group, id);
    return entries.map(([, fields]) => ({ fields: namesOf(fields), envelope: JSON.parse(fields[fields.indexOf('data') + 1]) }));
  }

  /** Names of the fields of a stream's newest entry, and their values by name, the first of each. */
  async newest(key) {
    const [[, fields]] = await this.command('XREVRANGE', key, '+', '-', 'COUNT', '1');
    const values = {};
    for (let i = 0; i < fields.length; i += 2) values[fields[i]] ??= fields[i + 1];
    return { names: namesOf(fields), values };
  }
}

function topicOf(type) {
  return `${type.split('.')[0]}-events`;
}

function streamOf(type) {
  return `stream:${topicOf(type)}`;
}

function namesOf(fields) {
  return fields.filter((_, index) => index % 2 === 0);
}
