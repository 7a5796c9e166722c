/**
 * `deno task package`: dist/perfprof_VERSION_amd64.deb, dist/perfprof-VERSION-x86_64.tar.xz and their SHA256SUMS. Times, owners and
 * the order of files are fixed, so that the same sources and tools give the same bytes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { gzip, type InstalledFile, installedFiles, textFile, VERSION, writeFiles } from "./files.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
/** Seconds since the epoch, of every file in them: as reproducible-builds.org has it. */
const EPOCH = Deno.env.get("SOURCE_DATE_EPOCH") ?? "1767225600";
const MAINTAINER = "perfprof authors <perfprof@localhost>";

const CONTROL = `Package: perfprof
Version: ${VERSION}
Architecture: amd64
Maintainer: ${MAINTAINER}
Section: devel
Priority: optional
Recommends: libdw1, libzstd1
Description: TypeScript handlers on the events of the Linux kernel
 Hands events of the kernel (tracepoints, probes, samples, counters), in the
 order of their time, to the functions of a TypeScript module. One file with
 its own runtime, which it unpacks to the user's cache on the first run.
`;

/** What lintian calls errors and is meant so: the program is to run where no library is, and there is no address to write to. */
const OVERRIDES = `perfprof: statically-linked-binary [usr/bin/perfprof]
perfprof: bogus-mail-host *
perfprof: bogus-mail-host-in-debian-changelog *
`;

/** What is in them is compressed already: xz is not to try for long. */
async function run(command: string, args: readonly string[]): Promise<void> {
  const env = { SOURCE_DATE_EPOCH: EPOCH, LC_ALL: "C", XZ_OPT: "-1" };
  const { success } = await new Deno.Command(command, { args: [...args], env, stdout: "null", stderr: "inherit" }).output();
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
}

function changelog(): InstalledFile {
  const date = new Date(Number(EPOCH) * 1000).toUTCString().replace("GMT", "+0000");
  const text = `perfprof (${VERSION}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- ${MAINTAINER}  ${date}\n`;
  return { path: "share/doc/perfprof/changelog.gz", mode: 0o644, bytes: gzip(text) };
}

/** All folders and files get the one time. */
async function settle(folder: string): Promise<void> {
  await run("chmod", ["-R", "u=rwX,go=rX", folder]);
  await run("find", [folder, "-exec", "touch", "-h", "-d", `@${EPOCH}`, "{}", "+"]);
}

async function debianPackage(folder: string, files: readonly InstalledFile[]): Promise<string> {
  const name = `perfprof_${VERSION}_amd64.deb`;
  const overrides = textFile("share/lintian/overrides/perfprof", OVERRIDES);
  writeFiles(`${folder}/usr`, [...files, changelog(), overrides]);
  writeFiles(folder, [textFile("DEBIAN/control", CONTROL)]);
  await settle(folder);
  await run("dpkg-deb", ["--root-owner-group", "-Zxz", "-z1", "--build", folder, DIST + name]);
  return name;
}

async function archive(folder: string, files: readonly InstalledFile[]): Promise<string> {
  const root = `perfprof-${VERSION}-x86_64`;
  writeFiles(`${folder}/${root}`, files);
  await settle(folder);
  const owners = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name", `--mtime=@${EPOCH}`, "--format=gnu"];
  await run("tar", [...owners, "-C", folder, "-cJf", `${DIST}${root}.tar.xz`, root]);
  return `${root}.tar.xz`;
}

async function inTempDir<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = Deno.makeTempDirSync({ prefix: "perfprof-package-" });
  try {
    return await work(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const files = await installedFiles();
const names = [
  await inTempDir((folder) => debianPackage(folder, files)),
  await inTempDir((folder) => archive(folder, files)),
];
const sums = names.map((name) => `${createHash("sha256").update(Deno.readFileSync(DIST + name)).digest("hex")}  ${name}\n`);
Deno.writeTextFileSync(`${DIST}SHA256SUMS`, sums.join(""));
console.error(`package: ${names.join(", ")} and SHA256SUMS in dist/`);
