// SPDX-License-Identifier: MIT
// The three ways to a dashboard: a host program with handlers, the command that serves a store, and a reverse
// proxy before either.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Api, call } from "./api.js";
import { Program, ROOT, freePort, until } from "./process.js";

const HOST = join(ROOT, "tests/browser/support/host.py");

const withTransport = ({ transport, ...config }, store) => ({
  service: "shop",
  transports: { main: { ...(store ? { type: "redis-streams", url: store.url } : { type: "memory" }), ...transport } },
  ...config,
});

/** A Python program with handlers and a dashboard: `tell` gives it an order and its answer. */
export class Host {
  static async start({ store, config = {}, subscriptions = [], dashboard = {} } = {}) {
    const host = new Host();
    host.store = store;
    host.program = new Program("python3", [HOST,
      JSON.stringify({ config: withTransport(config, store), subscriptions, dashboard })]);
    const ready = await host.program.line("ready", (line) => JSON.parse(line));
    host.url = ready.url;
    host.api = ready.url && new Api(ready.url);
    return host;
  }

  async tell(order) {
    const from = this.program.lines.length;
    this.program.child.stdin.write(`${JSON.stringify(order)}\n`);
    return this.program.line(order.do, (line) => JSON.parse(line), from);
  }

  publish(type, body, more = {}) {
    return this.tell({ do: "publish", type, body, ...more });
  }

  /** Gives it another configuration while it runs. */
  reload(config) {
    return this.tell({ do: "reload", config: withTransport(config, this.store) });
  }

  stop(signal) {
    return this.program.stop(signal);
  }
}

/** `events serve` over a store, with a dashboard's options. */
export class Serve {
  static async start(store, dashboard = {}) {
    const serve = new Serve();
    serve.program = new Program("events", ["--redis", store.url, "serve", "--port", "0", "--dashboard", "-"]);
    serve.program.child.stdin.end(JSON.stringify(dashboard));
    serve.url = await serve.program.line("its address", (line) => /^http:\/\/\S+\/$/.exec(line)?.[0]);
    serve.api = new Api(serve.url);
    return serve;
  }

  stop(signal) {
    return this.program.stop(signal);
  }
}

/** nginx on a free port: below `prefix` it gives what the dashboard at `target` gives. */
export class Proxy {
  static async start(target, prefix) {
    const proxy = new Proxy();
    const port = await freePort();
    proxy.folder = await mkdtemp(join(tmpdir(), "evs-nginx-"));
    const file = join(proxy.folder, "nginx.conf");
    await writeFile(file, configuration(proxy.folder, port, target, prefix));
    proxy.program = new Program("/usr/sbin/nginx", ["-c", file, "-p", proxy.folder, "-e", "stderr"]);
    proxy.url = `http://127.0.0.1:${port}${prefix}/`;
    await until("nginx answers", () => call(`${proxy.url}healthz`));
    return proxy;
  }

  async stop() {
    await this.program.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const configuration = (folder, port, target, prefix) => `
daemon off; worker_processes 1; pid ${folder}/pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location ${prefix}/ {
      proxy_pass ${new URL(target).origin};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}`;
