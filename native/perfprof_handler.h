/* SPDX-License-Identifier: MIT */
/*
 * Handlers of perfprof as a shared object: what a handler in C or C++ includes, and nothing else of perfprof. docs/compiled.md
 * tells how one is made and run.
 *
 *     #include <perfprof_handler.h>
 *     PERFPROF_HANDLER;
 *
 *     static uint64_t wakeups;
 *
 *     PP_EXPORT void sched__sched_wakeup(const struct pp_event *event) { wakeups++; }
 *     PP_EXPORT void __exit__(void) { printf("%llu\n", (unsigned long long)wakeups); }
 *
 * Everything is called on one thread, one after the other, and nothing here may be called from another. What a callback is given is
 * the kernel's memory: it is valid until the callback returns, and must not be written to. pp_keep() makes a copy.
 *
 * PERFPROF_HANDLER_ABI counts changes that old handlers cannot live with. Between them structs grow at their ends only, and each
 * says its own size, so a handler runs with every perfprof of the same number.
 */
#ifndef PERFPROF_HANDLER_H
#define PERFPROF_HANDLER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PERFPROF_HANDLER_ABI 1

#ifdef __cplusplus
#define PP_EXPORT extern "C" __attribute__((visibility("default")))
extern "C" {
#else
#define PP_EXPORT __attribute__((visibility("default")))
#endif

/* ---- events ---- */

/* An event, as its handler gets it. */
struct pp_event {
	uint32_t size;	    /* of this struct */
	uint32_t source;    /* which event of -e: the fields of one fit no other */
	const void *record; /* struct perf_event_header and what follows it (perf_event_open(2)), at a multiple of 8 */
	uint32_t record_size;
	uint32_t cpu;
	uint64_t time; /* ns of the events' clock */
	uint32_t pid;
	uint32_t tid;
};

/* What a field holds. */
enum pp_kind {
	PP_KIND_UNSIGNED = 1, /* an integer, bool, enum or pointer of 1, 2, 4 or 8 bytes */
	PP_KIND_SIGNED = 2,
	PP_KIND_BYTES = 3,   /* text, an array or a struct, at a fixed place */
	PP_KIND_DYNAMIC = 4, /* the same, at a place that a u32 in the record tells: its offset and, << 16, its length */
};

/* Where a field is: filled by pp_field_find() once, read by the pp_get_* functions below. All zero is the field of no event. */
struct pp_field {
	uint32_t source; /* pp_event.source + 1 */
	uint32_t kind;	 /* enum pp_kind */
	uint32_t offset; /* in the record, bytes */
	uint32_t size;	 /* bytes; 0 with PP_KIND_BYTES: all that follows in the record */
	uint32_t base;	 /* PP_KIND_DYNAMIC: what that offset counts from, in the record */
	uint32_t chain;	 /* where a call chain in front of it has its u64 number of addresses, which move it; 0: none is */
};

/* One frame of a call stack. Texts are valid until the callback returns. */
struct pp_frame {
	uint64_t addr;
	uint64_t offset;    /* from the symbol, or from the start of the dso where that is unknown */
	const char *symbol; /* "Unknown" where there is none */
	const char *dso;    /* "[kernel.kallsyms]", "[module]", or the path as the process sees it */
	uint32_t kernel;    /* 1: of the kernel */
	uint32_t reserved;
};

/* What __lost__ is told beside the times. */
struct pp_lost_info {
	uint64_t count;
	const char *event; /* NULL where the kernel cannot tell */
	uint32_t cpu;
	uint32_t reserved;
};

/* ---- what perfprof does for a handler: see the functions below ---- */

struct pp_host {
	uint32_t size; /* of this struct */
	uint32_t argc;
	const char *const *argv; /* the handler's path, then its arguments; NULL behind the last */
	int32_t (*find)(const char *event, const char *name, struct pp_field *field);
	int32_t (*print)(const struct pp_event *event, uint32_t flags);
	int32_t (*text)(const struct pp_event *event, uint32_t flags, char *buf, uint32_t size);
	int32_t (*value)(const struct pp_event *event, const char *name, char *buf, uint32_t size);
	int32_t (*callchain)(const struct pp_event *event, struct pp_frame *frames, uint32_t most);
	int64_t (*realtime)(const struct pp_event *event);
	struct pp_event *(*keep)(const struct pp_event *event);
	void (*drop)(struct pp_event *event);
	void (*give_up)(const char *why);
};

/* Once in each handler: what perfprof finds it by. */
#define PERFPROF_HANDLER                                                                                                           \
	const struct pp_host *pp_host;                                                                                             \
	PP_EXPORT uint32_t perfprof_attach(const struct pp_host *host)                                                             \
	{                                                                                                                          \
		pp_host = host;                                                                                                    \
		return PERFPROF_HANDLER_ABI;                                                                                       \
	}                                                                                                                          \
	PP_EXPORT uint32_t perfprof_attach(const struct pp_host *host)

/* Of PERFPROF_HANDLER; the handler's own files share it. */
extern __attribute__((visibility("hidden"))) const struct pp_host *pp_host;

/* ---- the callbacks, all optional. An event's is `void NAME(const struct pp_event *event)`, NAME being sys__name ---- */

#ifdef __cplusplus
}
#endif

PP_EXPORT int __init__(void); /* before the first event; not 0: it failed, and nothing else is called (see pp_give_up) */
PP_EXPORT void __exit__(void);
PP_EXPORT void __interval__(void);
PP_EXPORT void __print_stat__(int indent);
PP_EXPORT void __lost__(uint64_t start, uint64_t end, const struct pp_lost_info *info); /* times in ns */
PP_EXPORT void __sample__(const struct pp_event *event); /* every event without a handler of its own */

/* ---- fields ---- */

/* Finds field `name` of `event` ("sched:sched_wakeup", or its handler's name), to be called in __init__. Returns 0, or -1 where it
 * is not there: perfprof then says so with the nearest name, if __init__ returns that it failed. */
static inline int pp_field_find(const char *event, const char *name, struct pp_field *field)
{
	return pp_host->find(event, name, field);
}

/* The `size` bytes at `offset` of the record that `field` is about; NULL where the record is shorter, or of another event. */
static inline const uint8_t *pp_field_at(const struct pp_event *event, const struct pp_field *field, uint64_t offset, uint64_t size)
{
	const uint8_t *record = (const uint8_t *)event->record;

	if (field->source != event->source + 1)
		return NULL;
	if (field->chain != 0) {
		uint64_t addresses;
		if ((uint64_t)field->chain + sizeof(addresses) > event->record_size)
			return NULL;
		memcpy(&addresses, record + field->chain, sizeof(addresses));
		offset += (addresses & UINT32_MAX) * 8;
	}
	return offset + size <= event->record_size ? record + offset : NULL;
}

/* An integer; those with a sign are extended. 0 where the event has no such field. */
static inline uint64_t pp_get_u64(const struct pp_event *event, const struct pp_field *field)
{
	const uint8_t *at = pp_field_at(event, field, field->offset, field->size);
	const int is_signed = field->kind == PP_KIND_SIGNED;
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	if (!at || field->kind > PP_KIND_SIGNED)
		return 0;
	switch (field->size) {
	case 8:
		memcpy(&u64, at, 8);
		return u64;
	case 4:
		memcpy(&u32, at, 4);
		return is_signed ? (uint64_t)(int32_t)u32 : u32;
	case 2:
		memcpy(&u16, at, 2);
		return is_signed ? (uint64_t)(int16_t)u16 : u16;
	default:
		return is_signed ? (uint64_t)(int8_t)*at : *at;
	}
}

static inline int64_t pp_get_i64(const struct pp_event *event, const struct pp_field *field)
{
	return (int64_t)pp_get_u64(event, field);
}

/* The bytes of a text, array or struct, and how many; NULL where the event has no such field. */
static inline const uint8_t *pp_get_bytes(const struct pp_event *event, const struct pp_field *field, uint32_t *size)
{
	const uint8_t *at = pp_field_at(event, field, field->offset, field->kind == PP_KIND_DYNAMIC ? 4 : field->size);
	uint32_t place;

	*size = field->size;
	if (!at || field->kind < PP_KIND_BYTES)
		return NULL;
	if (field->kind == PP_KIND_DYNAMIC) {
		memcpy(&place, at, sizeof(place));
		*size = place >> 16;
		return pp_field_at(event, field, (uint64_t)field->base + (place & 0xffff), *size);
	}
	if (field->size == 0)
		*size = event->record_size - (uint32_t)(at - (const uint8_t *)event->record);
	return at;
}

/* A text. "" where the event has no such field, or its bytes no end. */
static inline const char *pp_get_str(const struct pp_event *event, const struct pp_field *field)
{
	uint32_t size;
	const uint8_t *at = pp_get_bytes(event, field, &size);

	return at && memchr(at, 0, size) ? (const char *)at : "";
}

/* ---- services: each takes microseconds, so they are for few of many events ---- */

/* What pp_print() and pp_text() leave out. */
enum pp_print_flag {
	PP_PRINT_NO_TIMESTAMP = 1,
	PP_PRINT_NO_CALLCHAIN = 2,
};

/* Prints the event as `perfprof` prints any: a line, and one for each frame of its stack. */
static inline void pp_print(const struct pp_event *event, uint32_t flags)
{
	pp_host->print(event, flags);
}

/* The same as a text with a NUL. Returns its length, even where `size` was too small for all of it; -1: there is none. */
static inline int pp_text(const struct pp_event *event, uint32_t flags, char *buf, uint32_t size)
{
	return pp_host->text(event, flags, buf, size);
}

/* Any field by its name, as a text: what has no fixed place as well. Returns as pp_text(), -1 where the event has no such field. */
static inline int pp_value(const struct pp_event *event, const char *name, char *buf, uint32_t size)
{
	return pp_host->value(event, name, buf, size);
}

/* Fills up to `most` frames of the event's stack, innermost first. Returns how many; 0 without a stack (-g). */
static inline int pp_callchain(const struct pp_event *event, struct pp_frame *frames, uint32_t most)
{
	return pp_host->callchain(event, frames, most);
}

/* When it happened, ns since 1970. */
static inline int64_t pp_realtime(const struct pp_event *event)
{
	return pp_host->realtime(event);
}

/* A copy of the event that is valid until pp_drop(), everywhere where an event is asked for. NULL without memory. */
static inline struct pp_event *pp_keep(const struct pp_event *event)
{
	return pp_host->keep(event);
}

static inline void pp_drop(struct pp_event *kept)
{
	pp_host->drop(kept);
}

/* For __init__: `return pp_give_up("why")` ends perfprof with that line. */
static inline int pp_give_up(const char *why)
{
	pp_host->give_up(why);
	return 1;
}

#endif
