/**
 * A receiver of OpenTelemetry metrics as the protocol (OTLP/HTTP) has it: both encodings, decoded by the published proto, and an
 * answer in the encoding of the request. Keeps what came last of each metric: they are cumulative.
 *
 * @module
 */

import assert from "node:assert/strict";
import generated from "npm:@opentelemetry/otlp-transformer@0.208.0/build/src/generated/root.js";

/** A request in the proto's JSON form, as far as it is looked at; 64-bit integers are digits. */
interface Request {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
  }[];
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string };
}

/** A metric: one of both kinds. */
export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly isMonotonic: boolean; readonly dataPoints: readonly SumPoint[] };
  readonly histogram?: { readonly dataPoints: readonly HistogramPoint[] };
}

interface SumPoint {
  readonly attributes: readonly Attribute[];
  readonly asDouble: number;
}

/** What a histogram has of one set of attributes. */
export interface HistogramPoint {
  readonly count: string;
  readonly sum: number;
  readonly bucketCounts: readonly string[];
  readonly explicitBounds: readonly number[];
}

/** What the package's declarations leave out. */
interface Message {
  decode(bytes: Uint8Array): unknown;
  toObject(message: unknown, options: { longs: StringConstructor; arrays: boolean; defaults: boolean }): Request;
}

interface Generated {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: { readonly metrics: { readonly v1: { readonly ExportMetricsServiceRequest: Message } } };
    };
  };
}

const MESSAGE = (generated as unknown as Generated).opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;

/** Listens as long as it is in scope: `await using receiver = new Receiver()`. */
export class Receiver {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** By name. */
  readonly metrics = new Map<string, Metric>();
  /** Attributes of whom the last request came from. */
  resource: Readonly<Record<string, string>> = {};
  /** Content types that came. */
  readonly encodings = new Set<string>();

  constructor() {
    const take = (request: globalThis.Request) => this.#take(request);
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, take);
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async #take(request: globalThis.Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const encoding = request.headers.get("content-type") ?? "";
    assert.equal(`${request.method} ${pathname}`, "POST /v1/metrics");
    assert.match(encoding, /^application\/(?:json|x-protobuf)$/);
    const bytes = new Uint8Array(await request.arrayBuffer());
    const isJson = encoding === "application/json";
    this.encodings.add(encoding);
    this.#keep(isJson ? JSON.parse(new TextDecoder().decode(bytes)) : decoded(bytes));
    return new Response(isJson ? "{}" : new Uint8Array(), { headers: { "content-type": encoding } });
  }

  #keep({ resourceMetrics }: Request): void {
    for (const { resource, scopeMetrics } of resourceMetrics) {
      this.resource = plain(resource.attributes);
      for (const metric of scopeMetrics.flatMap(({ metrics }) => metrics)) this.metrics.set(metric.name, metric);
    }
  }

  /** A counter's values by their attributes, as JSON. */
  sums(name: string): Record<string, number> {
    const { sum } = this.metrics.get(name) ?? {};
    assert.ok(sum?.isMonotonic ?? true);
    return Object.fromEntries(sum?.dataPoints.map((point) => [JSON.stringify(plain(point.attributes)), point.asDouble]) ?? []);
  }

  /** The only point of a histogram. */
  histogram(name: string): HistogramPoint {
    const points = this.metrics.get(name)?.histogram?.dataPoints ?? [];
    assert.equal(points.length, 1);
    return points[0]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function decoded(bytes: Uint8Array): Request {
  return MESSAGE.toObject(MESSAGE.decode(bytes), { longs: String, arrays: true, defaults: true });
}

function plain(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
}
