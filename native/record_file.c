/* SPDX-License-Identifier: MIT */
/*
 * A perf.data file that is whole after each commit, so that a kill or a full disk leaves what was recorded until then. Owns the
 * file descriptor and the offsets; what the bytes say is the caller's, but for the header's data.size and the rounds.
 *
 * The features' table must follow the data at once (tools/perf/Documentation/perf.data-file-format.txt), and the data grows. So the
 * next data is written behind the table, where the header does not reach yet; then the FINISHED_ROUND before the table grows over
 * it, for readers to skip; then the header's data.size tells of it all:
 *
 *   before   | head | data, round | table |
 *   written  | head | data, round | table | data, round | table |
 *   after    | head | data, round + table | data, round | table |
 *
 * Only between the last two steps, each a few bytes, a killed process leaves a last round that is longer than the data, which
 * readers take for its end as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

/* Of data.size in struct perf_file_header (tools/perf/util/header.h): after magic, size, attr_size, attrs and data.offset. */
#define DATA_SIZE_AT 48

/* Is there a recording to be kept? Anything else that a path may lead to (a device) is written to as it is. */
static bool has_recording(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static int32_t keep_old(const char *path, struct pp_error *err)
{
	char old[PATH_MAX];

	if (!has_recording(path))
		return 0;
	if (snprintf(old, sizeof(old), "%s.old", path) >= (int)sizeof(old))
		return pp_fail(err, PP_E_OUTPUT, ENAMETOOLONG, "open %.64s...", path);
	if (rename(path, old) != 0)
		return pp_fail(err, PP_E_OUTPUT, errno, "rename %s to %s", path, old);
	return 0;
}

int32_t pp_record_file_open(struct pp_record_file *file, const char *path, struct pp_error *err)
{
	struct stat st;

	*file = (struct pp_record_file){.fd = -1};
	if (strcmp(path, "-") == 0) {
		file->stream = true;
		file->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return file->fd < 0 ? pp_fail(err, PP_E_OUTPUT, errno, "open stdout") : 0;
	}
	const int32_t code = keep_old(path, err);
	if (code < 0)
		return code;
	file->fd = pp_output_open(path, 0, err);
	if (file->fd < 0)
		return file->fd;
	if (fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(file->fd, 0) < 0)
		return pp_fail(err, PP_E_OUTPUT, errno, "truncate %s", path);
	return 0;
}

/* Forgets the first `done` bytes of the pieces. */
static void advance(struct iovec **pieces, uint32_t *count, size_t done)
{
	while (*count > 0 && done >= (*pieces)->iov_len) {
		done -= (*pieces)->iov_len;
		(*pieces)++;
		(*count)--;
	}
	if (*count > 0) {
		(*pieces)->iov_base = (uint8_t *)(*pieces)->iov_base + done;
		(*pieces)->iov_len -= done;
	}
}

/* Writes all pieces: 0 or the errno. */
static int write_all(const struct pp_record_file *file, struct iovec *pieces, uint32_t count, uint64_t at)
{
	while (count > 0) {
		const int some = count > IOV_MAX ? IOV_MAX : (int)count;
		const ssize_t wrote = file->stream ? writev(file->fd, pieces, some) : pwritev(file->fd, pieces, some, (off_t)at);
		if (wrote < 0 && errno != EINTR)
			return errno;
		if (wrote == 0)
			return EIO;
		if (wrote < 0)
			continue;
		at += (uint64_t)wrote;
		advance(&pieces, &count, (size_t)wrote);
	}
	return 0;
}

static int write_one(const struct pp_record_file *file, const void *bytes, size_t size, uint64_t at)
{
	return write_all(file, &(struct iovec){.iov_base = (void *)bytes, .iov_len = size}, 1, at);
}

/* Gives up what no commit has made part of the file; that may be what a full disk needs. */
static int32_t give_up(struct pp_record_file *file, int reason, struct pp_error *err)
{
	if (!file->stream && file->round > 0) {
		file->at = file->round + sizeof(struct perf_event_header) + file->table_size;
		if (ftruncate(file->fd, (off_t)file->at) < 0)
			reason = errno;
	}
	return pp_fail(err, PP_E_OUTPUT, reason, "write the recording");
}

int32_t pp_record_file_add(struct pp_record_file *file, struct iovec *pieces, uint32_t count, struct pp_error *err)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < count; i++)
		size += pieces[i].iov_len;
	if (size == 0)
		return 0;
	const int reason = write_all(file, pieces, count, file->at);
	if (reason != 0)
		return give_up(file, reason, err);
	file->at += size;
	return 0;
}

int32_t pp_record_file_begin(struct pp_record_file *file, const uint8_t *head, uint32_t size, const uint8_t *table,
			     uint32_t table_size, struct pp_error *err)
{
	if (file->at > 0 || table_size > UINT16_MAX - sizeof(struct perf_event_header) ||
	    (!file->stream && size < DATA_SIZE_AT + sizeof(uint64_t)))
		return pp_fail(err, PP_E_ARG, 0, "head of %u bytes, table of %u", size, table_size);
	file->table = malloc(table_size + 1);
	if (!file->table)
		return pp_fail(err, PP_E_NOMEM, 0, "allocating the features' table");
	memcpy(file->table, table, table_size);
	file->table_size = file->stream ? 0 : table_size;
	struct iovec piece = {.iov_base = (void *)head, .iov_len = size};
	const int32_t code = pp_record_file_add(file, &piece, 1, err);
	file->begin = file->at;
	return code < 0 ? code : pp_record_file_commit(file, err);
}

int32_t pp_record_file_commit(struct pp_record_file *file, struct pp_error *err)
{
	const struct perf_event_header end = {.type = PP_RECORD_FINISHED_ROUND, .size = sizeof(end)};
	const uint16_t grown = (uint16_t)(sizeof(end) + file->table_size);
	struct iovec pieces[] = {{(void *)&end, sizeof(end)}, {file->table, file->table_size}};
	const uint64_t before = file->round, round = file->at;
	int reason = 0;

	const int32_t code = pp_record_file_add(file, pieces, 2, err);
	if (code < 0 || file->stream)
		return code;
	if (before > 0)
		reason = write_one(file, &grown, sizeof(grown), before + offsetof(struct perf_event_header, size));
	const uint64_t data_size = round + sizeof(end) - file->begin;
	if (reason == 0)
		reason = write_one(file, &data_size, sizeof(data_size), DATA_SIZE_AT);
	if (reason != 0)
		return pp_fail(err, PP_E_OUTPUT, reason, "write the recording");
	file->round = round;
	return 0;
}

int32_t pp_record_file_patch(struct pp_record_file *file, uint64_t offset, const uint8_t *bytes, uint32_t size,
			     struct pp_error *err)
{
	if (file->stream || offset > file->begin || size > file->begin - offset)
		return pp_fail(err, PP_E_ARG, 0, "patch of %u bytes", size);
	const int reason = write_one(file, bytes, size, offset);
	return reason == 0 ? 0 : pp_fail(err, PP_E_OUTPUT, reason, "write the recording");
}

void pp_record_file_close(struct pp_record_file *file)
{
	free(file->table);
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}
