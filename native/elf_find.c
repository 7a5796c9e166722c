/* SPDX-License-Identifier: MIT */
/*
 * Where functions lie in ELF files, for probes: a name -> an offset in the file, by the file's own symbol tables. Keeps nothing.
 * What addresses are is elf_symbols.c's to tell.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_find.h"

#define TABLE_MAX (512u << 20) /* bytes of one table: the largest have some 100 MB */

int32_t pp_elf_path_open(const char *path, struct pp_elf *elf, struct pp_error *err)
{
	struct stat st;
	/* Links are followed, those of /proc/PID/root as well: whoever may probe names the file. O_NONBLOCK: no waiting for a fifo.
	 */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return pp_fail(err, PP_E_FILE, errno, "open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return pp_fail(err, PP_E_ELF, ENOEXEC, "%s is no regular file", path);
	}
	const int reason = pp_elf_open(elf, (struct pp_image){.fd = fd, .size = (uint64_t)st.st_size});
	if (reason == 0)
		return PP_OK;
	pp_elf_close(elf);
	close(fd);
	return pp_fail(err, reason == -ENOEXEC ? PP_E_ELF : PP_E_FILE, -reason, "%s is no ELF file", path);
}

void pp_elf_path_close(struct pp_elf *elf)
{
	const int fd = elf->image.fd;

	pp_elf_close(elf);
	close(fd);
}

bool pp_elf_file_offset(const struct pp_elf *elf, uint64_t address, uint32_t flags, uint64_t *offset)
{
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		const struct pp_elf_segment *segment = &elf->segments[i];

		if (segment->type != PT_LOAD || (segment->flags & flags) != flags || address < segment->address ||
		    address - segment->address >= segment->file_size)
			continue;
		*offset = segment->offset + (address - segment->address);
		return *offset < elf->image.size;
	}
	return false;
}

/* ---- all functions ---- */

typedef void (*visit_function)(const struct pp_elf *elf, const struct pp_elf_symbol *symbol, const char *name, void *context);

/* A symbol that may be of code in this file; a label of assembly has no type. */
static bool is_function(const struct pp_elf_symbol *symbol)
{
	const int type = ELF64_ST_TYPE(symbol->info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) && symbol->name && symbol->section != SHN_UNDEF &&
	       symbol->section < SHN_LORESERVE;
}

static void visit_table(const struct pp_elf *elf, const struct pp_elf_section *section, visit_function visit, void *context)
{
	const size_t size = pp_elf_symbol_size(elf);
	char *symbols, *names;

	if (section->link >= elf->section_count)
		return;
	symbols = pp_elf_section_load(elf, section, TABLE_MAX);
	names = pp_elf_section_load(elf, &elf->sections[section->link], TABLE_MAX);
	for (uint64_t i = 0; symbols && names && i < section->size / size; i++) {
		const struct pp_elf_symbol symbol = pp_elf_symbol_at(elf, (const uint8_t *)symbols + i * size);

		/* A NUL follows the names. */
		if (is_function(&symbol) && symbol.name < elf->sections[section->link].size)
			visit(elf, &symbol, names + symbol.name, context);
	}
	free(symbols);
	free(names);
}

static void visit_exports(const struct pp_elf *elf, visit_function visit, void *context)
{
	for (uint32_t i = 1; i < elf->section_count; i++)
		if (elf->sections[i].type == SHT_DYNSYM)
			visit_table(elf, &elf->sections[i], visit, context);
}

static void visit_functions(const struct pp_elf *elf, visit_function visit, void *context)
{
	for (uint32_t i = 1; i < elf->section_count; i++)
		if (elf->sections[i].type == SHT_SYMTAB)
			visit_table(elf, &elf->sections[i], visit, context);
	visit_exports(elf, visit, context);
}

/* ---- one function ---- */

/* What a name was found to be, over all tables of a file. */
struct found {
	const char *name;
	uint64_t offset;
	uint32_t places; /* different ones */
	bool global;	 /* `offset` is of a symbol that is not static */
	bool chosen;	 /* an IFUNC: its symbol is the code that chooses, once */
};

static void find(const struct pp_elf *elf, const struct pp_elf_symbol *symbol, const char *name, void *context)
{
	struct found *found = context;
	const bool global = ELF64_ST_BIND(symbol->info) != STB_LOCAL;
	uint64_t offset;

	if (strcmp(name, found->name) != 0 || !pp_elf_file_offset(elf, symbol->value, PF_X, &offset))
		return;
	found->chosen |= ELF64_ST_TYPE(symbol->info) == STT_GNU_IFUNC;
	if (found->places > 0 && (offset == found->offset || (found->global && !global)))
		return;
	/* A global one is who is meant where static ones have the same name. */
	found->places = global && !found->global ? 1 : found->places + 1;
	found->offset = offset;
	found->global |= global;
}

int32_t pp_elf_find(const char *path, const char *name, uint64_t *offset, struct pp_error *err)
{
	struct found found = {.name = name};
	struct pp_elf elf;
	const int32_t ret = pp_elf_path_open(path, &elf, err);

	if (ret < 0)
		return ret;
	visit_functions(&elf, find, &found);
	pp_elf_path_close(&elf);
	if (found.places == 0)
		return pp_fail(err, PP_E_ELF, ENOENT, "%s has no function '%s'", path, name);
	if (found.chosen)
		return pp_fail(err, PP_E_ELF, EINVAL,
			       "'%s' stands for several functions, of which each program gets one (an IFUNC)", name);
	if (found.places > 1)
		return pp_fail(err, PP_E_ELF, EINVAL, "%s has %u functions '%s'", path, found.places, name);
	*offset = found.offset;
	return PP_OK;
}

/* ---- their names ---- */

static void write_name(const struct pp_elf *elf, const struct pp_elf_symbol *symbol, const char *name, void *context)
{
	uint64_t offset;

	if (pp_elf_file_offset(elf, symbol->value, PF_X, &offset))
		fprintf(context, "%s\n", name);
}

static int32_t give_names(const char *path, void (*visit_all)(const struct pp_elf *, visit_function, void *), char *names,
			  uint32_t size, struct pp_error *err)
{
	char *text = NULL;
	size_t length = 0;
	struct pp_elf elf;
	int32_t ret = pp_elf_path_open(path, &elf, err);

	if (ret < 0)
		return ret;
	FILE *out = open_memstream(&text, &length);
	if (out)
		visit_all(&elf, write_name, out);
	pp_elf_path_close(&elf);
	const bool whole = out && fclose(out) == 0;
	ret = whole ? pp_give_text(text, length, names, size, err) : pp_fail(err, PP_E_NOMEM, ENOMEM, "names of %s", path);
	free(text);
	return ret;
}

int32_t pp_elf_functions(const char *path, char *names, uint32_t size, struct pp_error *err)
{
	return give_names(path, visit_functions, names, size, err);
}

int32_t pp_elf_exports(const char *path, char *names, uint32_t size, struct pp_error *err)
{
	return give_names(path, visit_exports, names, size, err);
}
