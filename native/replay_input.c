/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a recording, in order: whole records of a file or a pipe, with those that are compressed in their place. Read in
 * pieces and not mapped: a file that somebody truncates meanwhile is an error then, not a SIGBUS, and memory stays flat.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay.h"

#define BUFFER_SIZE	 (512u << 10)
#define COMPRESSED2_HEAD 16 /* header, u64 data_size */

int32_t pp_input_damaged(const struct pp_input *input, uint64_t offset, struct pp_error *err, const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return pp_fail(err, PP_E_RECORDING, 0, "read %s: at byte %llu %s", input->path, (unsigned long long)offset, what);
}

int32_t pp_input_open(struct pp_input *input, const char *path, struct pp_error *err)
{
	bool is_pipe = !strcmp(path, "-");
	struct stat st;

	*input = (struct pp_input){.path = is_pipe ? "stdin" : path, .fd = -1, .end = UINT64_MAX};
	/* Not O_NONBLOCK on stdin: its flags are also those of whoever else has it. */
	input->fd = is_pipe ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (input->fd < 0 || fstat(input->fd, &st) < 0)
		return pp_fail(err, PP_E_FILE, errno, "open %s", input->path);
	if (S_ISDIR(st.st_mode))
		return pp_fail(err, PP_E_FILE, EISDIR, "open %s", input->path);
	input->seekable = S_ISREG(st.st_mode);
	input->buf = malloc(BUFFER_SIZE);
	return input->buf ? PP_OK : pp_fail(err, PP_E_NOMEM, ENOMEM, "open %s", input->path);
}

void pp_input_close(struct pp_input *input)
{
	if (input->fd >= 0)
		close(input->fd);
	free(input->buf);
	pp_unpacker_free(input->unpacker);
}

int32_t pp_input_read_at(const struct pp_input *input, uint64_t offset, void *to, size_t size, struct pp_error *err)
{
	if (offset > INT64_MAX - size)
		return pp_input_damaged(input, offset, err, "a section of %zu bytes is said to be", size);
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(input->fd, (char *)to + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pp_fail(err, PP_E_FILE, errno, "read %s", input->path);
		if (n == 0)
			return pp_input_damaged(input, offset + done, err, "the file ends, within a section");
		done += n;
	}
	return PP_OK;
}

int32_t pp_input_seek(struct pp_input *input, struct pp_error *err)
{
	input->pos = input->len = 0;
	if (lseek(input->fd, (off_t)input->offset, SEEK_SET) < 0)
		return pp_fail(err, PP_E_FILE, errno, "read %s", input->path);
	return PP_OK;
}

/* More bytes behind those that are there: 1; 0 at the end, PP_INPUT_LATER where a pipe has none yet. */
static int32_t fill(struct pp_input *input, bool wait, struct pp_error *err)
{
	struct pollfd ready = {.fd = input->fd, .events = POLLIN};
	const uint32_t have = input->len - input->pos;
	const uint64_t left = input->end - input->offset - have;
	const size_t room = BUFFER_SIZE - have;
	ssize_t n;

	memmove(input->buf, input->buf + input->pos, have);
	input->len = have;
	input->pos = 0;
	if (!wait && !input->seekable && poll(&ready, 1, 0) == 0)
		return PP_INPUT_LATER;
	do {
		n = read(input->fd, input->buf + have, left < room ? left : room);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return pp_fail(err, PP_E_FILE, errno, "read %s", input->path);
	input->len += n;
	return n > 0;
}

/* At least `size` bytes at pos: 1; 0 when the data ends before, PP_INPUT_LATER when they are not there yet. */
static int32_t need(struct pp_input *input, uint32_t size, bool wait, struct pp_error *err)
{
	int32_t got = 1;

	while (got == 1 && input->len - input->pos < size)
		got = fill(input, wait, err);
	return got;
}

static void advance(struct pp_input *input, uint32_t size)
{
	input->pos += size;
	input->offset += size;
}

int32_t pp_input_take(struct pp_input *input, void *to, size_t size, struct pp_error *err)
{
	while (size > 0) {
		uint32_t part = size < BUFFER_SIZE ? size : BUFFER_SIZE;
		int32_t got = need(input, part, true, err);

		if (got < 0)
			return got;
		if (got == 0)
			return pp_input_damaged(input, input->offset, err, "%zu more bytes are missing", size);
		memcpy(to, input->buf + input->pos, part);
		advance(input, part);
		to = (char *)to + part;
		size -= part;
	}
	return PP_OK;
}

/* Passes over what is left of an appendix. */
static int32_t skip(struct pp_input *input, bool wait, struct pp_error *err)
{
	while (input->skip > 0) {
		int32_t got = need(input, 1, wait, err);
		uint32_t part = input->len - input->pos;

		if (got != 1)
			return got;
		if (part > input->skip)
			part = input->skip;
		advance(input, part);
		input->skip -= part;
	}
	return 1;
}

/* A record of the file itself. */
static int32_t next_outer(struct pp_input *input, bool wait, struct pp_record *record, struct pp_error *err)
{
	int32_t got = skip(input, wait, err);

	if (got == 1)
		got = need(input, sizeof(struct perf_event_header), wait, err);
	if (got == 0 && input->len > input->pos)
		return pp_input_damaged(input, input->offset, err, "the data ends within a record's header");
	if (got != 1)
		return got;
	const uint32_t size = pp_load16(input->buf + input->pos + 6);
	if (size < sizeof(struct perf_event_header))
		return pp_input_damaged(input, input->offset, err, "a record of %u bytes is said to be", size);
	got = need(input, size, wait, err);
	if (got == 0)
		return pp_input_damaged(input, input->offset, err, "the data ends within a record of %u bytes", size);
	if (got != 1)
		return got;
	const uint8_t *data = input->buf + input->pos;
	*record = (struct pp_record){.data = data, .type = pp_load32(data), .size = size, .offset = input->offset};
	advance(input, size);
	/* Hardware trace follows its record, u64 size; so does tracing data in a pipe, u32 size. */
	if (record->type == PP_PERF_AUXTRACE && size >= 16)
		input->skip = pp_load64(data + 8);
	if (record->type == PP_PERF_TRACING_DATA && size >= 12)
		input->skip = pp_load32(data + 8);
	return 1;
}

/* Bytes of a pack: all behind the header, or as many as a newer one says. */
static int32_t feed(struct pp_input *input, const struct pp_record *pack, struct pp_error *err)
{
	uint32_t head = sizeof(struct perf_event_header);
	uint64_t size = pack->size - head;

	if (pack->type == PP_PERF_COMPRESSED2) {
		head = COMPRESSED2_HEAD;
		size = pack->size < head ? UINT64_MAX : pp_load64(pack->data + 8);
		if (size > pack->size - head)
			return pp_input_damaged(input, pack->offset, err, "a pack does not hold what it says");
	}
	return pp_unpacker_feed(&input->unpacker, pack->data + head, size, pack->offset, err);
}

int32_t pp_input_next(struct pp_input *input, bool wait, struct pp_record *record, struct pp_error *err)
{
	for (;;) {
		int32_t got = input->unpacker ? pp_unpacker_next(input->unpacker, record) : 0;

		if (got < 0)
			return pp_input_damaged(input, record->offset, err, "a compressed record does not unpack");
		if (got > 0)
			return 1;
		got = next_outer(input, wait, record, err);
		if (got != 1 || (record->type != PP_PERF_COMPRESSED && record->type != PP_PERF_COMPRESSED2))
			return got;
		got = feed(input, record, err);
		if (got < 0)
			return got;
	}
}
