/* SPDX-License-Identifier: MIT */
/*
 * Opens the file that a process has mapped. By /proc/PID/map_files it is the very one, also when it was deleted or replaced; by
 * its path, in the process's root or one like it, it is compared with what the kernel told of the mapping. Last comes perf's cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mapped_file.h"

#define DELETED " (deleted)" /* what d_path() adds to the path of an unlinked file */

/* ---- opening ---- */

/* A place in the file system, and nothing is opened: a fifo does not block, a tape does not move. */
static int find(int root, const char *path, bool nofollow)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | (nofollow ? O_NOFOLLOW : 0),
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	/* Before 5.6, or forbidden by a seccomp filter that does not know it: absolute links lead out of the root, and only the
	 * comparison afterwards sees it. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(root, path + strspn(path, "/"), how.flags);
	return fd < 0 ? -errno : fd;
}

/* What is found is opened when it is a regular file; `place` is closed. */
static int open_regular(int place)
{
	char path[64];
	struct stat st;
	int fd;

	if (place < 0)
		return place;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	if (fstat(place, &st) < 0 || !S_ISREG(st.st_mode))
		fd = -EINVAL;
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		fd = -errno;
	close(place);
	return fd;
}

int pp_open_in_root(uint32_t pid, const char *path, bool nofollow)
{
	char root[32] = "/";
	int dir, fd;

	if (path[0] != '/')
		return -ENOENT;
	if (pid)
		snprintf(root, sizeof(root), "/proc/%u/root", pid);
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	fd = open_regular(find(dir, path, nofollow));
	close(dir);
	return fd;
}

/* The link of one mapping; its target is no path, but the file. */
static int open_map_file(const struct pp_mapping *mapping)
{
	char path[96];
	int place;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", mapping->pid, (unsigned long long)mapping->start,
		 (unsigned long long)mapping->end);
	place = open(path, O_PATH | O_CLOEXEC);
	return place < 0 ? -errno : open_regular(place);
}

/* ---- is it the file? ---- */

/* These give a file another device number in stat() than in the records of its mapping (and one inode number in both). */
static bool has_devices_of_its_own(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == BTRFS_SUPER_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC);
}

static bool has_inode(int fd, const struct pp_mapping *mapping)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_ino != mapping->inode)
		return false;
	return (major(st.st_dev) == mapping->major && minor(st.st_dev) == mapping->minor) || has_devices_of_its_own(fd);
}

static bool has_build_id(int fd, const uint8_t *id, uint32_t size)
{
	struct pp_elf elf;
	struct stat st;
	uint8_t own[20];
	bool same;

	if (fstat(fd, &st) < 0)
		return false;
	same = pp_elf_open(&elf, (struct pp_image){.fd = fd, .size = st.st_size}) == 0 && pp_elf_build_id(&elf, own) == size &&
	       !memcmp(own, id, size);
	pp_elf_close(&elf);
	return same;
}

/* Where nothing was told there is nothing to compare. */
static bool is_same(int fd, const struct pp_mapping *mapping)
{
	if (mapping->inode && !has_inode(fd, mapping))
		return false;
	return !mapping->build_id_size || has_build_id(fd, mapping->build_id, mapping->build_id_size);
}

/* ---- the ways ---- */

bool pp_is_anonymous(const char *path)
{
	static const char *const prefixes[] = {"//anon", "/anon_hugepage", "/dev/zero", "/memfd:", "/SYSV", "/[aio]"};

	if (path[0] != '/')
		return true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(path, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

struct search {
	const struct pp_mapping *mapping;
	enum pp_unknown reason; /* the best that is known of why it was not found */
};

static enum pp_unknown reason_of(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return PP_UNKNOWN_DENIED;
	case -EINVAL: /* something that is no regular file */
		return PP_UNKNOWN_REPLACED;
	default:
		return PP_UNKNOWN_FILE_GONE;
	}
}

/* Takes what a way led to. That another file is there tells more than that one may not be read, and that more than that none is. */
static int accept_file(struct search *search, int fd)
{
	enum pp_unknown reason = fd < 0 ? reason_of(fd) : PP_UNKNOWN_REPLACED;

	if (fd >= 0 && is_same(fd, search->mapping))
		return fd;
	if (fd >= 0)
		close(fd);
	if (search->reason == PP_UNKNOWN_FILE_GONE || reason == PP_UNKNOWN_REPLACED)
		search->reason = reason;
	return -1;
}

static int search_roots(struct search *search, const char *path)
{
	const uint32_t pids[] = {search->mapping->pid, search->mapping->parent, 0};
	int fd = -1;

	for (int i = 0; i < 3 && fd < 0; i++)
		if (pids[i] || i == 2)
			fd = accept_file(search, pp_open_in_root(pids[i], path, false));
	return fd;
}

/* Does our own root have the file that `fd` is of? */
static bool is_in_own_root(int fd, const char *path)
{
	int other = pp_open_in_root(0, path, false);
	struct stat here, there;
	bool same = other >= 0 && fstat(fd, &here) == 0 && fstat(other, &there) == 0 && here.st_ino == there.st_ino &&
		    here.st_dev == there.st_dev;

	if (other >= 0)
		close(other);
	return same;
}

/* By its build id alone: the file itself may be gone, or of another machine. */
static int search_cache(const struct pp_mapping *mapping)
{
	const int fd = mapping->build_id_size ? pp_cached_file_open(mapping->build_id, mapping->build_id_size, "elf") : -1;

	if (fd < 0 || has_build_id(fd, mapping->build_id, mapping->build_id_size))
		return fd;
	close(fd);
	return -1;
}

enum pp_unknown pp_mapped_file_open(const struct pp_mapping *mapping, const char *path, int *fd, bool *lasting)
{
	struct search search = {.mapping = mapping, .reason = PP_UNKNOWN_FILE_GONE};
	size_t length = strlen(path), deleted = strlen(DELETED);
	char name[PATH_MAX];
	int by_mapping = mapping->pid ? open_map_file(mapping) : -ENOENT;

	if (length >= sizeof(name))
		length = sizeof(name) - 1;
	memcpy(name, path, length);
	name[length] = '\0';
	if (length > deleted && !strcmp(name + length - deleted, DELETED))
		name[length - deleted] = '\0';
	/* Something else may be mapped there by now, and this user may not look (it takes CAP_CHECKPOINT_RESTORE): neither says
	 * anything of the file. */
	*fd = by_mapping < 0 ? -1 : accept_file(&search, by_mapping);
	search.reason = PP_UNKNOWN_FILE_GONE;
	if (*fd < 0 && !pp_is_anonymous(path))
		*fd = search_roots(&search, name);
	if (*fd < 0)
		*fd = search_cache(mapping);
	if (*fd < 0)
		return search.reason;
	*lasting = is_in_own_root(*fd, name);
	return PP_KNOWN;
}
