#!/bin/sh
# Makes the recordings of this folder anew, and what they expect: as root, on x86-64, with a disk that dd may write to. Needs cc and
# perf. Look at what changed in the .expected files before it is kept.
#
#   PERFPROF='deno run -A ../../main.ts' ./make.sh
#
# The stacks' symbols come from .debug, a build-id cache with what they need: the program `touch` (2 KB), and of the kernel's kallsyms
# the names that are in the stacks. So they are the same on every machine.
set -eu
cd "$(dirname "$0")"
perfprof=${PERFPROF:-perfprof}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

record() {
	name=$1
	shift
	$perfprof record -q -o "$work/$name" "$@" >"$work/log"
	install -m 644 "$work/$name" "$name.perf.data"
}

# A build id's folder of the cache, where $2 goes as $3.
cache() {
	folder=.debug/.build-id/$(echo "$1" | cut -c1-2)/$(echo "$1" | cut -c3-)
	mkdir -p "$folder"
	install -m 644 "$2" "$folder/$3"
}

# ---- of perf ----

perf record -N -q -m 16 --synth=no -k mono -e sched:sched_wakeup,sched:sched_switch -o "$work/small" -- \
	sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 0.005; done'
for name in counter events folded latency state wakeups; do install -m 644 "$work/small" $name.perf.data; done
perf record -q -N -a --no-bpf-event --synth=no -o "$work/sched" \
	-e sched:sched_switch,sched:sched_wakeup,sched:sched_wakeup_new,sched:sched_waking,sched:sched_migrate_task,task:task_newtask \
	-- sh -c 'for i in 1 2 3; do sleep 0.005; done'
for name in migrations offcpu oncpu rundelay taskstate; do install -m 644 "$work/sched" $name.perf.data; done
perf record -q -N --no-bpf-event --synth=no -e raw_syscalls:sys_enter,raw_syscalls:sys_exit -o "$work/calls" -- sh -c 'sleep 0.01'
install -m 644 "$work/calls" syscalls.perf.data

# ---- of perfprof ----

rm -rf .debug
cc -O1 -fno-omit-frame-pointer -fcf-protection=none -static -nostdlib -no-pie -Wl,--build-id,-z,noseparate-code \
	-o "$work/touch" touch.c
cache "$(readelf -n "$work/touch" | awk '/Build ID/ { print $3 }')" "$work/touch" elf
watched=0x$(nm "$work/touch" | awk '$3 == "watched" { sub(/^0+/, "", $1); print $1 }')
echo "-e 'breakpoint/$watched/8:w -g/'" >watchpoint.options

record watchpoint -e "breakpoint/$watched/8:w -g --no-kernel-callchain/" -c "$work/touch"
record pagefaults -e 'page-faults/-g --no-kernel-callchain/' -c "$work/touch"
record profile -e 'profile/-F 997 -g/,sched:sched_wakeup' -c "$work/touch"
cp profile.perf.data combined.perf.data
record flamegraph -g --user-callchain -e sched:sched_switch -c "$work/touch"
record callstacks -g -e sched:sched_wakeup --time 0.02 -c 'sh -c "for i in 1 2 3 4; do sleep 0.002; done"'
record irqoff -z -e irq:irq_handler_entry,irq:irq_handler_exit,irq:softirq_entry,irq:softirq_exit --time 0.05
# Shells go on to be started when the recording ends: what they have allocated is held then.
timeout 3 sh -c 'while :; do sleep 0.001; done' &
record kmemleak -z -g --no-user-callchain -e 'kmem:kmalloc/bytes_req>=256/,kmem:kfree' --time 0.01
wait
{ for _ in 1 2 3 4 5 6 7 8 9 10; do
	dd if=/dev/zero of="$work/file" bs=64k count=4 oflag=direct 2>"$work/log"
	sleep 0.1
done; } &
record blktrace -z -e block:block_rq_insert,block:block_rq_issue,block:block_rq_complete --time 0.5
wait

# ---- the kernel's names ----

echo 'export function __sample__(event) {
	for (const { symbol, kernel } of event.get("_callchain") ?? event.get("callchain") ?? []) if (kernel) console.log(symbol);
}' >"$work/names.ts"
for name in callstacks flamegraph kmemleak profile; do $perfprof -q -I $name.perf.data "$work/names.ts"; done | sort -u >"$work/names"
# Each with the next one, where it ends.
awk 'NR == FNR { wanted[$1] = 1; next }
	ends || $3 == "_text" || (($2 == "t" || $2 == "T") && $3 in wanted) { print; ends = $3 in wanted }' \
	"$work/names" /proc/kallsyms >"$work/kallsyms"
cache "$(perf buildid-list -i callstacks.perf.data | awk '/kernel.kallsyms/ { print $1 }')" "$work/kallsyms" kallsyms

$perfprof test --update .
