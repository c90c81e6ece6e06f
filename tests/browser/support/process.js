// SPDX-License-Identifier: MIT
// Programs that a test starts and stops by their process ids, and waiting for a state with a deadline.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

const COUNTS = JSON.parse(readFileSync(new URL("../../support/counts.json", import.meta.url)));

/** A count that differs between a short and a long run. */
export const count = (name) => COUNTS[name][process.env.EVS_LONG ? "long" : "short"];

const PATIENCE_MS = 40_000;
const running = new Set();

// However this process ends, nothing that it started stays.
process.on("exit", () => running.forEach((program) => program.child.kill("SIGKILL")));

/** A state that no waiting changes. */
class Over extends Error {}

/** Looks again until `look` gives something true, which it returns; its last failure is the cause told. */
export async function until(what, look) {
  const deadline = Date.now() + PATIENCE_MS;
  let last;
  for (;;) {
    try {
      last = undefined;
      const found = await look();
      if (found) return found;
    } catch (error) {
      if (error instanceof Over) throw error;
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** A child process whose lines on standard output are kept. */
export class Program {
  constructor(command, args, options = {}) {
    this.name = command.split("/").pop();
    this.lines = [];
    this.said = "";
    this.child = spawn(command, args, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"], ...options });
    this.ended = once(this.child, "exit").catch(() => {});
    this.child.on("error", (error) => (this.said += error.message));
    this.child.stdin.on("error", () => {}); // it ended; whoever waits for its answer says so
    createInterface({ input: this.child.stdout }).on("line", (line) => this.lines.push(line));
    this.child.stderr.on("data", (data) => (this.said = (this.said + data).slice(-4000)));
    running.add(this);
  }

  get pid() {
    return this.child.pid;
  }

  get isRunning() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The first line from number `from` on that `take` takes; what `take` gave for it. */
  async line(what, take, from = 0) {
    return until(`${this.name}: ${what}`, () => {
      for (const line of this.lines.slice(from)) {
        const found = take(line);
        if (found) return found;
      }
      if (!this.isRunning) throw new Over(`${this.name} ended: ${this.said}${this.lines.join("\n")}`);
      return undefined;
    });
  }

  async stop(signal = "SIGTERM") {
    if (this.isRunning) this.child.kill(signal);
    const limit = setTimeout(() => this.child.kill("SIGKILL"), 15_000);
    await this.ended;
    clearTimeout(limit);
    running.delete(this);
  }
}

/** Runs a program to its end; its output, or an error with what it said. */
export async function run(command, args, options = {}) {
  const program = new Program(command, args, options);
  program.child.stdin.end();
  const streams = [once(program.child.stdout, "close"), once(program.child.stderr, "close")];
  await program.ended;
  await Promise.all(streams);
  running.delete(program);
  if (program.child.exitCode !== 0) throw new Error(`${command} ${args.join(" ")}: ${program.said}`);
  return program.lines.join("\n");
}
