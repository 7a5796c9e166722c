/* SPDX-License-Identifier: MIT */
/*
 * Prints records by their formats. A record is copied before libtraceevent sees it, so that zeros follow it. Symbols and printk
 * strings are read when the first format that needs them is printed.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "symbols.h"

static char *resolve(void *symbols, unsigned long long *addr, char **module)
{
	const char *from;
	uint64_t start;
	const char *name = pp_symbols_find(symbols, *addr, &start, &from);

	if (!name)
		return NULL;
	*addr = start;
	/* libtraceevent's types lack a const; it only reads. */
	*module = (char *)from;
	return (char *)name;
}

/* Without them addresses are printed as numbers: no error. */
static void ask_symbols(struct pp_formats *formats)
{
	struct pp_error ignored;

	if (formats->symbols_asked)
		return;
	formats->symbols_asked = true;
	if (pp_symbols_load(&formats->symbols, &ignored) == PP_OK)
		tep_set_function_resolver(formats->tep, resolve, formats->symbols);
}

static void ask_printk_formats(struct pp_formats *formats)
{
	struct pp_error ignored;
	char path[PATH_MAX];
	char *text;

	if (formats->printk_asked)
		return;
	formats->printk_asked = true;
	if (!formats->tracefs[0] || snprintf(path, sizeof(path), "%s/printk_formats", formats->tracefs) >= (int)sizeof(path))
		return;
	if (pp_kernel_file_load(path, &text, &ignored) < 0)
		return;
	tep_parse_printk_formats(formats->tep, text);
	free(text);
}

int32_t pp_formats_recorded(struct pp_formats *formats, const uint8_t *printk, uint32_t size, struct pp_error *err)
{
	char *text = strndup((const char *)printk, size);

	if (!text)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "printk formats");
	tep_parse_printk_formats(formats->tep, text);
	free(text);
	formats->printk_asked = true;
	formats->symbols_asked = true;
	return PP_OK;
}

int32_t pp_formats_kernel(struct pp_formats *formats, uint64_t text, const uint8_t *build_id, uint32_t build_id_size,
			  struct pp_error *err)
{
	struct pp_symbols *symbols;
	const int32_t moved = pp_symbols_recorded(text, build_id, build_id_size, &symbols, err);

	if (moved < 0)
		return moved;
	pp_symbols_free(formats->symbols);
	formats->symbols = symbols;
	formats->symbols_asked = true;
	tep_set_function_resolver(formats->tep, resolve, symbols);
	return moved;
}

static void print_raw(struct pp_formats *formats, const struct pp_raw *raw, uint32_t cpu)
{
	const struct pp_format *format = raw->format;
	struct tep_record record = {.data = formats->raw, .size = raw->size, .record_size = raw->size, .cpu = cpu};
	bool printable = format->printable && !(format->event->flags & TEP_EVENT_FL_FAILED);

	trace_seq_reset(&formats->text);
	if (!printable || (format->value_bound && !pp_raw_printable(raw))) {
		pp_raw_pairs(raw, &formats->text);
		return;
	}
	if (format->wants_symbols)
		ask_symbols(formats);
	if (format->wants_printk)
		ask_printk_formats(formats);
	tep_print_event(formats->tep, &formats->text, &record, "%s", TEP_PRINT_INFO);
}

int32_t pp_format_print(struct pp_formats *formats, uint32_t id, const uint8_t *raw, uint32_t raw_size, uint32_t cpu, char *buf,
			uint32_t size, struct pp_error *err)
{
	struct pp_raw record = {.format = pp_format_find(formats, id), .data = formats->raw, .size = raw_size};
	uint32_t length;
	int32_t ret;

	if (!record.format || raw_size > PP_RAW_MAX || !size)
		return pp_fail(err, PP_E_ARG, 0, "print event %u, %u bytes", id, raw_size);
	memcpy(formats->raw, raw, raw_size);
	memset(formats->raw + raw_size, 0, PP_RAW_PAD);
	ret = pp_raw_check(&record, err);
	if (ret < 0)
		return ret;
	print_raw(formats, &record, cpu);
	if (formats->text.state == TRACE_SEQ__MEM_ALLOC_FAILED)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "print event %u", id);
	length = formats->text.len < size ? formats->text.len : size - 1;
	memcpy(buf, formats->text.buffer, length);
	buf[length] = '\0';
	return length;
}

int32_t pp_format_symbol(struct pp_formats *formats, uint64_t addr, uint64_t *offset, char *name, uint32_t size,
			 struct pp_error *err)
{
	const char *symbol, *module;
	uint64_t start;

	ask_symbols(formats);
	symbol = formats->symbols ? pp_symbols_find(formats->symbols, addr, &start, &module) : NULL;
	*offset = symbol ? addr - start : 0;
	return pp_give_text(symbol ? symbol : "", symbol ? strlen(symbol) : 0, name, size, err);
}
