/* SPDX-License-Identifier: MIT */
/*
 * The single file that `deno task build` makes, as its launcher sees it: this program, then the packed files one after another,
 * then a table of them, then a footer. build.ts writes the same layout; all numbers are little-endian.
 */
#ifndef PP_PACK_H
#define PP_PACK_H

#include <assert.h>
#include <stdint.h>

#define PACK_MAGIC "PERFPRF1"

enum pack_kind {
	PACK_FOLDER,  /* of the cache; comes before what is in it */
	PACK_FILE,    /* of the cache */
	PACK_RUNTIME, /* of the cache: the program that is executed */
	PACK_PROGRAM, /* of the cache: what the runtime runs */
	PACK_LIBRARY, /* only ever in memory */
};

struct pack_entry {
	char path[64];		 /* relative, NUL-terminated */
	uint32_t kind;		 /* enum pack_kind */
	uint32_t mode;		 /* permission bits */
	uint64_t offset, packed; /* of the zstd frame in the file, bytes */
	uint64_t size;		 /* unpacked, bytes */
};
static_assert(sizeof(struct pack_entry) == 96, "build.ts writes it");

struct pack_footer {
	char id[48];	/* version and hash of all contents: the name of the cache folder */
	uint32_t count; /* entries, right before the footer */
	uint32_t zero;
	char magic[8]; /* PACK_MAGIC */
};
static_assert(sizeof(struct pack_footer) == 64, "build.ts writes it");

struct pack {
	int fd; /* the file itself; close-on-exec */
	struct pack_footer footer;
	struct pack_entry *entries;
};

/* Opens what this process was started from. Returns 0, or -1 with errno: EBADMSG where nothing is packed into it. */
int pack_open(struct pack *pack);
void pack_close(struct pack *pack);

/* The entry of a kind that there is one of. */
const struct pack_entry *pack_find(const struct pack *pack, enum pack_kind kind);

/* Writes the contents, checked by the frame's hash, to `fd`. Returns 0, or -1 with errno: EBADMSG where they are damaged. */
int pack_extract(const struct pack *pack, const struct pack_entry *entry, int fd);

/*
 * The contents as a sealed file in memory, whose number the caller owns; `exec`: one that may be executed, and is close-on-exec.
 * Returns -1 with errno.
 */
int pack_extract_memory(const struct pack *pack, const struct pack_entry *entry, int exec);

/*
 * Opens the folder of this very program in the user's cache, and checks all that is in it; on the first run it is filled first, and
 * older versions that no process holds are removed. `path` gets its name. Returns its descriptor (close-on-exec), which holds the
 * folder as long as a process has it open, or -1 where files cannot be kept; what must not be trusted ends the process, with a
 * message.
 */
int cache_open(const struct pack *pack, char *path, unsigned long size);

/*
 * Unpacks to a file system in memory that is mounted nowhere: only its descriptor leads there, and it goes with the last copy of
 * that. Returns the descriptor (close-on-exec), or -1: it takes Linux 5.2 and the right to mount.
 */
int memory_open(const struct pack *pack);

/* How a folder is opened that must be none of somebody else's choice; and the end of its name while it is filled or removed. */
#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define UNFINISHED  ".new"

/* Removes a folder with all in it, as far as that can be. No symbolic link is followed. */
void folder_remove(int at, const char *name);

/* Removes the folders of all versions but `id` that no process holds. The caller has locked `cache` for itself alone. */
void old_versions_remove(int cache, const char *id);

/* Ends the process with `perfprof: ...` and, where errno is not 0, its text. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
