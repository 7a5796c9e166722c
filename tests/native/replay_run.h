/* SPDX-License-Identifier: MIT */
/* What the tests of replays share: records of two events, written one by one, and what pp_replay_* makes of them. */
#ifndef REPLAY_RUN_H
#define REPLAY_RUN_H

#include <stdio.h>

#include "check.h"
#include "perf_data.h"
#include "perfprof.h"

#define FULL	   (PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD)
#define BATCH_SIZE (128 << 10)

static struct perf_data file;
static struct pp_state state;
static struct pp_error err;
static uint8_t batch[BATCH_SIZE];

/* ---- records ---- */

static inline void sample(uint32_t event, uint64_t time, uint32_t cpu)
{
	put_header(&file, PERF_RECORD_SAMPLE, 0, 8 + 40);
	put64(&file, 100 + event);
	put32(&file, 1000);
	put32(&file, 1001);
	put64(&file, time);
	put32(&file, cpu);
	put32(&file, 0);
	put64(&file, 1);
}

static inline void trailer(uint64_t time, uint32_t cpu)
{
	put32(&file, 1000);
	put32(&file, 1001);
	put64(&file, time);
	put32(&file, cpu);
	put32(&file, 0);
	put64(&file, 100);
}

static inline void lost(uint64_t count, uint64_t time, uint32_t cpu)
{
	put_header(&file, PERF_RECORD_LOST, 0, 8 + 16 + 32);
	put64(&file, 100);
	put64(&file, count);
	trailer(time, cpu);
}

static inline void comm(uint64_t time, const char *text)
{
	char name[8] = {0};

	strncpy(name, text, sizeof(name) - 1);
	put_header(&file, PERF_RECORD_COMM, 0, 8 + 16 + 32);
	put32(&file, 1000);
	put32(&file, 1001);
	put(&file, name, 8);
	trailer(time, 0);
}

static inline void finished_round(void)
{
	put_header(&file, FINISHED, 0, 8);
}

/* ---- reading ---- */

struct seen {
	uint32_t event;
	uint32_t type;
	uint16_t size;
	uint64_t time; /* of samples and losses */
	uint8_t record[128];
};

static struct seen seen[256];
static int seen_count;

static inline void see(const uint8_t *at, uint32_t bytes)
{
	for (uint32_t done = 0; done < bytes && seen_count < 256;) {
		struct pp_prefix prefix;
		struct seen *one = &seen[seen_count++];

		memcpy(&prefix, at + done, sizeof(prefix));
		const uint8_t *record = at + done + sizeof(prefix);
		memset(one, 0, sizeof(*one));
		one->event = prefix.event;
		memcpy(one->record, record, prefix.size < 128 ? prefix.size : 128);
		memcpy(&one->type, record, 4);
		memcpy(&one->size, record + 6, 2);
		memcpy(&one->time, record + (prefix.event == PP_EVENT_LOST ? 8 : 24), 8);
		done += sizeof(prefix) + prefix.size;
	}
}

/* Opens what is written, with `events` as 0, 1, ..., and reads all: 0, or what failed. */
static inline int32_t play_path(const char *path, uint32_t events, uint32_t flags, uint64_t from, uint64_t to)
{
	struct pp_replay *replay;
	int32_t got = pp_replay_open(path, flags, &state, &replay, &err);

	seen_count = 0;
	if (got < 0)
		return got;
	for (uint32_t i = 0; i < events && got >= 0; i++)
		got = pp_replay_choose(replay, i, i, NULL, 0, &err);
	pp_replay_limit(replay, from, to);
	while (got >= 0 && !state.ended) {
		got = pp_replay_read(replay, batch, sizeof(batch), &err);
		if (got > 0)
			see(batch, got);
	}
	pp_replay_close(replay);
	return got < 0 ? got : 0;
}

static inline int32_t play(uint32_t flags)
{
	int fd;
	const char *path = path_of(&file, &fd);
	int32_t got = play_path(path, 2, flags, 0, UINT64_MAX);

	close(fd);
	return got;
}

#endif
