/* SPDX-License-Identifier: MIT */
/*
 * One file of the symbolizer: opened, its symbols gathered from wherever they are, and looked up by the byte of the file. The file
 * is open only while it is read.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_symbols.h"
#include "mapped_file.h"
#include "symbolizer.h"

#define VDSO	   "[vdso]"
#define COMPAT_END (1ull << 32) /* 32-bit programs have theirs below, others above */

/* ---- opening ---- */

/* The kernel gives it no inode; every process has the same one, but for those of 32 bits. */
void pp_vdso_identify(struct pp_dso *dso)
{
	if (strcmp(dso->path, VDSO))
		return;
	dso->mapping.pid = 0;
	dso->mapping.inode = dso->mapping.end - dso->mapping.start;
	dso->mapping.minor = dso->mapping.start < COMPAT_END;
}

/* Where nothing was told of it there is nothing to compare. */
static bool has_build_id(const struct pp_image *image, const struct pp_mapping *mapping)
{
	struct pp_elf elf;
	uint8_t id[20];
	const bool same =
	    !mapping->build_id_size || (pp_elf_open(&elf, *image) == 0 && pp_elf_build_id(&elf, id) == mapping->build_id_size &&
					!memcmp(id, mapping->build_id, mapping->build_id_size));

	if (mapping->build_id_size)
		pp_elf_close(&elf);
	return same;
}

/* Our own copy: not another one's, of another size or of 32-bit programs. */
static enum pp_unknown find_vdso(const struct pp_mapping *mapping, struct pp_image *image)
{
	uintptr_t start = getauxval(AT_SYSINFO_EHDR);
	unsigned long long low, high;
	struct pp_error ignored;
	char *maps, *line;

	if (!start || pp_kernel_file_load("/proc/self/maps", &maps, &ignored) < 0)
		return PP_UNKNOWN_FILE_GONE;
	for (line = maps; line && *line; line = line ? line + 1 : NULL) {
		if (sscanf(line, "%llx-%llx", &low, &high) == 2 && low == start)
			*image = (struct pp_image){.fd = -1, .data = (const uint8_t *)start, .size = high - low};
		line = strchr(line, '\n');
	}
	free(maps);
	if (!image->size || image->size != mapping->end - mapping->start || mapping->minor != (start < COMPAT_END) ||
	    !has_build_id(image, mapping))
		return PP_UNKNOWN_NO_SYMBOL;
	return PP_KNOWN;
}

void pp_dso_image_open(struct pp_dso *dso, struct pp_image *image, bool *lasting)
{
	struct stat st;

	*image = (struct pp_image){.fd = dso->fd};
	*lasting = true;
	dso->is_tried = true;
	if (!strcmp(dso->path, VDSO)) {
		dso->reason = find_vdso(&dso->mapping, image);
		return;
	}
	dso->reason = dso->fd < 0 ? pp_mapped_file_open(&dso->mapping, dso->path, &image->fd, lasting) : PP_KNOWN;
	if (dso->reason == PP_UNKNOWN_FILE_GONE && pp_is_anonymous(dso->path))
		dso->reason = PP_UNKNOWN_JIT_ABSENT;
	if (dso->reason != PP_KNOWN)
		return;
	if (fstat(image->fd, &st) == 0)
		image->size = st.st_size;
}

void pp_dso_image_close(struct pp_dso *dso, struct pp_image *image)
{
	if (image->fd >= 0 && image->fd != dso->fd)
		close(image->fd);
	image->fd = -1;
}

/* ---- loading ---- */

/* From the file that the symbols were split off to. 0 where there is none. */
static int add_split_symbols(const struct pp_dso *dso, const struct pp_elf *elf, struct pp_symbol_table *table)
{
	int fd = pp_debug_file_open(elf, &dso->mapping, dso->path);
	struct pp_elf debug;
	struct stat st;
	int ret = 0;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && pp_elf_open(&debug, (struct pp_image){.fd = fd, .size = st.st_size}) == 0) {
		ret = pp_elf_add_symtab(&debug, table);
		pp_elf_close(&debug);
	}
	close(fd);
	return ret;
}

/* .symtab, here or in the split-off file, has the dynamic symbols as well; .gnu_debugdata has just the others. What is damaged
 * beside the file's own tables counts as not there. */
static int gather(struct pp_dso *dso, const struct pp_elf *elf)
{
	int whole = pp_elf_add_symtab(elf, dso->table), ret = 0;

	if (whole == 0)
		whole = add_split_symbols(dso, elf, dso->table);
	if (whole <= 0 && whole != -ENOMEM) {
		whole = pp_elf_add_debugdata(elf, dso->table);
		ret = pp_elf_add_dynsym(elf, dso->table);
	}
	dso->is_whole = whole > 0;
	if (whole == -ENOMEM || ret < 0)
		return whole == -ENOMEM ? whole : ret;
	return pp_elf_add_plt(elf, dso->table);
}

int pp_dso_load(struct pp_dso *dso, const struct pp_image *image)
{
	struct pp_elf elf;
	int ret = pp_elf_open(&elf, *image);

	if (ret == 0) {
		dso->build_id_size = pp_elf_build_id(&elf, dso->build_id);
		dso->table = pp_symbol_table_new();
		ret = dso->table ? gather(dso, &elf) : -ENOMEM;
	}
	if (ret >= 0) {
		pp_symbol_table_choose(dso->table);
		ret = pp_symbol_table_index(dso->table);
	}
	if (ret >= 0) {
		dso->segments = elf.segments;
		dso->segment_count = elf.segment_count;
		elf.segments = NULL;
	} else {
		pp_dso_unload(dso);
		/* Code that a process made and has in a memfd, say. */
		dso->reason = ret == -ENOEXEC && pp_is_anonymous(dso->path) ? PP_UNKNOWN_JIT_ABSENT : PP_UNKNOWN_DAMAGED;
	}
	pp_elf_close(&elf);
	return ret == -ENOMEM ? ret : 0;
}

void pp_dso_unload(struct pp_dso *dso)
{
	pp_symbol_table_free(dso->table);
	free(dso->segments);
	dso->table = NULL;
	dso->segments = NULL;
	dso->segment_count = 0;
}

size_t pp_dso_bytes(const struct pp_dso *dso)
{
	return dso->table ? pp_symbol_table_bytes(dso->table) + dso->segment_count * sizeof(*dso->segments) : 0;
}

/* ---- looking up ---- */

/* The address that the file's headers give a byte of it; pages at the borders of segments are in the file for two. */
static bool find_address(const struct pp_dso *dso, uint64_t file_offset, uint64_t *address)
{
	bool found = false;

	for (uint32_t i = 0; i < dso->segment_count; i++) {
		const struct pp_elf_segment *segment = &dso->segments[i];

		if (segment->type != PT_LOAD || file_offset < segment->offset ||
		    file_offset - segment->offset >= segment->file_size)
			continue;
		if (found && !(segment->flags & PF_X))
			continue;
		*address = segment->address + (file_offset - segment->offset);
		found = true;
	}
	return found;
}

const char *pp_dso_find(const struct pp_dso *dso, uint64_t file_offset, uint64_t *offset)
{
	uint64_t address = 0, start;
	const char *name = find_address(dso, file_offset, &address) ? pp_symbol_table_find(dso->table, address, &start) : NULL;

	if (name)
		*offset = address - start;
	return name;
}
