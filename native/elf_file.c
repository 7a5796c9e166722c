/* SPDX-License-Identifier: MIT */
/*
 * The headers of an ELF file: elf(5), of 32 and 64 bits in this machine's byte order. libelf would do it as well, but takes
 * memory by the counts in the file, and maps or trusts more of it than a program should that runs as root.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf_file.h"

#define SEGMENTS_MAX   4096	    /* real ones have some 10 */
#define SECTIONS_MAX   (256u << 10) /* a program with -ffunction-sections has 10,000s in its objects, not when linked */
#define NAMES_MAX      (4u << 20)
#define NOTES_MAX      64 /* sections or segments of them */
#define NOTES_SIZE_MAX (64u << 10)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_DATA ELFDATA2LSB
#else
#define HOST_DATA ELFDATA2MSB
#endif

/* One member of a header that has a form of 32 and one of 64 bits. */
#define MEMBER(type, member) (elf->is_64 ? ((const Elf64_##type *)bytes)->member : ((const Elf32_##type *)bytes)->member)
#define SIZE(type)	     (elf->is_64 ? sizeof(Elf64_##type) : sizeof(Elf32_##type))

bool pp_image_read(const struct pp_image *image, uint64_t offset, void *buf, size_t size)
{
	size_t done = 0;

	if (offset > image->size || size > image->size - offset)
		return false;
	if (image->fd < 0) {
		memcpy(buf, image->data + offset, size);
		return true;
	}
	while (done < size) {
		ssize_t got = pread(image->fd, (char *)buf + done, size - done, offset + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += got;
	}
	return true;
}

/* `count` entries of `size` bytes each, to be freed. */
static void *read_table(const struct pp_elf *elf, uint64_t offset, size_t count, size_t size)
{
	void *bytes = malloc(count * size);

	if (bytes && !pp_image_read(&elf->image, offset, bytes, count * size)) {
		free(bytes);
		bytes = NULL;
	}
	return bytes;
}

static struct pp_elf_section section_at(const struct pp_elf *elf, const void *bytes)
{
	return (struct pp_elf_section){
	    .name = MEMBER(Shdr, sh_name),
	    .type = MEMBER(Shdr, sh_type),
	    .flags = MEMBER(Shdr, sh_flags),
	    .address = MEMBER(Shdr, sh_addr),
	    .offset = MEMBER(Shdr, sh_offset),
	    .size = MEMBER(Shdr, sh_size),
	    .link = MEMBER(Shdr, sh_link),
	};
}

static struct pp_elf_segment segment_at(const struct pp_elf *elf, const void *bytes)
{
	return (struct pp_elf_segment){
	    .type = MEMBER(Phdr, p_type),
	    .flags = MEMBER(Phdr, p_flags),
	    .offset = MEMBER(Phdr, p_offset),
	    .address = MEMBER(Phdr, p_vaddr),
	    .file_size = MEMBER(Phdr, p_filesz),
	};
}

static int read_segments(struct pp_elf *elf, const void *bytes)
{
	uint64_t offset = MEMBER(Ehdr, e_phoff);
	uint32_t count = MEMBER(Ehdr, e_phnum);
	uint8_t *table;

	if (!count || !offset)
		return 0;
	if (count > SEGMENTS_MAX || MEMBER(Ehdr, e_phentsize) != SIZE(Phdr))
		return -ENOEXEC;
	table = read_table(elf, offset, count, SIZE(Phdr));
	elf->segments = calloc(count, sizeof(*elf->segments));
	if (table && elf->segments)
		for (elf->segment_count = 0; elf->segment_count < count; elf->segment_count++)
			elf->segments[elf->segment_count] = segment_at(elf, table + elf->segment_count * SIZE(Phdr));
	free(table);
	return table ? (elf->segments ? 0 : -ENOMEM) : -ENOEXEC;
}

/* Files without sections, or whose sections were cut off, still have their segments and with them a build id: no error. */
static int read_sections(struct pp_elf *elf, const void *bytes)
{
	uint64_t offset = MEMBER(Ehdr, e_shoff);
	uint64_t count = MEMBER(Ehdr, e_shnum);
	uint32_t names = MEMBER(Ehdr, e_shstrndx);
	union {
		Elf64_Shdr of_64;
		Elf32_Shdr of_32;
	} first;
	uint8_t *table;

	if (!offset || MEMBER(Ehdr, e_shentsize) != SIZE(Shdr) || !pp_image_read(&elf->image, offset, &first, SIZE(Shdr)))
		return 0;
	/* What does not fit in the header is in the first entry (elf(5), e_shnum and e_shstrndx). */
	if (!count)
		count = section_at(elf, &first).size;
	if (names == SHN_XINDEX)
		names = section_at(elf, &first).link;
	if (count > SECTIONS_MAX || count < 2)
		return 0;
	table = read_table(elf, offset, count, SIZE(Shdr));
	if (!table)
		return 0;
	elf->sections = calloc(count, sizeof(*elf->sections));
	if (elf->sections)
		for (; elf->section_count < count; elf->section_count++)
			elf->sections[elf->section_count] = section_at(elf, table + elf->section_count * SIZE(Shdr));
	free(table);
	if (!elf->sections)
		return -ENOMEM;
	if (names < elf->section_count) {
		elf->names = pp_elf_section_load(elf, &elf->sections[names], NAMES_MAX);
		elf->names_size = elf->names ? elf->sections[names].size : 0;
	}
	return 0;
}

int pp_elf_open(struct pp_elf *elf, struct pp_image image)
{
	union {
		uint8_t ident[EI_NIDENT];
		Elf64_Ehdr of_64;
		Elf32_Ehdr of_32;
	} header;
	const void *bytes = &header;
	int ret;

	*elf = (struct pp_elf){.image = image};
	if (!pp_image_read(&image, 0, header.ident, EI_NIDENT) || memcmp(header.ident, ELFMAG, SELFMAG) ||
	    header.ident[EI_DATA] != HOST_DATA)
		return -ENOEXEC;
	if (header.ident[EI_CLASS] != ELFCLASS64 && header.ident[EI_CLASS] != ELFCLASS32)
		return -ENOEXEC;
	elf->is_64 = header.ident[EI_CLASS] == ELFCLASS64;
	if (!pp_image_read(&image, 0, &header, SIZE(Ehdr)))
		return -ENOEXEC;
	elf->machine = MEMBER(Ehdr, e_machine);
	ret = read_segments(elf, bytes);
	return ret < 0 ? ret : read_sections(elf, bytes);
}

void pp_elf_close(struct pp_elf *elf)
{
	free(elf->segments);
	free(elf->sections);
	free(elf->names);
	*elf = (struct pp_elf){.image = {.fd = -1}};
}

const struct pp_elf_section *pp_elf_section_named(const struct pp_elf *elf, const char *name)
{
	for (uint32_t i = 1; i < elf->section_count; i++)
		/* A NUL follows the names: comparing ends there. */
		if (elf->sections[i].name < elf->names_size && !strcmp(elf->names + elf->sections[i].name, name))
			return &elf->sections[i];
	return NULL;
}

const struct pp_elf_section *pp_elf_section_typed(const struct pp_elf *elf, uint32_t type)
{
	for (uint32_t i = 1; i < elf->section_count; i++)
		if (elf->sections[i].type == type)
			return &elf->sections[i];
	return NULL;
}

char *pp_elf_section_load(const struct pp_elf *elf, const struct pp_elf_section *section, size_t most)
{
	char *data;

	/* A size that the file does not have takes no memory. */
	if (section->type == SHT_NOBITS || section->size > most || section->size > elf->image.size)
		return NULL;
	data = malloc(section->size + 1);
	if (data && !pp_image_read(&elf->image, section->offset, data, section->size)) {
		free(data);
		return NULL;
	}
	if (data)
		data[section->size] = '\0';
	return data;
}

size_t pp_elf_symbol_size(const struct pp_elf *elf)
{
	return SIZE(Sym);
}

struct pp_elf_symbol pp_elf_symbol_at(const struct pp_elf *elf, const uint8_t *bytes)
{
	return (struct pp_elf_symbol){
	    .name = MEMBER(Sym, st_name),
	    .info = MEMBER(Sym, st_info),
	    .other = MEMBER(Sym, st_other),
	    .section = MEMBER(Sym, st_shndx),
	    .value = MEMBER(Sym, st_value),
	    .size = MEMBER(Sym, st_size),
	};
}

/* ---- the build id ---- */

/* A note's name and description are padded to 4 bytes, in all that ld and lld write for this one. */
static uint32_t build_id_of_notes(const struct pp_elf *elf, uint64_t offset, uint64_t size, uint8_t id[20])
{
	static const char owner[4] = ELF_NOTE_GNU;
	uint64_t at = 0, description;
	uint32_t length = 0;
	uint8_t *notes;
	Elf64_Nhdr note; /* the same in 32 bits */

	if (size > NOTES_SIZE_MAX || size > elf->image.size)
		return 0;
	notes = read_table(elf, offset, 1, size);
	for (; notes && !length && at + sizeof(note) <= size; at = description + (((uint64_t)note.n_descsz + 3) & ~3ull)) {
		memcpy(&note, notes + at, sizeof(note));
		description = at + sizeof(note) + (((uint64_t)note.n_namesz + 3) & ~3ull);
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof(owner) || description + note.n_descsz > size ||
		    memcmp(notes + at + sizeof(note), owner, sizeof(owner)))
			continue;
		length = note.n_descsz < 20 ? note.n_descsz : 20;
		memcpy(id, notes + description, length);
	}
	free(notes);
	return length;
}

uint32_t pp_elf_build_id(const struct pp_elf *elf, uint8_t id[20])
{
	uint32_t length = 0, looked = 0;

	for (uint32_t i = 1; i < elf->section_count && !length && looked < NOTES_MAX; i++)
		if (elf->sections[i].type == SHT_NOTE) {
			length = build_id_of_notes(elf, elf->sections[i].offset, elf->sections[i].size, id);
			looked++;
		}
	for (uint32_t i = 0; i < elf->segment_count && !length && looked < NOTES_MAX; i++)
		if (elf->segments[i].type == PT_NOTE) {
			length = build_id_of_notes(elf, elf->segments[i].offset, elf->segments[i].file_size, id);
			looked++;
		}
	return length;
}
