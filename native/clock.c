/* SPDX-License-Identifier: MIT */
/*
 * Clocks of events, and pairs of a clock and the wall clock. Owns one dummy event, through which the kernel's own perf clock is
 * read: it has no clockid, so the only way is to cause a side-band record and look at its time.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define PAIR_READINGS 8
/* Less than this is an error of the reading; more, and somebody has set the clock. */
#define CLOCK_SET_NS 100000

/* The event follows the thread that opened it, so another thread that asks gets it opened anew. */
static struct {
	pthread_mutex_t lock;
	pid_t tid; /* 0: not open */
	int fd;
	size_t map_size;
	struct perf_event_mmap_page *page;
} perf_clock = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The trailer that sample_id_all puts at the end of a PERF_RECORD_COMM, with perf_clock_attr's sample_type; perf_event_open(2). */
struct comm_trailer {
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, reserved;
	uint64_t identifier;
};

static void perf_clock_close(void)
{
	munmap(perf_clock.page, perf_clock.map_size);
	close(perf_clock.fd);
	perf_clock.tid = 0;
}

static int perf_clock_open(pid_t tid)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_SOFTWARE,
	    .size = sizeof(attr),
	    .config = PERF_COUNT_SW_DUMMY,
	    .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_IDENTIFIER,
	    .comm = 1,
	    .sample_id_all = 1,
	    .exclude_kernel = 1,
	};
	size_t map_size = 2 * sysconf(_SC_PAGESIZE);
	void *page;
	int fd;

	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	page = mmap(NULL, map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		int saved = errno;

		close(fd);
		return -saved;
	}
	perf_clock.tid = tid;
	perf_clock.fd = fd;
	perf_clock.page = page;
	perf_clock.map_size = map_size;
	return 0;
}

static void ring_copy(void *to, uint64_t at, size_t size)
{
	const uint8_t *data = (const uint8_t *)perf_clock.page + perf_clock.page->data_offset;
	uint64_t data_size = perf_clock.page->data_size;

	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = data[(at + i) % data_size];
}

/* Empties the ring: time of its last COMM record, 0 without one. */
static uint64_t perf_clock_drain(void)
{
	struct perf_event_mmap_page *page = perf_clock.page;
	/* Acquire: what the kernel wrote before it moved data_head must be seen after it. */
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	uint64_t at = page->data_tail;
	uint64_t time = 0;

	while (at < head) {
		struct perf_event_header header;
		struct comm_trailer trailer;

		ring_copy(&header, at, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - at)
			break;
		if (header.type == PERF_RECORD_COMM && header.size >= sizeof(header) + sizeof(trailer)) {
			ring_copy(&trailer, at + header.size - sizeof(trailer), sizeof(trailer));
			time = trailer.time;
		}
		at += header.size;
	}
	/* Release: our reads are done before the kernel may write there again. */
	__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
	return time;
}

/* Renames this thread to its own name, which writes a COMM record. */
static int perf_clock_now(uint64_t *ns)
{
	pid_t tid = syscall(SYS_gettid);
	char name[16] = "";
	int ret = 0;

	pthread_mutex_lock(&perf_clock.lock);
	if (perf_clock.tid && perf_clock.tid != tid)
		perf_clock_close();
	if (!perf_clock.tid)
		ret = perf_clock_open(tid);
	if (ret < 0)
		goto out;
	prctl(PR_GET_NAME, name);
	prctl(PR_SET_NAME, name);
	*ns = perf_clock_drain();
	ret = *ns ? 0 : -ENODATA;
out:
	pthread_mutex_unlock(&perf_clock.lock);
	return ret;
}

static int clock_now(int32_t clockid, uint64_t *ns)
{
	struct timespec now;

	if (clockid == PP_CLOCK_PERF)
		return perf_clock_now(ns);
	if (clock_gettime(clockid, &now) < 0)
		return -errno;
	*ns = now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
	return 0;
}

uint64_t pp_clock_now(int32_t clockid)
{
	uint64_t ns = 0;

	clock_now(clockid, &ns);
	return ns;
}

/* Reads one clock between two readings of another: of several tries, the one that took least. */
static int clock_pair(int32_t clockid, clockid_t other, uint64_t *ns, uint64_t *other_ns)
{
	uint64_t tightest = UINT64_MAX;

	for (int i = 0; i < PAIR_READINGS; i++) {
		uint64_t clock = 0;
		uint64_t before = pp_clock_now(other);
		int ret = clock_now(clockid, &clock);
		uint64_t after = pp_clock_now(other);

		if (ret < 0)
			return ret;
		if (after - before < tightest) {
			tightest = after - before;
			*ns = clock;
			*other_ns = before + tightest / 2;
		}
	}
	return 0;
}

int32_t pp_clock_read(int32_t clockid, struct pp_clock_pair *pair, struct pp_error *err)
{
	const int ret = clock_pair(clockid, CLOCK_REALTIME, &pair->clock_ns, &pair->realtime_ns);

	return ret < 0 ? pp_fail(err, clockid == PP_CLOCK_PERF ? PP_E_OPEN : PP_E_ARG, -ret, "read clock %d", clockid) : PP_OK;
}

int32_t pp_clock_of_kernel(int32_t clockid)
{
	const bool nmi_safe = clockid == PP_CLOCK_PERF || clockid == CLOCK_MONOTONIC || clockid == CLOCK_MONOTONIC_RAW;

	return nmi_safe ? clockid : CLOCK_MONOTONIC;
}

int64_t pp_clock_offset(int32_t clockid, int64_t before)
{
	uint64_t clock = 0, kernel = 0;

	if (pp_clock_of_kernel(clockid) == clockid || clock_pair(clockid, pp_clock_of_kernel(clockid), &clock, &kernel) < 0)
		return 0;
	const int64_t offset = (int64_t)(clock - kernel);
	const int64_t change = offset - before;
	return change > CLOCK_SET_NS || change < -CLOCK_SET_NS ? offset : before;
}
