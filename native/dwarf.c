/* SPDX-License-Identifier: MIT */
/*
 * The ELF files that libdw reads: each is opened once, and the ones not used for longest are closed when there are too many. What
 * is in them is the business of unwind.c and lines.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dwarf_files.h"
#include "mapped_file.h"

/* Files that are open at a time (each takes a descriptor), and the debug information of all of them. A program's is some MiB, a
 * browser's a GiB. */
#define FILES_MAX	128
#define DEBUG_BYTES_MAX (UINT64_C(2) << 30)
#define DEBUG_SHARE	4 /* and no more than so many parts of the machine's memory */
/* Unwind information of one file: a browser has some 20 MiB. */
#define UNWIND_BYTES_MAX (UINT64_C(256) << 20)
/* Numbers of dsos come from the symbolizer, one after the other. */
#define DSO_MAX	     (1U << 24)
#define SEGMENTS_MAX 256

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

static uint64_t debug_bytes_max(void)
{
	const uint64_t share = (uint64_t)sysconf(_SC_PHYS_PAGES) / DEBUG_SHARE * (uint64_t)sysconf(_SC_PAGESIZE);

	return share < DEBUG_BYTES_MAX ? share : DEBUG_BYTES_MAX;
}

/* ---- what is in a file ---- */

/* The sections whose names start so: how many, and what they take when they are unpacked. */
static uint32_t count_sections(Elf *elf, const char *prefix, uint64_t *bytes)
{
	size_t names;
	uint32_t count = 0;

	*bytes = 0;
	if (pp_libdw.elf_getshdrstrndx(elf, &names) != 0)
		return 0;
	for (Elf_Scn *section = NULL; (section = pp_libdw.elf_nextscn(elf, section));) {
		GElf_Shdr header;
		GElf_Chdr packed;
		if (!pp_libdw.gelf_getshdr(section, &header))
			continue;
		const char *name = pp_libdw.elf_strptr(elf, names, header.sh_name);
		if (!name || header.sh_type == SHT_NOBITS || strncmp(name, prefix, strlen(prefix)) != 0)
			continue;
		uint64_t size = header.sh_size;
		if ((header.sh_flags & SHF_COMPRESSED) && pp_libdw.gelf_getchdr(section, &packed) && packed.ch_size > size)
			size = packed.ch_size;
		if (__builtin_add_overflow(*bytes, size, bytes))
			*bytes = UINT64_MAX;
		count++;
	}
	return count;
}

/* NULL where `fd` is no ELF file of this machine. */
static Elf *open_elf(int fd)
{
	Elf *elf = pp_libdw.elf_begin(fd, ELF_C_READ, NULL);
	GElf_Ehdr header;

	if (elf && pp_libdw.elf_kind(elf) == ELF_K_ELF && pp_libdw.gelf_getehdr(elf, &header) && header.e_machine == MACHINE &&
	    header.e_ident[EI_CLASS] == ELFCLASS64)
		return elf;
	if (elf)
		pp_libdw.elf_end(elf);
	return NULL;
}

static bool read_segments(struct pp_dwarf_file *file)
{
	size_t count;
	GElf_Phdr header;

	if (pp_libdw.elf_getphdrnum(file->elf, &count) != 0 || count > SEGMENTS_MAX)
		return false;
	file->segments = calloc(count ? count : 1, sizeof(*file->segments));
	if (!file->segments)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!pp_libdw.gelf_getphdr(file->elf, (int)i, &header) || header.p_type != PT_LOAD || !(header.p_flags & PF_X))
			continue;
		file->segments[file->segment_count++] =
		    (struct pp_dwarf_segment){.offset = header.p_offset, .vaddr = header.p_vaddr, .size = header.p_filesz};
	}
	return true;
}

bool pp_dwarf_file_vaddr(const struct pp_dwarf_file *file, uint64_t file_offset, uint64_t *vaddr)
{
	for (uint32_t i = 0; i < file->segment_count; i++) {
		const struct pp_dwarf_segment *segment = &file->segments[i];
		if (file_offset - segment->offset < segment->size) { /* below it wraps to more than any size */
			*vaddr = file_offset - segment->offset + segment->vaddr;
			return true;
		}
	}
	return false;
}

/* .eh_frame, by its section or, where the section headers are stripped, by its segment: then libdw may read to the file's end. */
static Dwarf_CFI *open_unwind(const struct pp_dwarf_file *file)
{
	uint64_t bytes;
	struct stat stat;

	if (count_sections(file->elf, ".eh_frame", &bytes) == 0)
		bytes = fstat(file->fd, &stat) == 0 ? (uint64_t)stat.st_size : UINT64_MAX;
	return bytes <= UNWIND_BYTES_MAX ? pp_libdw.dwarf_getcfi_elf(file->elf) : NULL;
}

/* ---- files ---- */

static void close_debug(struct pp_dwarf_debug *debug)
{
	if (debug->dwarf)
		pp_libdw.dwarf_end(debug->dwarf);
	if (debug->elf)
		pp_libdw.elf_end(debug->elf);
	if (debug->fd >= 0)
		close(debug->fd);
	*debug = (struct pp_dwarf_debug){.fd = -1};
}

static void close_file(struct pp_dwarf *dwarf, struct pp_dwarf_file *file)
{
	if (!file)
		return;
	for (uint32_t i = 0; i < PP_RULES; i++) {
		if (dwarf->rules[i].file != file)
			continue;
		free(dwarf->rules[i].frame);
		dwarf->rules[i] = (struct pp_rules){0};
	}
	close_debug(&file->debug);
	close_debug(&file->alt);
	if (file->unwind)
		pp_libdw.dwarf_cfi_end(file->unwind);
	if (file->elf)
		pp_libdw.elf_end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
	dwarf->debug_bytes -= file->debug_bytes;
	dwarf->file_count--;
	free(file->segments);
	free(file);
}

/* Closes those not used for longest, but never the one that was used last. */
static void close_surplus(struct pp_dwarf *dwarf)
{
	while (dwarf->file_count > FILES_MAX || (dwarf->debug_bytes > debug_bytes_max() && dwarf->file_count > 1)) {
		struct pp_dwarf_file **oldest = NULL;
		for (uint32_t dso = 0; dso < dwarf->file_room; dso++) {
			struct pp_dwarf_file **file = &dwarf->files[dso];
			if (*file && (!oldest || (*file)->used < (*oldest)->used))
				oldest = file;
		}
		close_file(dwarf, *oldest);
		*oldest = NULL;
	}
}

static bool make_room(struct pp_dwarf *dwarf, uint32_t dso)
{
	if (dso < dwarf->file_room)
		return true;
	if (dso >= DSO_MAX)
		return false;
	const uint32_t room = (dso + 1) * 2;
	struct pp_dwarf_file **files = realloc(dwarf->files, room * sizeof(*files));
	if (!files)
		return false;
	memset(files + dwarf->file_room, 0, (room - dwarf->file_room) * sizeof(*files));
	dwarf->files = files;
	dwarf->file_room = room;
	return true;
}

/* A file that cannot be read is one without an ELF: it is not tried again as long as it is kept. */
static void read_file(struct pp_dwarf_file *file, struct pp_symbolizer *symbolizer, uint32_t dso)
{
	int debug = -1;
	uint64_t bytes;

	file->fd = pp_dso_files(symbolizer, dso, &debug, NULL);
	if (file->fd < 0)
		return;
	if (debug >= 0)
		close(debug);
	file->elf = open_elf(file->fd);
	if (!file->elf || !read_segments(file))
		return;
	file->unwind = open_unwind(file);
	file->has_debug_frame = count_sections(file->elf, ".debug_frame", &bytes) > 0;
}

struct pp_dwarf_file *pp_dwarf_file_open(struct pp_dwarf *dwarf, struct pp_symbolizer *symbolizer, uint32_t dso)
{
	if (!make_room(dwarf, dso))
		return NULL;
	struct pp_dwarf_file *file = dwarf->files[dso];
	if (!file) {
		file = calloc(1, sizeof(*file));
		if (!file)
			return NULL;
		file->debug.fd = file->alt.fd = -1;
		read_file(file, symbolizer, dso);
		dwarf->files[dso] = file;
		dwarf->file_count++;
	}
	file->used = ++dwarf->uses;
	close_surplus(dwarf);
	return file;
}

/* ---- debug information ---- */

/* By its build id, where distributions put them: root's own files. */
static int open_by_build_id(const uint8_t *id, size_t size)
{
	char path[PP_DEBUG_PATH_SIZE];

	return pp_debug_file_path(id, size, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
}

/* libdw goes by the NULs in the sections of strings, and would read on beyond one without. */
static bool strings_end(Elf *elf)
{
	size_t names;

	if (pp_libdw.elf_getshdrstrndx(elf, &names) != 0)
		return false;
	for (Elf_Scn *section = NULL; (section = pp_libdw.elf_nextscn(elf, section));) {
		GElf_Shdr header;
		const char *name = pp_libdw.gelf_getshdr(section, &header) ? pp_libdw.elf_strptr(elf, names, header.sh_name) : NULL;
		if (!name || (strcmp(name, ".debug_str") != 0 && strcmp(name, ".debug_line_str") != 0))
			continue;
		const Elf_Data *data = pp_libdw.elf_rawdata(section, NULL);
		if (!data || !data->d_buf || data->d_size == 0 || ((const char *)data->d_buf)[data->d_size - 1] != '\0')
			return false;
	}
	return true;
}

/* All its sections are read at once, so all are counted. What old compilers packed without saying its size (.zdebug) is refused. */
static bool open_debug(struct pp_dwarf_debug *debug, uint64_t *bytes)
{
	uint64_t packed;

	debug->elf = debug->fd >= 0 ? open_elf(debug->fd) : NULL;
	if (!debug->elf || count_sections(debug->elf, ".zdebug_", &packed) > 0)
		return false;
	if (count_sections(debug->elf, ".debug_", bytes) == 0 || *bytes > debug_bytes_max())
		return false;
	debug->dwarf = pp_libdw.dwarf_begin_elf(debug->elf, DWARF_C_READ, NULL); /* unpacks them, too */
	return debug->dwarf && strings_end(debug->elf);
}

/* What several debug files share (dwz) is in a file that each of them names. libdw would open whatever path that is, so it is found
 * here, or the debug information counts as absent. */
static bool open_alt(struct pp_dwarf_file *file, uint64_t *bytes)
{
	const char *name;
	const void *id;
	const ssize_t size = pp_libdw.dwelf_dwarf_gnu_debugaltlink(file->debug.dwarf, &name, &id);

	if (size == 0)
		return true;
	if (size > 0)
		file->alt.fd = open_by_build_id(id, (size_t)size);
	if (!open_debug(&file->alt, bytes))
		return false;
	pp_libdw.dwarf_setalt(file->debug.dwarf, file->alt.dwarf);
	return true;
}

Dwarf *pp_dwarf_file_debug(struct pp_dwarf *dwarf, struct pp_symbolizer *symbolizer, uint32_t dso, struct pp_dwarf_file *file)
{
	uint64_t bytes = 0, alt_bytes = 0;

	if (file->debug_opened)
		return file->debug.dwarf;
	file->debug_opened = true;
	const int fd = pp_dso_files(symbolizer, dso, &file->debug.fd, NULL);
	if (fd >= 0)
		close(fd);
	if (!open_debug(&file->debug, &bytes) || !open_alt(file, &alt_bytes)) {
		close_debug(&file->debug);
		close_debug(&file->alt);
		return NULL;
	}
	file->debug_bytes = bytes + alt_bytes;
	dwarf->debug_bytes += file->debug_bytes;
	close_surplus(dwarf);
	return file->debug.dwarf;
}

Dwarf_CFI *pp_dwarf_file_debug_frame(struct pp_dwarf *dwarf, struct pp_symbolizer *symbolizer, uint32_t dso,
				     struct pp_dwarf_file *file)
{
	/* Seldom there, and all the debug information is read with it: not without a need. */
	Dwarf *debug = file->has_debug_frame ? pp_dwarf_file_debug(dwarf, symbolizer, dso, file) : NULL;

	return debug ? pp_libdw.dwarf_getcfi(debug) : NULL;
}

int32_t pp_dwarf_open(struct pp_symbolizer *symbolizer, struct pp_dwarf **dwarf, struct pp_error *err)
{
	struct pp_dwarf **kept = pp_symbolizer_dwarf(symbolizer);
	const int32_t result = pp_libdw_load(err);

	if (result < 0)
		return result;
	if (!*kept)
		*kept = calloc(1, sizeof(**kept));
	if (!*kept)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "open libdw");
	*dwarf = *kept;
	return PP_OK;
}

void pp_dwarf_free(struct pp_dwarf *dwarf)
{
	if (!dwarf)
		return;
	for (uint32_t dso = 0; dso < dwarf->file_room; dso++)
		close_file(dwarf, dwarf->files[dso]);
	free(dwarf->files);
	free(dwarf->modules);
	free(dwarf);
}
