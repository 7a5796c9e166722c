/* SPDX-License-Identifier: MIT */
/* A record as "name=value" pairs, where libtraceevent cannot evaluate its print format. Reads only what pp_raw_check has checked.
 */
#include <string.h>

#include "format.h"

static void write_bytes(struct trace_seq *out, const uint8_t *data, uint32_t length)
{
	trace_seq_puts(out, "ARRAY[");
	for (uint32_t i = 0; i < length; i++)
		trace_seq_printf(out, "%s%02x", i ? ", " : "", data[i]);
	trace_seq_putc(out, ']');
}

static void write_number(struct trace_seq *out, const uint8_t *data, const struct tep_format_field *field)
{
	uint64_t value = tep_read_number(field->event->tep, data, field->size);
	int unused_bits = 64 - field->size * 8;

	if (field->flags & TEP_FIELD_IS_POINTER)
		trace_seq_printf(out, "0x%llx", (unsigned long long)value);
	else if (field->flags & TEP_FIELD_IS_SIGNED)
		trace_seq_printf(out, "%lld", (long long)(value << unused_bits) >> unused_bits);
	else
		trace_seq_printf(out, "%llu", (unsigned long long)value);
}

void pp_raw_pairs(const struct pp_raw *raw, struct trace_seq *out)
{
	const struct tep_format_field *first = raw->format->event->format.fields;

	for (const struct tep_format_field *field = first; field; field = field->next) {
		uint32_t offset, length;
		const uint8_t *data;
		bool number;

		pp_raw_locate(raw, field, &offset, &length);
		data = raw->data + offset;
		number = !(field->flags & TEP_FIELD_IS_ARRAY) && (length == 1 || length == 2 || length == 4 || length == 8);
		trace_seq_printf(out, "%s%s=", field == first ? "" : " ", field->name);
		if (number)
			write_number(out, data, field);
		else if (pp_field_is_string(field))
			trace_seq_printf(out, "%.*s", (int)length, (const char *)data);
		else
			write_bytes(out, data, length);
	}
}
