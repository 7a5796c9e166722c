/* SPDX-License-Identifier: MIT */
/*
 * Bytes -> PERF_RECORD_COMPRESSED, as `perf record -z` has them: a header, then zstd. Owns what was taken until it is packed. Each
 * record is a frame of its own, so that one can be read without the others; a reader that keeps one zstd stream over all of them,
 * as perf does, takes frame after frame just as well.
 *
 * libzstd is opened where it is installed: most recordings need it not. Its functions are those of zstd.h, stable since 1.0.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* What incompressible bytes grow by (ZSTD_COMPRESSBOUND) leaves room in a record, whose size is a u16. */
#define TAKEN_MAX 64000

struct zstd_functions {
	void *(*create)(void);
	size_t (*free)(void *context);
	size_t (*compress)(void *context, void *to, size_t room, const void *from, size_t size, int level);
	unsigned (*is_error)(size_t code);
	int (*max_level)(void);
};

struct pp_zstd {
	struct zstd_functions functions;
	void *library;
	void *context;
	int32_t level;
	uint32_t taken;
	uint8_t bytes[TAKEN_MAX];
	/* A record as it is written; the kernel's header has no alignment that a file would need. */
	union {
		struct perf_event_header header;
		uint8_t bytes[UINT16_MAX];
	} record;
};

static bool load(struct pp_zstd *zstd)
{
	struct zstd_functions *functions = &zstd->functions;

	zstd->library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!zstd->library)
		return false;
	functions->create = (void *(*)(void))dlsym(zstd->library, "ZSTD_createCCtx");
	functions->free = (size_t(*)(void *))dlsym(zstd->library, "ZSTD_freeCCtx");
	functions->compress =
	    (size_t(*)(void *, void *, size_t, const void *, size_t, int))dlsym(zstd->library, "ZSTD_compressCCtx");
	functions->is_error = (unsigned (*)(size_t))dlsym(zstd->library, "ZSTD_isError");
	functions->max_level = (int (*)(void))dlsym(zstd->library, "ZSTD_maxCLevel");
	return functions->create && functions->free && functions->compress && functions->is_error && functions->max_level;
}

int32_t pp_zstd_new(int32_t level, struct pp_zstd **out, struct pp_error *err)
{
	struct pp_zstd *zstd = calloc(1, sizeof(*zstd));
	int32_t ret = 0;

	if (!zstd)
		return pp_fail(err, PP_E_NOMEM, 0, "allocating a compressor");
	zstd->level = level;
	if (!load(zstd))
		ret = pp_fail(err, PP_E_FILE, ENOENT, "open libzstd.so.1");
	else if (level < 1 || level > zstd->functions.max_level())
		ret = pp_fail(err, PP_E_ARG, 0, "zstd level %d", level);
	else if (!(zstd->context = zstd->functions.create()))
		ret = pp_fail(err, PP_E_NOMEM, 0, "allocating a compressor");
	if (ret == 0)
		*out = zstd;
	else
		pp_zstd_free(zstd);
	return ret;
}

void pp_zstd_free(struct pp_zstd *zstd)
{
	if (!zstd)
		return;
	if (zstd->context)
		zstd->functions.free(zstd->context);
	if (zstd->library)
		dlclose(zstd->library);
	free(zstd);
}

uint32_t pp_zstd_take(struct pp_zstd *zstd, const uint8_t *bytes, uint64_t size)
{
	const uint32_t room = TAKEN_MAX - zstd->taken;
	const uint32_t some = size < room ? (uint32_t)size : room;

	memcpy(zstd->bytes + zstd->taken, bytes, some);
	zstd->taken += some;
	return some;
}

int32_t pp_zstd_pack(struct pp_zstd *zstd, struct iovec *record, struct pp_error *err)
{
	const size_t head = sizeof(zstd->record.header);

	*record = (struct iovec){.iov_base = &zstd->record};
	if (zstd->taken == 0)
		return 0;
	const size_t size = zstd->functions.compress(zstd->context, zstd->record.bytes + head, sizeof(zstd->record) - head,
						     zstd->bytes, zstd->taken, zstd->level);
	if (zstd->functions.is_error(size))
		return pp_fail(err, PP_E_SYS, 0, "compress %u bytes", zstd->taken);
	zstd->taken = 0;
	record->iov_len = head + size;
	zstd->record.header = (struct perf_event_header){.type = PP_RECORD_COMPRESSED, .size = (uint16_t)record->iov_len};
	return 0;
}
