/* SPDX-License-Identifier: MIT */
/*
 * What a recording says of itself before its records: events with their attrs and ids, and where its sections are. In a file that
 * is a header with offsets (tools/perf/util/header.c, Documentation/perf.data-file-format.txt), in a pipe records of perf's own.
 * What the sections hold is not looked at here.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "replay.h"

#define MAGIC	    0x32454c4946524550ULL /* "PERFILE2" */
#define MAGIC_OTHER 0x50455246494c4532ULL /* of a machine of the other byte order */
#define SECTION_MAX (256ull << 20)
#define IDS_MAX	    (64ull << 20)
#define ATTR_MIN    64u /* PERF_ATTR_SIZE_VER0 */
#define ATTR_MAX    4096u

/* struct perf_file_section. */
struct file_section {
	uint64_t offset;
	uint64_t size;
};

/* struct perf_file_header; a pipe has its first two members. */
struct file_header {
	uint64_t magic;
	uint64_t size;
	uint64_t attr_size;
	struct file_section attrs;
	struct file_section data;
	struct file_section event_types;
	uint64_t features[PP_FEATURE_COUNT / 64];
};
static_assert(sizeof(struct file_header) == 104, "perf_file_header");
#define PIPE_HEADER 16

/* ---- events ---- */

static int32_t add_event(struct pp_replay *replay, const uint8_t *attr, uint32_t size, struct pp_error *err)
{
	if (replay->event_count >= PP_EVENT_LOST - 1)
		return pp_input_damaged(&replay->input, replay->input.offset, err,
					"there are more events than a perf.data can have");
	struct pp_replay_event *events = reallocarray(replay->events, replay->event_count + 1, sizeof(*events));
	if (!events)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "events of %s", replay->input.path);
	replay->events = events;
	struct pp_replay_event *event = &events[replay->event_count];
	*event = (struct pp_replay_event){.index = PP_EVENT_UNKNOWN, .raw_size = size, .raw_attr = malloc(size)};
	if (!event->raw_attr)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "events of %s", replay->input.path);
	replay->event_count++;
	memcpy(event->raw_attr, attr, size);
	memcpy(&event->attr, attr, size < sizeof(event->attr) ? size : sizeof(event->attr));
	pp_replay_event_place(event);
	replay->counts_lost |= (event->attr.read_format & PERF_FORMAT_LOST) != 0;
	return PP_OK;
}

static int32_t add_ids(struct pp_replay *replay, const uint8_t *ids, uint64_t count, struct pp_error *err)
{
	for (uint64_t i = 0; i < count; i++) {
		if (pp_replay_ids_add(&replay->ids, pp_load64(ids + 8 * i), replay->event_count - 1) < 0)
			return pp_fail(err, PP_E_NOMEM, ENOMEM, "event ids of %s", replay->input.path);
	}
	return PP_OK;
}

/* ---- a file ---- */

static int32_t read_ids(struct pp_replay *replay, const struct file_section *section, struct pp_error *err)
{
	int32_t ret;

	if (section->size > IDS_MAX || section->size % 8)
		return pp_input_damaged(&replay->input, section->offset, err, "an event has %llu bytes of ids",
					(unsigned long long)section->size);
	uint8_t *ids = malloc(section->size + 1);
	if (!ids)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "event ids of %s", replay->input.path);
	ret = pp_input_read_at(&replay->input, section->offset, ids, section->size, err);
	if (ret >= 0)
		ret = add_ids(replay, ids, section->size / 8, err);
	free(ids);
	return ret;
}

static int32_t read_attrs(struct pp_replay *replay, const struct file_header *header, struct pp_error *err)
{
	const uint64_t size = header->attr_size - sizeof(struct file_section);
	struct file_section ids;
	uint8_t attr[ATTR_MAX];

	if (header->attr_size < ATTR_MIN + sizeof(ids) || size > ATTR_MAX)
		return pp_input_damaged(&replay->input, offsetof(struct file_header, attr_size), err,
					"an event is said to take %llu bytes", (unsigned long long)header->attr_size);
	for (uint64_t done = 0; done + header->attr_size <= header->attrs.size; done += header->attr_size) {
		const uint64_t at = header->attrs.offset + done;
		int32_t ret = pp_input_read_at(&replay->input, at, attr, size, err);

		if (ret >= 0)
			ret = pp_input_read_at(&replay->input, at + size, &ids, sizeof(ids), err);
		if (ret >= 0)
			ret = add_event(replay, attr, size, err);
		if (ret >= 0)
			ret = read_ids(replay, &ids, err);
		if (ret < 0)
			return ret;
	}
	return PP_OK;
}

/* A table of sections follows the data, one for each bit in turn. */
static int32_t find_sections(struct pp_replay *replay, const struct file_header *header, struct pp_error *err)
{
	uint64_t at = header->data.offset + header->data.size;

	for (uint32_t feature = 0; feature < PP_FEATURE_COUNT; feature++) {
		struct file_section section;

		if (!(header->features[feature / 64] >> feature % 64 & 1))
			continue;
		int32_t ret = pp_input_read_at(&replay->input, at, &section, sizeof(section), err);
		if (ret < 0)
			return replay->flags & PP_REPLAY_FORCE ? PP_OK : ret;
		replay->sections[feature] = (struct pp_section){.offset = section.offset, .size = section.size};
		at += sizeof(section);
	}
	return PP_OK;
}

static int32_t read_file(struct pp_replay *replay, struct pp_error *err)
{
	struct pp_input *input = &replay->input;
	struct file_header header;
	struct stat st;
	int32_t ret;

	ret = pp_input_read_at(input, 0, &header, sizeof(header), err);
	if (ret < 0)
		return ret;
	if (fstat(input->fd, &st) < 0)
		return pp_fail(err, PP_E_FILE, errno, "read %s", input->path);
	if (header.data.offset > (uint64_t)st.st_size || header.data.size > INT64_MAX)
		return pp_input_damaged(input, offsetof(struct file_header, data), err, "the data is said to be at byte %llu",
					(unsigned long long)header.data.offset);
	ret = read_attrs(replay, &header, err);
	/* perf record writes the size last: where it was killed the data goes on to the end of the file. */
	replay->unfinished = header.data.size == 0;
	if (ret >= 0 && !replay->unfinished)
		ret = find_sections(replay, &header, err);
	if (ret < 0)
		return ret;
	input->offset = header.data.offset;
	input->end = replay->unfinished ? (uint64_t)st.st_size : header.data.offset + header.data.size;
	if (input->end > (uint64_t)st.st_size && !(replay->flags & PP_REPLAY_FORCE))
		return pp_input_damaged(input, st.st_size, err, "the file ends: %llu bytes of its data are missing",
					(unsigned long long)(input->end - st.st_size));
	return pp_input_seek(input, err);
}

/* ---- a pipe ---- */

/* Appends to a section that is kept in memory. */
static int32_t keep(struct pp_replay *replay, uint64_t feature, const uint8_t *bytes, uint32_t size, struct pp_error *err)
{
	if (feature >= PP_FEATURE_COUNT)
		return PP_OK; /* of a newer perf */
	struct pp_section *section = &replay->sections[feature];
	if (section->size + size > SECTION_MAX)
		return pp_input_damaged(&replay->input, replay->input.offset, err, "a section is too large");
	uint8_t *bigger = realloc(section->bytes, section->size + size + 1);
	if (!bigger)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "headers of %s", replay->input.path);
	section->bytes = bigger;
	memcpy(bigger + section->size, bytes, size);
	section->size += size;
	return PP_OK;
}

/* Its data follows the record. */
static int32_t keep_tracing_data(struct pp_replay *replay, struct pp_error *err)
{
	const uint64_t size = replay->input.skip;
	int32_t ret;

	if (size > SECTION_MAX)
		return pp_input_damaged(&replay->input, replay->input.offset, err, "a section is too large");
	uint8_t *bytes = malloc(size + 1);
	if (!bytes)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "headers of %s", replay->input.path);
	replay->input.skip = 0;
	ret = pp_input_take(&replay->input, bytes, size, err);
	if (ret >= 0)
		ret = keep(replay, PP_FEATURE_TRACING_DATA, bytes, size, err);
	free(bytes);
	return ret;
}

/* struct perf_event_attr, as large as it says, and ids. */
static int32_t add_pipe_event(struct pp_replay *replay, const struct pp_record *record, struct pp_error *err)
{
	const uint8_t *attr = record->data + sizeof(struct perf_event_header);
	const uint32_t room = record->size - sizeof(struct perf_event_header);
	const uint32_t size = room >= ATTR_MIN ? pp_load32(attr + offsetof(struct perf_event_attr, size)) : 0;

	if (size < ATTR_MIN || size > ATTR_MAX || size > room)
		return pp_input_damaged(&replay->input, record->offset, err, "an event of %u bytes is said to be", size);
	int32_t ret = add_event(replay, attr, size, err);
	return ret < 0 ? ret : add_ids(replay, attr + size, (room - size) / 8, err);
}

static int32_t take_header(struct pp_replay *replay, const struct pp_record *record, struct pp_error *err)
{
	const uint32_t head = sizeof(struct perf_event_header);

	switch (record->type) {
	case PP_PERF_HEADER_ATTR:
		return add_pipe_event(replay, record, err);
	case PP_PERF_TRACING_DATA:
		return keep_tracing_data(replay, err);
	case PP_PERF_HEADER_BUILD_ID:
		return keep(replay, PP_FEATURE_BUILD_ID, record->data, record->size, err);
	case PP_PERF_HEADER_FEATURE:
		if (record->size < head + 8)
			return pp_input_damaged(&replay->input, record->offset, err, "a section without a number");
		return keep(replay, pp_load64(record->data + head), record->data + head + 8, record->size - head - 8, err);
	default:
		return PP_OK;
	}
}

static bool is_header(uint32_t type)
{
	return (type >= PP_PERF_HEADER_ATTR && type <= PP_PERF_HEADER_BUILD_ID) || type == PP_PERF_EVENT_UPDATE ||
	       type == PP_PERF_HEADER_FEATURE;
}

/* Up to the first record that is no header. */
static int32_t read_pipe(struct pp_replay *replay, struct pp_error *err)
{
	for (;;) {
		struct pp_record *record = &replay->held;
		int32_t ret = pp_input_next(&replay->input, true, record, err);

		if (ret <= 0)
			return ret;
		if (!is_header(record->type)) {
			replay->has_held = true;
			return PP_OK;
		}
		ret = take_header(replay, record, err);
		if (ret < 0)
			return ret;
	}
}

/* ---- both ---- */

int32_t pp_replay_header_read(struct pp_replay *replay, struct pp_error *err)
{
	struct pp_input *input = &replay->input;
	uint64_t head[PIPE_HEADER / 8];
	int32_t ret = pp_input_take(input, head, sizeof(head), err);

	if (ret < 0 && ret != PP_E_RECORDING)
		return ret;
	if (ret >= 0 && head[0] == MAGIC_OTHER)
		return pp_fail(err, PP_E_RECORDING, 0, "read %s: it was recorded on a machine of the other byte order",
			       input->path);
	if (ret < 0 || head[0] != MAGIC)
		return pp_fail(err, PP_E_RECORDING, 0, "read %s: it is no perf.data", input->path);
	if (head[1] == PIPE_HEADER)
		ret = read_pipe(replay, err);
	else if (input->seekable && head[1] >= sizeof(struct file_header))
		ret = read_file(replay, err);
	else
		ret = pp_fail(err, PP_E_RECORDING, 0, "read %s: it is a perf.data that cannot come through a pipe", input->path);
	if (ret < 0)
		return ret;
	if (replay->event_count == 0)
		return pp_fail(err, PP_E_RECORDING, 0, "read %s: it has no events", input->path);
	if (!pp_replay_layout_of(replay->events, replay->event_count, &replay->layout))
		return pp_fail(err, PP_E_RECORDING, 0, "read %s: its events cannot be told apart", input->path);
	return PP_OK;
}
