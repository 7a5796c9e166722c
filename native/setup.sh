#!/bin/sh
# Makes this checkout ready: the C compiler and libraries, native/build/libperfprof.so, a mounted tracefs. What is there already
# is left alone: with nothing to do it is silent and takes some 10 ms. What only root can do it does as root; anyone else is told
# the one command, after all that needs no root has been done. Says what it does on stderr, so that a task's stdout stays its own.
# npm packages are not its business: Deno fetches them, pinned by deno.lock, when a program first runs, or for a machine that will
# be offline with `deno cache main.ts`.
set -eu
cd "$(dirname "$0")"
tracefs=/sys/kernel/tracing

say() {
	printf 'setup: %s\n' "$*" >&2
}

is_root() {
	[ "$(id -u)" = 0 ]
}

# make knows best whether a source is newer than the library.
is_built() {
	command -v make >/dev/null && make -s -q >/dev/null 2>&1
}

compiles() {
	printf '#include <%s>\n' "$1" | cc -E - >/dev/null 2>&1
}

# Debian packages of what the compiler does not find, so that a compiler or a library installed by hand is as good.
missing_packages() {
	command -v make >/dev/null || echo make
	command -v cc >/dev/null || echo gcc
	compiles stdio.h || echo libc6-dev
	compiles traceevent/event-parse.h || echo libtraceevent-dev
	compiles libiberty/demangle.h || echo libiberty-dev
	compiles lzma.h || echo liblzma-dev
	compiles elfutils/libdw.h || echo libdw-dev
	compiles zstd.h || echo libzstd-dev
}

# apt-get, with its output shown only where it fails.
apt() {
	log=$(mktemp)
	status=0
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" >"$log" 2>&1 </dev/null || status=$?
	[ "$status" = 0 ] || errors=$(cat "$log")
	rm -f "$log"
	return "$status"
}

# The package lists are fetched only where they are missing or too old to install from.
install_packages() {
	say "installing $*"
	apt install --no-install-recommends "$@" && return
	say "updating the package lists"
	if ! { apt update && apt install --no-install-recommends "$@"; }; then
		say "installing $* failed:"
		printf '%s\n' "$errors" >&2
		exit 1
	fi
}

build() {
	say "building libperfprof.so"
	make -s -j4
}

is_mounted() {
	while read -r _ _ type _; do
		[ "$type" != tracefs ] || return 0
	done </proc/self/mounts
	return 1
}

# A container may not mount: what works on recorded bytes, and list and help, still do.
mount_tracefs() {
	say "mounting tracefs"
	mount -t tracefs nodev "$tracefs" || say "tracefs could not be mounted at $tracefs: no tracepoints here"
}

for_root=
if ! is_built; then
	# shellcheck disable=SC2046 # one word for each package
	set -- $(missing_packages)
	if [ $# = 0 ]; then
		build
	elif is_root; then
		install_packages "$@"
		build
	else
		say "missing: $*"
		for_root="apt-get update && apt-get install -y $*"
	fi
fi
if ! is_mounted; then
	if is_root; then
		mount_tracefs
	else
		say "missing: tracefs is not mounted"
		for_root="${for_root:+$for_root && }mount -t tracefs nodev $tracefs"
	fi
fi
if [ -n "$for_root" ]; then
	say "run as root: $for_root"
	exit 1
fi
