/* SPDX-License-Identifier: MIT */
/*
 * Recordings: a file is whole after each commit, whatever comes after it; and what a session's rings held is in it, each sample
 * once, packed or not. The first half needs no machine.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "record.h"
#include "session.h"
#include "session_run.h"

#define HEAD_SIZE  104
#define TABLE_SIZE 32
#define COMMITTED  (HEAD_SIZE + 8 + TABLE_SIZE)

static char folder[] = "/tmp/perfprof-record-XXXXXX", path[128];
static uint8_t file[1 << 20] __attribute__((aligned(8)));
static const uint8_t head[HEAD_SIZE] = "PERFILE2";
static const uint8_t table[TABLE_SIZE] = "the table that follows the data";

static uint32_t load(const char *name)
{
	const int fd = open(name, O_RDONLY);
	const ssize_t got = fd < 0 ? 0 : read(fd, file, sizeof(file));

	if (fd >= 0)
		close(fd);
	return got < 0 ? 0 : (uint32_t)got;
}

static uint64_t data_size(void)
{
	uint64_t size;

	memcpy(&size, file + 48, sizeof(size));
	return size;
}

/* What is in the data of the loaded file. */
struct contents {
	uint32_t samples, rounds, packed, lost_samples, others;
	bool whole; /* records fill the data, and the table follows */
};

static struct contents read_data(uint32_t size, uint32_t head_size)
{
	const uint64_t end = head_size + data_size();
	struct contents contents = {0};
	uint64_t at = head_size;

	while (end <= size && at + sizeof(struct perf_event_header) <= end) {
		struct perf_event_header header;
		memcpy(&header, file + at, sizeof(header));
		if (header.size < sizeof(header))
			break;
		contents.samples += header.type == PERF_RECORD_SAMPLE;
		contents.rounds += header.type == PP_RECORD_FINISHED_ROUND;
		contents.packed += header.type == PP_RECORD_COMPRESSED;
		contents.lost_samples += header.type == PERF_RECORD_LOST_SAMPLES;
		contents.others += header.type < PERF_RECORD_SAMPLE && header.type != PERF_RECORD_LOST;
		at += header.size;
	}
	contents.whole = at == end && end + TABLE_SIZE <= size && memcmp(file + end, table, TABLE_SIZE) == 0;
	return contents;
}

static int32_t add(struct pp_record_file *out, uint32_t records)
{
	static struct perf_event_header record[4] = {{.type = PERF_RECORD_SAMPLE, .size = sizeof(record)}};
	int32_t code = 0;

	for (uint32_t i = 0; i < records && code == 0; i++)
		code = pp_record_file_add(out, &(struct iovec){record, sizeof(record)}, 1, &err);
	return code;
}

static void test_commits(void)
{
	struct pp_record_file out;
	struct contents got;

	must(pp_record_file_open(&out, path, &err), "pp_record_file_open");
	must(pp_record_file_begin(&out, head, sizeof(head), table, sizeof(table), &err), "pp_record_file_begin");
	got = read_data(load(path), HEAD_SIZE);
	check(got.whole && got.rounds == 1 && got.samples == 0, "a file that has begun is whole");
	for (uint32_t round = 1; round <= 3; round++) {
		must(add(&out, 5), "pp_record_file_add");
		got = read_data(load(path), HEAD_SIZE);
		check(got.whole && got.samples == (round - 1) * 5, "what no commit has followed is not part of the file");
		must(pp_record_file_commit(&out, &err), "pp_record_file_commit");
		got = read_data(load(path), HEAD_SIZE);
		check(got.whole && got.samples == round * 5 && got.rounds == round + 1, "after %u commits all is", round);
	}
	must(pp_record_file_patch(&out, 8, (const uint8_t *)"patched", 7, &err), "pp_record_file_patch");
	load(path);
	check(memcmp(file + 8, "patched", 7) == 0, "the head can be written over");
	check(pp_record_file_patch(&out, HEAD_SIZE - 3, head, 4, &err) == PP_E_ARG &&
		  pp_record_file_patch(&out, HEAD_SIZE + 1, head, 0, &err) == PP_E_ARG,
	      "but nothing behind it");
	pp_record_file_close(&out);
}

static void test_full(void)
{
	const struct rlimit full = {4096, RLIM_INFINITY}, free = {RLIM_INFINITY, RLIM_INFINITY};
	struct pp_record_file out;
	struct contents got;

	signal(SIGXFSZ, SIG_IGN);
	must(pp_record_file_open(&out, path, &err), "pp_record_file_open");
	must(pp_record_file_begin(&out, head, sizeof(head), table, sizeof(table), &err), "pp_record_file_begin");
	must(add(&out, 10), "pp_record_file_add");
	must(pp_record_file_commit(&out, &err), "pp_record_file_commit");
	setrlimit(RLIMIT_FSIZE, &full);
	check(add(&out, 200) == PP_E_OUTPUT && err.sys_errno == EFBIG, "a file that cannot grow: %s", err.text);
	setrlimit(RLIMIT_FSIZE, &free);
	const uint32_t size = load(path);
	got = read_data(size, HEAD_SIZE);
	check(got.whole && got.samples == 10, "it has what was committed");
	check(size == COMMITTED + 10 * 32 + 8 + TABLE_SIZE, "and gives up the rest");
	must(add(&out, 1), "pp_record_file_add");
	must(pp_record_file_commit(&out, &err), "pp_record_file_commit");
	got = read_data(load(path), HEAD_SIZE);
	check(got.whole && got.samples == 11, "and goes on when it can");
	pp_record_file_close(&out);
}

static void test_open(void)
{
	char old[160], link[160];
	struct pp_record_file out;
	struct stat st;

	snprintf(old, sizeof(old), "%s.old", path);
	unlink(old);
	must(pp_record_file_open(&out, path, &err), "pp_record_file_open");
	pp_record_file_close(&out);
	check(stat(old, &st) == 0 && st.st_size > 0, "a recording that was there has another name");
	check(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size == 0, "a new one is for its owner");
	snprintf(link, sizeof(link), "%s/link", folder);
	check(symlink("/nowhere/at-all", link) == 0 && chmod(folder, 0777) == 0, "a folder of others");
	check(pp_record_file_open(&out, link, &err) == PP_E_OUTPUT && err.sys_errno == ELOOP, "no link of others is followed");
	pp_record_file_close(&out);
	chmod(folder, 0700);
	unlink(link);
}

static void test_arguments(void)
{
	struct pp_record_file out;
	struct pp_zstd *zstd;

	must(pp_record_file_open(&out, path, &err), "pp_record_file_open");
	check(pp_record_file_begin(&out, head, 40, table, sizeof(table), &err) == PP_E_ARG, "a head without data.size");
	check(pp_record_file_begin(&out, head, sizeof(head), table, 65530, &err) == PP_E_ARG, "a table that no round can hold");
	pp_record_file_close(&out);
	const int32_t code = pp_zstd_new(99, &zstd, &err);
	check(code == PP_E_ARG || code == PP_E_FILE, "a level that zstd has not: %s", err.text);
	pp_recorder_close(NULL);
}

/* ---- sessions ---- */

struct recording {
	struct run run;
	struct pp_recorded recorded;
	struct pp_recorder *recorder;
};

static void recording_start(struct recording *recording, uint32_t flags, uint32_t level, const char *filter)
{
	struct pp_session *session;

	run_new(&recording->run, flags, 16);
	session = recording->run.session;
	run_add(&recording->run, filter);
	must(pp_session_open(session, &err), "pp_session_open");
	must(pp_recorder_new(session, path, level, &recording->recorded, &recording->recorder, &err), "pp_recorder_new");
	must(pp_recorder_begin(recording->recorder, head, sizeof(head), table, sizeof(table), &err), "pp_recorder_begin");
	must(pp_session_enable(session, &err), "pp_session_enable");
}

static struct contents recording_end(struct recording *recording)
{
	must(pp_session_disable(recording->run.session, &err), "pp_session_disable");
	must(pp_recorder_finish(recording->recorder, &err), "pp_recorder_finish");
	pp_recorder_close(recording->recorder);
	const struct contents got = read_data(load(path), HEAD_SIZE);
	check(got.whole, "the file is whole");
	return got;
}

static void test_exact(void)
{
	struct recording recording;
	char filter[128];

	recording_start(&recording, 0, 0, filter_own(filter, sizeof(filter)));
	for (uint32_t i = 0; i < 20; i++) {
		call(100);
		must(pp_recorder_pass(recording.recorder, &err), "pp_recorder_pass");
	}
	const struct contents got = recording_end(&recording);
	const struct pp_recorded *recorded = &recording.recorded;
	check(got.samples == 2000 && recording.run.state.delivered == 2000 && got.lost_samples == 0,
	      "2,000 calls, 2,000 samples in a ring of 64 KiB: %u", got.samples);
	check(got.rounds == 22, "each pass ends a round: %u", got.rounds);
	check(recorded->first_time > 0 && recorded->first_time < recorded->last_time, "first and last time");
	pp_session_close(recording.run.session);
}

static void test_loss(void)
{
	struct recording recording;
	char filter[128];

	recording_start(&recording, 0, 0, filter_own(filter, sizeof(filter)));
	call(5000);
	const struct contents got = recording_end(&recording);
	const struct pp_state *state = &recording.run.state;
	check(got.samples == state->delivered && state->lost > 0 && state->delivered + state->lost == 5000,
	      "nobody reads: %lu of 5,000 are lost, and known to be", state->lost);
	check(got.lost_samples >= 1, "the file tells");
	pp_session_close(recording.run.session);
}

static void test_own(void)
{
	struct recording recording;
	char filter[64];

	/* The kernel's filter is ours, so that what it would drop comes through: the pid is told by the samples. */
	snprintf(filter, sizeof(filter), "id == %d", NR);
	recording_start(&recording, 0, 0, filter);
	recording.run.session->merge.table.self = (uint32_t)getpid();
	call(300);
	recording_end(&recording);
	check(recording.run.state.excluded == 300, "samples of our own are left out: %lu", recording.run.state.excluded);
	pp_session_close(recording.run.session);
}

static void test_packed(void)
{
	struct recording recording;
	struct pp_zstd *zstd;
	char filter[128];

	if (pp_zstd_new(1, &zstd, &err) < 0) {
		printf("# not run: %s\n", err.text);
		return;
	}
	pp_zstd_free(zstd);
	recording_start(&recording, 0, 1, filter_own(filter, sizeof(filter)));
	for (uint32_t i = 0; i < 20; i++) {
		call(100);
		must(pp_recorder_pass(recording.recorder, &err), "pp_recorder_pass");
	}
	const struct contents got = recording_end(&recording);
	check(got.samples == 0 && got.packed >= 20, "records are packed: %u", got.packed);
	check(recording.run.state.delivered == 2000 && recording.recorded.data_bytes > 4 * recording.recorded.bytes,
	      "%lu bytes became %lu", recording.recorded.data_bytes, recording.recorded.bytes);
	pp_session_close(recording.run.session);
}

static void test_ids(void)
{
	struct pp_event_id ids[1024];
	struct run run;

	run_new(&run, 0, 8);
	run_add(&run, NULL);
	must(pp_session_open(run.session, &err), "pp_session_open");
	check(pp_session_ids(run.session, ids, 8, &err) == PP_E_SPACE && err.need == cpu_count * sizeof(*ids), "ids need room");
	check(pp_session_ids(run.session, ids, sizeof(ids), &err) == (int32_t)cpu_count && ids[0].id > 0 && ids[0].event == 0,
	      "an id for each CPU");
	pp_session_close(run.session);
}

static void remove_folder(void)
{
	char old[160];

	snprintf(old, sizeof(old), "%s.old", path);
	unlink(old);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	if (!mkdtemp(folder))
		check_skip("no folder for files");
	snprintf(path, sizeof(path), "%s/r.data", folder);
	atexit(remove_folder);
	test_commits();
	test_full();
	test_open();
	test_arguments();
	need_machine();
	test_exact();
	test_loss();
	test_own();
	test_packed();
	test_ids();
	return check_done();
}
