/**
 * Asks libtraceevent itself what it prints (tests/native/print_reference.c).
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../native/build/print_reference", import.meta.url));

/** A sample and the text of its event's format. */
export interface Printed {
  /** `sched:sched_wakeup` */
  readonly event: string;
  readonly formatText: string;
  readonly cpu: number;
  readonly raw: Uint8Array<ArrayBuffer>;
}

/** The texts, one for each sample; empty for a print format that libtraceevent cannot parse. */
export async function referenceTexts(samples: readonly Printed[]): Promise<string[]> {
  const process = new Deno.Command(PROGRAM, { stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const [, { success, stdout, stderr }] = await Promise.all([
    new Blob(requests(samples)).stream().pipeTo(process.stdin),
    process.output(),
  ]);
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const texts = new TextDecoder().decode(stdout).split("\0");
  if (texts.length !== samples.length + 1) throw new Error(`${texts.length - 1} texts of ${samples.length} samples`);
  return texts.slice(0, -1);
}

function requests(samples: readonly Printed[]): (string | Uint8Array<ArrayBuffer>)[] {
  const formats = new Map(samples.map(({ event, formatText }) => [event, new TextEncoder().encode(formatText)]));
  return [
    ...[...formats].flatMap(([event, text]) => [`format ${event.split(":")[0]} ${text.length}\n`, text]),
    ...samples.flatMap(({ cpu, raw }) => [`sample ${cpu} ${raw.length}\n`, raw]),
  ];
}
