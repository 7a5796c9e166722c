/* SPDX-License-Identifier: MIT */
/*
 * Symbols of an ELF file. Which of them count, and where those without a size end, is as in perf (tools/perf/util/symbol-elf.c),
 * so that both tell the same names.
 */
#include <elf.h>
#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_symbols.h"

#define STRINGS_MAX	PP_NAMES_MAX
#define SYMBOL_STEP	1024	      /* symbols read at once */
#define SEEN_MAX	(16u << 20)   /* symbols of any kind */
#define DEBUGDATA_MAX	(16u << 20)   /* compressed */
#define DEBUGDATA_LARGE (64u << 20)   /* and not */
#define DECODER_MAX	(64ull << 20) /* memory of the decoder: 8 MiB is what xz -6 takes */

/* One symbol table of a file with its strings. */
struct symtab {
	const struct pp_elf *elf;
	const struct pp_elf_section *section;
	char *strings;
	size_t strings_size;
};

static bool open_symtab(struct symtab *symtab, const struct pp_elf *elf, const struct pp_elf_section *section)
{
	*symtab = (struct symtab){.elf = elf, .section = section};
	if (!section || section->type == SHT_NOBITS || !section->link || section->link >= elf->section_count)
		return false;
	symtab->strings = pp_elf_section_load(elf, &elf->sections[section->link], STRINGS_MAX);
	symtab->strings_size = symtab->strings ? elf->sections[section->link].size : 0;
	return symtab->strings;
}

/* ---- one symbol ---- */

/* "$x", "$d.1": where code and data begin, in the tables of ARM and RISC-V. */
static bool is_mapping_symbol(const struct pp_elf *elf, const char *name)
{
	if (elf->machine != EM_ARM && elf->machine != EM_AARCH64 && elf->machine != EM_RISCV)
		return false;
	return name[0] == '$' && name[1] && strchr("adtx", name[1]);
}

/* The section that a symbol of code is in; NULL for any other symbol. A label of assembly has no type: it counts in code only, and
 * where it can be seen from outside of its object. */
static const struct pp_elf_section *section_of_code(const struct pp_elf *elf, const struct pp_elf_symbol *symbol)
{
	int type = ELF64_ST_TYPE(symbol->info), visibility = ELF64_ST_VISIBILITY(symbol->other);
	const struct pp_elf_section *section;
	bool is_label = type == STT_NOTYPE && visibility != STV_HIDDEN && visibility != STV_INTERNAL;

	if (type != STT_FUNC && type != STT_GNU_IFUNC && !is_label)
		return NULL;
	/* Undefined, or of no section of this file. */
	if (symbol->section == SHN_UNDEF || symbol->section >= elf->section_count)
		return NULL;
	section = &elf->sections[symbol->section];
	if (!(section->flags & SHF_ALLOC) || (is_label && !(section->flags & SHF_EXECINSTR)))
		return NULL;
	return section;
}

/* 1 when it was one, 0 when not, or the error of adding it. */
static int add_symbol(const struct symtab *symtab, const struct pp_elf_symbol *symbol, struct pp_symbol_table *table)
{
	const struct pp_elf_section *section = section_of_code(symtab->elf, symbol);
	int bind = ELF64_ST_BIND(symbol->info);
	uint64_t start = symbol->value, end;
	const char *name;
	size_t length;
	int ret;

	if (!section || !symbol->name || symbol->name >= symtab->strings_size)
		return 0;
	name = symtab->strings + symbol->name;
	if (is_mapping_symbol(symtab->elf, name))
		return 0;
	/* Bit 0 tells of Thumb code. */
	if (symtab->elf->machine == EM_ARM)
		start &= ~1ull;
	end = symbol->size ? start + symbol->size : section->address + section->size;
	length = strnlen(name, PP_SYMBOL_NAME_MAX + 1);
	ret = pp_symbol_table_add(table, start, end,
				  pp_symbol_rank(symbol->size, bind == STB_WEAK, bind == STB_GLOBAL, name, length), name, length);
	return ret < 0 ? ret : 1;
}

/* ---- one table ---- */

static int add_all(const struct symtab *symtab, struct pp_symbol_table *table)
{
	size_t size = pp_elf_symbol_size(symtab->elf);
	uint64_t count = symtab->section->size / size;
	uint8_t bytes[SYMBOL_STEP * sizeof(Elf64_Sym)] __attribute__((aligned(8)));
	int seen = 0;

	if (count > SEEN_MAX)
		return -E2BIG;
	for (uint64_t first = 0; first < count; first += SYMBOL_STEP) {
		size_t step = count - first < SYMBOL_STEP ? count - first : SYMBOL_STEP;

		if (!pp_image_read(&symtab->elf->image, symtab->section->offset + first * size, bytes, step * size))
			return -ENOEXEC;
		for (size_t i = 0; i < step; i++) {
			struct pp_elf_symbol symbol = pp_elf_symbol_at(symtab->elf, bytes + i * size);
			int ret = add_symbol(symtab, &symbol, table);

			if (ret < 0)
				return ret;
			seen += ret;
		}
	}
	return seen;
}

static int add_typed(const struct pp_elf *elf, uint32_t type, struct pp_symbol_table *table)
{
	struct symtab symtab;
	int ret = open_symtab(&symtab, elf, pp_elf_section_typed(elf, type)) ? add_all(&symtab, table) : 0;

	free(symtab.strings);
	return ret;
}

int pp_elf_add_symtab(const struct pp_elf *elf, struct pp_symbol_table *table)
{
	return add_typed(elf, SHT_SYMTAB, table);
}

int pp_elf_add_dynsym(const struct pp_elf *elf, struct pp_symbol_table *table)
{
	return add_typed(elf, SHT_DYNSYM, table);
}

/* ---- .gnu_debugdata ---- */

/* Decodes into a buffer that grows; NULL where it is no xz or too large. */
static uint8_t *unpack(const char *packed, size_t packed_size, size_t *size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	size_t room = packed_size * 4 + 4096;
	uint8_t *data = malloc(room);
	lzma_ret ret = LZMA_OK;

	if (!data || lzma_stream_decoder(&stream, DECODER_MAX, 0) != LZMA_OK)
		ret = LZMA_MEM_ERROR;
	stream.next_in = (const uint8_t *)packed;
	stream.avail_in = packed_size;
	stream.next_out = data;
	stream.avail_out = room;
	while (ret == LZMA_OK) {
		ret = lzma_code(&stream, LZMA_FINISH);
		if (ret == LZMA_OK && !stream.avail_out) {
			uint8_t *bigger = room < DEBUGDATA_LARGE ? realloc(data, room * 2) : NULL;

			if (!bigger)
				break;
			data = bigger;
			stream.next_out = data + room;
			stream.avail_out = room;
			room *= 2;
		}
	}
	*size = stream.total_out;
	lzma_end(&stream);
	if (ret == LZMA_STREAM_END)
		return data;
	free(data);
	return NULL;
}

int pp_elf_add_debugdata(const struct pp_elf *elf, struct pp_symbol_table *table)
{
	const struct pp_elf_section *section = pp_elf_section_named(elf, ".gnu_debugdata");
	char *packed = section ? pp_elf_section_load(elf, section, DEBUGDATA_MAX) : NULL;
	struct pp_image image = {.fd = -1};
	struct pp_elf inner;
	uint8_t *data;
	int ret = 0;

	if (!packed)
		return 0;
	data = unpack(packed, section->size, &image.size);
	image.data = data;
	if (data && pp_elf_open(&inner, image) == 0) {
		ret = pp_elf_add_symtab(&inner, table);
		pp_elf_close(&inner);
	}
	free(data);
	free(packed);
	return ret;
}

/* ---- the procedure linkage table ---- */

/* Where stub `number` is, counted in the order of the relocations. */
static bool locate_stubs(const struct pp_elf *elf, uint64_t *first, uint64_t *end)
{
	const struct pp_elf_section *section = elf->machine == EM_X86_64 ? pp_elf_section_named(elf, ".plt.sec") : NULL;
	uint64_t header = 0;

	if (!section) {
		section = pp_elf_section_named(elf, ".plt");
		header = elf->machine == EM_X86_64 ? 16 : 32;
	}
	if (!section || (elf->machine != EM_X86_64 && elf->machine != EM_AARCH64))
		return false;
	*first = section->address + header;
	*end = section->address + section->size;
	return true;
}

#define STUB_SIZE     16 /* of both machines */
#define STUB_NAME_MAX 1024

/* The name of the function that a stub leads to; the length, 0 where it has none. A function that is chosen when the program starts
 * (IRELATIVE) has no symbol there, but the address of what chooses it: that is shown as objdump does. */
static size_t name_stub(const struct symtab *dynsym, const Elf64_Rela *relocation, char *name, size_t room)
{
	uint64_t number = ELF64_R_SYM(relocation->r_info);
	size_t size = sizeof(Elf64_Sym), length;
	uint8_t bytes[sizeof(Elf64_Sym)] __attribute__((aligned(8)));
	struct pp_elf_symbol symbol;

	if (!number) {
		length = snprintf(name, room, "*ABS*+0x%llx@plt", (unsigned long long)relocation->r_addend);
	} else {
		if (number >= dynsym->section->size / size ||
		    !pp_image_read(&dynsym->elf->image, dynsym->section->offset + number * size, bytes, size))
			return 0;
		symbol = pp_elf_symbol_at(dynsym->elf, bytes);
		if (symbol.name >= dynsym->strings_size)
			return 0;
		length = snprintf(name, room, "%s@plt", dynsym->strings + symbol.name);
	}
	return length < room ? length : 0;
}

int pp_elf_add_plt(const struct pp_elf *elf, struct pp_symbol_table *table)
{
	const struct pp_elf_section *relocations = pp_elf_section_named(elf, ".rela.plt");
	struct symtab dynsym = {0};
	uint64_t start, end;
	char *data = NULL;
	int ret = 0;

	if (!elf->is_64 || !relocations || !locate_stubs(elf, &start, &end))
		return 0;
	data = pp_elf_section_load(elf, relocations, SEEN_MAX);
	if (data && open_symtab(&dynsym, elf, pp_elf_section_typed(elf, SHT_DYNSYM)))
		for (uint64_t i = 0; ret >= 0 && i < relocations->size / sizeof(Elf64_Rela) && start + STUB_SIZE <= end; i++) {
			Elf64_Rela relocation;
			char name[STUB_NAME_MAX];
			size_t length;

			memcpy(&relocation, data + i * sizeof(relocation), sizeof(relocation));
			length = name_stub(&dynsym, &relocation, name, sizeof(name));
			ret = pp_symbol_table_add(table, start, start + STUB_SIZE, pp_symbol_rank(true, false, true, name, length),
						  name, length);
			start += STUB_SIZE;
		}
	free(dynsym.strings);
	free(data);
	return ret;
}
