/* SPDX-License-Identifier: MIT */
/* Finding files that belong to processes: by what the kernel says that they have mapped, or by a path in their namespaces. */
#ifndef PERFPROF_MAPPED_FILE_H
#define PERFPROF_MAPPED_FILE_H

#include "elf_file.h"

/* Opens a regular file to be read; nothing that could block, and no device. `pid` tells in whose root the path is, 0: in our own.
 * With `nofollow` its last component is no link. A descriptor, or -errno (-EINVAL: not a regular file). */
int pp_open_in_root(uint32_t pid, const char *path, bool nofollow);

/* Whether a mapping's path is of code that was made by the process itself: of no file. */
bool pp_is_anonymous(const char *path);

/*
 * Opens the file of a mapping: the very one, or none. PP_KNOWN with *fd, else why not. *lasting tells whether the path still leads
 * there in our own root, so that the file can be opened again when the process has ended.
 */
enum pp_unknown pp_mapped_file_open(const struct pp_mapping *mapping, const char *path, int *fd, bool *lasting);

/* What the user's build-id cache has by `name` ("elf", "kallsyms", "vdso") of a build id. Whether it has that build id is for the
 * caller to see. A descriptor, or -errno: -EPERM of one that others may write. */
int pp_cached_file_open(const uint8_t *build_id, uint32_t size, const char *name);

/* A file with the symbols or the debug information that were split off from this one: by its build id, or its debuglink. `path`
 * and `mapping` are the file's own. A descriptor, or -1. */
int pp_debug_file_open(const struct pp_elf *elf, const struct pp_mapping *mapping, const char *path);

/* Where the one of a build id is. False: no build id has this size. */
#define PP_DEBUG_ID_MAX	   32
#define PP_DEBUG_PATH_SIZE 128
bool pp_debug_file_path(const uint8_t *build_id, size_t size, char path[PP_DEBUG_PATH_SIZE]);

#endif
