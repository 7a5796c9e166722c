/* SPDX-License-Identifier: MIT */
/*
 * Whose events a session takes: tasks, cgroups, or everybody's. Owns the pidfds by which the end of a task is seen, and the
 * cgroups' folders.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "session.h"

#define PIDFD_OF_THREAD O_EXCL /* PIDFD_THREAD, Linux 6.9 */

/* The process that a thread belongs to; 0: no such thread. */
static uint32_t process_of(uint32_t tid)
{
	char path[64], line[256];
	unsigned int tgid = 0;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Tgid: %u", &tgid) == 1)
			break;
	}
	fclose(file);
	return tgid;
}

static int32_t no_task(struct pp_error *err, uint32_t pid)
{
	pp_fail(err, PP_E_TASK, ESRCH, "task %u", pid);
	err->pid = (int32_t)pid;
	return PP_E_TASK;
}

int32_t pp_targets_add_task(struct pp_targets *targets, uint32_t pid, bool whole_process, struct pp_error *err)
{
	const uint32_t process = pid > 0 && pid <= INT_MAX ? process_of(pid) : 0;

	if (process == 0)
		return no_task(err, pid);
	struct pp_task_target *tasks = reallocarray(targets->tasks, targets->task_count + 1, sizeof(*tasks));
	if (!tasks)
		return pp_fail(err, PP_E_NOMEM, 0, "task %u", pid);
	targets->tasks = tasks;
	struct pp_task_target *task = &tasks[targets->task_count];
	*task = (struct pp_task_target){.pid = whole_process ? process : pid, .whole_process = whole_process};
	task->pidfd = (int)syscall(SYS_pidfd_open, task->pid, whole_process ? 0 : PIDFD_OF_THREAD);
	if (task->pidfd < 0 && errno == EINVAL &&
	    pid == process) /* an older kernel; the process ends with its first thread, mostly */
		task->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (task->pidfd < 0 && errno == ESRCH)
		return no_task(err, pid);
	targets->ask_proc |= task->pidfd < 0;
	targets->task_count++;
	return 0;
}

static bool is_cgroup(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC);
}

/* A cgroup by its path, or by its name below where cgroups are mounted. */
static int open_cgroup(const char *path, struct pp_error *err)
{
	static const char *const roots[] = {"", "/sys/fs/cgroup/", "/sys/fs/cgroup/perf_event/", "/sys/fs/cgroup/unified/"};
	int reason = ENOENT;

	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		char full[PATH_MAX];
		if (snprintf(full, sizeof(full), "%s%s", roots[i], path) >= (int)sizeof(full))
			return pp_fail(err, PP_E_CGROUP, ENAMETOOLONG, "cgroup %.200s", path);
		const int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && is_cgroup(fd))
			return fd;
		if (fd >= 0)
			close(fd);
		else if (errno != ENOENT)
			reason = errno;
	}
	return pp_fail(err, PP_E_CGROUP, reason, "cgroup %.200s", path);
}

/* Is an open folder the cgroup `outer`, or one below it? Goes up until that leaves the cgroups. */
static bool is_within(int folder, const struct stat *outer)
{
	struct stat at;

	if (folder < 0 || !is_cgroup(folder) || fstat(folder, &at) < 0)
		return false;
	if (at.st_dev == outer->st_dev && at.st_ino == outer->st_ino)
		return true;
	const int above = openat(folder, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const bool within = is_within(above, outer);
	if (above >= 0)
		close(above);
	return within;
}

static bool covers(int outer, int inner)
{
	struct stat st;

	return fstat(outer, &st) == 0 && is_within(inner, &st);
}

int32_t pp_targets_add_cgroup(struct pp_targets *targets, const char *path, struct pp_error *err)
{
	int *cgroups = reallocarray(targets->cgroups, targets->cgroup_count + 1, sizeof(*cgroups));
	if (!cgroups)
		return pp_fail(err, PP_E_NOMEM, 0, "cgroup %.200s", path);
	targets->cgroups = cgroups;
	const int fd = open_cgroup(path, err);
	if (fd < 0)
		return fd;
	/* A cgroup's events are those of all below it, too: what two of them cover would come twice. */
	uint32_t count = 0;
	bool covered = false;
	for (uint32_t i = 0; i < targets->cgroup_count; i++) {
		covered = covered || covers(cgroups[i], fd);
		if (!covered && covers(fd, cgroups[i]))
			close(cgroups[i]);
		else
			cgroups[count++] = cgroups[i];
	}
	if (covered)
		close(fd);
	else
		cgroups[count++] = fd;
	targets->cgroup_count = count;
	return 0;
}

/* A growing set of aims. */
struct aims {
	struct pp_aim *list;
	uint32_t count;
};

static int32_t aims_add(struct aims *aims, int32_t pid, unsigned long flags, struct pp_error *err)
{
	for (uint32_t i = 0; i < aims->count; i++) {
		if (aims->list[i].pid == pid)
			return 0;
	}
	struct pp_aim *list = reallocarray(aims->list, aims->count + 1, sizeof(*list));
	if (!list)
		return pp_fail(err, PP_E_NOMEM, 0, "listing targets");
	aims->list = list;
	list[aims->count++] = (struct pp_aim){.pid = pid, .flags = flags};
	return 0;
}

static int32_t aims_add_threads(struct aims *aims, uint32_t pid, struct pp_error *err)
{
	char path[64];
	int32_t code = 0;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	DIR *dir = opendir(path);
	if (!dir)
		return 0; /* it has ended */
	for (struct dirent *entry; code == 0 && (entry = readdir(dir));) {
		if (entry->d_name[0] != '.')
			code = aims_add(aims, atoi(entry->d_name), 0, err);
	}
	closedir(dir);
	return code;
}

/* The threads of a process, scanned until a scan finds none that is new: a thread may be born behind the reader's back. */
static int32_t aims_add_process(struct aims *aims, uint32_t pid, struct pp_error *err)
{
	for (uint32_t before = UINT32_MAX, scans = 0; before != aims->count && scans < 16; scans++) {
		before = aims->count;
		const int32_t code = aims_add_threads(aims, pid, err);
		if (code < 0)
			return code;
	}
	return 0;
}

int32_t pp_targets_aims(const struct pp_targets *targets, struct pp_command *command, struct pp_aim **out, struct pp_error *err)
{
	struct aims aims = {0};
	int32_t code = 0;

	for (uint32_t i = 0; i < targets->cgroup_count && code == 0; i++)
		code = aims_add(&aims, targets->cgroups[i], PERF_FLAG_PID_CGROUP, err);
	for (uint32_t i = 0; i < targets->task_count && code == 0; i++) {
		const struct pp_task_target *task = &targets->tasks[i];
		code = task->whole_process ? aims_add_process(&aims, task->pid, err) : aims_add(&aims, (int32_t)task->pid, 0, err);
	}
	if (code == 0 && command)
		code = aims_add(&aims, pp_command_pid(command), 0, err);
	else if (code == 0 && targets->cgroup_count + targets->task_count == 0)
		code = aims_add(&aims, -1, 0, err);
	if (code == 0 && aims.count == 0)
		code = no_task(err, targets->tasks[0].pid);
	if (code < 0) {
		free(aims.list);
		return code;
	}
	*out = aims.list;
	return (int32_t)aims.count;
}

static bool task_ended(const struct pp_task_target *task)
{
	char path[64];

	if (task->pidfd >= 0)
		return poll(&(struct pollfd){.fd = task->pidfd, .events = POLLIN}, 1, 0) > 0;
	snprintf(path, sizeof(path), "/proc/%u", task->pid);
	return access(path, F_OK) != 0;
}

bool pp_targets_ended(struct pp_targets *targets, int epoll)
{
	for (uint32_t i = 0; i < targets->task_count; i++) {
		struct pp_task_target *task = &targets->tasks[i];
		if (task->ended || !task_ended(task))
			continue;
		task->ended = true;
		targets->tasks_ended++;
		if (task->pidfd >= 0) {
			/* Closing alone would leave it in the set while a forked child has a copy. */
			epoll_ctl(epoll, EPOLL_CTL_DEL, task->pidfd, NULL);
			close(task->pidfd);
		}
		task->pidfd = -1;
	}
	return targets->task_count > 0 && targets->tasks_ended == targets->task_count;
}

void pp_targets_close(struct pp_targets *targets)
{
	for (uint32_t i = 0; i < targets->task_count; i++) {
		if (targets->tasks[i].pidfd >= 0)
			close(targets->tasks[i].pidfd);
	}
	for (uint32_t i = 0; i < targets->cgroup_count; i++)
		close(targets->cgroups[i]);
	free(targets->tasks);
	free(targets->cgroups);
}
