/* SPDX-License-Identifier: MIT */
/* The function symbols of an ELF file. */
#ifndef PERFPROF_ELF_SYMBOLS_H
#define PERFPROF_ELF_SYMBOLS_H

#include "elf_file.h"
#include "symbol_table.h"

/* Each adds to the table, by the addresses that the file's segments give (st_value), and returns how many symbols of functions it
 * has seen, or -ENOMEM, -E2BIG, -ENOEXEC. A file that has no such symbols has 0. */

/* .symtab, else nothing. */
int pp_elf_add_symtab(const struct pp_elf *elf, struct pp_symbol_table *table);
/* .dynsym: what other files may call. */
int pp_elf_add_dynsym(const struct pp_elf *elf, struct pp_symbol_table *table);
/* .gnu_debugdata: an ELF file in itself, xz-compressed, with the symbols that .dynsym lacks. */
int pp_elf_add_debugdata(const struct pp_elf *elf, struct pp_symbol_table *table);
/* The stubs by which functions of other files are called, as `name@plt`. */
int pp_elf_add_plt(const struct pp_elf *elf, struct pp_symbol_table *table);

#endif
