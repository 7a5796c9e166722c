/* SPDX-License-Identifier: MIT */
/*
 * Thousands of mutants of a recording, as file and as pipe format, of which nothing may come but whole records or errors.
 */
#include <time.h>

#include "replay_run.h"

static uint64_t random_state = 88172645463325252ULL;

static uint32_t random_below(uint32_t most)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % most;
}

static void write_original(bool is_pipe)
{
	if (is_pipe)
		begin_pipe(&file, FULL, 2);
	else
		begin_file(&file, FULL, 2);
	for (uint32_t i = 0; i < 40; i++) {
		sample(i % 2, 1000 + i * 7 % 50, i % 3);
		if (i % 10 == 9)
			finished_round();
		if (i % 13 == 5)
			lost(i, 1000 + i, i % 3);
		if (i % 7 == 3)
			comm(1000 + i, "mutant");
	}
	if (!is_pipe)
		end_file(&file);
}

static void mutate(void)
{
	static const uint8_t BYTES[] = {0, 1, 7, 8, 9, 64, 66, 71, 80, 81, 83, 0x7f, 0x80, 0xff};

	for (uint32_t left = 1 + random_below(4); left > 0; left--) {
		uint8_t *at = &file.bytes[random_below(3) ? random_below(file.size) : random_below(400) % file.size];

		*at = random_below(2) ? BYTES[random_below(sizeof(BYTES))] : random_below(256);
	}
	if (random_below(8) == 0)
		file.size = 1 + random_below(file.size);
}

/* Are the batches whole: each record within them, of the size that it says? */
static bool are_whole(void)
{
	for (int i = 0; i < seen_count; i++) {
		if (seen[i].event != PP_EVENT_LOST && (seen[i].size < 8 || seen[i].event > 2))
			return false;
	}
	return true;
}

static void test_mutants(void)
{
	struct timespec now;
	long runs = 0, refused = 0;
	bool whole = true;

	clock_gettime(CLOCK_MONOTONIC, &now);
	const time_t end = now.tv_sec + 3;
	for (; now.tv_sec < end && runs < 20000; clock_gettime(CLOCK_MONOTONIC, &now)) {
		write_original(runs % 2);
		mutate();
		refused += play(runs / 2 % 2 ? PP_REPLAY_FORCE : 0) < 0;
		whole &= are_whole();
		runs++;
	}
	check(whole && runs > 1000, "thousands of mutants give whole records or errors");
	check(refused > runs / 100 && refused < runs, "errors for some, records for others");
}

int main(void)
{
	test_mutants();
	return check_done();
}
