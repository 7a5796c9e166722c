/* SPDX-License-Identifier: MIT */
/*
 * What is checked before libtraceevent prints a record, since it trusts the record: where the fields and their dynamic data are,
 * and, in print formats that read as far as a value of the record says, that value. (It is eval_num_arg() and print_str_arg() of
 * its event-parse.c that read so: arrays by a count, elements by an index; and a division by 0 would end the process.) Where that
 * cannot be known the record is not printed by its print format.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

/* ---- fields ---- */

void pp_raw_locate(const struct pp_raw *raw, const struct tep_format_field *field, uint32_t *offset, uint32_t *length)
{
	uint32_t locator;

	*offset = field->offset;
	*length = field->size;
	if (!(field->flags & TEP_FIELD_IS_DYNAMIC))
		return;
	/* __data_loc and __rel_loc, include/trace/stages/stage1_struct_define.h: length << 16 | offset. */
	memcpy(&locator, raw->data + field->offset, sizeof(locator));
	*offset = locator & 0xffff;
	*length = locator >> 16;
	if (field->flags & TEP_FIELD_IS_RELATIVE)
		*offset += field->offset + field->size;
}

/* False for a field that no record can have. */
static bool check_field(struct pp_format *format, const struct tep_format_field *field)
{
	if (field->offset < 0 || field->size < 0 || field->offset > PP_RAW_MAX || field->size > PP_RAW_MAX - field->offset)
		return false;
	if (field->flags & TEP_FIELD_IS_DYNAMIC && field->size != sizeof(uint32_t))
		return false;
	if ((uint32_t)(field->offset + field->size) > format->fixed_size)
		format->fixed_size = field->offset + field->size;
	return true;
}

static int32_t check_fields(struct pp_format *format, struct tep_format_field *first, struct pp_error *err)
{
	for (const struct tep_format_field *field = first; field; field = field->next)
		if (!check_field(format, field))
			return pp_fail(err, PP_E_FORMAT, EINVAL, "field %s of %s:%s at %d has %d bytes", field->name,
				       format->event->system, format->event->name, field->offset, field->size);
	return PP_OK;
}

int32_t pp_raw_check(const struct pp_raw *raw, struct pp_error *err)
{
	const struct tep_event *event = raw->format->event;
	uint16_t type;

	if (raw->size < raw->format->fixed_size || raw->size < sizeof(type))
		return pp_fail(err, PP_E_FORMAT, EBADMSG, "record of %s:%s: %u bytes, its fields take %u", event->system,
			       event->name, raw->size, raw->format->fixed_size);
	/* libtraceevent finds the event by this number. */
	memcpy(&type, raw->data, sizeof(type));
	if (type != event->id)
		return pp_fail(err, PP_E_FORMAT, EBADMSG, "record of %s:%s: its type is %u, not %d", event->system, event->name,
			       type, event->id);
	for (const struct tep_format_field *field = event->format.fields; field; field = field->next) {
		uint32_t offset, length;

		pp_raw_locate(raw, field, &offset, &length);
		if (offset > raw->size || length > raw->size - offset)
			return pp_fail(err, PP_E_FORMAT, EBADMSG, "record of %s:%s: field %s at %u has %u bytes, the record %u",
				       event->system, event->name, field->name, offset, length, raw->size);
	}
	return PP_OK;
}

/* ---- print formats ---- */

static struct tep_format_field *named_field(const struct pp_format *format, const char *name)
{
	return name ? tep_find_any_field(format->event, name) : NULL;
}

static bool is_dynamic(const struct tep_format_field *field)
{
	return field && field->flags & TEP_FIELD_IS_DYNAMIC;
}

/* libtraceevent reads every field as unsigned: a negative number of 8 or 16 bits (task:task_rename's oom_score_adj) would come out
 * as a great one. */
static bool is_short(const struct tep_format_field *field)
{
	return field && field->flags & TEP_FIELD_IS_SIGNED && !(field->flags & TEP_FIELD_IS_ARRAY) && field->size <= 2;
}

/* The value of an expression, as libtraceevent would compute it, or false for one that is not known to be the same. */
static bool evaluate(const struct pp_raw *raw, const struct tep_print_arg *arg, uint64_t *value)
{
	const struct tep_format_field *field;
	uint64_t left, right;
	uint32_t offset, length;
	char *end;

	switch (arg->type) {
	case TEP_PRINT_ATOM:
		*value = strtoull(arg->atom.atom, &end, 0);
		/* Of "1000L" libtraceevent reads as far as this. */
		return end != arg->atom.atom && !end[strspn(end, "uUlL")];
	case TEP_PRINT_FIELD:
		field = named_field(raw->format, arg->field.name);
		if (!field || field->flags & TEP_FIELD_IS_ARRAY)
			return false;
		*value = tep_read_number(field->event->tep, raw->data + field->offset, field->size);
		/* A negative one is no count, whether it is sign-extended or not. */
		return !(field->flags & TEP_FIELD_IS_SIGNED) || field->size == 0 || field->size > 8 ||
		       !(*value >> (field->size * 8 - 1));
	case TEP_PRINT_DYNAMIC_ARRAY_LEN:
		if (!is_dynamic(arg->dynarray.field))
			return false;
		pp_raw_locate(raw, arg->dynarray.field, &offset, &length);
		*value = length;
		return true;
	case TEP_PRINT_OP:
		if (!arg->op.op || strlen(arg->op.op) != 1 || !evaluate(raw, arg->op.left, &left) ||
		    !evaluate(raw, arg->op.right, &right) || left > UINT32_MAX || right > UINT32_MAX)
			return false;
		*value = *arg->op.op == '/' && right ? left / right : left * right;
		return *arg->op.op == '*' || (*arg->op.op == '/' && right);
	default:
		return false;
	}
}

/* Where an array argument is, and how many bytes it has. */
static bool array_size(const struct pp_raw *raw, const struct tep_print_arg *arg, uint32_t *size, uint32_t *element)
{
	const struct tep_format_field *field;
	uint32_t offset;

	if (arg->type == TEP_PRINT_DYNAMIC_ARRAY)
		field = is_dynamic(arg->dynarray.field) ? arg->dynarray.field : NULL;
	else
		field = arg->type == TEP_PRINT_FIELD ? named_field(raw->format, arg->field.name) : NULL;
	if (!field)
		return false;
	pp_raw_locate(raw, field, &offset, size);
	*element = field->elementsize ? field->elementsize : sizeof(long);
	return true;
}

static bool safe_hex(const struct pp_raw *raw, const struct tep_print_arg *arg)
{
	uint32_t size, element;
	uint64_t count;

	return array_size(raw, arg->hex.field, &size, &element) && evaluate(raw, arg->hex.size, &count) && count <= size;
}

static bool safe_array(const struct pp_raw *raw, const struct tep_print_arg *arg)
{
	uint64_t count, width;
	uint32_t size, element;

	return array_size(raw, arg->int_array.field, &size, &element) && evaluate(raw, arg->int_array.count, &count) &&
	       evaluate(raw, arg->int_array.el_size, &width) && width >= 1 && width <= 8 && count <= size / width;
}

static bool safe_index(const struct pp_raw *raw, const struct tep_print_arg *arg)
{
	const struct tep_print_arg *array = arg->op.left;
	uint32_t size, element;
	uint64_t index;

	while (array->type == TEP_PRINT_TYPE)
		array = array->typecast.item;
	if (!array_size(raw, array, &size, &element) || !evaluate(raw, arg->op.right, &index) || index > size)
		return false;
	/* Of dynamic data libtraceevent counts the index in bytes. */
	return array->type == TEP_PRINT_FIELD ? (index + 1) * element <= size : index + element <= size;
}

static bool safe_division(const struct pp_raw *raw, const struct tep_print_arg *arg)
{
	uint64_t divisor;

	return evaluate(raw, arg->op.right, &divisor) && divisor;
}

enum op {
	OP_PLAIN,
	OP_INDEX,
	OP_DIVISION,
};

static enum op op_of(const struct tep_print_arg *arg)
{
	switch (arg->op.op ? *arg->op.op : 0) {
	case '[':
		return OP_INDEX;
	case '/':
	case '%':
		return OP_DIVISION;
	default:
		return OP_PLAIN;
	}
}

/* Does printing `arg` depend on a value (a count, an index, a divisor, a sign), and if so: is it good in this record? Without a
 * record: does it not depend on any? */
static bool safe_node(const struct pp_format *format, const struct pp_raw *raw, const struct tep_print_arg *arg)
{
	uint64_t value;

	switch (arg->type) {
	case TEP_PRINT_FIELD:
		return !is_short(named_field(format, arg->field.name)) || (raw && evaluate(raw, arg, &value));
	case TEP_PRINT_HEX:
	case TEP_PRINT_HEX_STR:
		return raw && safe_hex(raw, arg);
	case TEP_PRINT_INT_ARRAY:
		return raw && safe_array(raw, arg);
	case TEP_PRINT_STRING:
		return is_dynamic(named_field(format, arg->string.string));
	case TEP_PRINT_BITMASK:
	case TEP_PRINT_CPUMASK:
		return is_dynamic(named_field(format, arg->bitmask.bitmask));
	case TEP_PRINT_DYNAMIC_ARRAY:
		return is_dynamic(arg->dynarray.field);
	case TEP_PRINT_DYNAMIC_ARRAY_LEN:
		/* Of a __rel_loc libtraceevent 1.7 follows a null pointer here. */
		return is_dynamic(arg->dynarray.field) && !(arg->dynarray.field->flags & TEP_FIELD_IS_RELATIVE);
	case TEP_PRINT_FUNC:
		return false;
	case TEP_PRINT_OP:
		if (op_of(arg) == OP_INDEX)
			return raw && safe_index(raw, arg);
		return op_of(arg) == OP_PLAIN || (raw && safe_division(raw, arg));
	default:
		return true;
	}
}

static bool safe_args(const struct pp_format *format, const struct pp_raw *raw, const struct tep_print_arg *arg);

static bool safe_below(const struct pp_format *format, const struct pp_raw *raw, const struct tep_print_arg *arg)
{
	switch (arg->type) {
	case TEP_PRINT_FLAGS:
		return safe_args(format, raw, arg->flags.field);
	case TEP_PRINT_SYMBOL:
		return safe_args(format, raw, arg->symbol.field);
	case TEP_PRINT_TYPE:
		return safe_args(format, raw, arg->typecast.item);
	case TEP_PRINT_HEX:
	case TEP_PRINT_HEX_STR:
		return safe_args(format, raw, arg->hex.size);
	case TEP_PRINT_INT_ARRAY:
		return safe_args(format, raw, arg->int_array.count) && safe_args(format, raw, arg->int_array.el_size);
	case TEP_PRINT_OP:
		return safe_args(format, raw, arg->op.left) && safe_args(format, raw, arg->op.right);
	default:
		return true;
	}
}

static bool safe_args(const struct pp_format *format, const struct pp_raw *raw, const struct tep_print_arg *arg)
{
	for (; arg; arg = arg->next)
		if (!safe_node(format, raw, arg) || !safe_below(format, raw, arg))
			return false;
	return true;
}

/* A width from the record ("%*d") could ask for gigabytes; a precision ("%.*s") and the length of "%*ph", "%*pbl" cannot. */
static bool has_width(const char *print_format)
{
	for (const char *at = print_format; (at = strchr(at, '*')); at++)
		if (at > print_format && strchr("%-0123456789", at[-1]) && at[1] != 'p')
			return true;
	return false;
}

int32_t pp_format_check(struct pp_format *format, struct pp_error *err)
{
	const struct tep_event *event = format->event;
	int32_t ret;

	ret = check_fields(format, event->format.common_fields, err);
	if (ret >= 0)
		ret = check_fields(format, event->format.fields, err);
	if (ret < 0)
		return ret;
	/* ftrace's own binary printk holds a format of its own; perf cannot open it. */
	format->printable = !(event->flags & (TEP_EVENT_FL_FAILED | TEP_EVENT_FL_ISBPRINT)) && event->print_fmt.format &&
			    !has_width(event->print_fmt.format);
	format->value_bound = !safe_args(format, NULL, event->print_fmt.args);
	return PP_OK;
}

bool pp_raw_printable(const struct pp_raw *raw)
{
	return safe_args(raw->format, raw, raw->format->event->print_fmt.args);
}
