/* SPDX-License-Identifier: MIT */
/*
 * Dynamic probes: created in tracefs (uprobe_events, kprobe_events) in groups of this process's own, and removed again when it
 * ends, in whichever way. Owns the list of what was created, the control files, which stay open as long as there is a probe (that
 * is how others see whose probes they are, see pp_probe_owned in perfprof.h), and the fds of probe events: the kernel removes none
 * that is open. It opens no events.
 *
 * The watchdog and exit(3) may come on any thread, so that everything here is done under one lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* WRITE_BUFSIZE of kernel/trace/trace.c, with the newline. */
#define LINE_MAX_BYTES 4095
/* The kernel lets go of an event a moment after its last fd was closed. */
#define BUSY_TRIES 20
#define BUSY_US	   10000

static const struct {
	const char *file;
	char type;
} kinds[] = {
    [PP_KPROBE] = {"kprobe_events", 'p'},
    [PP_KRETPROBE] = {"kprobe_events", 'r'},
    [PP_UPROBE] = {"uprobe_events", 'p'},
    [PP_URETPROBE] = {"uprobe_events", 'r'},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct probe {
	struct probe *next;
	uint32_t kind;
	char event[]; /* "perfprof_PID_N/NAME" */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct probe *probes; /* the newest first */
static int control[KINDS] = {-1, -1, -1, -1};
static uint32_t created; /* N of the newest group */
static int *event_fds;
static uint32_t event_fd_count;

/* ---- the fds of events ---- */

void pp_probe_hold(int fd)
{
	pthread_mutex_lock(&lock);
	int *more = realloc(event_fds, (event_fd_count + 1) * sizeof(*more));
	/* Without memory it is closed by its session, or with the process: then the probe is left behind, and the doctor tells. */
	if (more) {
		event_fds = more;
		event_fds[event_fd_count++] = fd;
	}
	pthread_mutex_unlock(&lock);
}

void pp_probe_close(int fd)
{
	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < event_fd_count; i++) {
		if (event_fds[i] != fd)
			continue;
		event_fds[i] = event_fds[--event_fd_count];
		close(fd);
		break;
	}
	pthread_mutex_unlock(&lock);
}

/* ---- control files ---- */

/* O_APPEND, and never O_TRUNC: that removes every probe of the machine. */
static int open_control(const char *tracefs, uint32_t kind, struct pp_error *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", tracefs, kinds[kind].file) >= (int)sizeof(path))
		return pp_fail(err, PP_E_ARG, 0, "tracefs at %s", tracefs);
	const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	return fd >= 0 ? fd : pp_fail(err, PP_E_FILE, errno, "open %s", path);
}

/* 0 or the errno. */
static int write_line(int fd, const char *line)
{
	const ssize_t length = (ssize_t)strlen(line);
	ssize_t wrote;

	do
		wrote = write(fd, line, (size_t)length);
	while (wrote < 0 && errno == EINTR);
	return wrote == length ? 0 : wrote < 0 ? errno : EIO;
}

/* 0 or the errno. */
static int remove_event(int fd, const char *event)
{
	char line[LINE_MAX_BYTES];
	int reason = EBUSY;

	if (snprintf(line, sizeof(line), "-:%s\n", event) >= (int)sizeof(line))
		return E2BIG;
	for (int i = 0; i < BUSY_TRIES && reason == EBUSY; i++) {
		if (i > 0)
			usleep(BUSY_US);
		reason = write_line(fd, line);
	}
	return reason;
}

/* ---- removal ---- */

static int32_t remove_all(void)
{
	int32_t left = 0;

	while (event_fd_count > 0)
		close(event_fds[--event_fd_count]);
	while (probes) {
		struct probe *probe = probes;

		probes = probe->next;
		const int reason = remove_event(control[probe->kind], probe->event);
		/* One that was refused is not there. */
		left += reason != 0 && reason != ENOENT;
		free(probe);
	}
	for (uint32_t i = 0; i < KINDS; i++) {
		if (control[i] >= 0)
			close(control[i]);
		control[i] = -1;
	}
	return left;
}

int32_t pp_probes_remove(void)
{
	pthread_mutex_lock(&lock);
	const int32_t left = remove_all();
	pthread_mutex_unlock(&lock);
	return left;
}

/* exit(3): the runtime ends so, and a script's Deno.exit too. */
static void at_exit(void)
{
	pp_probes_remove();
}

static void register_at_exit(void)
{
	atexit(at_exit);
}

int32_t pp_probe_remove_left(const char *tracefs, uint32_t kind, const char *event, struct pp_error *err)
{
	if (kind >= KINDS || strncmp(event, "perfprof_", strlen("perfprof_")) != 0 || strpbrk(event, " \t\n#"))
		return pp_fail(err, PP_E_ARG, 0, "remove probe %s", event);
	const int fd = open_control(tracefs, kind, err);
	if (fd < 0)
		return fd;
	const int reason = remove_event(fd, event);
	close(fd);
	return reason ? pp_fail(err, PP_E_PROBE, reason, "remove probe %s", event) : PP_OK;
}

/* ---- creation ---- */

/* The kernel's rule (is_good_name, kernel/trace/trace_probe.h) for names of events. */
static bool is_event_name(const char *name)
{
	return name[0] && strspn(name, "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == strlen(name);
}

#define COMMAND "  Command: "

/*
 * The kernel's error log has, of each of the last refusals,
 *   [TIME] trace_uprobe: error: REASON
 *     Command: LINE
 *              ^
 * The newest is the last. Returns where LINE stands, NULL where it is not there.
 */
static const char *find_refusal(const char *log, const char *line)
{
	const char *found = NULL;

	while ((log = strstr(log, "\n" COMMAND))) {
		log += strlen("\n" COMMAND);
		if (!strncmp(log, line, strlen(line)))
			found = log;
	}
	return found;
}

/* Fails with "REASON\nLINE\n   ^", the caret below its place in LINE, or with the errno alone. `line` ends in a newline. */
static int32_t refused(const char *tracefs, const char *line, int sys_errno, struct pp_error *err)
{
	char path[PATH_MAX], *log = NULL;

	pp_fail(err, PP_E_PROBE, sys_errno, "%s", "");
	if (snprintf(path, sizeof(path), "%s/error_log", tracefs) >= (int)sizeof(path) || pp_kernel_file_load(path, &log, NULL) < 0)
		return PP_E_PROBE;
	const char *command = find_refusal(log, line);
	if (command) {
		const char *first = memrchr(log, '\n', (size_t)(command - strlen("\n" COMMAND) - log));
		const char *reason = strstr(first ? first : log, "error: ");
		const int spaces = (int)strspn(command + strlen(line), " ") - (int)strlen(COMMAND);

		if (reason && reason < command)
			pp_fail(err, PP_E_PROBE, sys_errno, "%.*s\n%s%*s^", (int)strcspn(reason + 7, "\n"), reason + 7, line,
				spaces > 0 ? spaces : 0, "");
	}
	free(log);
	return PP_E_PROBE;
}

/* With the lock held. Remembers the event before it is there, so that it is removed whichever place of it is refused. */
static int32_t add_probe(const char *tracefs, uint32_t kind, const char *group, const char *name, struct pp_error *err)
{
	if (control[kind] < 0)
		control[kind] = open_control(tracefs, kind, err);
	if (control[kind] < 0)
		return control[kind];
	struct probe *probe = malloc(sizeof(*probe) + strlen(group) + strlen(name) + 2);
	if (!probe)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "probe %s", name);
	*probe = (struct probe){.next = probes, .kind = kind};
	sprintf(probe->event, "%s/%s", group, name);
	probes = probe;
	return PP_OK;
}

static int32_t add_place(const char *tracefs, const struct probe *probe, const char *place, size_t length, struct pp_error *err)
{
	char line[LINE_MAX_BYTES + 1];

	if (snprintf(line, sizeof(line), "%c:%s %.*s\n", kinds[probe->kind].type, probe->event, (int)length, place) >=
	    (int)sizeof(line))
		return pp_fail(err, PP_E_PROBE, 0, "it is longer than the %d bytes that the kernel takes", LINE_MAX_BYTES);
	const int reason = write_line(control[probe->kind], line);
	return reason ? refused(tracefs, line, reason, err) : PP_OK;
}

int32_t pp_probe_create(const char *tracefs, uint32_t kind, const char *name, const char *places, char *group, uint32_t size,
			struct pp_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	char own[64];

	/* # ends a definition (trace_parse_run_command, kernel/trace/trace.c). */
	if (kind >= KINDS || !is_event_name(name) || strchr(places, '#') || strlen(places) > INT32_MAX)
		return pp_fail(err, PP_E_ARG, 0, "probe %s at %s", name, places);
	pthread_once(&once, register_at_exit);
	pthread_mutex_lock(&lock);
	const int length = snprintf(own, sizeof(own), "perfprof_%d_%u", getpid(), ++created);
	int32_t ret = add_probe(tracefs, kind, own, name, err);
	while (ret == PP_OK && *places) {
		const size_t place = strcspn(places, "\n");

		ret = add_place(tracefs, probes, places, place, err);
		places += place + (places[place] == '\n');
	}
	pthread_mutex_unlock(&lock);
	return ret < 0 ? ret : pp_give_text(own, (size_t)length, group, size, err);
}
