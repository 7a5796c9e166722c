/* SPDX-License-Identifier: MIT */
/* Writes a perf.data byte by byte, for tests: two events on two CPUs, and whatever records a test puts into it. */
#ifndef PERF_DATA_H
#define PERF_DATA_H

#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DATA_MAX    (256 << 10)
#define FINISHED    68
#define PERF_MAGIC  0x32454c4946524550ULL
#define HEADER_SIZE 104
#define ATTR_SIZE   128

/* Of each perf_event_attr that is written: each kernel's perf has its own. */
static uint32_t attr_size = ATTR_SIZE;

struct perf_data {
	uint8_t bytes[DATA_MAX];
	uint32_t size;
	uint32_t data; /* where the records begin */
};

static inline void put(struct perf_data *file, const void *bytes, uint32_t size)
{
	if (file->size + size > DATA_MAX)
		abort();
	memcpy(file->bytes + file->size, bytes, size);
	file->size += size;
}

static inline void put16(struct perf_data *file, uint16_t value)
{
	put(file, &value, sizeof(value));
}

static inline void put32(struct perf_data *file, uint32_t value)
{
	put(file, &value, sizeof(value));
}

static inline void put64(struct perf_data *file, uint64_t value)
{
	put(file, &value, sizeof(value));
}

static inline void put_header(struct perf_data *file, uint32_t type, uint16_t misc, uint16_t size)
{
	put32(file, type);
	put16(file, misc);
	put16(file, size);
}

static inline void put_attr(struct perf_data *file, uint64_t sample_type)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_SOFTWARE, .size = attr_size, .sample_period = 7, .sample_type = sample_type, .sample_id_all = 1};
	uint8_t bytes[2 * ATTR_SIZE] = {0};

	if (attr_size > sizeof(bytes))
		abort();
	memcpy(bytes, &attr, sizeof(attr) < sizeof(bytes) ? sizeof(attr) : sizeof(bytes));
	put(file, bytes, attr_size);
}

/* Event i has the id 100 + i. */
static inline void begin_file(struct perf_data *file, uint64_t sample_type, uint32_t events)
{
	const uint32_t ids = HEADER_SIZE + events * (attr_size + 16);

	file->size = 0;
	file->data = ids + 8 * events;
	put64(file, PERF_MAGIC);
	put64(file, HEADER_SIZE);
	put64(file, attr_size + 16);
	put64(file, HEADER_SIZE);
	put64(file, events * (attr_size + 16));
	put64(file, file->data);
	for (int i = 0; i < 7; i++) /* the data's size comes last; event types, features */
		put64(file, 0);
	for (uint32_t i = 0; i < events; i++) {
		put_attr(file, sample_type);
		put64(file, ids + 8 * i);
		put64(file, 8);
	}
	for (uint32_t i = 0; i < events; i++)
		put64(file, 100 + i);
}

static inline void begin_pipe(struct perf_data *file, uint64_t sample_type, uint32_t events)
{
	file->size = 0;
	put64(file, PERF_MAGIC);
	put64(file, 16);
	for (uint32_t i = 0; i < events; i++) {
		put_header(file, 64, 0, 8 + attr_size + 8);
		put_attr(file, sample_type);
		put64(file, 100 + i);
	}
}

static inline void end_file(struct perf_data *file)
{
	const uint64_t size = file->size - file->data;

	memcpy(file->bytes + 48, &size, sizeof(size));
}

/* A path to what is written so far; *fd is to be closed. */
static inline const char *path_of(const struct perf_data *file, int *fd)
{
	static char path[64];

	*fd = memfd_create("perf.data", MFD_CLOEXEC);
	if (*fd < 0 || write(*fd, file->bytes, file->size) != (ssize_t)file->size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	return path;
}

#endif
