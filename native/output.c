/* SPDX-License-Identifier: MIT */
/* The -o file: opened with care, since it is root who opens it; put in the place of stdout and stderr, or recorded to. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* Somebody else than root and this user could put a link or a file of his there. */
static bool is_shared(const struct stat *folder)
{
	return folder->st_mode & (S_IWGRP | S_IWOTH) || (folder->st_uid != 0 && folder->st_uid != geteuid());
}

/* In a shared folder only a regular file is written that root, this user or the folder's owner made (as fs.protected_regular asks),
 * and that has no other name, which could be one elsewhere. */
static bool is_trusted(const struct stat *file, const struct stat *folder)
{
	bool owned = file->st_uid == 0 || file->st_uid == geteuid() || file->st_uid == folder->st_uid;

	return S_ISREG(file->st_mode) && file->st_nlink == 1 && owned;
}

/* Opens `name` in the folder `dir`, without touching what it holds: -errno. */
static int open_in(int dir, const char *name, const struct stat *folder, int flags)
{
	bool shared = is_shared(folder);
	struct stat file;
	int fd;

	flags |= O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
	fd = openat(dir, name, flags | (shared ? O_NOFOLLOW | O_NONBLOCK : 0), 0600);
	if (fd < 0)
		return -errno;
	if (shared && (fstat(fd, &file) < 0 || !is_trusted(&file, folder))) {
		close(fd);
		return -EPERM;
	}
	/* Nothing is said of a file that opens and takes no bytes (/dev/full, most of /proc), once it is where messages go. */
	if (write(fd, "", 0) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

int32_t pp_output_open(const char *path, int flags, struct pp_error *err)
{
	char folder_path[PATH_MAX], name[PATH_MAX];
	struct stat folder;
	int dir, fd;

	if (strlen(path) >= PATH_MAX)
		return pp_fail(err, PP_E_OUTPUT, ENAMETOOLONG, "open %.64s...", path);
	strcpy(folder_path, path);
	strcpy(name, path);
	dir = open(dirname(folder_path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return pp_fail(err, PP_E_OUTPUT, errno, "open %s", path);
	fd = fstat(dir, &folder) < 0 ? -errno : open_in(dir, basename(name), &folder, flags);
	close(dir);
	return fd < 0 ? pp_fail(err, PP_E_OUTPUT, -fd, "open %s", path) : fd;
}

/* The stderr that the first redirection took the place of. The process has one, as it has one stderr: it is never closed. */
static int first_stderr = -1;

int32_t pp_output_redirect(const char *path, uint32_t truncate, struct pp_error *err)
{
	struct stat file;
	int32_t ret = PP_OK;

	/* O_APPEND: stdout, stderr and a rotation that truncates the file do not overwrite one another. */
	const int fd = pp_output_open(path, O_APPEND, err);
	if (fd < 0)
		return fd;
	if (first_stderr < 0)
		first_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (truncate && fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && ftruncate(fd, 0) < 0)
		ret = pp_fail(err, PP_E_OUTPUT, errno, "truncate %s", path);
	else if (dup3(fd, STDOUT_FILENO, 0) < 0 || dup3(fd, STDERR_FILENO, 0) < 0)
		ret = pp_fail(err, PP_E_OUTPUT, errno, "redirect output to %s", path);
	close(fd);
	return ret;
}

int32_t pp_output_restore_stderr(struct pp_error *err)
{
	if (first_stderr >= 0 && dup3(first_stderr, STDERR_FILENO, 0) < 0)
		return pp_fail(err, PP_E_OUTPUT, errno, "restore stderr");
	return PP_OK;
}
