/* SPDX-License-Identifier: MIT */
/*
 * How often somebody is woken on each CPU, as WebAssembly without any library.
 *
 *   clang --target=wasm32 -O2 -ffreestanding -nostdlib -Wl,--no-entry -o wakeups.wasm wakeups.c
 *   perfprof -e sched:sched_wakeup wakeups.wasm
 */
#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("perfprof"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

#define CPUS 1024

/* Where a field is, as docs/compiled.md has it. */
struct field {
	uint32_t source, kind, offset, size, base, chain;
};

IMPORT("find_event") int32_t find_event(const char *name, uint32_t length);
IMPORT("field") void find_field(int32_t event, const char *name, uint32_t length, struct field *into);
IMPORT("write") void write_text(int32_t fd, const char *text, uint32_t length);

/* Where events come to. */
static uint64_t room[32768];
static uint32_t woken[CPUS];
static struct field target_cpu;

EXPORT("perfprof_abi") int32_t abi(void)
{
	return 1;
}

EXPORT("perfprof_memory") void *memory(uint32_t size)
{
	return size <= sizeof(room) ? room : 0;
}

EXPORT("__init__") int32_t init(void)
{
	int32_t event = find_event("sched:sched_wakeup", 18);

	if (event < 0)
		return 1;
	find_field(event, "target_cpu", 10, &target_cpu);
	return 0;
}

EXPORT("sched__sched_wakeup") void wakeup(const char *record)
{
	uint32_t cpu = *(const uint32_t *)(record + target_cpu.offset);

	if (cpu < CPUS)
		woken[cpu]++;
}

/* Writes the digits of a number in front of `end`; returns where they begin. */
static char *digits(char *end, uint32_t number)
{
	do
		*--end = '0' + number % 10;
	while (number /= 10);
	return end;
}

EXPORT("__exit__") void finish(void)
{
	char text[32];
	char *const end = text + sizeof(text);

	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		char *at = end;

		if (woken[cpu] == 0)
			continue;
		*--at = '\n';
		at = digits(at, woken[cpu]);
		*--at = ' ';
		*--at = ':';
		at = digits(at, cpu);
		write_text(1, at, end - at);
	}
}
