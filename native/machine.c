/* SPDX-License-Identifier: MIT */
/*
 * What the machine tells of itself: files of the kernel, where tracefs is, whether it can open an attr, and its tasks. Everything
 * here opens, reads and closes; nothing is kept.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"

#define TRACEFS_DEFAULT	 "/sys/kernel/tracing"
#define KERNEL_FILE_MAX	 (64u << 20) /* kallsyms has 5 to 20 MB; nothing else comes near */
#define KERNEL_FILE_STEP (64u << 10)
#define ATTR_MAX	 4096 /* perf_copy_attr() refuses more than a page */
#define TASKS_SPARE	 64   /* tasks that may be born until the caller asks again */
#define NAMES_SPARE	 1024 /* bytes of names that may come until then */

static bool is_kernel_fs(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch (fs.f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case TRACEFS_MAGIC:
	case DEBUGFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/* Reads on until the end of file: the kernel gives such files piece by piece, and tells no size before. -errno. */
static ssize_t read_whole(int fd, char **text)
{
	size_t length = 0, room = 0;
	ssize_t got;

	do {
		if (length == room) {
			char *bigger = room < KERNEL_FILE_MAX ? realloc(*text, room * 2 + KERNEL_FILE_STEP + 1) : NULL;

			if (!bigger)
				return room < KERNEL_FILE_MAX ? -ENOMEM : -EFBIG;
			*text = bigger;
			room = room * 2 + KERNEL_FILE_STEP;
		}
		got = read(fd, *text + length, room - length);
		if (got > 0)
			length += got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	if (got < 0)
		return -errno;
	(*text)[length] = '\0';
	return length;
}

int32_t pp_kernel_file_load(const char *path, char **text, struct pp_error *err)
{
	ssize_t length;
	int fd;

	*text = NULL;
	/* Links are followed, /sys is made of them. O_NONBLOCK: trace_pipe and its like fail instead of waiting for ever. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return pp_fail(err, PP_E_FILE, errno, "open %s", path);
	length = is_kernel_fs(fd) ? read_whole(fd, text) : -EPERM;
	close(fd);
	if (length < 0) {
		free(*text);
		*text = NULL;
		return pp_fail(err, PP_E_FILE, -length, "read %s", path);
	}
	return length;
}

int32_t pp_kernel_file_read(const char *path, char *buf, uint32_t size, struct pp_error *err)
{
	char *text;
	int32_t ret = pp_kernel_file_load(path, &text, err);

	if (ret >= 0)
		ret = pp_give_text(text, ret, buf, size, err);
	free(text);
	return ret;
}

/* Appends the name, of a folder with a `/` behind it, and a newline. What does not fit is only counted. */
static uint32_t add_name(const struct dirent *entry, char *buf, uint32_t size, uint32_t length)
{
	uint32_t room = length < size ? size - length : 0;

	return length + snprintf(room ? buf + length : NULL, room, "%s%s\n", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
}

int32_t pp_kernel_folder_read(const char *path, char *buf, uint32_t size, struct pp_error *err)
{
	struct dirent *entry;
	uint32_t length = 0;
	DIR *dir = opendir(path);

	if (!dir)
		return pp_fail(err, PP_E_FILE, errno, "open %s", path);
	if (!is_kernel_fs(dirfd(dir))) {
		closedir(dir);
		return pp_fail(err, PP_E_FILE, EPERM, "read %s", path);
	}
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			length = add_name(entry, buf, size, length);
	closedir(dir);
	if (length < size) {
		buf[length] = '\0';
		return length;
	}
	pp_fail(err, PP_E_SPACE, 0, "%u bytes of names in a buffer of %u", length, size);
	err->need = length + NAMES_SPARE;
	return PP_E_SPACE;
}

/* The first tracefs of this mount namespace, or the one inside of debugfs. */
static bool find_tracefs(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent entry;
	char line[4096];
	bool found = false;

	if (!mounts)
		return false;
	path[0] = '\0';
	while (!found && getmntent_r(mounts, &entry, line, sizeof(line))) {
		found = !strcmp(entry.mnt_type, "tracefs");
		if (found)
			snprintf(path, size, "%s", entry.mnt_dir);
		else if (!strcmp(entry.mnt_type, "debugfs") && !path[0])
			snprintf(path, size, "%s/tracing", entry.mnt_dir);
	}
	endmntent(mounts);
	return path[0];
}

int32_t pp_tracefs_path(uint32_t mount_it, char *buf, uint32_t size, struct pp_error *err)
{
	char path[4096];

	if (find_tracefs(path, sizeof(path)))
		return pp_give_text(path, strlen(path), buf, size, err);
	if (!mount_it)
		return pp_fail(err, PP_E_TRACEFS, ENOENT, "tracefs is not mounted");
	if (mount("nodev", TRACEFS_DEFAULT, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return pp_fail(err, PP_E_TRACEFS, errno, "mount tracefs on %s", TRACEFS_DEFAULT);
	return pp_give_text(TRACEFS_DEFAULT, strlen(TRACEFS_DEFAULT), buf, size, err);
}

int32_t pp_attr_probe(const uint8_t *attr, uint32_t attr_size, struct pp_error *err)
{
	union {
		struct perf_event_attr attr;
		uint8_t bytes[ATTR_MAX];
	} copy = {0};
	int fd;

	if (attr_size < PERF_ATTR_SIZE_VER0 || attr_size > ATTR_MAX)
		return pp_fail(err, PP_E_ARG, 0, "attr of %u bytes", attr_size);
	memcpy(copy.bytes, attr, attr_size);
	if (copy.attr.size != attr_size)
		return pp_fail(err, PP_E_ARG, 0, "attr of %u bytes says %u", attr_size, copy.attr.size);
	copy.attr.disabled = 1;
	fd = syscall(SYS_perf_event_open, &copy.attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return pp_fail(err, PP_E_OPEN, errno, "perf_event_open type=%u config=%llu", copy.attr.type,
			       (unsigned long long)copy.attr.config);
	close(fd);
	return PP_OK;
}

static bool parse_id(const char *name, uint32_t *id)
{
	char *end;

	*id = strtoul(name, &end, 10);
	return name[0] >= '0' && name[0] <= '9' && !*end;
}

/* False when the task is gone. A kernel thread's name may be longer than what fits: it is cut. */
static bool read_comm(uint32_t pid, uint32_t tid, char comm[16])
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	memset(comm, 0, 16);
	got = read(fd, comm, 16);
	close(fd);
	if (got <= 0)
		return false;
	/* Only the newline that the kernel appends: a name may hold others. */
	comm[got - 1] = '\0';
	return true;
}

/* Adds the threads of process `pid`: those that fit in `size` tasks are written, all are counted. */
static uint32_t read_threads(uint32_t pid, struct pp_task *tasks, uint32_t count, uint32_t size)
{
	struct pp_task task = {.pid = pid};
	struct dirent *entry;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!parse_id(entry->d_name, &task.tid) || !read_comm(pid, task.tid, task.comm))
			continue;
		if (count < size)
			tasks[count] = task;
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

int32_t pp_tasks_read(struct pp_task *tasks, uint32_t size, struct pp_error *err)
{
	struct dirent *entry;
	uint32_t count = 0;
	uint32_t pid;
	DIR *proc;

	proc = opendir("/proc");
	if (!proc)
		return pp_fail(err, PP_E_FILE, errno, "open /proc");
	while ((entry = readdir(proc)))
		if (parse_id(entry->d_name, &pid))
			count = read_threads(pid, tasks, count, size / sizeof(*tasks));
	closedir(proc);
	if (count > size / sizeof(*tasks)) {
		pp_fail(err, PP_E_SPACE, 0, "%u tasks in a buffer of %u bytes", count, size);
		err->need = (count + TASKS_SPARE) * sizeof(*tasks);
		return PP_E_SPACE;
	}
	return count;
}
