/* SPDX-License-Identifier: MIT */
/* What the symbolizer's files share: symbolizer.c (the calls, the files that were opened), unwind.c and lines.c (libdw over them).
 */
#ifndef PERFPROF_DSO_H
#define PERFPROF_DSO_H

#include "internal.h"

struct pp_dwarf; /* dwarf.c: libdw and what it made of files; NULL before it is needed */

/* A descriptor of the ELF file of `dso` as it was mapped (with its unwind information), to be closed by the caller; negative where
 * it cannot be read. *debug gets one of the file with its debug information (the same file, or its debuglink or build-id twin), or
 * -1. */
int32_t pp_dso_files(struct pp_symbolizer *symbolizer, uint32_t dso, int *debug, struct pp_error *err);

/* Are names left as they are in the files? */
bool pp_symbolizer_mangled(const struct pp_symbolizer *symbolizer);

/* Where the symbolizer keeps what libdw needs; freed with it by pp_dwarf_free. */
struct pp_dwarf **pp_symbolizer_dwarf(struct pp_symbolizer *symbolizer);
void pp_dwarf_free(struct pp_dwarf *dwarf);

#endif
