/* SPDX-License-Identifier: MIT */
/*
 * Source lines of an address: the function that has it, the functions inlined there, and where each of them was called. libdw
 * reads the debug information; the tree is walked here, because libdw's own walk (dwarf_getscopes) goes as deep as the file says,
 * on the stack.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"
#include "dwarf_files.h"

/* Scopes within scopes: no compiler's output is deeper. */
#define DEPTH_MAX 100
/* Entries that are looked at for one address; a unit of a large program has some 100,000. */
#define ENTRIES_MAX 2000000

struct scopes {
	Dwarf_Addr address;
	Dwarf_Die functions[DEPTH_MAX]; /* outermost first: a subprogram, then what is inlined in it */
	uint32_t count;
	uint32_t left; /* entries that may yet be looked at */
};

/* ---- the tree ---- */

static bool has_code(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
	       tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

/* C++ and Rust may have functions within them. */
static bool has_functions(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
}

/* Collects the functions below `parent` that have the address. Returns whether there is one. */
static bool find_functions(struct scopes *scopes, Dwarf_Die *parent, uint32_t depth)
{
	Dwarf_Die die;

	if (depth == DEPTH_MAX || pp_libdw.dwarf_child(parent, &die) != 0)
		return false;
	do {
		if (scopes->left == 0)
			return false;
		scopes->left--;
		const int tag = pp_libdw.dwarf_tag(&die);
		if (has_functions(tag) && find_functions(scopes, &die, depth + 1))
			return true;
		if (!has_code(tag) || pp_libdw.dwarf_haspc(&die, scopes->address) <= 0)
			continue;
		if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine)
			scopes->functions[scopes->count++] = die;
		find_functions(scopes, &die, depth + 1);
		return true;
	} while (pp_libdw.dwarf_siblingof(&die, &die) == 0);
	return false;
}

/* The compilation unit that has the address. */
static bool find_unit(Dwarf *debug, Dwarf_Addr address, Dwarf_Die *unit)
{
	Dwarf_Off offset = 0, next;
	size_t header;

	if (pp_libdw.dwarf_addrdie(debug, address, unit))
		return true;
	/* Clang writes no .debug_aranges, of which that is read. */
	for (; pp_libdw.dwarf_nextcu(debug, offset, &next, &header, NULL, NULL, NULL) == 0; offset = next) {
		if (pp_libdw.dwarf_offdie(debug, offset + header, unit) && pp_libdw.dwarf_haspc(unit, address) > 0)
			return true;
	}
	return false;
}

/* ---- JSON ---- */

/* Bytes of the UTF-8 sequence at `text`, 0 where there is none (RFC 3629: no surrogates, none that is longer than need be). */
static uint32_t utf8_length(const unsigned char *text)
{
	const uint32_t length = text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : text[0] < 0xf5 ? 4 : 0;

	for (uint32_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80) /* also at the final NUL */
			return 0;
	}
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) || (text[0] == 0xf0 && text[1] < 0x90) ||
	    (text[0] == 0xf4 && text[1] >= 0x90))
		return 0;
	return length;
}

static void write_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		const uint32_t length = *at < 0x80 ? 1 : utf8_length(at);
		if (length == 0)
			fputs("\\ufffd", out);
		else if (*at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
	fputc('"', out);
}

static const char *text_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	const char *text = NULL;

	if (pp_libdw.dwarf_attr_integrate(die, name, &attribute))
		text = pp_libdw.dwarf_formstring(&attribute);
	return text;
}

/* As its source has it; with its class or namespace where that is to be had. Mangled: as the file's symbols have it. */
static void write_function(FILE *out, Dwarf_Die *function, bool mangled)
{
	const char *linkage = text_of(function, DW_AT_linkage_name), *name = text_of(function, DW_AT_name);
	char *demangled = linkage && !mangled ? pp_demangle(linkage) : NULL;

	if (demangled)
		name = demangled;
	else if (mangled || !name)
		name = linkage ? linkage : name;
	write_text(out, name ? name : "");
	free(demangled);
}

/* ---- lines ---- */

struct place {
	const char *file; /* NULL: not known */
	int line;
};

static struct place innermost_place(Dwarf_Die *unit, Dwarf_Addr address)
{
	struct place place = {0};
	Dwarf_Line *line = pp_libdw.dwarf_getsrc_die(unit, address);

	if (line) {
		place.file = pp_libdw.dwarf_linesrc(line, NULL, NULL);
		pp_libdw.dwarf_lineno(line, &place.line);
	}
	return place;
}

static uint64_t number_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!pp_libdw.dwarf_attr_integrate(die, name, &attribute) || pp_libdw.dwarf_formudata(&attribute, &value) != 0)
		return 0;
	return value;
}

/* Where an inlined function was called. */
static struct place call_place(Dwarf_Die *unit, Dwarf_Die *inlined)
{
	struct place place = {.line = (int)(number_of(inlined, DW_AT_call_line) & INT32_MAX)};
	const uint64_t index = number_of(inlined, DW_AT_call_file);
	Dwarf_Files *files;
	size_t count;

	if (pp_libdw.dwarf_getsrcfiles(unit, &files, &count) == 0 && index < count)
		place.file = pp_libdw.dwarf_filesrc(files, index, NULL, NULL);
	return place;
}

/* Where lines are written to, and how. */
struct writer {
	FILE *out;
	bool mangled;
};

static void write_line(const struct writer *writer, Dwarf_Die *function, struct place place, bool inlined)
{
	FILE *out = writer->out;

	fputs("{\"function\":", out);
	if (function)
		write_function(out, function, writer->mangled);
	else
		fputs("\"\"", out);
	fputs(",\"file\":", out);
	write_text(out, place.file ? place.file : "");
	fprintf(out, ",\"line\":%d,\"inlined\":%s}", place.line > 0 ? place.line : 0, inlined ? "true" : "false");
}

/* Each function with the line it is at: the innermost at the address, any other where it called the one inside it. */
static void write_lines(const struct writer *writer, Dwarf *debug, Dwarf_Addr address)
{
	struct scopes scopes = {.address = address, .left = ENTRIES_MAX};
	Dwarf_Die unit;

	if (!find_unit(debug, address, &unit))
		return;
	find_functions(&scopes, &unit, 0);
	struct place place = innermost_place(&unit, address);
	if (scopes.count == 0 && place.file) /* assembler has lines and no functions */
		write_line(writer, NULL, place, false);
	for (uint32_t i = scopes.count; i-- > 0;) {
		const bool inlined = i > 0 && pp_libdw.dwarf_tag(&scopes.functions[i]) == DW_TAG_inlined_subroutine;
		write_line(writer, &scopes.functions[i], place, inlined);
		if (!inlined)
			break; /* what is around it is its scope, not its caller */
		fputc(',', writer->out);
		place = call_place(&unit, &scopes.functions[i]);
	}
}

int32_t pp_dso_lines(struct pp_symbolizer *symbolizer, uint32_t dso, uint64_t file_offset, char *json, uint32_t size,
		     struct pp_error *err)
{
	struct pp_dwarf *dwarf;
	uint64_t address;
	char *text = NULL;
	size_t length = 0;
	int32_t result = pp_dwarf_open(symbolizer, &dwarf, err);

	if (result < 0)
		return result;
	struct pp_dwarf_file *file = pp_dwarf_file_open(dwarf, symbolizer, dso);
	Dwarf *debug = file ? pp_dwarf_file_debug(dwarf, symbolizer, dso, file) : NULL;
	FILE *out = open_memstream(&text, &length);
	if (!out)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "source lines");
	fputc('[', out);
	if (debug && pp_dwarf_file_vaddr(file, file_offset, &address))
		write_lines(&(struct writer){.out = out, .mangled = pp_symbolizer_mangled(symbolizer)}, debug, address);
	fputc(']', out);
	if (fclose(out) == 0)
		result = pp_give_text(text, length, json, size, err);
	else
		result = pp_fail(err, PP_E_NOMEM, ENOMEM, "source lines");
	free(text);
	return result;
}
