// SPDX-License-Identifier: MIT
// The REST interface as another program sees it, with headers that a browser would not let a page set.
import { Agent, request } from "node:http";

import { until } from "./process.js";

export const basic = (name, password) =>
  ({ authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` });
export const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** One call: {status, headers, text, json}; `json` of what is not JSON is undefined. */
export function call(url, { method = "GET", headers = {}, body, agent = new Agent() } = {}) {
  const content = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const type = content === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers: { ...type, ...headers } }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: answer.statusCode, headers: answer.headers, bytes, text: bytes.toString(), get json() {
          try {
            return JSON.parse(bytes);
          } catch {
            return undefined;
          }
        } });
      });
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.setTimeout(60_000, () => sent.destroy(new Error(`no answer from ${url}`)));
    sent.end(content);
  });
}

/** The API of the dashboard at `base` ("http://…/"), as one caller. */
export class Api {
  constructor(base, headers = {}) {
    this.base = `${base}api/v1/`;
    this.headers = headers;
  }

  get(path) {
    return call(this.base + path, { headers: this.headers });
  }

  post(path, body = {}, headers = {}) {
    return call(this.base + path, { method: "POST", body, headers: { ...this.headers, ...headers } });
  }

  patch(path, body) {
    return call(this.base + path, { method: "PATCH", body, headers: this.headers });
  }

  /** The items of a list, all pages. */
  async all(path) {
    const items = [];
    for (let cursor = ""; cursor !== null; ) {
      const page = (await this.get(`${path}${path.includes("?") ? "&" : "?"}limit=200${cursor}`)).json;
      items.push(...page.items);
      cursor = page.next === null ? null : `&cursor=${encodeURIComponent(page.next)}`;
    }
    return items;
  }

  /** Starts an operation; as it is then. */
  async start(kind, filter, more = {}) {
    const answer = await this.post("operations", { kind, scope: { filter }, ...more });
    if (answer.status !== 202) throw new Error(`${kind}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  /** The operation once it has ended. */
  ended({ id }) {
    return until(`operation ${id} ends`, async () => {
      const operation = (await this.get(`operations/${id}`)).json;
      return ["done", "failed", "aborted"].includes(operation.state) && operation;
    });
  }
}

/** The id of a dead letter as it stands in a path. */
export const keyOf = (topic, entry) => Buffer.from(`main/${topic}/${entry}`).toString("base64url");
