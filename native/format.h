/* SPDX-License-Identifier: MIT */
/* What the files that deal with trace formats share: format.c owns the formats, the others look at one. */
#ifndef PERFPROF_FORMAT_H
#define PERFPROF_FORMAT_H

#include <event-parse.h>
#include <stdio.h>
#include <trace-seq.h>

#include "internal.h"

#define PP_RAW_MAX 65536 /* perf_event_header.size is 16 bits */
#define PP_RAW_PAD 16	 /* zeros after a record: they end a string that the kernel did not, and a number that is cut */

struct pp_format {
	struct tep_event *event; /* of the tep handle of pp_formats */
	char *print_format;	 /* the text after "print fmt: " */
	uint32_t fixed_size;	 /* raw bytes that its fields take, without dynamic data */
	bool printable;		 /* libtraceevent can print it */
	bool value_bound;	 /* whether it can depends on the record: see pp_raw_printable */
	bool wants_symbols;	 /* it has a %pS or the like */
	bool wants_printk;	 /* it has a char pointer, which may be one of printk_formats */
};

struct pp_formats {
	struct tep_handle *tep;
	char *tracefs;
	struct pp_format **list; /* by event id */
	size_t count;
	struct pp_symbols *symbols;
	bool symbols_asked;
	bool printk_asked;
	struct trace_seq text;
	uint8_t raw[PP_RAW_MAX + PP_RAW_PAD];
};

/* The raw data of a record; at least 8 readable bytes of 0 follow `size`. */
struct pp_raw {
	const struct pp_format *format;
	const uint8_t *data;
	uint32_t size;
};

/* ---- format.c ---- */

/* NULL when it was not loaded. */
struct pp_format *pp_format_find(const struct pp_formats *formats, int id);

/* ---- format_json.c ---- */

/* Writes what pp_format_load describes. */
void pp_format_describe(const struct pp_format *format, FILE *json);
/* Writes what pp_format_print_tree describes. */
void pp_format_describe_print(const struct pp_format *format, FILE *json);
/* Is the field an array of plain char? (libtraceevent's flag is also set for arrays of u8 and s8.) */
bool pp_field_is_string(const struct tep_format_field *field);

/* ---- format_check.c: libtraceevent trusts a record, so these look first ---- */

/* Fills fixed_size, printable and value_bound; PP_E_FORMAT when a field is not where one can be. */
int32_t pp_format_check(struct pp_format *format, struct pp_error *err);
/* Are all fields and their dynamic data inside of the record? */
int32_t pp_raw_check(const struct pp_raw *raw, struct pp_error *err);
/* Does the print format stay inside of the record too? For formats that are value_bound, after pp_raw_check. */
bool pp_raw_printable(const struct pp_raw *raw);
/* Where the data of a field is: of a dynamic one what its locator says. */
void pp_raw_locate(const struct pp_raw *raw, const struct tep_format_field *field, uint32_t *offset, uint32_t *length);

/* ---- format_pairs.c ---- */

/* Writes "name=value name=value ...", without common fields. After pp_raw_check. */
void pp_raw_pairs(const struct pp_raw *raw, struct trace_seq *out);

#endif
