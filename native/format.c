/* SPDX-License-Identifier: MIT */
/*
 * Trace formats: parses what is asked for with libtraceevent. Owns the tep handle and the formats.
 *
 * libtraceevent is not thread safe, not even with a handle each: only the process's main thread makes these calls.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "symbols.h"

#define TEXT_MAX (1u << 20) /* the largest format of a kernel has some 6 KB, of a generated one some 64 KB */

int32_t pp_formats_new(const char *tracefs, struct pp_formats **out, struct pp_error *err)
{
	struct pp_formats *formats = calloc(1, sizeof(*formats));

	if (!formats)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "formats");
	tep_set_loglevel(TEP_LOG_NONE);
	trace_seq_init(&formats->text);
	formats->tracefs = strdup(tracefs);
	formats->tep = tep_alloc();
	if (!formats->tracefs || !formats->tep) {
		pp_formats_free(formats);
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "formats");
	}
	tep_set_page_size(formats->tep, sysconf(_SC_PAGESIZE));
	tep_set_long_size(formats->tep, sizeof(long));
	tep_set_file_bigendian(formats->tep, tep_is_bigendian() ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
	tep_set_local_bigendian(formats->tep, tep_is_bigendian() ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
	*out = formats;
	return PP_OK;
}

static void free_format(struct pp_format *format)
{
	free(format->print_format);
	free(format);
}

void pp_formats_free(struct pp_formats *formats)
{
	if (!formats)
		return;
	for (size_t i = 0; i < formats->count; i++)
		free_format(formats->list[i]);
	free(formats->list);
	trace_seq_destroy(&formats->text);
	tep_free(formats->tep);
	pp_symbols_free(formats->symbols);
	free(formats->tracefs);
	free(formats);
}

/* Where the format of `id` is in the list, or would be. */
static size_t place_of(const struct pp_formats *formats, int id)
{
	size_t low = 0, high = formats->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (formats->list[middle]->event->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct pp_format *pp_format_find(const struct pp_formats *formats, int id)
{
	size_t place = place_of(formats, id);

	return place < formats->count && formats->list[place]->event->id == id ? formats->list[place] : NULL;
}

/* The "ID: 316" line: looked at before parsing, since a handle that has two events with one number mixes them up. */
static int id_of_text(const char *text)
{
	const char *at = strstr(text, "\nID:");
	long id = at ? strtol(at + 4, NULL, 10) : 0;

	return id > 0 && id <= INT_MAX ? (int)id : -1;
}

static bool text_has_name(const char *text, const char *name)
{
	const char *at = strstr(text, "name: ");

	return at && !strncmp(at + 6, name, strlen(name)) && at[6 + strlen(name)] == '\n';
}

static bool has_symbol_pointer(const char *print_format)
{
	for (const char *at = print_format; (at = strchr(at, '%'));) {
		at += 1 + strspn(at + 1, "-+ #0123456789.*");
		if (at[0] == 'p' && at[1] && strchr("sSfFB", at[1]))
			return true;
	}
	return false;
}

static bool has_char_pointer(const struct tep_event *event)
{
	for (const struct tep_format_field *field = event->format.fields; field; field = field->next)
		if (field->flags & TEP_FIELD_IS_POINTER && strstr(field->type, "char"))
			return true;
	return false;
}

static char *print_format_of_text(const char *text)
{
	const char *at = strstr(text, "\nprint fmt: ");

	return at ? strndup(at + 12, strcspn(at + 12, "\n")) : strdup("");
}

/* libtraceevent drops a field that it cannot parse, and the rest with it. */
static bool has_all_fields(const struct tep_event *event, const char *text)
{
	int count = 0;

	for (const char *at = text; (at = strstr(at, "\n\tfield:")); at++)
		count++;
	return count == event->format.nr_common + event->format.nr_fields;
}

static int32_t insert(struct pp_formats *formats, struct pp_format *format, struct pp_error *err)
{
	size_t place = place_of(formats, format->event->id);
	void *bigger = realloc(formats->list, (formats->count + 1) * sizeof(struct pp_format *));

	if (!bigger)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "formats");
	formats->list = bigger;
	memmove(&formats->list[place + 1], &formats->list[place], (formats->count - place) * sizeof(struct pp_format *));
	formats->list[place] = format;
	formats->count++;
	return PP_OK;
}

static int32_t parse(struct pp_formats *formats, const char *sys, const char *text, struct pp_format **out, struct pp_error *err)
{
	struct pp_format *format;
	enum tep_errno error;
	char reason[128];
	int32_t ret;

	format = calloc(1, sizeof(*format));
	if (!format)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "format");
	error = tep_parse_format(formats->tep, &format->event, text, strlen(text), sys);
	if (error) {
		tep_strerror(formats->tep, error, reason, sizeof(reason));
		ret = pp_fail(err, PP_E_FORMAT, EINVAL, "parse a format of %s: %s", sys, reason);
		goto out;
	}
	if (!has_all_fields(format->event, text)) {
		ret = pp_fail(err, PP_E_FORMAT, EINVAL, "parse the fields of %s:%s", sys, format->event->name);
		goto out;
	}
	format->print_format = print_format_of_text(text);
	if (!format->print_format) {
		ret = pp_fail(err, PP_E_NOMEM, ENOMEM, "format");
		goto out;
	}
	format->wants_symbols = has_symbol_pointer(format->print_format);
	format->wants_printk = has_char_pointer(format->event);
	ret = pp_format_check(format, err);
	if (ret >= 0)
		ret = insert(formats, format, err);
	if (ret >= 0) {
		*out = format;
		return PP_OK;
	}
out:
	free_format(format);
	return ret;
}

static int32_t find_or_parse(struct pp_formats *formats, const char *sys, const char *text, struct pp_format **out,
			     struct pp_error *err)
{
	int id = id_of_text(text);

	if (id < 0)
		return pp_fail(err, PP_E_FORMAT, EINVAL, "parse a format of %s: it has no ID", sys);
	*out = pp_format_find(formats, id);
	if (*out && !strcmp((*out)->event->system, sys) && text_has_name(text, (*out)->event->name))
		return PP_OK;
	if (*out || tep_find_event(formats->tep, id))
		return pp_fail(err, PP_E_FORMAT, EEXIST, "parse a format of %s: another event has ID %d", sys, id);
	return parse(formats, sys, text, out, err);
}

static int32_t give_json(const struct pp_format *format, void (*describe)(const struct pp_format *, FILE *), char *json,
			 uint32_t size, struct pp_error *err)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);
	int32_t ret;

	if (!file)
		return pp_fail(err, PP_E_NOMEM, errno, "format");
	describe(format, file);
	if (fclose(file) < 0)
		ret = pp_fail(err, PP_E_NOMEM, errno, "format");
	else
		ret = pp_give_text(text, length, json, size, err);
	free(text);
	return ret;
}

int32_t pp_format_load(struct pp_formats *formats, const char *sys, const char *name, char *json, uint32_t size,
		       struct pp_error *err)
{
	struct pp_format *format;
	char path[PATH_MAX];
	char *text = NULL;
	int32_t ret;

	if (!pp_is_component(sys) || !pp_is_component(name) ||
	    snprintf(path, sizeof(path), "%s/events/%s/%s/format", formats->tracefs, sys, name) >= (int)sizeof(path))
		return pp_fail(err, PP_E_ARG, 0, "event %s:%s", sys, name);
	ret = pp_kernel_file_load(path, &text, err);
	if (ret < 0)
		return pp_fail(err, PP_E_FORMAT, err->sys_errno, "read %s", path);
	ret = find_or_parse(formats, sys, text, &format, err);
	if (ret >= 0)
		ret = give_json(format, pp_format_describe, json, size, err);
	free(text);
	return ret;
}

int32_t pp_format_parse(struct pp_formats *formats, const char *sys, const uint8_t *text, uint32_t text_size, char *json,
			uint32_t size, struct pp_error *err)
{
	struct pp_format *format;
	char *copy;
	int32_t ret;

	if (text_size > TEXT_MAX)
		return pp_fail(err, PP_E_ARG, 0, "format of %u bytes", text_size);
	copy = strndup((const char *)text, text_size);
	if (!copy)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "format");
	ret = find_or_parse(formats, sys, copy, &format, err);
	if (ret >= 0)
		ret = give_json(format, pp_format_describe, json, size, err);
	free(copy);
	return ret;
}

int32_t pp_format_print_tree(struct pp_formats *formats, uint32_t id, char *json, uint32_t size, struct pp_error *err)
{
	const struct pp_format *format = pp_format_find(formats, id);

	if (!format)
		return pp_fail(err, PP_E_ARG, 0, "print format of event %u", id);
	return give_json(format, pp_format_describe_print, json, size, err);
}
