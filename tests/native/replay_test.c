/* SPDX-License-Identifier: MIT */
/*
 * Recordings that are written byte by byte, through pp_replay_*: the order of rounds, members that are put in, the trailer of
 * side-band records, losses, limits; damaged ones.
 */
#include "replay_run.h"

/* Do the samples have these times, in this order? */
static bool times_are(const uint64_t *times, int count)
{
	bool same = seen_count == count;

	for (int i = 0; i < seen_count && i < count; i++)
		same &= seen[i].time == times[i];
	return same;
}

#define TIMES(...) times_are((const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / 8)

/* ---- tests ---- */

static void test_order(void)
{
	begin_file(&file, FULL, 2);
	sample(0, 10, 0);
	sample(0, 30, 0);
	sample(1, 20, 1);
	sample(1, 25, 1);
	finished_round();
	sample(0, 40, 0);
	sample(1, 28, 1); /* older than the end of the first round */
	sample(1, 50, 1);
	finished_round();
	end_file(&file);
	check(play(0) == 0 && TIMES(10, 20, 25, 28, 30, 40, 50), "samples of two rounds come in the order of their times");
	check(state.late == 0 && state.delivered == 7, "none is late, %d are counted", 7);
	check(seen[1].event == 1 && seen[0].event == 0, "and each is its event's");
}

static void test_equal_times(void)
{
	begin_file(&file, FULL, 2);
	for (uint32_t i = 0; i < 8; i++)
		sample(i % 2, 5, i % 2);
	end_file(&file);
	play(0);
	bool kept = seen_count == 8;
	for (int i = 0; i < seen_count; i++)
		kept &= seen[i].event == (uint32_t)i % 2;
	check(kept, "equal times stay in the order of the file");
}

static void test_limits(void)
{
	int fd;

	begin_file(&file, FULL, 2);
	for (uint32_t i = 1; i <= 9; i++)
		sample(0, i * 10, 0);
	comm(5, "before");
	end_file(&file);
	const char *path = path_of(&file, &fd);
	play_path(path, 2, 0, 30, 50);
	check(seen_count == 4 && seen[0].type == PERF_RECORD_COMM && seen[1].time == 30 && seen[3].time == 50,
	      "samples from 30 to 50, and what was told of tasks before");
	close(fd);
}

static void test_added_members(void)
{
	uint64_t period;
	uint32_t cpu;

	begin_file(&file, PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME, 1);
	put_header(&file, PERF_RECORD_SAMPLE, 0, 32);
	put64(&file, 0xabcd);
	put32(&file, 1000);
	put32(&file, 1001);
	put64(&file, 77);
	end_file(&file);
	int fd;
	const char *path = path_of(&file, &fd);
	play_path(path, 1, 0, 0, UINT64_MAX);
	close(fd);
	memcpy(&cpu, seen[0].record + 32, 4);
	memcpy(&period, seen[0].record + 40, 8);
	check(seen_count == 1 && seen[0].size == 48 && seen[0].time == 77, "a sample without CPU and PERIOD gets their places");
	check(cpu == 0 && period == 7, "cpu is 0, period the attr's");
}

static void test_sideband(void)
{
	uint64_t id, time;

	begin_file(&file, PERF_SAMPLE_TIME | PERF_SAMPLE_IDENTIFIER, 2);
	put_header(&file, PERF_RECORD_COMM, 0, 8 + 16 + 16);
	put32(&file, 1000);
	put32(&file, 1001);
	put(&file, "a name\0", 8);
	put64(&file, 99);
	put64(&file, 101);
	end_file(&file);
	play(0);
	memcpy(&time, seen[0].record + seen[0].size - 24, 8);
	memcpy(&id, seen[0].record + seen[0].size - 8, 8);
	check(seen_count == 1 && seen[0].event == 2 && seen[0].size == 8 + 16 + 32, "a side-band record has a live one's trailer");
	check(time == 99 && id == 101 && !memcmp(seen[0].record + 16, "a name", 7), "with the time, the id and the name");
}

static void clear_sample_id_all(void)
{
	for (uint32_t at = HEADER_SIZE; at < HEADER_SIZE + 2 * (ATTR_SIZE + 16); at += ATTR_SIZE + 16) {
		struct perf_event_attr attr;

		memcpy(&attr, file.bytes + at, PERF_ATTR_SIZE_VER0);
		attr.sample_id_all = 0;
		memcpy(file.bytes + at, &attr, PERF_ATTR_SIZE_VER0);
	}
}

static void test_no_trailers(void)
{
	uint64_t time;

	begin_file(&file, FULL, 2);
	clear_sample_id_all();
	sample(0, 10, 0);
	sample(1, 20, 1);
	put_header(&file, PERF_RECORD_COMM, 0, 8 + 16);
	put64(&file, 1000);
	put(&file, "a name\0", 8);
	put_header(&file, PERF_RECORD_FORK, 0, 8 + 24);
	put64(&file, 1000);
	put64(&file, 1001);
	put64(&file, 15);
	put_header(&file, PERF_RECORD_LOST, 0, 8 + 16);
	put64(&file, 100);
	put64(&file, 5);
	sample(0, 30, 0);
	end_file(&file);
	check(play(0) == 0 && seen_count == 6 && seen[0].type == PERF_RECORD_COMM && seen[1].time == 10 && seen[3].time == 20 &&
		  seen[4].event == PP_EVENT_LOST && seen[5].time == 30,
	      "without sample_id_all records that tell no time come first");
	memcpy(&time, seen[0].record + seen[0].size - 24, 8);
	check(time == 0 && seen[0].size == 8 + 16 + 32 && !memcmp(seen[0].record + 16, "a name", 7), "with a trailer of zeros");
	memcpy(&time, seen[2].record + seen[2].size - 24, 8);
	check(seen[2].type == PERF_RECORD_FORK && seen[2].size == 8 + 24 + 32 && time == 15, "and a birth by its own time");
}

static void test_loss(void)
{
	struct pp_lost loss;

	begin_file(&file, FULL, 2);
	sample(0, 10, 0);
	sample(0, 20, 1);
	lost(5, 30, 0);
	sample(0, 35, 1);
	sample(0, 40, 0);
	lost(3, 50, 1);
	end_file(&file);
	play(0);
	memcpy(&loss, seen[3].record, sizeof(loss));
	check(seen_count == 6 && seen[3].event == PP_EVENT_LOST && loss.count == 5 && loss.start == 10 && loss.end == 40 &&
		  loss.event == PP_EVENT_UNKNOWN && loss.cpu == 0,
	      "a loss lies between two samples of its CPU");
	memcpy(&loss, seen[5].record, sizeof(loss));
	check(loss.count == 3 && loss.start == 35 && loss.end == 50 && state.lost == 8, "the last one ends with its record");
}

static void test_damage(void)
{
	begin_file(&file, FULL, 2);
	sample(0, 10, 0);
	sample(7, 20, 0);
	sample(0, 30, 0);
	end_file(&file);
	check(play(0) == PP_E_RECORDING && strstr(err.text, "has an id that no event has"), "an unknown id is an error: %s",
	      err.text);
	check(play(PP_REPLAY_FORCE) == 0 && TIMES(10, 30) && state.damaged == 1, "or left out and counted");

	begin_file(&file, FULL, 2);
	sample(0, 10, 0);
	put_header(&file, PERF_RECORD_SAMPLE, 0, 4);
	sample(0, 30, 0);
	end_file(&file);
	check(play(0) == PP_E_RECORDING && strstr(err.text, "a record of 4 bytes"), "so is a record of 4 bytes: %s", err.text);
	check(play(PP_REPLAY_FORCE) == 0 && TIMES(10), "behind which nothing can be found");

	begin_file(&file, FULL, 2);
	sample(0, 10, 0);
	sample(0, 20, 0);
	end_file(&file);
	file.size -= 8;
	check(play(0) == PP_E_RECORDING && strstr(err.text, "8 bytes of its data are missing"), "and a file that is cut: %s",
	      err.text);
	check(play(PP_REPLAY_FORCE) == 0 && TIMES(10), "of which the whole records can be had");
}

static void test_refused(void)
{
	uint8_t magic[8];

	begin_file(&file, FULL, 2);
	end_file(&file);
	memcpy(magic, file.bytes, 8);
	for (int i = 0; i < 8; i++)
		file.bytes[i] = magic[7 - i];
	check(play(0) == PP_E_RECORDING && strstr(err.text, "other byte order"), "another byte order is refused");
	memcpy(file.bytes, "GIF89a..", 8);
	check(play(0) == PP_E_RECORDING && strstr(err.text, "no perf.data"), "so is a picture");
	file.size = 3;
	check(play(0) == PP_E_RECORDING, "and 3 bytes");
	check(play_path("/nonexistent", 2, 0, 0, 0) == PP_E_FILE, "a file that is not there");
}

static void test_unfinished(void)
{
	begin_file(&file, FULL, 2);
	sample(0, 10, 0);
	finished_round();
	sample(0, 20, 0);
	file.size -= 16;
	check(play(0) == 0 && TIMES(10) && state.damaged == 1, "of a recording that was killed all whole records come");
}

/* The same through a pipe, in pieces of `piece` bytes. */
static void test_pipe(uint32_t piece)
{
	int ends[2];
	int saved = dup(STDIN_FILENO);

	begin_pipe(&file, FULL, 2);
	sample(1, 20, 1);
	sample(0, 10, 0);
	finished_round();
	comm(15, "abc");
	sample(0, 30, 0);
	if (pipe(ends) < 0 || dup2(ends[0], STDIN_FILENO) < 0)
		abort();
	close(ends[0]);
	pid_t writer = fork();
	if (writer == 0) {
		for (uint32_t done = 0; done < file.size; done += piece) {
			uint32_t left = file.size - done;
			if (write(ends[1], file.bytes + done, left < piece ? left : piece) < 0)
				_exit(1);
		}
		_exit(0);
	}
	close(ends[1]);
	int32_t got = play_path("-", 2, 0, 0, UINT64_MAX);
	dup2(saved, STDIN_FILENO);
	close(saved);
	check(got == 0 && seen_count == 4 && seen[0].time == 10 && seen[2].time == 20 && seen[3].time == 30,
	      "a pipe in pieces of %u bytes gives the same", piece);
}

int main(void)
{
	test_order();
	test_equal_times();
	test_limits();
	test_added_members();
	test_sideband();
	test_no_trailers();
	test_loss();
	test_damage();
	test_refused();
	test_unfinished();
	test_pipe(4096);
	test_pipe(7);
	return check_done();
}
