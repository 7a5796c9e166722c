/* SPDX-License-Identifier: MIT */
/* A parsed trace format and its print format as JSON, in the words of perfprof.h. Reads libtraceevent's structures, changes
 * nothing. */
#include <string.h>

#include "format.h"

static void write_string(FILE *json, const char *text, size_t length)
{
	fputc('"', json);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = text[i];

		if (byte < 0x20 || byte == '"' || byte == '\\')
			fprintf(json, "\\u%04x", byte);
		else
			fputc(byte, json);
	}
	fputc('"', json);
}

static void write_text(FILE *json, const char *name, const char *text)
{
	fprintf(json, "\"%s\":", name);
	write_string(json, text, strlen(text));
}

/* libtraceevent gives "char[16]"; the length is told apart. The "[]" of dynamic data is part of its type. */
static void write_type(FILE *json, const struct tep_format_field *field)
{
	bool bracketed = field->flags & TEP_FIELD_IS_ARRAY && !(field->flags & TEP_FIELD_IS_DYNAMIC);
	size_t length = bracketed ? strcspn(field->type, "[") : strlen(field->type);

	while (length && field->type[length - 1] == ' ')
		length--;
	fputs("\"type\":", json);
	write_string(json, field->type, length);
}

bool pp_field_is_string(const struct tep_format_field *field)
{
	const char *type = field->type;

	if (!(field->flags & TEP_FIELD_IS_ARRAY))
		return false;
	for (const char *const *prefix = (const char *const[]){"__data_loc ", "__rel_loc ", "const ", NULL}; *prefix; prefix++)
		if (!strncmp(type, *prefix, strlen(*prefix)))
			type += strlen(*prefix);
	return !strncmp(type, "char", 4) && (!type[4] || type[4] == '[' || type[4] == ' ');
}

static void write_flag(FILE *json, const char *name, bool value)
{
	fprintf(json, ",\"%s\":%s", name, value ? "true" : "false");
}

static void write_field(FILE *json, const struct tep_format_field *field, bool common)
{
	bool array = field->flags & TEP_FIELD_IS_ARRAY;
	bool dynamic = field->flags & TEP_FIELD_IS_DYNAMIC;
	bool fixed = array && !dynamic && field->elementsize;

	fputc('{', json);
	write_text(json, "name", field->name);
	fputc(',', json);
	write_type(json, field);
	fprintf(json, ",\"offset\":%d,\"size\":%d", field->offset, field->size);
	write_flag(json, "signed", field->flags & TEP_FIELD_IS_SIGNED);
	write_flag(json, "common", common);
	write_flag(json, "array", array);
	fprintf(json, ",\"count\":%u", fixed ? field->size / field->elementsize : 0);
	fprintf(json, ",\"elementSize\":%u", array ? field->elementsize : 0);
	write_flag(json, "string", pp_field_is_string(field));
	write_flag(json, "pointer", field->flags & TEP_FIELD_IS_POINTER);
	write_flag(json, "dynamic", dynamic);
	write_flag(json, "relative", field->flags & TEP_FIELD_IS_RELATIVE);
	fputc('}', json);
}

void pp_format_describe(const struct pp_format *format, FILE *json)
{
	const struct tep_event *event = format->event;
	const char *separator = "";

	fprintf(json, "{\"id\":%d,", event->id);
	write_text(json, "system", event->system);
	fputc(',', json);
	write_text(json, "name", event->name);
	fputc(',', json);
	write_text(json, "printFormat", format->print_format);
	write_flag(json, "printable", format->printable);
	fputs(",\"fields\":[", json);
	for (const struct tep_format_field *field = event->format.common_fields; field; field = field->next, separator = ",") {
		fputs(separator, json);
		write_field(json, field, true);
	}
	for (const struct tep_format_field *field = event->format.fields; field; field = field->next, separator = ",") {
		fputs(separator, json);
		write_field(json, field, false);
	}
	fputs("]}", json);
}

/* ---- print formats ---- */

static void write_argument(FILE *json, const struct tep_print_arg *arg);

/* A part that an argument has, after `kind`. */
static void write_part(FILE *json, const char *name, const struct tep_print_arg *part)
{
	fprintf(json, ",\"%s\":", name);
	write_argument(json, part);
}

static void write_name(FILE *json, const char *name, const char *text)
{
	fputc(',', json);
	write_text(json, name, text ? text : "");
}

static void write_values(FILE *json, const struct tep_print_flag_sym *values)
{
	const char *separator = "";

	fputs(",\"values\":[", json);
	for (; values; values = values->next, separator = ",") {
		fputs(separator, json);
		fputc('{', json);
		write_text(json, "value", values->value);
		write_name(json, "name", values->str);
		fputc('}', json);
	}
	fputc(']', json);
}

static void write_kind(FILE *json, const char *kind)
{
	fprintf(json, "{\"kind\":\"%s\"", kind);
}

static void write_argument(FILE *json, const struct tep_print_arg *arg)
{
	switch (arg ? arg->type : TEP_PRINT_FUNC) {
	case TEP_PRINT_NULL:
		write_kind(json, "null");
		break;
	case TEP_PRINT_ATOM:
		write_kind(json, "atom");
		write_name(json, "text", arg->atom.atom);
		break;
	case TEP_PRINT_FIELD:
		write_kind(json, "field");
		write_name(json, "name", arg->field.name);
		break;
	case TEP_PRINT_STRING:
		write_kind(json, "string");
		write_name(json, "name", arg->string.string);
		break;
	case TEP_PRINT_TYPE:
		write_kind(json, "cast");
		write_name(json, "type", arg->typecast.type);
		write_part(json, "item", arg->typecast.item);
		break;
	case TEP_PRINT_FLAGS:
		write_kind(json, "flags");
		write_name(json, "delimiter", arg->flags.delim);
		write_values(json, arg->flags.flags);
		write_part(json, "item", arg->flags.field);
		break;
	case TEP_PRINT_SYMBOL:
		write_kind(json, "symbol");
		write_values(json, arg->symbol.symbols);
		write_part(json, "item", arg->symbol.field);
		break;
	case TEP_PRINT_OP:
		write_kind(json, "op");
		write_name(json, "op", arg->op.op);
		write_part(json, "left", arg->op.left);
		write_part(json, "right", arg->op.right);
		break;
	default:
		write_kind(json, "other");
	}
	fputc('}', json);
}

void pp_format_describe_print(const struct pp_format *format, FILE *json)
{
	const struct tep_print_fmt *print = &format->event->print_fmt;
	const char *separator = "";

	if (!format->printable) {
		fputs("null", json);
		return;
	}
	fputc('{', json);
	write_text(json, "format", print->format);
	fputs(",\"arguments\":[", json);
	for (const struct tep_print_arg *arg = print->args; arg; arg = arg->next, separator = ",") {
		fputs(separator, json);
		write_argument(json, arg);
	}
	fputs("]}", json);
}
