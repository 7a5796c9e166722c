/* SPDX-License-Identifier: MIT */
/*
 * An ELF file as something that is read by its own headers, none of which is trusted: it may be another user's, made to harm, and
 * may change while it is read. So nothing is mapped (a file that is cut short would bring SIGBUS), each size has a limit, and
 * each read may fail.
 */
#ifndef PERFPROF_ELF_FILE_H
#define PERFPROF_ELF_FILE_H

#include "internal.h"

/* Where the bytes are: in a file, or in memory (then fd is -1). Whoever made it closes or frees them. */
struct pp_image {
	int fd;
	const uint8_t *data;
	uint64_t size;
};

/* All `size` bytes at `offset`, or false. */
bool pp_image_read(const struct pp_image *image, uint64_t offset, void *buf, size_t size);

struct pp_elf_segment {
	uint32_t type;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t file_size;
};

struct pp_elf_section {
	uint32_t name; /* in the section names */
	uint32_t type;
	uint64_t flags;
	uint64_t address;
	uint64_t offset;
	uint64_t size;
	uint32_t link;
};

struct pp_elf_symbol {
	uint32_t name; /* in the strings of the table's `link` */
	uint8_t info;
	uint8_t other;
	uint16_t section;
	uint64_t value;
	uint64_t size;
};

struct pp_elf {
	struct pp_image image;
	bool is_64;
	uint16_t machine;
	struct pp_elf_segment *segments;
	uint32_t segment_count;
	struct pp_elf_section *sections; /* [0] is none */
	uint32_t section_count;
	char *names;
	size_t names_size;
};

/* Reads the headers. 0, -ENOEXEC where it is no ELF file of this machine's byte order or makes no sense, or -ENOMEM. */
int pp_elf_open(struct pp_elf *elf, struct pp_image image);
/* Frees them; the image stays. After a failed open, too. */
void pp_elf_close(struct pp_elf *elf);

/* NULL where there is none of that name, or type. */
const struct pp_elf_section *pp_elf_section_named(const struct pp_elf *elf, const char *name);
const struct pp_elf_section *pp_elf_section_typed(const struct pp_elf *elf, uint32_t type);
/* What it holds, a NUL behind it; to be freed. NULL where it has nothing in the file, cannot be read, or is larger than `most`. */
char *pp_elf_section_load(const struct pp_elf *elf, const struct pp_elf_section *section, size_t most);

/* Bytes of one symbol or relocation (with addend) in the file, and how they are read. */
size_t pp_elf_symbol_size(const struct pp_elf *elf);
struct pp_elf_symbol pp_elf_symbol_at(const struct pp_elf *elf, const uint8_t *bytes);

/* Up to 20 bytes of it. Returns how many, 0 without one. */
uint32_t pp_elf_build_id(const struct pp_elf *elf, uint8_t id[20]);

#endif
