/* SPDX-License-Identifier: MIT */
/* The parts of the symbolizer: symbolizer.c has the handle and the names, dsos.c all files, dso_file.c one. */
#ifndef PERFPROF_SYMBOLIZER_H
#define PERFPROF_SYMBOLIZER_H

#include "dso.h"
#include "elf_file.h"
#include "symbol_table.h"

/* A file that was asked for. Its table and headers come and go; the rest stays as long as the symbolizer. */
struct pp_dso {
	char *path;
	struct pp_mapping mapping; /* the last one that it was told by: the best way to find it */
	uint32_t id;
	bool is_tried;		/* it was looked for since that mapping was told */
	enum pp_unknown reason; /* why it could not be opened then; PP_KNOWN: it was */
	int fd;			/* kept where the file may not be found again; else -1 */
	uint64_t used;		/* when it was last asked for, in calls */
	uint8_t build_id[20];
	uint32_t build_id_size;

	/* NULL where it is not loaded. */
	struct pp_symbol_table *table;
	bool is_whole; /* the table has all symbols, not the dynamic ones alone */
	struct pp_elf_segment *segments;
	uint32_t segment_count;
};

/* ---- dso_file.c ---- */

/* Of a mapping of [vdso]: makes what it is told apart by the same in all processes. */
void pp_vdso_identify(struct pp_dso *dso);

/* Opens the file, or gives its copy of [vdso]. Sets reason; when that is PP_KNOWN, *image is to be closed by the other one.
 * *lasting is pp_mapped_file_open's. */
void pp_dso_image_open(struct pp_dso *dso, struct pp_image *image, bool *lasting);
void pp_dso_image_close(struct pp_dso *dso, struct pp_image *image);

/* Reads the table, the segments and the build id. What is no ELF file gets a reason. 0 or -ENOMEM. */
int pp_dso_load(struct pp_dso *dso, const struct pp_image *image);
/* Gives them up. */
void pp_dso_unload(struct pp_dso *dso);

/* The symbol at a byte of a loaded file, where it starts as a byte of the file, or NULL. */
const char *pp_dso_find(const struct pp_dso *dso, uint64_t file_offset, uint64_t *offset);

size_t pp_dso_bytes(const struct pp_dso *dso);

/* ---- the handle ---- */

#define PP_PERF_MAPS_MAX 64

struct pp_perf_map_use {
	struct pp_perf_map *map;
	uint64_t used; /* when it was last asked for, in calls */
};

struct pp_symbolizer {
	uint32_t flags;
	uint64_t calls; /* for files and JIT maps: the clock of what was not used longest */

	struct pp_symbols *kernel;   /* NULL where it was not read, or cannot be */
	enum pp_unknown kernel_none; /* why an address is not in it */
	uint64_t kernel_ns;	     /* when it was read, 0: never */
	bool is_recorded;	     /* it is a recording's, and not to be read again */

	struct pp_dso **dsos; /* by id */
	uint32_t dso_count;
	uint32_t dso_room;
	void *dso_tree;	  /* tsearch(3): the same by what the kernel tells of them */
	size_t dso_bytes; /* of the tables that are loaded */
	uint32_t kept_fds;

	struct pp_perf_map_use maps[PP_PERF_MAPS_MAX];
	uint32_t map_count;

	struct pp_dwarf *dwarf;
};

/* ---- symbolizer.c ---- */

/* A name as the user wants to see it. As pp_give_text. */
int32_t pp_name_give(const struct pp_symbolizer *symbolizer, const char *name, char *buf, uint32_t size, struct pp_error *err);
/* That there is none. Returns 0, the length of the name. */
int32_t pp_unknown_give(struct pp_symbol *symbol, enum pp_unknown reason, uint64_t offset, char *buf, uint32_t size);

/* ---- dsos.c ---- */

void pp_dsos_free(struct pp_symbolizer *symbolizer);

#endif
