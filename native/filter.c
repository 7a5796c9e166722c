/* SPDX-License-Identifier: MIT */
/*
 * Why the kernel refuses a trace filter. perf's ioctl says EINVAL and no more, but a tracefs instance keeps the text of a filter
 * that does not parse, with a caret and the reason under it (kernel/trace/trace_events_filter.c, append_filter_err). So the filter
 * is tried in an instance, which lives only during the call. It has one name for all, and a lock: what a process that was killed
 * in between left behind is taken over, and removed, by the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define NAME "/perfprof_filter"

bool pp_is_component(const char *text)
{
	return text[0] && text[0] != '.' && !strchr(text, '/');
}

/* Locks the folder of all instances, since one can be seen before it is complete; the fd holds the lock. Then makes the instance,
 * or takes the one that was left behind. */
static int32_t lock_instance(const char *tracefs, char path[PATH_MAX], struct pp_error *err)
{
	int locked, reason;

	if (snprintf(path, PATH_MAX, "%s/instances", tracefs) >= PATH_MAX - (int)sizeof(NAME))
		return pp_fail(err, PP_E_ARG, 0, "tracefs at %s", tracefs);
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pp_fail(err, PP_E_TRACEFS, errno, "open %s", path);
	do
		locked = flock(fd, LOCK_EX);
	while (locked < 0 && errno == EINTR);
	strcat(path, NAME);
	if (locked == 0 && (mkdir(path, 0700) == 0 || errno == EEXIST))
		return fd;
	reason = errno;
	close(fd);
	return pp_fail(err, PP_E_TRACEFS, reason, "mkdir %s", path);
}

/* 0: accepted, 1: refused with a reason in the file, or the code of a failure. */
static int32_t write_filter(const char *path, const char *filter, struct pp_error *err)
{
	ssize_t length = strlen(filter);
	int32_t ret = 0;
	int fd;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return pp_fail(err, PP_E_FORMAT, errno, "open %s", path);
	if (write(fd, filter, length) != length)
		ret = errno == EINVAL ? 1 : pp_fail(err, PP_E_FILTER, errno, "write %s", path);
	close(fd);
	return ret;
}

int32_t pp_filter_check(const char *tracefs, const char *sys, const char *name, const char *filter, char *buf, uint32_t size,
			struct pp_error *err)
{
	char instance[PATH_MAX], path[PATH_MAX];
	char *reason = NULL;
	int32_t ret;

	if (!pp_is_component(sys) || !pp_is_component(name))
		return pp_fail(err, PP_E_ARG, 0, "event %s:%s", sys, name);
	const int lock = lock_instance(tracefs, instance, err);
	if (lock < 0)
		return lock;
	if (snprintf(path, sizeof(path), "%s/events/%s/%s/filter", instance, sys, name) >= (int)sizeof(path)) {
		ret = pp_fail(err, PP_E_ARG, 0, "event %s:%s", sys, name);
		goto out;
	}
	ret = write_filter(path, filter, err);
	if (ret <= 0)
		goto out;
	ret = pp_kernel_file_load(path, &reason, err);
	if (ret < 0)
		goto out;
	while (ret > 0 && reason[ret - 1] == '\n')
		ret--;
	ret = pp_give_text(reason, ret, buf, size, err);
out:
	free(reason);
	rmdir(instance);
	close(lock);
	return ret;
}
