/* SPDX-License-Identifier: MIT */
/* What recordings of other perfs have that one of today has not, and how they tell of the kernel: byte by byte, through
 * pp_replay_*.
 */
#include "replay_run.h"

/* Samples and the attr, as perf of 2.6.32 (64 bytes), 5.4 (112), 5.7 (120), 5.13 (128), 6.7 (136) and one to come write them. */
static void test_attr_sizes(void)
{
	static const uint32_t sizes[] = {64, 72, 80, 96, 104, 112, 120, 128, 136, 144};
	struct pp_replay *replay;
	struct perf_event_attr attr;
	uint8_t bytes[256];
	int fd;

	for (uint32_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		const bool is_pipe = i % 2;

		attr_size = sizes[i / 2];
		(is_pipe ? begin_pipe : begin_file)(&file, FULL, 2);
		sample(1, 10, 0);
		sample(0, 20, 0);
		if (!is_pipe)
			end_file(&file);
		check(play(0) == 0 && seen_count == 2 && seen[0].event == 1 && seen[1].time == 20,
		      "a %s with attrs of %u bytes: %s", is_pipe ? "pipe" : "file", attr_size, err.text);
		const char *path = path_of(&file, &fd);
		if (pp_replay_open(path, 0, &state, &replay, &err) < 0)
			abort();
		const int32_t size = pp_replay_attr(replay, 1, bytes, sizeof(bytes), &err);
		memcpy(&attr, bytes, PERF_ATTR_SIZE_VER0);
		check(size == (int32_t)attr_size && attr.sample_type == FULL && attr.size == attr_size, "it has %d", size);
		pp_replay_close(replay);
		close(fd);
	}
	attr_size = ATTR_SIZE;
}

/* What older and newer perfs have beside: event types (a section of the header, a record in pipes), features of unknown numbers. */
static void test_other_parts(void)
{
	const uint64_t feature = 1;
	uint64_t section[2] = {HEADER_SIZE, 8};

	begin_file(&file, FULL, 2);
	sample(0, 10, 0);
	end_file(&file);
	memcpy(file.bytes + 56, section, sizeof(section));
	memcpy(file.bytes + 72 + 24, &feature, sizeof(feature));
	put(&file, section, sizeof(section));
	check(play(0) == 0 && seen_count == 1, "a file with event types and feature 192: %s", err.text);

	begin_pipe(&file, FULL, 2);
	put_header(&file, 65, 0, 8 + 72);
	for (int i = 0; i < 9; i++)
		put64(&file, 0);
	put_header(&file, 80, 0, 8 + 16);
	put64(&file, 1000);
	put64(&file, 0);
	sample(0, 10, 0);
	check(play(0) == 0 && seen_count == 1, "a pipe with event types and feature 1000: %s", err.text);
}

/* perf's own record of where the kernel's `symbol` was, in the form with its build id or without. */
static void kernel(uint64_t address, const char *symbol, bool has_id)
{
	char name[32] = "[kernel.kallsyms]";
	uint8_t id[20];

	strcat(name, symbol);
	memset(id, 0xab, sizeof(id));
	put_header(&file, has_id ? PERF_RECORD_MMAP2 : PERF_RECORD_MMAP, has_id ? 1 << 14 : 0, (has_id ? 72 : 40) + 32 + 32);
	put32(&file, UINT32_MAX);
	put32(&file, 0);
	put64(&file, address);
	put64(&file, 4096);
	put64(&file, address);
	if (has_id) {
		put32(&file, sizeof(id));
		put(&file, id, sizeof(id));
		put64(&file, 0); /* prot, flags */
	}
	put(&file, name, sizeof(name));
	trailer(0, 0);
}

static struct pp_recording describe(void)
{
	struct pp_recording recording;
	struct pp_replay *replay;
	int fd;

	if (pp_replay_open(path_of(&file, &fd), 0, &state, &replay, &err) < 0)
		abort();
	while (!state.ended && pp_replay_read(replay, batch, sizeof(batch), &err) >= 0)
		;
	pp_replay_describe(replay, &recording);
	pp_replay_close(replay);
	close(fd);
	return recording;
}

static void test_kernel(void)
{
	struct pp_recording recording;

	begin_file(&file, FULL, 1);
	kernel(0xffffffff81000000, "_text", false);
	end_file(&file);
	recording = describe();
	check(recording.kernel_text == 0xffffffff81000000 && recording.kernel_build_id_size == 0, "where the kernel was");
	begin_file(&file, FULL, 1);
	kernel(0xffffffff92000000, "_text", true);
	end_file(&file);
	recording = describe();
	check(recording.kernel_text == 0xffffffff92000000 && recording.kernel_build_id_size == 20 &&
		  recording.kernel_build_id[0] == 0xab && recording.kernel_build_id[19] == 0xab &&
		  recording.kernel_build_id[20] == 0,
	      "and which it was");
	begin_file(&file, FULL, 1);
	kernel(0xffffffff92000000, "_stext", true);
	end_file(&file);
	recording = describe();
	check(recording.kernel_text == 0 && recording.kernel_build_id_size == 0, "not by another symbol than _text");
}

int main(void)
{
	test_attr_sizes();
	test_other_parts();
	test_kernel();
	return check_done();
}
