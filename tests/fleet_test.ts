/**
 * docs/fleet.md and docs/fleet/: the systemd unit's and the DaemonSet's own command, environment and capabilities run the ready
 * handler, whose metrics a receiver gets to the last event; systemd and the schema of Kubernetes' API take them; and the document's
 * query over the recordings of three hosts.
 */

import assert from "node:assert/strict";
import { DuckDBInstance } from "npm:@duckdb/node-api@1.5.5-r.5";
import { DaemonSet as Schema, type IDaemonSet } from "npm:kubernetes-models@5.1.0/apps/v1";
import { parse } from "npm:yaml@2.9.1";
import { pathWith } from "./command.ts";
import { Child, emittedNr, live, perfprof, Stage, start, TempDir } from "./harness.ts";
import { Receiver } from "./otlp_receiver.ts";

const root = new URL("../", import.meta.url);
const read = (path: string) => Deno.readTextFileSync(new URL(path, root));

const UNIT = read("docs/fleet/perfprof@.service");
const HANDLER = new URL("templates/metrics.ts", root).pathname;
const CALLS = 5000;

/** What starts perfprof on a host, and with what. */
interface Service {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Without CAP_, sorted. */
  readonly capabilities: readonly string[];
}

/** The values of a setting of the unit, which may be given more than once. */
function settings(name: string): string[] {
  return [...UNIT.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].flatMap(([, value]) => value!.split(" "));
}

function unit(): Service {
  const variables = settings("Environment").map((text) => /^(\w+)=(.*)$/.exec(text)!);
  return {
    command: settings("ExecStart").map((word) => word.replace("%i", "metrics")),
    env: Object.fromEntries(
      variables.filter(([, name]) => name !== "DENO_DIR").map(([, name, value]) => [name, value!.replace("%H", "host-7")]),
    ),
    capabilities: settings("CapabilityBoundingSet").map((name) => name.replace("CAP_", "")).sort(),
  };
}

/** The manifest, as far as it is looked at. */
interface DaemonSet {
  readonly kind: string;
  readonly spec: { readonly selector: { readonly matchLabels: unknown }; readonly template: PodTemplate };
}

interface PodTemplate {
  readonly metadata: { readonly labels: unknown };
  readonly spec: {
    readonly hostPID: boolean;
    readonly containers: readonly [Container];
    readonly terminationGracePeriodSeconds: number;
    readonly volumes: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
  };
}

interface Container {
  readonly image: string;
  readonly command: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly securityContext: {
    readonly runAsUser: number;
    readonly capabilities: { readonly drop: unknown; readonly add: string[] };
  };
  readonly resources: { readonly requests: { readonly memory: string }; readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

const MANIFEST: DaemonSet = parse(read("docs/fleet/daemonset.yaml"));
const CONTAINER = MANIFEST.spec.template.spec.containers[0];

/** With what Kubernetes puts in for `$(NAME)`. */
function pod(): Service {
  const given: Readonly<Record<string, string>> = { NODE_NAME: "host-7", HOST_IP: "127.0.0.1" };
  const filled = (text: string) => text.replace(/\$\((\w+)\)/g, (_, name) => given[name]!);
  return {
    command: CONTAINER.command,
    env: Object.fromEntries(CONTAINER.env.map(({ name, value }) => [name, value === undefined ? given[name]! : filled(value)])),
    capabilities: [...CONTAINER.securityContext.capabilities.add].sort(),
  };
}

/** Starts the handler as the service would, but for where its files are. */
function startService(stage: Stage, { command, env, capabilities }: Service, port: number, more: readonly string[]): Child {
  const handler = stage.dir.write("metrics.ts", Deno.readTextFileSync(HANDLER), 0o755);
  const words = command.map((word) => word.replace("/etc/perfprof/metrics.ts", handler));
  const bounding = ["-all", ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(",");
  return new Child("setpriv", [`--bounding-set=${bounding}`, ...words, ...more], {
    env: {
      ...env,
      OTEL_EXPORTER_OTLP_ENDPOINT: (env.OTEL_EXPORTER_OTLP_ENDPOINT ?? "http://127.0.0.1:4318").replace("4318", `${port}`),
      PATH: pathWith(stage.dir),
    },
  });
}

for (
  const [what, service, protocol, encoding] of [
    ["systemd unit", unit(), undefined, "application/x-protobuf"],
    ["DaemonSet", pod(), "http/json", "application/json"],
  ] as const
) {
  live(`the ${what}'s command sends every event under its capabilities, the last ones when it is stopped`, async () => {
    using stage = new Stage();
    await using receiver = new Receiver();
    const env = { ...service.env, ...(protocol !== undefined && { OTEL_EXPORTER_OTLP_PROTOCOL: protocol }) };
    // No interval ends while it runs: what is counted is sent by the end alone. Usage is told once events flow.
    const options = ["-i", "3600000", "--usage-self", "100", "-e", stage.event("alias=calls")];
    const traced = startService(stage, { ...service, env }, receiver.port, options);
    await traced.saw(/cpu/);
    assert.equal(await stage.emit("calls", CALLS), CALLS);
    assert.deepEqual([...receiver.metrics.keys()], []);
    traced.kill("SIGTERM");
    const { code, stdout, stderr } = await traced.end();
    assert.deepEqual([code, stdout, stderr.replace(/^perfprof: cpu .*\n/gm, "")], [0, "", ""]);
    const counts = receiver.sums("perfprof.event.count");
    assert.equal(counts['{"event":"raw_syscalls:calls"}'], CALLS);
    assert.ok(counts['{"event":"sched:sched_wakeup"}']! > 0);
    assert.ok(Number(receiver.histogram("perfprof.rundelay.duration").count) > 0);
    assert.deepEqual(receiver.sums("perfprof.event.lost"), {});
    assert.deepEqual([...receiver.encodings], [encoding]);
    assert.deepEqual([receiver.resource["service.name"], receiver.resource["host.name"]], ["perfprof", "host-7"]);
  });
}

live("metrics.ts: every event was sent or is counted as lost; delays are in their buckets", async () => {
  using stage = new Stage();
  await using receiver = new Receiver();
  const module = `
    import { rundelay } from "${HANDLER}";
    export { __exit__, __lost__, __sample__ } from "${HANDLER}";
    export function __init__() {
      for (const delay of [500, 1500, 2000, 2_000_000_000]) rundelay({ delay });
    }`;
  const flood = `${stage.emitter} flood 300000`;
  const { code } = await start(["-m", "1", "-e", stage.event(), "-c", flood, stage.dir.write("h.ts", module)], {
    env: {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}`,
    },
  }).end();
  assert.equal(code, 0);
  const [count = 0] = Object.values(receiver.sums("perfprof.event.count"));
  const [lost = 0] = Object.values(receiver.sums("perfprof.event.lost"));
  assert.ok(lost > 0);
  assert.equal(count + lost, 300_000);
  const delays = receiver.histogram("perfprof.rundelay.duration");
  assert.deepEqual([delays.count, delays.sum], ["4", 2.000004]);
  const filled = delays.bucketCounts.flatMap((count, i) => count === "0" ? [] : [[delays.explicitBounds[i], count]]);
  assert.deepEqual(filled, [[1e-6, "1"], [2e-6, "2"], [undefined, "1"]]);
});

live("metrics.ts says that nothing is sent without OTEL_DENO", async () => {
  const { code, stderr } = await perfprof(["-q", "-e", "rundelay", "-c", "true", HANDLER]);
  assert.deepEqual([code, stderr], [0, "metrics.ts: without OTEL_DENO=true nothing is sent\n"]);
});

const SYSTEMD = hasSystemd();

function hasSystemd(): boolean {
  try {
    return new Deno.Command("systemd-analyze", { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test({
  name: `systemd takes the unit${SYSTEMD ? "" : " (skipped: no systemd-analyze)"}`,
  ignore: !SYSTEMD,
  async fn() {
    using dir = new TempDir();
    const handler = dir.write("metrics.ts", "", 0o755);
    const path = dir.write("perfprof@metrics.service", UNIT.replace("/etc/perfprof/%i.ts", handler));
    const { code, stderr } = await new Child("systemd-analyze", ["verify", path]).end();
    // It also speaks of units of the machine.
    assert.doesNotMatch(stderr, /perfprof/);
    assert.equal(code, 0, stderr);
  },
});

Deno.test("the DaemonSet is one program with the unit's capabilities, which sees the host's tasks and events", () => {
  const { kind, spec: { selector, template } } = MANIFEST;
  assert.deepEqual([kind, selector.matchLabels], ["DaemonSet", template.metadata.labels]);
  const { containers, hostPID, terminationGracePeriodSeconds, volumes } = template.spec;
  assert.deepEqual([containers.length, hostPID, CONTAINER.securityContext.runAsUser], [1, true, 0]);
  assert.equal(`${terminationGracePeriodSeconds}`, settings("TimeoutStopSec")[0]);
  assert.deepEqual(CONTAINER.securityContext.capabilities.drop, ["ALL"]);
  assert.deepEqual(pod().capabilities, unit().capabilities);
  assert.deepEqual([pod().command, pod().env.OTEL_SERVICE_NAME], [unit().command, unit().env.OTEL_SERVICE_NAME]);
  assert.equal(volumes.find(({ name }) => name === "tracefs")?.hostPath?.path, "/sys/kernel/tracing");
  assert.deepEqual(CONTAINER.volumeMounts.map(({ mountPath }) => mountPath), ["/sys/kernel/tracing", "/etc/perfprof"]);
  assert.deepEqual(CONTAINER.volumeMounts.map(({ name }) => name).sort(), volumes.map(({ name }) => name).sort());
  assert.equal(`${parseInt(CONTAINER.resources.limits.memory)}M`, settings("MemoryMax")[0]);
  // Kubernetes reads YAML 1.1, in which `yes` is true and 0755 octal.
  assert.deepEqual(parse(read("docs/fleet/daemonset.yaml"), { version: "1.1" }), MANIFEST);
});

/** The manifest with another pod. */
function withPod(spec: object): object {
  return { ...MANIFEST, spec: { ...MANIFEST.spec, template: { ...MANIFEST.spec.template, spec } } };
}

Deno.test("the DaemonSet is what the OpenAPI schema of Kubernetes takes", () => {
  const validate = (manifest: object) => new Schema(manifest as IDaemonSet).validate();
  validate(MANIFEST);
  const pod = MANIFEST.spec.template.spec;
  assert.throws(() => validate(withPod({ ...pod, hostPID: "yes" })), /hostPID/);
  assert.throws(() => validate(withPod({ ...pod, volumes: [{ name: "x", hostPath: {} }] })), /hostPath/);
  assert.throws(() => validate({ ...MANIFEST, apiVersion: "apps/v2" }), /apiVersion/);
});

/** Checks a manifest against the types made from that schema: it lets pass what it does not know, and a cluster does not. */
async function typeErrors(manifest: unknown): Promise<string> {
  using dir = new TempDir();
  const types = 'import type { IDaemonSet } from "npm:kubernetes-models@5.1.0/apps/v1";';
  const path = dir.write("manifest.ts", `${types}\nexport default ${JSON.stringify(manifest)} satisfies IDaemonSet;\n`);
  const { stderr } = await new Child(Deno.execPath(), ["check", "-q", "--no-lock", path], { env: { NO_COLOR: "1" } }).end();
  return stderr;
}

Deno.test("the DaemonSet has no field that Kubernetes does not know", async () => {
  assert.equal(await typeErrors(MANIFEST), "");
  const { hostPID, ...pod } = MANIFEST.spec.template.spec;
  assert.match(await typeErrors(withPod({ ...pod, hostPid: hostPID })), /hostPid.* does not exist in type 'IPodSpec'/);
});

Deno.test("the image has what setup.sh installs, this Deno and this version", () => {
  const dockerfile = read("docs/fleet/Dockerfile");
  const packages = [...read("native/setup.sh").matchAll(/\|\| echo ([\w-]+)$/gm)].map(([, name]) => name!);
  assert.ok(packages.length >= 6, `${packages}`);
  assert.deepEqual(packages.filter((name) => !new RegExp(`[ \\n]${name}[ \\n]`).test(dockerfile)), []);
  assert.match(dockerfile, new RegExp(`npm install -g deno@${RegExp.escape(/deno@([\d.]+)/.exec(read("README.md"))![1]!)}`));
  assert.equal(CONTAINER.image, `perfprof:${JSON.parse(read("deno.json")).version}`);
});

const MOUNTS = Deno.uid() === 0 && new Deno.Command("unshare", { args: ["-m", "true"], stderr: "null" }).outputSync().success;

live("the command that the document and the image install runs a handler where nothing can be written", async () => {
  using dir = new TempDir();
  const install = /deno install .* main\.ts/;
  const [line] = install.exec(read("docs/fleet/Dockerfile"))!;
  assert.equal(install.exec(read("docs/fleet.md"))![0], line);
  const local = `${dir.path}/local`;
  const words = line.replace("/usr/local", local).split(" ").slice(1);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args: words, cwd: root }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  Deno.symlinkSync(Deno.execPath(), `${local}/bin/deno`);
  const readOnly = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && perfprof -q -e rundelay -c true "$1"';
  const env = { PATH: `${local}/bin:${Deno.env.get("PATH")}` };
  const ran = await new Child("unshare", ["-m", "sh", "-c", readOnly, local, HANDLER], { env }).end();
  assert.deepEqual([ran.code, ran.stderr], [0, "metrics.ts: without OTEL_DENO=true nothing is sent\n"]);
}, MOUNTS ? undefined : "no mount namespaces here");

/** The document's query, over the files in a folder. */
async function query(folder: string): Promise<unknown[]> {
  const [, sql] = /^```sql\n([^]*?)^```$/m.exec(read("docs/fleet.md"))!;
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(sql!.replace("'events/", `'${folder}/events/`));
  connection.closeSync();
  instance.closeSync();
  return reader.getRowObjects();
}

live("one query over the recordings of three hosts", async () => {
  using stage = new Stage();
  const { path } = stage.dir;
  const hosts = [["web-1", 100], ["web-2", 300], ["db-1", 200]] as const;
  for (const [host, calls] of hosts) {
    const data = `${path}/${host}.data`;
    Deno.mkdirSync(`${path}/events/host=${host}`, { recursive: true });
    const command = `${stage.emitter} calls ${calls}`;
    const recorded = await perfprof(["record", "-e", stage.event(), "-c", command, "-o", data]);
    assert.equal(recorded.code, 0, recorded.stderr);
    const file = `${path}/events/host=${host}/1.parquet`;
    const exported = await perfprof(["export", data, "--to", "parquet", "-o", file]);
    assert.deepEqual([exported.code, exported.stdout], [0, `${calls} rows in ${file}\n`]);
  }
  const rows = [["web-2", 300n], ["db-1", 200n], ["web-1", 100n]] as const;
  const id = BigInt(emittedNr());
  assert.deepEqual(await query(path), rows.map(([host, calls]) => ({ host, id, calls, processes: 1n })));
});
