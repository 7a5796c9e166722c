/**
 * The recording of tests/fixtures through a Run, the event classes and libtraceevent, without a kernel: the same text to the byte
 * whatever the batches; and damaged records, of which nothing but values of their own bytes or DecodeErrors may come.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DecodeError } from "../lib/errors.ts";
import type { AnyEvent, EventClass } from "../lib/event_class.ts";
import { hash } from "../lib/perf_event.ts";
import { describe, eventOf, play, readRecording, TEXT_PATH, withoutPrefix } from "./fixtures/recording.ts";
import { prefixed } from "./recorded_source.ts";
import { Random } from "./random.ts";

const EXPECTED = Deno.readTextFileSync(TEXT_PATH);

for (const most of [Infinity, 3, 1]) {
  Deno.test(`the recording in batches of ${most} records at most gives the expected text`, async () => {
    const texts: string[] = [];
    const thrown = await play(readRecording(), (event) => void texts.push(describe(event)), most);
    assert.deepEqual(thrown, []);
    assert.equal(texts.join(""), EXPECTED);
  });
}

Deno.test("events that are kept to the end give the expected text then", async () => {
  const kept: AnyEvent[] = [];
  await play(readRecording(), (event) => void kept.push(event), 3);
  assert.equal(kept.map(describe).join(""), EXPECTED);
});

/** All that can be read of an event; where that is not possible, the DecodeError's message. */
function everything(type: EventClass, view: DataView, offset: number): unknown[] {
  const event = orMessage(() => new type(view, offset));
  if (typeof event === "string") return [event];
  return [
    ...type.keys.map((key) => orMessage(() => event.get(key))),
    orMessage(() => event.to_dict()),
    orMessage(() => event.to_text({ timestamp: false })),
    orMessage(() => JSON.stringify(event)),
    hash(event),
  ];
}

function orMessage<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

/** The record with 1 to 4 bytes changed: any but those of its size, by which the source has cut it out. */
function damage(record: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const damaged = record.slice();
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(record.length);
    if (at !== 6 && at !== 7) damaged[at] = [0, 0xff, random.below(256)][random.below(3)]!;
  }
  return damaged;
}

/** The record between bytes that are not its own. */
function surrounded(record: Uint8Array, by: number): DataView {
  const bytes = new Uint8Array(64 + record.length + 70_000).fill(by);
  bytes.set(record, 64);
  return new DataView(bytes.buffer);
}

Deno.test("of a damaged record come values of its own bytes or DecodeErrors: what is around it changes nothing", () => {
  const { events, records } = readRecording();
  const random = new Random(7);
  let refused = 0;
  let read = 0;
  for (const record of records.filter((record) => eventOf(record) < events.length)) {
    const { type } = events[eventOf(record)]!;
    for (let i = 0; i < 12; i++) {
      const damaged = damage(withoutPrefix(record), random);
      const seen = everything(type, surrounded(damaged, 0xa5), 64);
      assert.deepEqual(everything(type, surrounded(damaged, 0x5a), 64), seen);
      if (seen.length === 1) refused++;
      else read++;
    }
  }
  assert.ok(refused > 50 && read > 1000, `${refused} refused, ${read} read`);
});

Deno.test("a record that ends with the memory is not read beyond it", () => {
  const { events, records } = readRecording();
  for (const record of records.filter((record) => eventOf(record) < events.length)) {
    const whole = withoutPrefix(record);
    const { type } = events[eventOf(record)]!;
    for (let length = 0; length < whole.length; length += 4) {
      assert.throws(
        () => new type(new DataView(whole.buffer, 0, length), 0),
        DecodeError,
        `${length} of ${whole.length} bytes`,
      );
    }
  }
});

Deno.test("a run over damaged records goes through all of them", async () => {
  const recording = readRecording();
  const { events, records } = recording;
  const samples = records.filter((record) => eventOf(record) < events.length).length;
  const random = new Random(11);
  let failures = 0;
  for (let i = 0; i < 20; i++) {
    const damaged = records.map((record) =>
      prefixed(
        eventOf(record),
        0,
        eventOf(record) < events.length ? damage(withoutPrefix(record), random) : withoutPrefix(record),
      )
    );
    let handled = 0;
    const thrown = await play({ ...recording, records: damaged }, (event) => {
      handled++;
      event.to_dict();
    }, 1 + random.below(10));
    for (const error of thrown) if (!(error instanceof DecodeError)) throw error;
    failures += thrown.length;
    assert.ok(handled <= samples && handled + thrown.length >= samples, `${handled} and ${thrown.length} of ${samples}`);
  }
  assert.ok(failures > 0, "nothing was damaged");
});
