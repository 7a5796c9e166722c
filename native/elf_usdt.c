/* SPDX-License-Identifier: MIT */
/*
 * The markers that a program was compiled with (USDT, sys/sdt.h): section .note.stapsdt, a note for each place,
 *   address of the marker's nop, link-time address of .stapsdt.base, address of the semaphore (0: none), provider, name, arguments
 * as https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation has it. What prelink moved is told by .stapsdt.base.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_find.h"

#define NOTES_MAX   (64u << 20)
#define STAPSDT	    "stapsdt"
#define TYPE_MARKER 3

struct notes {
	const struct pp_elf *elf;
	const uint8_t *at;
	const uint8_t *end;
	uint64_t base; /* where .stapsdt.base is, 0: not told */
};

static uint64_t read_address(const struct pp_elf *elf, const uint8_t *bytes)
{
	uint64_t of_64;
	uint32_t of_32;

	memcpy(&of_64, bytes, elf->is_64 ? sizeof(of_64) : sizeof(of_32));
	memcpy(&of_32, bytes, sizeof(of_32));
	return elf->is_64 ? of_64 : of_32;
}

/* The text at *at, which is moved behind its NUL; NULL where it does not end, or would break the line. */
static const char *take_text(const uint8_t **at, const uint8_t *end)
{
	const char *text = (const char *)*at;
	const uint8_t *nul = memchr(*at, '\0', (size_t)(end - *at));

	if (!nul || strpbrk(text, "\n\t"))
		return NULL;
	*at = nul + 1;
	return text;
}

/* A line for a marker: "OFFSET\tSEMAPHORE\tPROVIDER\tNAME\tARGUMENTS", offsets in hexadecimal. */
static void write_marker(const struct notes *notes, const uint8_t *at, const uint8_t *end, FILE *out)
{
	const size_t size = notes->elf->is_64 ? 8 : 4;
	uint64_t place, semaphore = 0;

	if ((size_t)(end - at) < 3 * size)
		return;
	const uint64_t moved = notes->base ? notes->base - read_address(notes->elf, at + size) : 0;
	const uint64_t counter = read_address(notes->elf, at + 2 * size);
	const bool known = pp_elf_file_offset(notes->elf, read_address(notes->elf, at) + moved, PF_X, &place) &&
			   (!counter || pp_elf_file_offset(notes->elf, counter + moved, PF_W, &semaphore));
	at += 3 * size;
	const char *provider = take_text(&at, end);
	const char *name = provider ? take_text(&at, end) : NULL;
	const char *arguments = name ? take_text(&at, end) : NULL;
	if (known && arguments)
		fprintf(out, "%lx\t%lx\t%s\t%s\t%s\n", (unsigned long)place, (unsigned long)semaphore, provider, name, arguments);
}

/* Takes one note. False where no whole one is left. */
static bool take_note(struct notes *notes, FILE *out)
{
	Elf64_Nhdr header; /* the same in 32 bits */
	const uint8_t *name = notes->at + sizeof(header);

	if ((size_t)(notes->end - notes->at) < sizeof(header))
		return false;
	memcpy(&header, notes->at, sizeof(header));
	const uint64_t name_size = ((uint64_t)header.n_namesz + 3) & ~UINT64_C(3);
	const uint64_t size = name_size + (((uint64_t)header.n_descsz + 3) & ~UINT64_C(3));
	if (size > (uint64_t)(notes->end - name))
		return false;
	if (header.n_type == TYPE_MARKER && header.n_namesz == sizeof(STAPSDT) && !memcmp(name, STAPSDT, sizeof(STAPSDT)))
		write_marker(notes, name + name_size, name + name_size + header.n_descsz, out);
	notes->at = name + size;
	return true;
}

int32_t pp_elf_markers(const char *path, char *lines, uint32_t size, struct pp_error *err)
{
	char *text = NULL, *data = NULL;
	size_t length = 0;
	struct pp_elf elf;
	int32_t ret = pp_elf_path_open(path, &elf, err);

	if (ret < 0)
		return ret;
	const struct pp_elf_section *section = pp_elf_section_named(&elf, ".note.stapsdt");
	const struct pp_elf_section *base = pp_elf_section_named(&elf, ".stapsdt.base");
	FILE *out = open_memstream(&text, &length);
	if (section)
		data = pp_elf_section_load(&elf, section, NOTES_MAX);
	if (out && data) {
		struct notes notes = {&elf, (uint8_t *)data, (uint8_t *)data + section->size, base ? base->address : 0};

		while (take_note(&notes, out))
			;
	}
	const bool whole = out && fclose(out) == 0;
	ret = whole ? pp_give_text(text, length, lines, size, err) : pp_fail(err, PP_E_NOMEM, ENOMEM, "markers of %s", path);
	free(text);
	free(data);
	pp_elf_path_close(&elf);
	return ret;
}
