/* SPDX-License-Identifier: MIT */
/*
 * perf's build-id cache: what perf record (or perf buildid-cache, or the tar file of perf archive) has put by of the files that its
 * samples were in, ~/.debug/.build-id/NN/NNNN.../NAME (tools/perf/util/build-id.c). PERF_BUILDID_DIR stands for ~/.debug, as with
 * perf's own scripts.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapped_file.h"

/* Of a file that nobody but this user, or root, could have written. */
static bool is_own(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* The path of a file in the cache, and whose cache it is: one that was named is trusted as any file that is named, HOME may be
 * another user's, as with sudo -E. False where there is none. */
static bool find_path(const char *id, const char *name, char path[PATH_MAX], bool *is_named)
{
	const char *named = secure_getenv("PERF_BUILDID_DIR"), *home = secure_getenv("HOME");
	const char *folder = named && named[0] ? named : home;
	int length;

	*is_named = folder && folder == named;
	if (!folder || folder[0] != '/')
		return false;
	length = snprintf(path, PATH_MAX, "%s%s/.build-id/%.2s/%s/%s", folder, *is_named ? "" : "/.debug", id, id + 2, name);
	return length < PATH_MAX;
}

int pp_cached_file_open(const uint8_t *build_id, uint32_t size, const char *name)
{
	char path[PATH_MAX], id[2 * PP_DEBUG_ID_MAX + 1];
	bool is_named;
	struct stat st;

	if (size < 2 || size > PP_DEBUG_ID_MAX)
		return -ENOENT;
	for (uint32_t i = 0; i < size; i++)
		snprintf(id + 2 * i, 3, "%02x", build_id[i]);
	if (!find_path(id, name, path, &is_named))
		return -ENOENT;
	/* O_NONBLOCK: no waiting for a fifo. */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (is_named || is_own(&st)))
		return fd;
	close(fd);
	return -EPERM;
}
