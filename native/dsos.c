/* SPDX-License-Identifier: MIT */
/*
 * The files of the symbolizer, by ids that stay, and the calls for them. What their tables take together is bounded: the one that
 * was not asked for longest is given up, and read again when it is. So is the number of those that are kept open.
 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapped_file.h"
#include "symbolizer.h"

#define TABLES_BYTES (64u << 20)  /* of all tables, but for the one in use */
#define DSOS_MAX     (256u << 10) /* files with an id of their own: a program that maps ever new ones must not fill the memory */
#define KEPT_FDS_MAX 64

/* ---- which files there are ---- */

/* By what tells one file from another: paths are of many namespaces, inode numbers of many devices. Where nothing was told of a
 * file but its path it is the process's. */
static int by_identity(const void *a, const void *b)
{
	const struct pp_dso *left = a, *right = b;
	const struct pp_mapping *one = &left->mapping, *other = &right->mapping;
	int order = strcmp(left->path, right->path);

#define ORDER_BY(member)                                                                                                           \
	if (!order)                                                                                                                \
	order = one->member < other->member ? -1 : one->member > other->member
	ORDER_BY(inode);
	ORDER_BY(major);
	ORDER_BY(minor);
	ORDER_BY(build_id_size);
#undef ORDER_BY
	if (!order)
		order = memcmp(one->build_id, other->build_id, sizeof(one->build_id));
	if (!order && !one->inode && !one->build_id_size)
		order = one->pid < other->pid ? -1 : one->pid > other->pid;
	return order;
}

void pp_dsos_free(struct pp_symbolizer *symbolizer)
{
	for (uint32_t i = 0; i < symbolizer->dso_count; i++) {
		struct pp_dso *dso = symbolizer->dsos[i];

		tdelete(dso, &symbolizer->dso_tree, by_identity);
		pp_dso_unload(dso);
		if (dso->fd >= 0)
			close(dso->fd);
		free(dso->path);
		free(dso);
	}
	free(symbolizer->dsos);
}

static bool make_room(struct pp_symbolizer *symbolizer)
{
	uint32_t room = symbolizer->dso_room ? symbolizer->dso_room * 2 : 64;
	struct pp_dso **moved;

	if (symbolizer->dso_count < symbolizer->dso_room)
		return true;
	moved = realloc(symbolizer->dsos, room * sizeof(*moved));
	if (!moved)
		return false;
	symbolizer->dsos = moved;
	symbolizer->dso_room = room;
	return true;
}

static struct pp_dso *add_dso(struct pp_symbolizer *symbolizer, const struct pp_dso *key)
{
	struct pp_dso *dso = make_room(symbolizer) ? malloc(sizeof(*dso)) : NULL;

	if (!dso)
		return NULL;
	*dso = *key;
	dso->id = symbolizer->dso_count;
	dso->path = strdup(key->path);
	if (!dso->path || !tsearch(dso, &symbolizer->dso_tree, by_identity)) {
		free(dso->path);
		free(dso);
		return NULL;
	}
	symbolizer->dsos[symbolizer->dso_count++] = dso;
	return dso;
}

/* All that come when there are DSOS_MAX already: one of which nothing is known, under the id behind theirs. */
static struct pp_dso rest = {.path = "", .id = DSOS_MAX, .is_tried = true, .reason = PP_UNKNOWN_TOO_MANY, .fd = -1};

int32_t pp_dso_open(struct pp_symbolizer *symbolizer, const struct pp_mapping *mapping, const char *path, struct pp_error *err)
{
	struct pp_dso key = {.path = (char *)path, .mapping = *mapping, .fd = -1};
	struct pp_dso *const *found, *dso;

	if (mapping->end <= mapping->start || mapping->build_id_size > sizeof(mapping->build_id))
		return pp_fail(err, PP_E_ARG, 0, "the mapping of %.200s", path);
	memset(key.mapping.build_id + mapping->build_id_size, 0, sizeof(key.mapping.build_id) - mapping->build_id_size);
	pp_vdso_identify(&key);
	found = tfind(&key, &symbolizer->dso_tree, by_identity);
	if (!found && symbolizer->dso_count == DSOS_MAX)
		return rest.id;
	dso = found ? *found : add_dso(symbolizer, &key);
	if (!dso)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "file %u, %.200s", symbolizer->dso_count, path);
	/* Each process that has it is another way to it; the last one that was told of has ended least likely. */
	dso->mapping = key.mapping;
	if (dso->reason != PP_UNKNOWN_DAMAGED)
		dso->is_tried = false;
	return dso->id;
}

static struct pp_dso *get_dso(struct pp_symbolizer *symbolizer, uint32_t id, struct pp_error *err)
{
	if (id == rest.id)
		return &rest;
	if (id >= symbolizer->dso_count) {
		pp_fail(err, PP_E_ARG, 0, "file %u of %u", id, symbolizer->dso_count);
		return NULL;
	}
	symbolizer->dsos[id]->used = ++symbolizer->calls;
	return symbolizer->dsos[id];
}

/* ---- what is kept of them ---- */

/* Of those with a table, or a kept descriptor, the one that was not used longest; not `but`. NULL: there is none. */
static struct pp_dso *oldest_dso(const struct pp_symbolizer *symbolizer, const struct pp_dso *but, bool of_fds)
{
	struct pp_dso *oldest = NULL;

	for (uint32_t i = 0; i < symbolizer->dso_count; i++) {
		struct pp_dso *dso = symbolizer->dsos[i];

		if (dso != but && (of_fds ? dso->fd >= 0 : dso->table != NULL) && (!oldest || dso->used < oldest->used))
			oldest = dso;
	}
	return oldest;
}

static void trim_tables(struct pp_symbolizer *symbolizer, const struct pp_dso *in_use)
{
	struct pp_dso *oldest;

	while (symbolizer->dso_bytes > TABLES_BYTES && (oldest = oldest_dso(symbolizer, in_use, false))) {
		symbolizer->dso_bytes -= pp_dso_bytes(oldest);
		pp_dso_unload(oldest);
	}
}

/* Keeps the descriptor of a file that may not be found again: a deleted one, or one of a container that may end. */
static void keep_fd(struct pp_symbolizer *symbolizer, struct pp_dso *dso, int fd)
{
	if (symbolizer->kept_fds == KEPT_FDS_MAX) {
		struct pp_dso *oldest = oldest_dso(symbolizer, dso, true);

		close(oldest->fd);
		oldest->fd = -1;
		symbolizer->kept_fds--;
	}
	dso->fd = fd;
	symbolizer->kept_fds++;
}

/* Opens and reads it, if it is not loaded and nothing is known that speaks against it. */
static int32_t load_dso(struct pp_symbolizer *symbolizer, struct pp_dso *dso, struct pp_error *err)
{
	struct pp_image image;
	bool lasting;
	int ret;

	if (dso->table || (dso->is_tried && dso->reason != PP_KNOWN))
		return PP_OK;
	pp_dso_image_open(dso, &image, &lasting);
	if (dso->reason != PP_KNOWN)
		return PP_OK;
	ret = pp_dso_load(dso, &image);
	if (!lasting && dso->reason == PP_KNOWN)
		keep_fd(symbolizer, dso, image.fd);
	pp_dso_image_close(dso, &image);
	if (ret < 0)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "symbols of %.200s", dso->path);
	symbolizer->dso_bytes += pp_dso_bytes(dso);
	trim_tables(symbolizer, dso);
	return PP_OK;
}

/* ---- the calls ---- */

int32_t pp_dso_symbol(struct pp_symbolizer *symbolizer, uint32_t id, uint64_t file_offset, struct pp_symbol *symbol, char *name,
		      uint32_t size, struct pp_error *err)
{
	struct pp_dso *dso = get_dso(symbolizer, id, err);
	const char *found;
	uint64_t offset;
	int32_t ret;

	if (!dso)
		return PP_E_ARG;
	ret = load_dso(symbolizer, dso, err);
	if (ret < 0)
		return ret;
	if (!dso->table)
		return pp_unknown_give(symbol, dso->reason, file_offset, name, size);
	found = pp_dso_find(dso, file_offset, &offset);
	if (!found)
		return pp_unknown_give(symbol, dso->is_whole ? PP_UNKNOWN_NO_SYMBOL : PP_UNKNOWN_STRIPPED, file_offset, name, size);
	*symbol = (struct pp_symbol){.offset = offset};
	return pp_name_give(symbolizer, found, name, size, err);
}

int32_t pp_dso_build_id(struct pp_symbolizer *symbolizer, uint32_t id, uint8_t *build_id, uint32_t size, struct pp_error *err)
{
	struct pp_dso *dso = get_dso(symbolizer, id, err);
	uint32_t length;
	int32_t ret;

	if (!dso)
		return PP_E_ARG;
	ret = dso->build_id_size ? PP_OK : load_dso(symbolizer, dso, err);
	if (ret < 0)
		return ret;
	length = dso->build_id_size < size ? dso->build_id_size : size;
	memcpy(build_id, dso->build_id, length);
	return length;
}

/* ---- for libdw ---- */

/* What is in memory, as a file. */
static int copy_to_memfd(const struct pp_image *image)
{
	int fd = memfd_create("vdso", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, image->data, image->size) != (ssize_t)image->size) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The file itself, where it has its debug information; else the one that this was split off to, or -1. */
static int open_debug(const struct pp_dso *dso, int fd, uint64_t size)
{
	struct pp_elf elf;
	int debug = -1;

	if (pp_elf_open(&elf, (struct pp_image){.fd = fd, .size = size}) == 0) {
		if (pp_elf_section_named(&elf, ".debug_info"))
			debug = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		else
			debug = pp_debug_file_open(&elf, &dso->mapping, dso->path);
	}
	pp_elf_close(&elf);
	return debug;
}

int32_t pp_dso_files(struct pp_symbolizer *symbolizer, uint32_t id, int *debug, struct pp_error *err)
{
	struct pp_dso *dso = get_dso(symbolizer, id, err);
	struct pp_image image;
	bool lasting;
	int fd;

	*debug = -1;
	if (!dso)
		return PP_E_ARG;
	if (dso == &rest)
		return pp_fail(err, PP_E_FILE, EMFILE, "open file %u", id);
	pp_dso_image_open(dso, &image, &lasting);
	if (dso->reason != PP_KNOWN)
		return pp_fail(err, PP_E_FILE, ENOENT, "open %.200s", dso->path);
	fd = image.fd < 0 ? copy_to_memfd(&image) : fcntl(image.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		pp_fail(err, PP_E_FILE, errno, "open %.200s", dso->path);
	else
		*debug = open_debug(dso, fd, image.size);
	pp_dso_image_close(dso, &image);
	return fd < 0 ? PP_E_FILE : fd;
}
