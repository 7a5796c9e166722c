/* SPDX-License-Identifier: MIT */
/*
 * The folder that the packed files are unpacked to, once: $XDG_CACHE_HOME/perfprof/ID or ~/.cache/perfprof/ID. perfprof is mostly
 * run by root, so that whoever could put a file there would be root: every folder on the way from the cache's own has to be the
 * user's, none may be a symbolic link, and files are looked at again on each start. What is checked and written is reached from
 * descriptors (openat), not by names that may lead elsewhere meanwhile; what was checked can be changed by its owner only.
 * Where there is no such folder, memory_open() makes one that is no part of any file system tree.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pack.h"

#define FOLDER_MODE 0700

/* Where nothing can be written, the program runs from memory; all other errors are the user's to know. */
static int cannot_keep(void)
{
	return errno == EROFS || errno == EACCES || errno == EPERM || errno == ENOENT || errno == ENOSPC || errno == EDQUOT;
}

static _Noreturn void refuse(const char *path, const char *why)
{
	errno = 0;
	die("%s %s: not used; XDG_CACHE_HOME may name a folder that is yours alone", path, why);
}

static void check_owner(int fd, const char *path, mode_t forbidden)
{
	struct stat folder;

	if (fstat(fd, &folder))
		die("look at %s", path);
	if (folder.st_uid != geteuid())
		refuse(path, "belongs to another user");
	if (folder.st_mode & forbidden)
		refuse(path, "can be changed by other users");
}

/* Opens `name` in the folder `at`, whose whole path is `path`; makes it where it is missing. -1: files cannot be kept. */
static int own_folder(int at, const char *name, const char *path, mode_t forbidden)
{
	int fd;

	if (mkdirat(at, name, FOLDER_MODE) && errno != EEXIST) {
		if (!cannot_keep())
			die("make the folder %s", path);
		fd = openat(at, name, OPEN_FOLDER); /* a read-only file system may say so of what is there, too */
		if (fd < 0)
			return -1;
	} else {
		fd = openat(at, name, OPEN_FOLDER);
	}
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		refuse(path, "is a symbolic link or no folder");
	if (fd < 0)
		die("open %s", path);
	check_owner(fd, path, forbidden);
	return fd;
}

/* The folder for all that users' programs cache; `path` gets its name. -1: there is none. */
static int open_base(char *path, unsigned long size)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (cache && cache[0] == '/')
		snprintf(path, size, "%s", cache);
	else if (home && home[0] == '/')
		snprintf(path, size, "%s/.cache", home);
	else
		return -1;
	/* The user's own choice: a link is followed here, and what it leads to is checked. */
	if (mkdir(path, FOLDER_MODE) && errno != EEXIST && !cannot_keep())
		die("make the folder %s", path);

	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		check_owner(fd, path, S_IWGRP | S_IWOTH);
	return fd;
}

static int entry_is_sound(int folder, const struct pack_entry *entry)
{
	struct stat file;

	if (fstatat(folder, entry->path, &file, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (file.st_uid != geteuid() || (file.st_mode & 07777) != entry->mode)
		return 0;
	if (entry->kind == PACK_FOLDER)
		return S_ISDIR(file.st_mode);
	return S_ISREG(file.st_mode) && file.st_nlink == 1 && (uint64_t)file.st_size == entry->size;
}

static void check_entries(const struct pack *pack, int folder, const char *path)
{
	for (uint32_t i = 0; i < pack->footer.count; i++)
		if (pack->entries[i].kind != PACK_LIBRARY && !entry_is_sound(folder, &pack->entries[i])) {
			errno = 0;
			die("%s/%s is not what was unpacked there: remove %s", path, pack->entries[i].path, path);
		}
}

static int write_entry(const struct pack *pack, const struct pack_entry *entry, int folder)
{
	int fd, result = -1;

	if (entry->kind == PACK_FOLDER)
		return mkdirat(folder, entry->path, FOLDER_MODE);
	fd = openat(folder, entry->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (!pack_extract(pack, entry, fd) && !fchmod(fd, entry->mode) && !fsync(fd))
		result = 0;
	close(fd);
	return result;
}

/* All files, to an empty folder. */
static int write_entries(const struct pack *pack, int folder)
{
	for (uint32_t i = 0; i < pack->footer.count; i++)
		if (pack->entries[i].kind != PACK_LIBRARY && write_entry(pack, &pack->entries[i], folder))
			return -1;
	return 0;
}

/* Writes all files to a folder of another name, which gets its own when they are whole and on disk. */
static int unpack(const struct pack *pack, int parent)
{
	char name[sizeof(pack->footer.id) + sizeof(UNFINISHED)];
	int folder, error, result = -1;

	snprintf(name, sizeof(name), "%s" UNFINISHED, pack->footer.id);
	folder_remove(parent, name); /* what a run left that was killed meanwhile */
	if (mkdirat(parent, name, FOLDER_MODE))
		return -1;
	folder = openat(parent, name, OPEN_FOLDER);
	if (folder < 0 || write_entries(pack, folder))
		goto out;
	if (fsync(folder) || renameat(parent, name, parent, pack->footer.id) || fsync(parent))
		goto out;
	result = 0;
out:
	error = errno;
	if (folder >= 0)
		close(folder);
	if (result)
		folder_remove(parent, name);
	errno = error;
	return result;
}

/* Opens the folder of this version, if it is there, and holds it: who removes old versions finds it in use until it is closed. */
static int hold_folder(const struct pack *pack, int parent, const char *path)
{
	struct stat there;
	int folder;

	if (fstatat(parent, pack->footer.id, &there, AT_SYMLINK_NOFOLLOW))
		return -1;
	folder = own_folder(parent, pack->footer.id, path, 0077);
	if (folder >= 0) {
		flock(folder, LOCK_SH);
		check_entries(pack, folder, path);
	}
	return folder;
}

/*
 * Of several first runs at once, one unpacks, and the others wait for it. A start that finds its version locks as well, though not
 * for itself alone: between its look for the folder and its hold on it nobody may remove that folder.
 */
static int unpack_once(const struct pack *pack, int parent, const char *path)
{
	int folder;

	flock(parent, LOCK_SH);
	folder = hold_folder(pack, parent, path);
	if (folder >= 0)
		return folder;
	if (flock(parent, LOCK_EX)) /* lets go of the other lock first: somebody may have unpacked meanwhile */
		return -1;
	folder = hold_folder(pack, parent, path);
	if (folder >= 0)
		return folder;
	fprintf(stderr, "perfprof: first run: unpacking to %s\n", path);
	if (!unpack(pack, parent)) {
		folder = hold_folder(pack, parent, path);
		old_versions_remove(parent, pack->footer.id);
	} else if (!cannot_keep()) {
		die("unpack to %s", path);
	}
	return folder;
}

int cache_open(const struct pack *pack, char *path, unsigned long size)
{
	size_t length;
	int base, parent, folder;

	base = open_base(path, size);
	if (base < 0)
		return -1;
	length = strlen(path);
	if (length + sizeof("/perfprof/") + sizeof(pack->footer.id) > size)
		refuse(path, "has too long a name");
	strcpy(path + length, "/perfprof");
	parent = own_folder(base, "perfprof", path, 0077);
	close(base);
	if (parent < 0)
		return -1;
	strcat(strcat(path, "/"), pack->footer.id);
	folder = unpack_once(pack, parent, path);
	close(parent); /* and the lock goes */
	return folder;
}

int memory_open(const struct pack *pack)
{
	int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), folder = -1;

	if (context < 0)
		return -1;
	if (!syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", "0700", 0) &&
	    !syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		folder = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	close(context);
	if (folder >= 0 && write_entries(pack, folder)) {
		close(folder);
		return -1;
	}
	return folder;
}
