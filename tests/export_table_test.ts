/** Tables as their readers see them: DuckDB for CSV, JSON lines and Parquet, Arrow's own library, SQLite; and what tables refuse. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { DuckDBInstance } from "npm:@duckdb/node-api@1.5.5-r.5";
import { tableFromIPC } from "npm:apache-arrow@21.2.0";
import type { ColumnType, Row } from "../lib/export/columns.ts";
import { makeTable, type TableOptions } from "../lib/export/table.ts";
import { makeEventClass } from "../lib/event_class.ts";
import { field, format, SAMPLE_TYPE, SERVICES, view, WAKEUP_RECORD } from "./fixtures/bytes.ts";
import { TempDir } from "./harness.ts";
import { linesTo } from "../lib/text_bytes.ts";

const BIG = 2n ** 64n - 1n;

/** All there is in a row: integers to the last digit, text that formats must quote, lists, nothing. */
const ROWS: readonly Row[] = [
  {
    small: -1,
    large: 2n ** 53n + 1n,
    addr: BIG,
    ratio: 0.5,
    ok: true,
    text: 'a "b", c\nd',
    list: [1, 2n ** 62n],
    empty: undefined,
  },
  { small: 2, large: 7, addr: 1n, ratio: 2, ok: false, text: "", list: [], empty: undefined },
  { small: 3, large: -(2n ** 63n), addr: 2, ratio: -1, ok: null, text: null, list: null, empty: undefined },
];
const COLUMNS: Readonly<Record<string, ColumnType>> = { small: "int32", addr: "uint64" };

async function written(dir: TempDir, name: string, rows: readonly Row[], options: TableOptions = {}): Promise<string> {
  const path = `${dir.path}/${name}`;
  const table = await makeTable(path, options);
  for (const row of rows) table.add(row);
  table.close();
  assert.equal(table.count, rows.length);
  return path;
}

/** What DuckDB answers, lists as arrays. */
async function query(sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(sql);
  const rows = reader.getRowObjects().map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, isList(value) ? [...value.items] : value]))
  );
  connection.closeSync();
  instance.closeSync();
  return rows;
}

function isList(value: unknown): value is { readonly items: readonly unknown[] } {
  return typeof value === "object" && value !== null && "items" in value;
}

const EXACT = [
  {
    small: -1,
    large: 2n ** 53n + 1n,
    addr: BIG,
    ratio: 0.5,
    ok: true,
    text: 'a "b", c\nd',
    list: [1n, 2n ** 62n],
    empty: null,
  },
  { small: 2, large: 7n, addr: 1n, ratio: 2, ok: false, text: "", list: [], empty: null },
  { small: 3, large: -(2n ** 63n), addr: 2n, ratio: -1, ok: null, text: null, list: null, empty: null },
];

Deno.test("parquet: DuckDB reads every value and type", async () => {
  using dir = new TempDir();
  const path = await written(dir, "t.parquet", ROWS, { columns: COLUMNS });
  assert.deepEqual(await query(`SELECT * FROM '${path}'`), EXACT);
  assert.deepEqual(await query(`SELECT column_name AS name, column_type AS type FROM (DESCRIBE FROM '${path}')`), [
    { name: "small", type: "INTEGER" },
    { name: "large", type: "BIGINT" },
    { name: "addr", type: "UBIGINT" },
    { name: "ratio", type: "DOUBLE" },
    { name: "ok", type: "BOOLEAN" },
    { name: "text", type: "VARCHAR" },
    { name: "list", type: "BIGINT[]" },
    { name: "empty", type: "VARCHAR" },
  ]);
});

Deno.test("parquet: row groups are skipped by their statistics, above 2^63 as well", async () => {
  using dir = new TempDir();
  const rows = Array.from(
    { length: 40_000 },
    (_, i) => ({ i, addr: 0xffff_8000_0000_0000n + BigInt(i), u32: 2 ** 31 + i, odd: [i % 2] }),
  );
  const path = await written(dir, "t.parquet", rows, { columns: { addr: "uint64", u32: "uint32" } });
  assert.deepEqual(await query(`SELECT count(*) AS n FROM parquet_metadata('${path}') WHERE path_in_schema = 'i'`), [{
    n: 5n,
  }]);
  assert.deepEqual(
    await query(`SELECT count(*) AS n, sum(i)::BIGINT AS sum, sum(odd[1])::BIGINT AS odd, max(u32) AS u32 FROM '${path}'`),
    [{ n: 40_000n, sum: 799_980_000n, odd: 20_000n, u32: 2 ** 31 + 39_999 }],
  );
  assert.deepEqual(await query(`SELECT i FROM '${path}' WHERE addr = ${0xffff_8000_0000_0000n + 20_000n}`), [{ i: 20_000n }]);
});

Deno.test("arrow: apache-arrow reads every value and type", async () => {
  using dir = new TempDir();
  const table = tableFromIPC(Deno.readFileSync(await written(dir, "t.arrow", ROWS, { columns: COLUMNS })));
  const rows = table.toArray().map((row) => ({ ...row.toJSON(), list: row.list === null ? null : [...row.list] }));
  assert.deepEqual(rows, EXACT);
  assert.deepEqual(
    table.schema.fields.map(({ name, type }) => `${name} ${type}`),
    ["small Int32", "large Int64", "addr Uint64", "ratio Float64", "ok Bool", "text Utf8", "list List<Int64>", "empty Utf8"],
  );
});

Deno.test("arrow: several batches, and no row at all", async () => {
  using dir = new TempDir();
  const rows = Array.from({ length: 40_000 }, (_, i) => ({ i, text: `row ${i}` }));
  const table = tableFromIPC(Deno.readFileSync(await written(dir, "t.arrow", rows)));
  assert.deepEqual([table.batches.length, table.numRows, table.get(39_999)?.text], [5, 40_000, "row 39999"]);
  const none = tableFromIPC(Deno.readFileSync(await written(dir, "none.arrow", [], { columns: COLUMNS })));
  assert.deepEqual([none.numRows, none.numCols], [0, 2]);
});

Deno.test("a table without rows is one that opens", async () => {
  using dir = new TempDir();
  for (const name of ["t.csv", "t.parquet"]) {
    assert.deepEqual(await query(`SELECT count(*) AS n, max(_event) AS last FROM '${await written(dir, name, [])}'`), [
      { n: 0n, last: null },
    ]);
  }
  const { numRows, schema } = tableFromIPC(Deno.readFileSync(await written(dir, "t.arrow", [])));
  assert.deepEqual([numRows, schema.names], [0, ["_event"]]);
  const database = new DatabaseSync(await written(dir, "t.sqlite", []));
  assert.deepEqual(database.prepare("SELECT _event FROM events").all(), []);
  database.close();
});

Deno.test("sqlite: integers of 64 bits, larger ones as their digits, lists for json_each", async () => {
  using dir = new TempDir();
  const database = new DatabaseSync(await written(dir, "t.sqlite", ROWS, { columns: COLUMNS }));
  const select = database.prepare("SELECT * FROM events");
  select.setReadBigInts(true);
  assert.deepEqual(select.all().map((row) => ({ ...row })), [
    { ...EXACT[0], small: -1n, addr: String(BIG), ok: 1n, list: "[1,4611686018427387904]" },
    { ...EXACT[1], small: 2n, ok: 0n, list: "[]" },
    { ...EXACT[2], small: 3n },
  ]);
  assert.deepEqual({ ...database.prepare("SELECT count(value) AS n FROM events, json_each(list)").get() }, { n: 2 });
  database.close();
});

Deno.test("csv: the text itself", async () => {
  using dir = new TempDir();
  const path = await written(dir, "t.csv", ROWS, { columns: COLUMNS });
  assert.equal(
    Deno.readTextFileSync(path),
    `small,large,addr,ratio,ok,text,list,empty
-1,9007199254740993,18446744073709551615,0.5,true,"a ""b"", c
d","[1,4611686018427387904]",
2,7,1,2,false,"",[],
3,-9223372036854775808,2,-1,,,,
`,
  );
  const [row] = await query(
    `SELECT addr, text FROM read_csv('${path}', delim = ',', quote = '"', header = true, types = {'addr': 'UBIGINT'}) LIMIT 1`,
  );
  assert.deepEqual(row, { addr: BIG, text: EXACT[0]!.text });
});

Deno.test("jsonl: bigints are digits, and rows may differ", async () => {
  using dir = new TempDir();
  const path = await written(dir, "t.jsonl", [{ a: BIG, list: new BigUint64Array([BIG]) }, {
    b: "x",
    stack: [{ symbol: "f" }],
  }]);
  assert.equal(
    Deno.readTextFileSync(path),
    '{"a":18446744073709551615,"list":[18446744073709551615]}\n{"b":"x","stack":[{"symbol":"f"}]}\n',
  );
  assert.deepEqual(await query(`SELECT a FROM read_json('${path}', columns = {a: 'UBIGINT'})`), [{ a: BIG }, { a: null }]);
});

/** The fields of WAKEUP_RECORD as others: what a value does not show. */
const EVENT = makeEventClass({
  event: "sched:sched_wakeup",
  format: format("sched_wakeup", [
    field("comm", "char", 8, 16, { array: true, count: 16, elementSize: 1, string: true }),
    field("ptr", "void *", 8, 8),
    field("ret", "long", 24, 8, { signed: true }),
    field("count", "unsigned int", 32, 4),
  ]),
  sampleType: SAMPLE_TYPE,
  services: SERVICES,
  kernel: [6, 18],
  lines: linesTo(() => {}),
});

Deno.test("events bring the types of their fields; times are exact; what has no stacks has no column for them", async () => {
  using dir = new TempDir();
  const table = await makeTable(`${dir.path}/t.parquet`);
  table.add(new EVENT(view(WAKEUP_RECORD), 0));
  table.close();
  const types = await query(`SELECT column_name || ' ' || column_type AS c FROM (DESCRIBE FROM '${dir.path}/t.parquet')`);
  assert.deepEqual(types.map((row) => (row as { c: string }).c), [
    ...["_pid INTEGER", "_tid INTEGER", "_time BIGINT", "_cpu UINTEGER", "_period UBIGINT"],
    ...["common_type INTEGER", "common_flags INTEGER", "common_preempt_count INTEGER", "common_pid INTEGER"],
    ...["_realtime BIGINT", "_event VARCHAR", "comm VARCHAR", "ptr UBIGINT", "ret BIGINT", "count UINTEGER"],
  ]);
  assert.deepEqual(await query(`SELECT _realtime, comm, ret FROM '${dir.path}/t.parquet'`), [
    { _realtime: 1_795_338_249_701_974_001n + 1_105_245_325_610n, comm: "pppeer", ret: 0x78_0000_4abdn },
  ]);
});

Deno.test("a value that a column cannot hold exactly is refused, and the row leaves nothing behind", async () => {
  using dir = new TempDir();
  const wrong: readonly (readonly [ColumnType, unknown])[] = [
    ["int32", 2 ** 31],
    ["int32", 0.5],
    ["uint32", -1],
    ["int64", 2n ** 63n],
    ["int64", NaN],
    ["uint64", -1n],
    ["float64", 2n ** 53n + 1n],
    ["boolean", 1],
    ["int64", "1"],
    ["int64", [1]],
    ["int64[]", 1],
    ["int64[]", ["x"]],
  ];
  for (const [type, value] of wrong) {
    const path = `${dir.path}/${type}.csv`;
    const table = await makeTable(path, { columns: { a: type, b: type } });
    for (let i = 0; i < 1000; i++) table.add({});
    assert.throws(
      () => table.add({ a: null, b: value }),
      { name: "RangeError", message: /^column 'b' is .*columns: \{"b": / },
      type,
    );
    table.close();
    assert.equal(Deno.readTextFileSync(path), `a,b\n${",\n".repeat(1000)}`);
  }
});

Deno.test("a column that comes late is refused, and said", async () => {
  using dir = new TempDir();
  const table = await makeTable(`${dir.path}/t.csv`, { columns: { late: "string" } });
  for (let i = 0; i < 1000; i++) table.add({ i });
  table.add({ i: 1000, late: "x" });
  assert.throws(() => table.add({ other: 1 }), { name: "TypeError", message: /^the first rows had no column 'other'/ });
  table.close();
  assert.match(Deno.readTextFileSync(`${dir.path}/t.csv`), /^i,late\n0,\n[^]*\n1000,x\n$/);
});

Deno.test("what first rows have together: the widest number, else text", async () => {
  using dir = new TempDir();
  const path = await written(dir, "t.csv", [{ a: 1, b: 1, c: 1, d: [1], e: [], f: { x: 1n } }, {
    a: 0.5,
    b: BIG,
    c: "x",
    d: 1,
    e: null,
  }]);
  assert.equal(Deno.readTextFileSync(path), `a,b,c,d,e,f\n1,1,1,[1],[],"{""x"":1}"\n0.5,${BIG},x,1,,\n`);
});

Deno.test("a type that there is not is named", async () => {
  using dir = new TempDir();
  const wrong = { columns: { a: "int" as ColumnType } };
  await assert.rejects(makeTable(`${dir.path}/t.csv`, wrong), {
    name: "TypeError",
    message: /^column 'a' cannot be 'int': boolean, /,
  });
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
});

Deno.test("{event} in the path: a file for each event, with the columns that it has", async () => {
  using dir = new TempDir();
  const table = await makeTable(`${dir.path}/{event}.csv`);
  for (let i = 0; i < 3; i++) table.add(new EVENT(view(WAKEUP_RECORD), 0));
  assert.throws(() => table.add({ _event: "../x" }), { name: "TypeError", message: /^Only events can be added to / });
  table.close();
  assert.equal(table.count, 3);
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["sched_sched_wakeup.csv"]);
  assert.match(Deno.readTextFileSync(`${dir.path}/sched_sched_wakeup.csv`), /^_pid,.*,count\n(?:19131,.*\n){3}$/);
});

Deno.test("nothing is added to what is closed", async () => {
  using dir = new TempDir();
  for (const name of ["t.csv", "t.jsonl"]) {
    const path = await written(dir, name, [{ a: 1 }]);
    const before = Deno.readTextFileSync(path);
    const table = await makeTable(path);
    table.close();
    assert.throws(() => table.add({ a: 2 }), { name: "TypeError", message: `Cannot add to ${path}: it is closed` });
    assert.notEqual(Deno.readTextFileSync(path), before);
  }
});

Deno.test("first rows always fit: what no type takes exactly is text", async () => {
  using dir = new TempDir();
  const rows = [{ a: -1n, b: 0.5, c: 1n, d: [1, null] }, { a: BIG, b: 2n ** 53n + 1n, c: 2n ** 64n, d: [] }];
  const path = await written(dir, "t.parquet", rows);
  assert.deepEqual(await query(`SELECT * FROM '${path}'`), [
    { a: "-1", b: "0.5", c: "1", d: [1n, null] },
    { a: String(BIG), b: "9007199254740993", c: String(2n ** 64n), d: [] },
  ]);
});
