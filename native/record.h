/* SPDX-License-Identifier: MIT */
/*
 * What the files of a recorder share: record.c (a session's rings -> records), record_file.c (records -> a perf.data file that can
 * be read at any time), record_zstd.c (bytes -> PERF_RECORD_COMPRESSED).
 */
#ifndef PERFPROF_RECORD_H
#define PERFPROF_RECORD_H

#include <sys/uio.h>

#include "internal.h"

/* Records that perf adds to the kernel's (tools/lib/perf/include/perf/event.h). */
#define PP_RECORD_FINISHED_ROUND 68
#define PP_RECORD_COMPRESSED	 81

/* ---- record_file.c ---- */

struct pp_record_file {
	int fd;
	bool stream;	/* a pipe: nothing is gone back to */
	uint64_t begin; /* of the data */
	uint64_t round; /* the FINISHED_ROUND with which the data ends that the header tells of */
	uint64_t at;	/* where the next byte goes */
	uint8_t *table; /* the features' sections, which follow the data */
	uint32_t table_size;
};

/* `path` "-" is stdout. A recording that is there becomes `path`.old. */
int32_t pp_record_file_open(struct pp_record_file *file, const char *path, struct pp_error *err);
/* Writes what stands before the data. */
int32_t pp_record_file_begin(struct pp_record_file *file, const uint8_t *head, uint32_t size, const uint8_t *table,
			     uint32_t table_size, struct pp_error *err);
/* Adds to the data; `pieces` are used up. When it fails, the file is as the last commit left it. */
int32_t pp_record_file_add(struct pp_record_file *file, struct iovec *pieces, uint32_t count, struct pp_error *err);
/* Ends a round: what was added is now part of the file, whatever happens to this process. */
int32_t pp_record_file_commit(struct pp_record_file *file, struct pp_error *err);
/* Writes over bytes before the data. */
int32_t pp_record_file_patch(struct pp_record_file *file, uint64_t offset, const uint8_t *bytes, uint32_t size,
			     struct pp_error *err);
void pp_record_file_close(struct pp_record_file *file);

/* ---- record_zstd.c ---- */

struct pp_zstd;

/* PP_E_FILE where libzstd is not installed. */
int32_t pp_zstd_new(int32_t level, struct pp_zstd **out, struct pp_error *err);
void pp_zstd_free(struct pp_zstd *zstd);
/* Takes as many of `size` bytes as still fit into the next record. Returns how many; 0: it is full. */
uint32_t pp_zstd_take(struct pp_zstd *zstd, const uint8_t *bytes, uint64_t size);
/* Makes a record of what was taken; `record->iov_len` is 0 where that was nothing. */
int32_t pp_zstd_pack(struct pp_zstd *zstd, struct iovec *record, struct pp_error *err);

#endif
