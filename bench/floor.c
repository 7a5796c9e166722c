/* SPDX-License-Identifier: MIT */
/*
 * The floor of the benchmark: the least that a perf reader does. Opens raw_syscalls:sys_enter on every CPU with the sample type,
 * clock and ring size that perfprof uses, empties the rings and counts; nothing is copied, ordered or decoded.
 *
 *     floor RING_PAGES [FILTER]
 *
 * Prints "ready" when the events flow, "first" when it has seen one, and {"events":N,"lost":N} after SIGINT or SIGTERM. FILTER is
 * one of the kernel's, such as id==1.
 *
 * Layouts are those of perf_event_open(2). Shares no code with native/, so that a mistake there does not lower the bar.
 */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ID_FILE "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id"
#define WAIT_MS 40 /* as long as a reader may wait that promises an event within 100 ms */

struct ring {
	struct perf_event_mmap_page *page;
	uint64_t events;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int tracepoint_id(void)
{
	FILE *file = fopen(ID_FILE, "r");
	int id;
	if (!file || fscanf(file, "%d", &id) != 1)
		fail(ID_FILE);
	fclose(file);
	return id;
}

static struct perf_event_attr make_attr(size_t ring_bytes)
{
	return (struct perf_event_attr){
	    .size = sizeof(struct perf_event_attr),
	    .type = PERF_TYPE_TRACEPOINT,
	    .config = (uint64_t)tracepoint_id(),
	    .sample_period = 1,
	    .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD |
			   PERF_SAMPLE_RAW,
	    .sample_id_all = 1,
	    .read_format = PERF_FORMAT_LOST,
	    .disabled = 1,
	    .use_clockid = 1,
	    .clockid = CLOCK_MONOTONIC,
	    .watermark = 1,
	    .wakeup_watermark = (uint32_t)(ring_bytes / 4),
	};
}

static int ring_open(struct ring *ring, struct perf_event_attr *attr, int cpu, size_t ring_bytes, const char *filter)
{
	int fd = (int)syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		fail("perf_event_open raw_syscalls:sys_enter");
	if (filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter) != 0)
		fail(filter);
	ring->page = mmap(NULL, (size_t)getpagesize() + ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring->page == MAP_FAILED)
		fail("mmap of a ring");
	return fd;
}

static void ring_drain(struct ring *ring)
{
	const uint8_t *data = (const uint8_t *)ring->page + ring->page->data_offset;
	const uint64_t mask = ring->page->data_size - 1;
	/* Acquire: the records must not be read before the head that says they are there. */
	const uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->page->data_tail;

	while (tail < head) {
		/* Records are 8-byte aligned in a ring of whole pages: a header never wraps. */
		const struct perf_event_header *header = (const struct perf_event_header *)(data + (tail & mask));
		if (header->size == 0)
			fail("a record without a size");
		ring->events += header->type == PERF_RECORD_SAMPLE;
		tail += header->size;
	}
	/* Release: the kernel may write over these bytes once it sees the tail. */
	__atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
}

static void say_first(const struct ring *rings, nfds_t count)
{
	static bool said;
	for (nfds_t i = 0; i < count && !said; i++)
		said = rings[i].events > 0 && puts("first") >= 0 && fflush(stdout) == 0;
}

static uint64_t event_lost(int fd)
{
	uint64_t values[2]; /* PERF_FORMAT_LOST: value, lost */
	if (read(fd, values, sizeof(values)) != sizeof(values))
		fail("read of a count");
	return values[1];
}

int main(int argc, char **argv)
{
	const size_t ring_bytes = (size_t)getpagesize() * (argc > 1 ? strtoul(argv[1], NULL, 10) : 0);
	const char *filter = argc > 2 ? argv[2] : NULL;
	struct sigaction action = {.sa_handler = stop};
	struct perf_event_attr attr = make_attr(ring_bytes);
	struct ring rings[CPU_SETSIZE];
	struct pollfd fds[CPU_SETSIZE];
	uint64_t events = 0, lost = 0;
	cpu_set_t cpus;
	nfds_t count = 0;

	if (ring_bytes == 0) {
		fputs("usage: floor RING_PAGES [FILTER]\n", stderr);
		return 2;
	}
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cpus))
			continue;
		rings[count] = (struct ring){0};
		fds[count].fd = ring_open(&rings[count], &attr, cpu, ring_bytes, filter);
		fds[count].events = POLLIN;
		count++;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	for (nfds_t i = 0; i < count; i++)
		ioctl(fds[i].fd, PERF_EVENT_IOC_ENABLE, 0);
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		poll(fds, count, WAIT_MS);
		for (nfds_t i = 0; i < count; i++)
			ring_drain(&rings[i]);
		say_first(rings, count);
	}
	for (nfds_t i = 0; i < count; i++) {
		ioctl(fds[i].fd, PERF_EVENT_IOC_DISABLE, 0);
		ring_drain(&rings[i]);
		events += rings[i].events;
		lost += event_lost(fds[i].fd);
	}
	printf("{\"events\":%llu,\"lost\":%llu}\n", (unsigned long long)events, (unsigned long long)lost);
	return 0;
}
