/* SPDX-License-Identifier: MIT */
/*
 * A session's rings -> a recording. Each pass looks at every record once, to count it and to see where it ends, and writes the
 * bytes as they lie in the ring: a run of records is one piece for writev, or two where the ring wraps. What is dropped (samples of
 * our own) is left out between two pieces. A ring's data_tail moves when its bytes are written.
 *
 * Owns the file and the compressor. The session is the caller's, and so is its clock: times are the kernel's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "record.h"
#include "session.h"

#define PIECES_MAX 1024
/* A ring that stays full brings no PERF_RECORD_LOST: its counters are read so often. */
#define COUNTERS_EVERY_NS 1000000000ULL

struct pp_recorder {
	struct pp_session *session;
	struct pp_recorded *recorded;
	struct pp_record_file file;
	struct pp_zstd *zstd; /* NULL: records are written as they are */
	uint64_t counted_at;  /* CLOCK_MONOTONIC */
	uint32_t piece_count;
	struct iovec pieces[PIECES_MAX];
};

int32_t pp_session_ids(struct pp_session *session, struct pp_event_id *ids, uint32_t size, struct pp_error *err)
{
	const struct pp_merge *merge = &session->merge;
	const uint64_t need = (uint64_t)session->fd_count * sizeof(*ids);
	int32_t count = 0;

	if (size < need) {
		pp_fail(err, PP_E_SPACE, 0, "ids of %u events", session->fd_count);
		err->need = (uint32_t)need;
		return PP_E_SPACE;
	}
	for (uint32_t i = 0; i < merge->ring_count; i++) {
		const struct pp_ring *ring = &merge->rings[i];
		for (uint32_t j = ring->first_fd; j < ring->first_fd + ring->fd_count; j++) {
			struct pp_event_id *id = &ids[count++];
			*id = (struct pp_event_id){.event = merge->table.slots[session->fds[j].slot].event, .cpu = ring->cpu};
			if (ioctl(session->fds[j].fd, PERF_EVENT_IOC_ID, &id->id) != 0)
				return pp_fail(err, PP_E_IOCTL, errno, "id of %s", session->events[id->event].name);
		}
	}
	return count;
}

int32_t pp_recorder_new(struct pp_session *session, const char *path, uint32_t level, struct pp_recorded *recorded,
			struct pp_recorder **out, struct pp_error *err)
{
	struct pp_recorder *recorder = calloc(1, sizeof(*recorder));
	int32_t code = 0;

	if (!recorder)
		return pp_fail(err, PP_E_NOMEM, 0, "allocating a recorder");
	*recorded = (struct pp_recorded){0};
	recorder->session = session;
	recorder->recorded = recorded;
	recorder->file.fd = -1;
	if (session->spill || !session->merge.rings)
		code = pp_fail(err, PP_E_ARG, 0, "recording a session that is not open, or has a queue");
	if (code == 0 && level > 0)
		code = pp_zstd_new((int32_t)level, &recorder->zstd, err);
	if (code == 0)
		code = pp_record_file_open(&recorder->file, path, err);
	if (code < 0)
		pp_recorder_close(recorder);
	else
		*out = recorder;
	return code;
}

int32_t pp_recorder_begin(struct pp_recorder *recorder, const uint8_t *head, uint32_t head_size, const uint8_t *table,
			  uint32_t table_size, struct pp_error *err)
{
	const int32_t code = pp_record_file_begin(&recorder->file, head, head_size, table, table_size, err);

	recorder->recorded->bytes = recorder->file.at;
	return code;
}

/* ---- bytes to the file ---- */

static int32_t write_pieces(struct pp_recorder *recorder, struct pp_error *err)
{
	const uint32_t count = recorder->piece_count;

	recorder->piece_count = 0;
	return pp_record_file_add(&recorder->file, recorder->pieces, count, err);
}

static int32_t write_packed(struct pp_recorder *recorder, struct pp_error *err)
{
	struct iovec record;
	const int32_t code = pp_zstd_pack(recorder->zstd, &record, err);

	return code < 0 || record.iov_len == 0 ? code : pp_record_file_add(&recorder->file, &record, 1, err);
}

/* The bytes must stay until write_pieces. */
static int32_t put(struct pp_recorder *recorder, const uint8_t *bytes, uint64_t size, struct pp_error *err)
{
	int32_t code = 0;

	recorder->recorded->data_bytes += size;
	if (!recorder->zstd) {
		if (recorder->piece_count == PIECES_MAX)
			code = write_pieces(recorder, err);
		recorder->pieces[recorder->piece_count++] = (struct iovec){.iov_base = (void *)bytes, .iov_len = size};
		return code;
	}
	while (size > 0 && code == 0) {
		const uint32_t took = pp_zstd_take(recorder->zstd, bytes, size);
		bytes += took;
		size -= took;
		if (size > 0)
			code = write_packed(recorder, err);
	}
	return code;
}

int32_t pp_recorder_add(struct pp_recorder *recorder, const uint8_t *records, uint32_t size, struct pp_error *err)
{
	const int32_t code = put(recorder, records, size, err);

	return code < 0 ? code : write_pieces(recorder, err);
}

/* ---- a ring ---- */

/* Bytes [from, to) of a ring, as data_head counts. */
static int32_t put_run(struct pp_recorder *recorder, const struct pp_ring *ring, uint64_t from, uint64_t to, struct pp_error *err)
{
	const uint64_t begin = from & ring->mask, size = to - from;
	const uint64_t straight = size < ring->mask + 1 - begin ? size : ring->mask + 1 - begin;
	int32_t code = 0;

	if (straight > 0)
		code = put(recorder, ring->data + begin, straight, err);
	return code < 0 || size == straight ? code : put(recorder, ring->data, size - straight, err);
}

/* Counts a sample. False: it is one of our own, and left out. */
static bool take_sample(struct pp_recorder *recorder, const struct pp_ring *ring, uint64_t at, uint16_t size)
{
	struct pp_table *table = &recorder->session->merge.table;
	struct pp_recorded *recorded = recorder->recorded;
	const uint32_t index = size < 16 ? PP_NO_SLOT : pp_ids_find(&table->ids, pp_ring_u64(ring, at + 8));
	struct pp_slot *slot = index == PP_NO_SLOT ? NULL : &table->slots[index];

	if (!slot || size < slot->time_offset + 8) {
		table->state->damaged++;
		return true; /* whoever reads the file may know better */
	}
	if (table->self != 0 && slot->pid_offset != 0 && (uint32_t)pp_ring_u64(ring, at + slot->pid_offset) == table->self) {
		slot->excluded++;
		table->state->excluded++;
		return false;
	}
	const uint64_t time = pp_ring_u64(ring, at + slot->time_offset);
	if (recorded->first_time == 0 || time < recorded->first_time)
		recorded->first_time = time;
	if (time > recorded->last_time)
		recorded->last_time = time;
	slot->delivered++;
	table->state->delivered++;
	return true;
}

/* What a record means to the counts; false: it is left out. */
static bool take_record(struct pp_recorder *recorder, struct pp_ring *ring, uint64_t at, uint32_t type, uint16_t size)
{
	switch (type) {
	case PERF_RECORD_SAMPLE:
		return take_sample(recorder, ring, at, size);
	case PERF_RECORD_LOST: /* { header, u64 id, u64 lost, sample_id } */
		if (size >= 24)
			pp_loss_place(&recorder->session->merge, ring, pp_ring_u64(ring, at + 16));
		return true;
	default:
		return true;
	}
}

/* Writes what a ring holds now, up to its head when the pass came to it. */
static int32_t record_ring(struct pp_recorder *recorder, struct pp_ring *ring, struct pp_error *err)
{
	struct pp_table *table = &recorder->session->merge.table;
	int32_t code = 0;

	pp_ring_snapshot(ring, table);
	uint64_t at = ring->next, kept = at;
	while (at < ring->head && code == 0) {
		const uint64_t header = pp_ring_u64(ring, at); /* u32 type; u16 misc, size */
		const uint16_t size = (uint16_t)(header >> 48);
		if (size < 8 || size % 8 != 0 || size > ring->head - at) {
			table->state->damaged++; /* where the next one begins is not known */
			break;
		}
		if (!take_record(recorder, ring, at, (uint32_t)header, size)) {
			code = put_run(recorder, ring, kept, at, err);
			kept = at + size;
		}
		at += size;
	}
	if (code == 0)
		code = put_run(recorder, ring, kept, at, err);
	if (code == 0)
		code = write_pieces(recorder, err);
	ring->next = ring->head;
	pp_ring_release(ring);
	return code;
}

/* ---- a pass ---- */

static void count_losses(struct pp_recorder *recorder)
{
	struct pp_merge *merge = &recorder->session->merge;
	const uint64_t now = pp_clock_now(CLOCK_MONOTONIC);

	if (now - recorder->counted_at < COUNTERS_EVERY_NS)
		return;
	recorder->counted_at = now;
	for (uint32_t i = 0; i < merge->ring_count; i++) {
		if (merge->rings[i].nearly_full)
			merge->read_lost(merge->owner, &merge->rings[i]);
	}
}

static int32_t commit(struct pp_recorder *recorder, struct pp_error *err)
{
	int32_t code = recorder->zstd ? write_packed(recorder, err) : 0;

	if (code == 0)
		code = pp_record_file_commit(&recorder->file, err);
	recorder->recorded->bytes = recorder->file.at;
	return code;
}

int32_t pp_recorder_pass(struct pp_recorder *recorder, struct pp_error *err)
{
	struct pp_merge *merge = &recorder->session->merge;
	const uint64_t before = recorder->recorded->data_bytes;
	int32_t code = 0;

	for (uint32_t i = 0; i < merge->ring_count && code == 0; i++)
		code = record_ring(recorder, &merge->rings[i], err);
	recorder->piece_count = 0; /* of a ring that could not be written */
	count_losses(recorder);
	if (code == 0 && recorder->recorded->data_bytes > before)
		code = commit(recorder, err);
	return code < 0 ? code : recorder->recorded->data_bytes > before;
}

/* ---- the end ---- */

/* { header, u64 lost, sample_id }, as perf 6.1 and newer write it from PERF_FORMAT_LOST. */
static int32_t add_lost(struct pp_recorder *recorder, const struct pp_fd *fd, uint32_t cpu, struct pp_error *err)
{
	const struct pp_session *session = recorder->session;
	const struct pp_slot *slot = &session->merge.table.slots[fd->slot];
	/* struct sample_id begins with { u32 pid, tid }, and the time after it is so far from its end. */
	const uint16_t id_size = (uint16_t)(8 + slot->time_trailer);
	struct {
		struct perf_event_header header;
		uint64_t lost;
		uint64_t sample_id[8];
	} record = {.header = {.type = PERF_RECORD_LOST_SAMPLES, .size = (uint16_t)(16 + id_size)}, .lost = fd->lost};
	uint64_t *end = record.sample_id + id_size / 8;

	record.sample_id[1] = session->disabled_at;
	end[-2] = cpu;
	if (ioctl(fd->fd, PERF_EVENT_IOC_ID, &end[-1]) != 0)
		return pp_fail(err, PP_E_IOCTL, errno, "id of %s", session->events[slot->event].name);
	return pp_recorder_add(recorder, (const uint8_t *)&record, record.header.size, err);
}

static int32_t add_losses(struct pp_recorder *recorder, struct pp_error *err)
{
	const struct pp_session *session = recorder->session;
	const struct pp_merge *merge = &session->merge;
	int32_t code = 0;

	for (uint32_t i = 0; i < merge->ring_count; i++) {
		struct pp_ring *ring = &merge->rings[i];
		merge->read_lost(merge->owner, ring);
		for (uint32_t j = ring->first_fd; j < ring->first_fd + ring->fd_count && code == 0; j++) {
			if (session->fds[j].lost > 0)
				code = add_lost(recorder, &session->fds[j], ring->cpu, err);
		}
	}
	return code;
}

int32_t pp_recorder_finish(struct pp_recorder *recorder, struct pp_error *err)
{
	int32_t code = pp_recorder_pass(recorder, err);

	if (code >= 0)
		code = add_losses(recorder, err);
	return code < 0 ? code : commit(recorder, err);
}

int32_t pp_recorder_patch(struct pp_recorder *recorder, uint32_t offset, const uint8_t *bytes, uint32_t size, struct pp_error *err)
{
	return pp_record_file_patch(&recorder->file, offset, bytes, size, err);
}

void pp_recorder_close(struct pp_recorder *recorder)
{
	if (!recorder)
		return;
	pp_record_file_close(&recorder->file);
	pp_zstd_free(recorder->zstd);
	free(recorder);
}
