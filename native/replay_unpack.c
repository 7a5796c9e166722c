/* SPDX-License-Identifier: MIT */
/*
 * Records that perf record -z has compressed: one zstd stream in pieces, each in a record of its own, in which records may begin
 * and end anywhere. libzstd is opened when the first piece comes; a piece is unpacked as far as the buffer has room, so that one
 * that grows to gigabytes takes no memory.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "replay.h"

#define PLAIN_SIZE (1u << 20)

/* zstd.h, which is not needed to build. */
struct zstd_in {
	const void *src;
	size_t size, pos;
};
struct zstd_out {
	void *dst;
	size_t size, pos;
};

struct pp_unpacker {
	void *library;
	void *stream;
	size_t (*free_stream)(void *stream);
	size_t (*decompress)(void *stream, struct zstd_out *out, struct zstd_in *in);
	unsigned (*is_error)(size_t code);
	struct zstd_in packed;
	uint64_t offset;
	bool more; /* the last call filled the buffer: there may be more to come of the same bytes */
	uint32_t pos, len;
	uint8_t plain[PLAIN_SIZE];
};

void pp_unpacker_free(struct pp_unpacker *unpacker)
{
	if (!unpacker)
		return;
	if (unpacker->stream)
		unpacker->free_stream(unpacker->stream);
	if (unpacker->library)
		dlclose(unpacker->library);
	free(unpacker);
}

static struct pp_unpacker *new_unpacker(struct pp_error *err)
{
	struct pp_unpacker *unpacker = calloc(1, sizeof(*unpacker));
	void *(*new_stream)(void) = NULL;

	if (!unpacker) {
		pp_fail(err, PP_E_NOMEM, ENOMEM, "unpack records");
		return NULL;
	}
	unpacker->library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
	if (unpacker->library) {
		new_stream = (void *(*)(void))dlsym(unpacker->library, "ZSTD_createDStream");
		unpacker->free_stream = (size_t(*)(void *))dlsym(unpacker->library, "ZSTD_freeDStream");
		unpacker->decompress =
		    (size_t(*)(void *, struct zstd_out *, struct zstd_in *))dlsym(unpacker->library, "ZSTD_decompressStream");
		unpacker->is_error = (unsigned (*)(size_t))dlsym(unpacker->library, "ZSTD_isError");
	}
	if (!new_stream || !unpacker->free_stream || !unpacker->decompress || !unpacker->is_error) {
		pp_fail(err, PP_E_FILE, ENOENT, "unpack records: libzstd.so.1 is not installed");
		pp_unpacker_free(unpacker);
		return NULL;
	}
	unpacker->stream = new_stream();
	if (!unpacker->stream) {
		pp_fail(err, PP_E_NOMEM, ENOMEM, "unpack records");
		pp_unpacker_free(unpacker);
		return NULL;
	}
	return unpacker;
}

int32_t pp_unpacker_feed(struct pp_unpacker **unpacker, const uint8_t *packed, uint32_t size, uint64_t offset, struct pp_error *err)
{
	if (!*unpacker)
		*unpacker = new_unpacker(err);
	if (!*unpacker)
		return err ? err->code : PP_E_NOMEM;
	(*unpacker)->packed = (struct zstd_in){.src = packed, .size = size};
	(*unpacker)->offset = offset;
	return PP_OK;
}

/* Unpacks into what is free of the buffer: false when the bytes are no zstd. */
static bool unpack(struct pp_unpacker *unpacker)
{
	memmove(unpacker->plain, unpacker->plain + unpacker->pos, unpacker->len - unpacker->pos);
	unpacker->len -= unpacker->pos;
	unpacker->pos = 0;

	struct zstd_out out = {.dst = unpacker->plain + unpacker->len, .size = PLAIN_SIZE - unpacker->len};
	size_t before = unpacker->packed.pos;
	size_t code = unpacker->decompress(unpacker->stream, &out, &unpacker->packed);

	unpacker->len += out.pos;
	unpacker->more = out.pos == out.size;
	/* A call that moves nothing would be made for ever. */
	return !unpacker->is_error(code) && (out.pos > 0 || unpacker->packed.pos > before);
}

int32_t pp_unpacker_next(struct pp_unpacker *unpacker, struct pp_record *record)
{
	record->offset = unpacker->offset;
	for (;;) {
		const uint8_t *data = unpacker->plain + unpacker->pos;
		const uint32_t left = unpacker->len - unpacker->pos;
		const uint32_t size = left >= sizeof(struct perf_event_header) ? pp_load16(data + 6) : 0;

		if (left >= sizeof(struct perf_event_header) && size < sizeof(struct perf_event_header))
			return -1;
		if (size > 0 && left >= size) {
			*record = (struct pp_record){data, pp_load32(data), size, unpacker->offset};
			unpacker->pos += size;
			return 1;
		}
		if (unpacker->packed.pos == unpacker->packed.size && !unpacker->more)
			return 0;
		if (!unpack(unpacker)) {
			/* Nothing came of an output that just fitted: it was all there was. */
			if (unpacker->packed.pos < unpacker->packed.size)
				return -1;
			unpacker->more = false;
		}
	}
}
