/* SPDX-License-Identifier: MIT */
/*
 * How every call of the library tells of its failure, and how it gives texts. Nothing is kept here: the struct pp_error is the
 * caller's.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

int32_t pp_fail(struct pp_error *err, enum pp_code code, int sys_errno, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	*err = (struct pp_error){.code = code, .sys_errno = sys_errno, .event = -1, .cpu = -1, .pid = -1};
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return code;
}

int32_t pp_give_text(const char *text, size_t length, char *buf, uint32_t size, struct pp_error *err)
{
	if (length >= INT32_MAX)
		return pp_fail(err, PP_E_ARG, 0, "text of %zu bytes", length);
	if (length >= size) {
		pp_fail(err, PP_E_SPACE, 0, "text of %zu bytes in a buffer of %u", length, size);
		if (err)
			err->need = length + 1;
		return PP_E_SPACE;
	}
	memcpy(buf, text, length);
	buf[length] = '\0';
	return length;
}
