// SPDX-License-Identifier: MIT
// EventSystem: one opened system and its faces.

import { capabilitiesOf } from './capabilities.js';
import { EventConsumer } from './consumer.js';
import { startDashboard } from './dashboard.js';
import type { Dashboard, DashboardOptions } from './dashboard.js';
import { DeadLetters } from './dlq.js';
import { Replays } from './replays.js';
import { EventPublisher } from './publisher.js';
import { milliseconds } from './event.js';
import { split } from './operations.js';
import type { ChangeOptions, StoreOptions } from './operations.js';
import { takeOwn } from './own.js';
import { checkConfig } from './pure.js';
import { EventRouter } from './router.js';
import type { RouteCoverage, RoutingConfig } from './router.js';
import { Runtime, exposeRuntime } from './runtime.js';
import type { Normalized, RequestOptions, SystemOptions } from './runtime.js';
import { Schemas } from './schemas.js';
import type { EventSystemStatus, RawSystemStatus, SystemHealth, SystemStats, TransportStatus } from './stats.js';
import { Transport } from './transports.js';
import type { TransportOptions } from './transports.js';
import type { EventValidator } from './validator.js';

const DRAIN_MS = 10_000;
const REQUEST_GRACE_MS = 2000;

export interface Paused {
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: string | null;
}

export interface DoctorOptions extends StoreOptions {
  /** Whose rights are examined; default 'consumer'. */
  readonly role?: 'publisher' | 'consumer' | 'operator' | 'viewer';
}

export interface Finding {
  readonly level: 'error' | 'warning';
  readonly check: string;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** All members: docs/requests.md. */
export interface DoctorReport {
  /** Nothing that was found is an error. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  /** What is lost in which failure, in words. */
  readonly guarantee: string;
  readonly permissions: {
    readonly user: string | null;
    readonly role: string;
    readonly known: boolean;
    readonly missing: readonly string[];
  };
  readonly [member: string]: unknown;
}

/** An event that waits to be due. */
export interface DelayedEvent {
  readonly id: string;
  readonly topic: string;
  readonly partition: number | null;
  /** Milliseconds since 1970, by the store's clock. */
  readonly dueAt: number;
  readonly eventId: string | null;
  readonly type: string | null;
  readonly bytes: number;
}

export interface DelayedPage {
  readonly items: readonly DelayedEvent[];
  readonly next: string | null;
}

export interface CancelledDelayed {
  readonly cancelled: number;
  readonly results: readonly { readonly id: string; readonly outcome: 'cancelled' | 'not_found' }[];
}

/** Answer of conservation(); the rows are as docs/requests.md says. */
export interface Conservation {
  /** Everything published to groups whose settlements are counted is accounted for. */
  readonly holds: boolean;
  readonly streams: readonly Record<string, unknown>[];
  readonly groups: readonly Record<string, unknown>[];
}

export class EventSystem {
  readonly #runtime: Runtime;
  readonly publisher: EventPublisher;
  readonly consumer: EventConsumer;
  readonly router: EventRouter;
  /** The schemas that this program declares. */
  readonly validator: EventValidator;
  /** The registry of schemas. */
  readonly schemas: Schemas;
  readonly transports: ReadonlyMap<string, Transport>;
  readonly dlq: DeadLetters;
  readonly replays: Replays;

  /**
   * `config` is the document of docs/configuration.md; in it a transport may be an object that the program wrote, or
   * `{transport: object, ...settings}`. ConfigurationError lists every fault.
   */
  constructor(config: object, options: SystemOptions = {}) {
    const runtime = (this.#runtime = exposeRuntime(this, new Runtime(config, options)));
    const { normalized } = runtime;
    const transports = Object.entries(normalized.transports ?? {});
    this.transports = new Map(
      transports.map(([name, options]) => [name, new Transport(name, options.type, options as TransportOptions, this)]),
    );
    const capabilities = new Map(transports.map(([name, options]) => [name, capabilitiesOf(options.type, options)]));
    const routing = (normalized.routing ?? {}) as RoutingConfig;
    this.router = new EventRouter(runtime.engine, routing, normalized.originPrefix ?? '', capabilities);
    this.publisher = new EventPublisher(runtime, this);
    this.consumer = new EventConsumer(runtime, this.router, this);
    this.dlq = new DeadLetters(runtime);
    this.replays = new Replays(runtime);
    this.schemas = new Schemas(runtime);
    this.validator = runtime.validator;
  }

  /**
   * Connects the transports, and waits until they have the subscriptions made so far. From here on the open
   * system keeps the process alive, until close() or unref().
   */
  async connect(options: RequestOptions = {}): Promise<void> {
    await this.#runtime.ask('connect', {}, options);
    await this.#runtime.registerDeclared();
    if (this.#runtime.turn.consumers.size > 0) await this.ready(options);
  }

  /** Waits until the stores have all subscriptions. */
  async ready(options: RequestOptions = {}): Promise<void> {
    await this.#runtime.ask('ready', {}, options);
  }

  /**
   * Sends what is collected, lets handlers end, hands the rest back, and frees everything. Takes at most
   * `deadline` milliseconds (consumer.closeDeadline by default). Twice is fine, and a later call may shorten the
   * deadline. Within a handler it only begins, since it would wait for the handler itself.
   */
  close(deadline?: number): Promise<void> {
    return this.#runtime.close(deadline);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Waits until everything published so far has its outcome. */
  flush(options?: RequestOptions): Promise<void> {
    return this.publisher.flush(options);
  }

  /** Waits until nothing is being published or handled; consuming goes on. Rejects with Timeout where it does not. */
  async drain({ timeout = DRAIN_MS, signal }: RequestOptions = {}): Promise<void> {
    const limit = milliseconds(timeout, 'timeout', { min: 1 });
    await this.#runtime.outbox.emptied();
    const wait = { timeout: limit + REQUEST_GRACE_MS, ...(signal && { signal }) };
    await this.#runtime.ask('drain', { timeout: limit }, wait);
  }

  /**
   * Works by another configuration from now on, by all of it or by nothing of it. Routes, rate limits, log level and
   * concurrency may differ (docs/requests.md#reload); ConfigurationError names everything else. Gives the paths of
   * what changed.
   */
  async reload(config: object, options: RequestOptions = {}): Promise<readonly string[]> {
    const document = takeOwn(config).document as object;
    const { changed } = await this.#runtime.ask<{ changed: string[] }>('reload', { config: document }, options);
    this.router.follow(((checkConfig(document).normalized as Normalized).routing ?? {}) as RoutingConfig);
    return changed;
  }

  /** Routes that no event took, that can take none, and that meet; types that no route took. */
  coverage(options: RequestOptions = {}): Promise<RouteCoverage> {
    return this.#runtime.ask<RouteCoverage>('coverage', {}, options);
  }

  /** Are all transports connected? */
  isConnected(): boolean {
    return this.#runtime.isConnected();
  }

  /** Nothing more can be done with it. */
  isClosed(): boolean {
    return this.#runtime.engine.isReleased;
  }

  /** Connected or not, and since when, of each transport, as evs_system_status() gives it. */
  rawStatus(): RawSystemStatus {
    return JSON.parse(this.#runtime.engine.status()) as RawSystemStatus;
  }

  /** Does it live, and can events come and go? For probes: not ready from the beginning of a drain or close. */
  health(): SystemHealth {
    if (this.isClosed()) return { live: false, ready: false, reasons: ['the system is closed'] };
    const { live, ready, reasons } = this.rawStatus();
    return { live, ready, reasons };
  }

  async getStatus(): Promise<EventSystemStatus> {
    const { transports: _, ...status } = this.rawStatus();
    const { publisher, uptime, version } = this.stats();
    const entries = [...this.transports].map(
      async ([name, transport]): Promise<[string, TransportStatus]> => [name, await transport.getStatus()],
    );
    const transports = new Map(await Promise.all(entries));
    return { ...status, transports, publisher, consumer: this.consumer.getStats(), uptime, version };
  }

  /** One consistent snapshot of all counters (docs/statistics.md). */
  stats(): SystemStats {
    return JSON.parse(this.#runtime.engine.stats()) as SystemStats;
  }

  /** The same numbers as Prometheus text. */
  metrics(): string {
    return this.#runtime.engine.metrics();
  }

  /** Consumer groups with their members, pending messages and lag. */
  async groups(options: StoreOptions & { readonly topic?: string } = {}): Promise<Record<string, unknown>[]> {
    return (await this.#ask<{ groups: Record<string, unknown>[] }>('groups', options)).groups;
  }

  /** What each stream keeps, which group holds what is beyond its limits, and what was trimmed. */
  async retention(options: StoreOptions & { readonly topic?: string } = {}): Promise<Record<string, unknown>[]> {
    return (await this.#ask<{ streams: Record<string, unknown>[] }>('retention', options)).streams;
  }

  /** Is every event accounted for? {holds, streams, groups} of docs/requests.md. */
  conservation(options: StoreOptions & { readonly topic?: string } = {}): Promise<Conservation> {
    return this.#ask<Conservation>('conservation', options);
  }

  /** The topics that the store knows. */
  async topics(options: StoreOptions = {}): Promise<Record<string, unknown>[]> {
    return (await this.#ask<{ topics: Record<string, unknown>[] }>('topics', options)).topics;
  }

  /** Events that wait to be due, the earliest first; `next` is the cursor of the page after. */
  delayed(
    options: StoreOptions & { readonly topic?: string; readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<DelayedPage> {
    return this.#ask<DelayedPage>('delayed', options);
  }

  /** Takes back delayed events by the ids that delayed() gives. */
  cancelDelayed(ids: readonly string[], options: ChangeOptions = {}): Promise<CancelledDelayed> {
    return this.#ask<CancelledDelayed>('delayed.cancel', { ...options, ids });
  }

  /**
   * Lets a consumer group take nothing in any process, until resumeGroup(). Handlers that run may end; members
   * follow within a third of the transport's sessionTimeout.
   */
  async pauseGroup(group: string, options: ChangeOptions & { readonly reason?: string } = {}): Promise<Paused> {
    return (await this.#ask<{ paused: Paused }>('groups.pause', { ...options, group })).paused;
  }

  /** Lets a paused consumer group go on; one that is not paused stays as it is. */
  async resumeGroup(group: string, options: ChangeOptions = {}): Promise<void> {
    await this.#ask('groups.resume', { ...options, group });
  }

  /** The systems that are connected to the store: {service, instance, at, ageMs, stats} of each. */
  async fleet(options: StoreOptions = {}): Promise<Record<string, unknown>[]> {
    return (await this.#ask<{ instances: Record<string, unknown>[] }>('fleet', options)).instances;
  }

  /** What the store says about itself, what is wrong with it (`findings`), and its `guarantee` in words. */
  doctor(options: DoctorOptions = {}): Promise<DoctorReport> {
    return this.#ask<DoctorReport>('doctor', options);
  }

  /** Any request of docs/requests.md by its name. */
  request<Answer = unknown>(method: string, params: object = {}, options: RequestOptions = {}): Promise<Answer> {
    return this.#runtime.ask<Answer>(method, params, options);
  }

  /**
   * Serves the dashboard of this system from within the process (docs/dashboard.md): `port: 0` takes a free one,
   * `url` says which. The library with the web server is loaded now, and not before.
   */
  async startDashboard(options: DashboardOptions = {}): Promise<Dashboard> {
    this.#runtime.use();
    return startDashboard(this.#runtime.engine, options);
  }

  /** Lets the process end although the system is open; what is in flight then is handed back. */
  unref(): this {
    this.#runtime.engine.hold(false);
    return this;
  }

  /** Undoes unref(). */
  ref(): this {
    this.#runtime.engine.hold(true);
    return this;
  }

  #ask<Answer>(method: string, options: object): Promise<Answer> {
    const { params, wait } = split(options, method);
    return this.#runtime.ask<Answer>(method, params, wait);
  }
}
