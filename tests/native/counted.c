/* SPDX-License-Identifier: MIT */
/*
 * Does a known number of things that the kernel's software events and debug registers count. Memory is at the address
 * 0x200000000, where nothing else is.
 *
 *   counted faults N      touches N fresh pages, each once
 *   counted writes N      writes a variable of 8 bytes at that address N times
 *   counted switches N    a thread that answers N times and waits in between
 *   counted spin MS       burns MS ms of CPU time
 *
 * Ends with one JSON line: {"tid":TID,"count":COUNT,"page":BYTES}: who did it, and how often; of switches what the kernel says, of
 * spin the ns.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ADDRESS ((void *)0x200000000)

static uint8_t *map(size_t size)
{
	void *memory = mmap(ADDRESS, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (memory != ADDRESS) {
		perror("mmap");
		exit(1);
	}
	madvise(memory, size, MADV_NOHUGEPAGE);
	return memory;
}

static void say(int tid, uint64_t count)
{
	printf("{\"tid\":%d,\"count\":%" PRIu64 ",\"page\":%ld}\n", tid, count, sysconf(_SC_PAGESIZE));
}

static void faults(uint64_t count)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *memory = map(count * page);

	for (uint64_t i = 0; i < count; i++)
		*(volatile uint8_t *)(memory + i * page) = 1;
	say(gettid(), count);
}

static void writes(uint64_t count)
{
	volatile uint64_t *variable = (volatile uint64_t *)map(sizeof(*variable));

	for (uint64_t i = 0; i < count; i++)
		*variable = i;
	say(gettid(), count);
}

static uint64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void spin(uint64_t ms)
{
	const uint64_t start = cpu_ns();

	while (cpu_ns() - start < ms * 1000000)
		;
	say(gettid(), cpu_ns());
}

static int to_thread[2], to_main[2];
static int thread_id;

/* Answers until there is no more question, then waits: what it has done by then is in its status. */
static void *answer(void *unused)
{
	char byte;

	(void)unused;
	thread_id = gettid();
	while (read(to_thread[0], &byte, 1) == 1 && write(to_main[1], &byte, 1) == 1)
		;
	return NULL;
}

/* Both kinds of switches of the thread, once it sleeps. */
static uint64_t thread_switches(void)
{
	char path[64], line[256];
	uint64_t count = 0, value;
	char state = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", thread_id);
	while (state != 'S') {
		FILE *status = fopen(path, "r");
		if (!status)
			exit(1);
		count = 0;
		while (fgets(line, sizeof(line), status)) {
			const char *name = strstr(line, "voluntary_ctxt_switches:");
			sscanf(line, "State: %c", &state);
			if (name && sscanf(name, "voluntary_ctxt_switches: %" SCNu64, &value) == 1)
				count += value;
		}
		fclose(status);
	}
	return count;
}

static void switches(uint64_t count)
{
	pthread_t thread;
	char byte = 0;

	if (pipe(to_thread) < 0 || pipe(to_main) < 0 || pthread_create(&thread, NULL, answer, NULL) != 0)
		exit(1);
	for (uint64_t i = 0; i < count; i++) {
		if (write(to_thread[1], &byte, 1) != 1 || read(to_main[0], &byte, 1) != 1)
			exit(1);
	}
	say(thread_id, thread_switches());
}

int main(int argc, char **argv)
{
	const char *what = argc == 3 ? argv[1] : "";
	const uint64_t count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;

	if (strcmp(what, "faults") == 0)
		faults(count);
	else if (strcmp(what, "writes") == 0)
		writes(count);
	else if (strcmp(what, "switches") == 0)
		switches(count);
	else if (strcmp(what, "spin") == 0)
		spin(count);
	else
		return 2;
	return 0;
}
