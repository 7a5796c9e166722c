/* SPDX-License-Identifier: MIT */
/*
 * What unwind.c and lines.c share: libdw as it was found at run time, and the ELF files that it has open. A name of its own, since
 * <dwarf.h> is libdw's.
 *
 * The files belong to the users that are traced, and may be made to do harm. So none is mapped (one that is truncated meanwhile
 * would be a SIGBUS), none is opened by a path that stands in another, and what is read of one is bounded before libdw sees it.
 */
#ifndef PERFPROF_DWARF_FILES_H
#define PERFPROF_DWARF_FILES_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>

#include "dso.h"

/* The functions of libdw.so.1 (and of libelf.so.1, which it brings) that are used, with the types of their headers. */
#define PP_LIBDW_FUNCTIONS(F)                                                                                                      \
	F(elf_version)                                                                                                             \
	F(elf_begin)                                                                                                               \
	F(elf_end)                                                                                                                 \
	F(elf_kind)                                                                                                                \
	F(elf_getphdrnum)                                                                                                          \
	F(elf_getshdrstrndx)                                                                                                       \
	F(elf_nextscn)                                                                                                             \
	F(elf_rawdata)                                                                                                             \
	F(elf_strptr)                                                                                                              \
	F(gelf_getehdr)                                                                                                            \
	F(gelf_getphdr)                                                                                                            \
	F(gelf_getshdr)                                                                                                            \
	F(gelf_getchdr)                                                                                                            \
	F(dwarf_begin_elf)                                                                                                         \
	F(dwarf_end)                                                                                                               \
	F(dwarf_setalt)                                                                                                            \
	F(dwelf_dwarf_gnu_debugaltlink)                                                                                            \
	F(dwarf_getcfi)                                                                                                            \
	F(dwarf_getcfi_elf)                                                                                                        \
	F(dwarf_cfi_end)                                                                                                           \
	F(dwarf_cfi_addrframe)                                                                                                     \
	F(dwarf_frame_info)                                                                                                        \
	F(dwarf_frame_cfa)                                                                                                         \
	F(dwarf_frame_register)                                                                                                    \
	F(dwarf_addrdie)                                                                                                           \
	F(dwarf_nextcu)                                                                                                            \
	F(dwarf_offdie)                                                                                                            \
	F(dwarf_haspc)                                                                                                             \
	F(dwarf_child)                                                                                                             \
	F(dwarf_siblingof)                                                                                                         \
	F(dwarf_tag)                                                                                                               \
	F(dwarf_attr_integrate)                                                                                                    \
	F(dwarf_formstring)                                                                                                        \
	F(dwarf_formudata)                                                                                                         \
	F(dwarf_getsrcfiles)                                                                                                       \
	F(dwarf_filesrc)                                                                                                           \
	F(dwarf_getsrc_die)                                                                                                        \
	F(dwarf_linesrc)                                                                                                           \
	F(dwarf_lineno)

struct pp_libdw {
#define PP_FUNCTION(name) __typeof__(name) *name;
	PP_LIBDW_FUNCTIONS(PP_FUNCTION)
#undef PP_FUNCTION
};

/* libdw.c: fills pp_libdw, once; PP_E_FILE where it is not installed. */
extern struct pp_libdw pp_libdw;
int32_t pp_libdw_load(struct pp_error *err);

/* A PT_LOAD segment with code. */
struct pp_dwarf_segment {
	uint64_t offset;
	uint64_t vaddr;
	uint64_t size; /* in the file */
};

/* A file of debug information. */
struct pp_dwarf_debug {
	int fd; /* -1: none; so are the others NULL */
	Elf *elf;
	Dwarf *dwarf;
};

/* A file. `elf` is NULL where it cannot be read, or is not of this machine. */
struct pp_dwarf_file {
	uint64_t used; /* pp_dwarf.uses when it was asked for last */
	int fd;
	Elf *elf;
	struct pp_dwarf_segment *segments;
	uint32_t segment_count;
	Dwarf_CFI *unwind; /* .eh_frame; NULL: none */
	bool has_debug_frame;
	bool is_slow; /* its unwind information took too long */

	/* Its debug information, once that was asked for, and what that shares with others (dwz). */
	bool debug_opened;
	struct pp_dwarf_debug debug, alt;
	uint64_t debug_bytes;
};

/* The unwind rules at an address, as libdw worked them out; NULL: there are none. */
struct pp_rules {
	struct pp_dwarf_file *file; /* NULL: the place is free */
	uint64_t vaddr;
	Dwarf_Frame *frame;
};
#define PP_RULES 2048

struct pp_dwarf {
	struct pp_dwarf_file **files; /* by the number of the dso */
	uint32_t file_room, file_count;
	uint64_t uses, debug_bytes;
	struct pp_module *modules; /* of the space that is unwound */
	uint32_t module_count;
	struct pp_rules rules[PP_RULES]; /* a cache: each address has one place in it */
};

/* Where the symbolizer keeps its own, made at the first call. PP_E_FILE where libdw is not installed. */
int32_t pp_dwarf_open(struct pp_symbolizer *symbolizer, struct pp_dwarf **dwarf, struct pp_error *err);

/* The file of a dso; NULL when out of memory. Valid until the next call. */
struct pp_dwarf_file *pp_dwarf_file_open(struct pp_dwarf *dwarf, struct pp_symbolizer *symbolizer, uint32_t dso);

/* The address that byte `file_offset` has in the file's own numbers. False where no segment holds it. */
bool pp_dwarf_file_vaddr(const struct pp_dwarf_file *file, uint64_t file_offset, uint64_t *vaddr);

/* Its debug information; NULL where it has none that may be read. */
Dwarf *pp_dwarf_file_debug(struct pp_dwarf *dwarf, struct pp_symbolizer *symbolizer, uint32_t dso, struct pp_dwarf_file *file);

/* Its .debug_frame; NULL where it has none. */
Dwarf_CFI *pp_dwarf_file_debug_frame(struct pp_dwarf *dwarf, struct pp_symbolizer *symbolizer, uint32_t dso,
				     struct pp_dwarf_file *file);

#endif
