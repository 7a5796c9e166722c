/* SPDX-License-Identifier: MIT */
/*
 * Removes what older versions unpacked: 100 MB each, which nobody else would remove. A version that a process runs is held by it
 * (flock, which also tells of processes in other containers) and stays, until a later version comes. It touches nothing but folders
 * of the user's own that are named like a version's.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack.h"

#define HASH_LENGTH 16

/* Calls `each` with every name in the folder, but for itself and the one above. */
static void each_name(int folder, void (*each)(int folder, const char *name, const void *context), const void *context)
{
	int copy = openat(folder, ".", OPEN_FOLDER); /* with a position of its own, and closedir() closes it */
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			each(folder, entry->d_name, context);
	if (dir)
		closedir(dir);
	else if (copy >= 0)
		close(copy);
}

static void remove_entry(int folder, const char *name, const void *context)
{
	(void)context;
	if (unlinkat(folder, name, 0) && errno == EISDIR)
		folder_remove(folder, name);
}

void folder_remove(int at, const char *name)
{
	int folder = openat(at, name, OPEN_FOLDER);

	if (folder < 0)
		return;
	each_name(folder, remove_entry, NULL);
	close(folder);
	unlinkat(at, name, AT_REMOVEDIR);
}

/* VERSION-HASH, as build.ts makes it, or what was left of one. */
static int is_version(const char *name)
{
	const char *hash = strrchr(name, '-');
	size_t length = hash ? strspn(hash + 1, "0123456789abcdef") : 0;

	return length == HASH_LENGTH && (!hash[1 + length] || !strcmp(hash + 1 + length, UNFINISHED));
}

/* It loses its name first: were this run killed meanwhile, that version would find half of its files. */
static void remove_version(int cache, const char *name, const void *id)
{
	char unfinished[NAME_MAX + 1];
	struct stat status;
	int folder;

	if (!is_version(name) || !strcmp(name, id))
		return;
	folder = openat(cache, name, OPEN_FOLDER);
	if (folder < 0)
		return;
	if (!fstat(folder, &status) && status.st_uid == geteuid() && !flock(folder, LOCK_EX | LOCK_NB)) {
		snprintf(unfinished, sizeof(unfinished), "%.*s" UNFINISHED, (int)(strrchr(name, '-') - name) + 1 + HASH_LENGTH,
			 name);
		if (!strcmp(name, unfinished) || !renameat(cache, name, cache, unfinished))
			folder_remove(cache, unfinished);
	}
	close(folder);
}

void old_versions_remove(int cache, const char *id)
{
	each_name(cache, remove_version, id);
}
