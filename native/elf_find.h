/* SPDX-License-Identifier: MIT */
/* What looks for places in ELF files shares: elf_find.c (functions), elf_usdt.c (markers). */
#ifndef PERFPROF_ELF_FIND_H
#define PERFPROF_ELF_FIND_H

#include "elf_file.h"

/* 0, then *elf is to be closed by pp_elf_path_close. */
int32_t pp_elf_path_open(const char *path, struct pp_elf *elf, struct pp_error *err);
void pp_elf_path_close(struct pp_elf *elf);

/* Where the byte at `address` is in the file, by the segment that it is mapped with, position-independent or not. `flags` are those
 * that the segment must have: PF_X for code. */
bool pp_elf_file_offset(const struct pp_elf *elf, uint64_t address, uint32_t flags, uint64_t *offset);

/* The names of the functions that other files may call, a line each: .dynsym, without what the file itself asks others for. */
int32_t pp_elf_exports(const char *path, char *names, uint32_t size, struct pp_error *err);

#endif
