/* SPDX-License-Identifier: MIT */
/*
 * The folder that the packed files are unpacked to, once: $XDG_CACHE_HOME/perfprof/ID or ~/.cache/perfprof/ID. perfprof is mostly
 * run by root, so that whoever could put a file there would be root: every folder on the way from the cache's own has to be the
 * user's, none may be a symbolic link, and files are looked at again on each start. What is checked and written is reached from
 * descriptors (openat), not by names that may lead elsewhere meanwhile; what was checked can be changed by its owner only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pack.h"

#define FOLDER_MODE 0700
#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

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

/* Also what a run left that was killed meanwhile. Last to first: folders come before what is in them. */
static void remove_entries(const struct pack *pack, int parent, const char *name)
{
	int saved = errno;
	int folder = openat(parent, name, OPEN_FOLDER);

	if (folder >= 0) {
		for (uint32_t i = pack->footer.count; i-- > 0;)
			unlinkat(folder, pack->entries[i].path, pack->entries[i].kind == PACK_FOLDER ? AT_REMOVEDIR : 0);
		close(folder);
		unlinkat(parent, name, AT_REMOVEDIR);
	}
	errno = saved;
}

/* Writes all files to a folder of another name, which gets its own when they are whole and on disk. */
static int unpack(const struct pack *pack, int parent)
{
	char name[sizeof(pack->footer.id) + 8];
	int folder, result = -1;

	snprintf(name, sizeof(name), "%s.new", pack->footer.id);
	remove_entries(pack, parent, name);
	if (mkdirat(parent, name, FOLDER_MODE))
		return -1;
	folder = openat(parent, name, OPEN_FOLDER);
	if (folder < 0)
		goto out;
	for (uint32_t i = 0; i < pack->footer.count; i++)
		if (pack->entries[i].kind != PACK_LIBRARY && write_entry(pack, &pack->entries[i], folder))
			goto out;
	if (fsync(folder) || renameat(parent, name, parent, pack->footer.id) || fsync(parent))
		goto out;
	result = 0;
out:
	if (folder >= 0)
		close(folder);
	if (result)
		remove_entries(pack, parent, name);
	return result;
}

/* Of several first runs at once, one unpacks, and the others wait for it. */
static int unpack_once(const struct pack *pack, int parent, const char *path)
{
	struct stat there;
	int result;

	if (flock(parent, LOCK_EX))
		return -1;
	if (!fstatat(parent, pack->footer.id, &there, AT_SYMLINK_NOFOLLOW))
		return flock(parent, LOCK_UN);
	fprintf(stderr, "perfprof: first run: unpacking to %s\n", path);
	result = unpack(pack, parent);
	if (result && !cannot_keep())
		die("unpack to %s", path);
	flock(parent, LOCK_UN);
	return result;
}

int cache_open(const struct pack *pack, char *path, unsigned long size)
{
	struct stat there;
	size_t length;
	int base, parent, folder = -1;

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
	if (!fstatat(parent, pack->footer.id, &there, AT_SYMLINK_NOFOLLOW) || !unpack_once(pack, parent, path)) {
		folder = own_folder(parent, pack->footer.id, path, 0077);
		if (folder >= 0)
			check_entries(pack, folder, path);
	}
	close(parent);
	return folder;
}
