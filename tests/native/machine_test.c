/* SPDX-License-Identifier: MIT */
/* What the library asks of the machine: files, filters, clocks, tasks, attrs, the -o file, the command of -c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "internal.h"

#define NOBODY 65534

static struct pp_error err;
static char text[64 << 10];
static char folder[] = "/tmp/perfprof-test-XXXXXX";

static const char *in_folder(const char *name)
{
	static char paths[4][128];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *path, const char *content, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (fd < 0 || write(fd, content, strlen(content)) < 0)
		abort();
	close(fd);
}

static void check_kernel_files(void)
{
	int32_t length = pp_kernel_file_read("/proc/self/maps", text, sizeof(text), &err);

	check(length > 4096 && strlen(text) == (size_t)length, "a file longer than one read() of it: %d bytes", length);
	check(pp_kernel_file_read("/proc/sys/kernel/osrelease", text, 4, &err) == PP_E_SPACE && err.need > 4, "too small a buffer");
	check(pp_kernel_file_read("/sys/devices/system/cpu/online", text, sizeof(text), &err) > 0, "the CPUs: %.*s",
	      (int)strcspn(text, "\n"), text);
	check(pp_kernel_file_read("/etc/passwd", text, sizeof(text), &err) == PP_E_FILE && err.sys_errno == EPERM,
	      "not a file of the kernel: %s", err.text);
	check(pp_kernel_file_read("/proc/self/root/etc/passwd", text, sizeof(text), &err) == PP_E_FILE, "nor by way of /proc");
	check(pp_kernel_file_read("/proc/nothing", text, sizeof(text), &err) == PP_E_FILE && err.sys_errno == ENOENT,
	      "a file that is not there: %s", err.text);
}

static void check_kernel_folders(void)
{
	uint32_t need;

	check(pp_kernel_folder_read("/proc/self", text, sizeof(text), &err) == (int32_t)strlen(text) && strstr(text, "\nfd/\n") &&
		  strstr(text, "\nstat\n") && !strstr(text, "./\n"),
	      "a folder, with those in it marked");
	check(pp_kernel_folder_read("/proc/self/net/stat", text, 4, &err) == PP_E_SPACE && err.need > 4, "too small a buffer");
	need = err.need;
	check(pp_kernel_folder_read("/proc/self/net/stat", text, need, &err) > 0, "%u bytes are enough", need);
	check(pp_kernel_folder_read("/etc", text, sizeof(text), &err) == PP_E_FILE && err.sys_errno == EPERM,
	      "not a folder of the kernel: %s", err.text);
	check(pp_kernel_folder_read("/proc/stat", text, sizeof(text), &err) == PP_E_FILE && err.sys_errno == ENOTDIR,
	      "not a folder: %s", err.text);
}

static void check_filters(void)
{
	char tracefs[256];
	int32_t length;

	if (pp_tracefs_path(1, tracefs, sizeof(tracefs), &err) < 0) {
		printf("# %s: filters are not checked\n", err.text);
		return;
	}
	check(access(tracefs, F_OK) == 0, "tracefs is at %s", tracefs);
	length = pp_filter_check(tracefs, "sched", "sched_wakeup", "pid > > 1", text, sizeof(text), &err);
	check(length > 0 && strstr(text, "pid > > 1\n") && strchr(text, '^') && strstr(text, "parse_error"),
	      "why a filter is refused: %s", strstr(text, "parse_error"));
	check(pp_filter_check(tracefs, "sched", "sched_wakeup", "pid > 1", text, sizeof(text), &err) == 0, "a good filter");
	check(pp_filter_check(tracefs, "sched", "no_such", "pid > 1", text, sizeof(text), &err) == PP_E_FORMAT &&
		  err.sys_errno == ENOENT,
	      "an unknown event: %s", err.text);
	check(pp_filter_check(tracefs, "..", "sched_wakeup", "pid > 1", text, sizeof(text), &err) == PP_E_ARG, "a path for a name");
	char stale[300];
	snprintf(stale, sizeof(stale), "%s/instances/perfprof_filter", tracefs);
	check((mkdir(stale, 0700) == 0 || errno == EEXIST) &&
		  pp_filter_check(tracefs, "sched", "sched_wakeup", "pid > > 1", text, sizeof(text), &err) > 0,
	      "an instance that a process left behind is taken over");
	snprintf(text, sizeof(text), "ls %s/instances | grep -q perfprof_", tracefs);
	check(system(text) != 0, "no instance is left");
}

static void check_attr_probe(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_DUMMY};

	check(pp_attr_probe((uint8_t *)&attr, sizeof(attr), &err) == 0, "a dummy event can be opened");
	check(pp_attr_probe((uint8_t *)&attr, 8, &err) == PP_E_ARG, "not an attr: %s", err.text);
	check(pp_attr_probe((uint8_t *)&attr, PERF_ATTR_SIZE_VER5, &err) == PP_E_ARG, "a wrong size inside: %s", err.text);
	attr.config = 12345;
	check(pp_attr_probe((uint8_t *)&attr, sizeof(attr), &err) == PP_E_OPEN && err.sys_errno, "an unknown event: %s", err.text);
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Over 20 ms both clocks go on by the same, within what a busy machine may take between two readings. */
static void check_clock(int32_t clockid, const char *name)
{
	struct pp_clock_pair before, after;
	int64_t drift;

	if (!check(pp_clock_read(clockid, &before, &err) == 0, "clock %s can be read", name))
		return;
	sleep_ms(20);
	pp_clock_read(clockid, &after, &err);
	drift = (int64_t)(after.clock_ns - before.clock_ns) - (int64_t)(after.realtime_ns - before.realtime_ns);
	check(after.clock_ns - before.clock_ns >= 19000000 && drift > -5000000 && drift < 5000000,
	      "clock %s goes with the wall clock (%lld us apart)", name, (long long)drift / 1000);
}

static void *read_perf_clock(void *clock)
{
	*(uint64_t *)clock = pp_clock_now(PP_CLOCK_PERF);
	return NULL;
}

static void check_clocks(void)
{
	struct pp_clock_pair pair;
	uint64_t here, there = 0;
	char before[16], after[16];
	pthread_t thread;

	check_clock(CLOCK_MONOTONIC, "monotonic");
	check_clock(CLOCK_BOOTTIME, "boottime");
	pthread_getname_np(pthread_self(), before, sizeof(before));
	check_clock(PP_CLOCK_PERF, "perf");
	pthread_getname_np(pthread_self(), after, sizeof(after));
	check(!strcmp(before, after), "the thread keeps its name: %s", after);
	here = pp_clock_now(PP_CLOCK_PERF);
	pthread_create(&thread, NULL, read_perf_clock, &there);
	pthread_join(thread, NULL);
	check(there > here && pp_clock_now(PP_CLOCK_PERF) > there, "the perf clock, from two threads in turn");
	check(pp_clock_read(1234, &pair, &err) == PP_E_ARG, "an unknown clock: %s", err.text);
}

static void check_tasks(void)
{
	static struct pp_task tasks[32768];
	int32_t count = pp_tasks_read(tasks, sizeof(tasks), &err);
	bool found = false;

	for (int32_t i = 0; i < count; i++)
		found = found || (tasks[i].tid == (uint32_t)gettid() && tasks[i].pid == (uint32_t)getpid() &&
				  !strncmp(tasks[i].comm, "machine_test", 16));
	check(count > 1 && found, "%d tasks, this one among them", count);
	check(pp_tasks_read(tasks, sizeof(tasks[0]), &err) == PP_E_SPACE && err.need >= count * sizeof(tasks[0]),
	      "a buffer for one: %s", err.text);
}

/* ---- the -o file ---- */

/* Redirects, writes `line` to both streams, and puts this program's own back. */
static int32_t redirect(const char *path, uint32_t truncate, const char *line)
{
	int out = dup(STDOUT_FILENO), errors = dup(STDERR_FILENO);
	int32_t ret = pp_output_redirect(path, truncate, &err);

	if (ret == 0 && (write(STDOUT_FILENO, line, strlen(line)) < 0 || write(STDERR_FILENO, line, strlen(line)) < 0))
		abort();
	dup2(out, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	close(out);
	close(errors);
	return ret;
}

static bool file_is(const char *path, const char *content)
{
	int fd = open(path, O_RDONLY);
	ssize_t got = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[got < 0 ? 0 : got] = '\0';
	return got >= 0 && !strcmp(text, content);
}

/* The first redirection of the process is the one that is undone. */
static void check_restored_stderr(void)
{
	int out = dup(STDOUT_FILENO), errors = dup(STDERR_FILENO);
	int before = open(in_folder("before"), O_WRONLY | O_CREAT, 0600);
	int32_t none = pp_output_restore_stderr(&err), ret;

	dup2(before, STDERR_FILENO);
	ret = pp_output_redirect(in_folder("full"), 1, &err);
	if (ret == 0)
		ret = pp_output_restore_stderr(&err);
	if (write(STDERR_FILENO, "said\n", 5) < 0 || write(STDOUT_FILENO, "printed\n", 8) < 0)
		abort();
	dup2(out, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	close(out);
	close(errors);
	close(before);
	check(none == 0 && ret == 0 && file_is(in_folder("before"), "said\n") && file_is(in_folder("full"), "printed\n"),
	      "stderr is what it was before, and stdout the file");
}

static void check_output(void)
{
	struct stat st;

	check(redirect(in_folder("new"), 1, "a\n") == 0 && file_is(in_folder("new"), "a\na\n"), "a new file takes both streams");
	check(stat(in_folder("new"), &st) == 0 && (st.st_mode & 0777) == 0600, "and is the owner's alone");
	check(redirect(in_folder("new"), 0, "b\n") == 0 && file_is(in_folder("new"), "a\na\nb\nb\n"), "opened anew it grows");
	check(redirect(in_folder("new"), 1, "c\n") == 0 && file_is(in_folder("new"), "c\nc\n"), "truncated it begins again");
	check(redirect(in_folder("none/file"), 1, "") == PP_E_OUTPUT && err.sys_errno == ENOENT, "no such folder: %s", err.text);
	check(redirect(folder, 1, "") == PP_E_OUTPUT && err.sys_errno == EISDIR, "a folder: %s", err.text);
	check(symlink("new", in_folder("link")) == 0 && redirect(in_folder("link"), 1, "d\n") == 0,
	      "a link in a folder of one's own");

	chmod(folder, 01777);
	check(redirect(in_folder("link"), 1, "") == PP_E_OUTPUT && err.sys_errno == ELOOP, "a link in a shared folder: %s",
	      err.text);
	check(link(in_folder("new"), in_folder("second")) == 0 && redirect(in_folder("second"), 1, "") == PP_E_OUTPUT &&
		  file_is(in_folder("new"), "d\nd\n"),
	      "a file with another name is refused, and keeps its content: %s", err.text);
	check(mkfifo(in_folder("fifo"), 0666) == 0 && redirect(in_folder("fifo"), 1, "") == PP_E_OUTPUT, "a fifo: %s", err.text);
	write_file(in_folder("theirs"), "x", 0666);
	check(chown(in_folder("theirs"), NOBODY, NOBODY) == 0 && redirect(in_folder("theirs"), 1, "") == PP_E_OUTPUT &&
		  err.sys_errno == EPERM,
	      "a file of somebody else: %s", err.text);
	check(redirect(in_folder("mine"), 1, "e\n") == 0, "a new file in a shared folder");
	chmod(folder, 0700);
}

/* ---- the command ---- */

#define START(words, command) pp_command_start(words, sizeof(words), false, command, &err)

static int32_t wait_status(struct pp_command *command)
{
	struct pollfd end = {.fd = pp_command_pidfd(command), .events = POLLIN};
	int32_t status = -1;

	poll(&end, 1, 5000);
	return pp_command_ended(command, &status) ? status : -1;
}

/* Starts and lets go; the wait status. */
static int32_t run(const char *words, uint32_t size)
{
	struct pp_command *command;
	int32_t status = -1;

	if (pp_command_start(words, size, false, &command, &err) < 0)
		return -1;
	if (pp_command_go(command, &err) == 0)
		status = wait_status(command);
	pp_command_close(command);
	return status;
}

static void check_command_refused(void)
{
	struct pp_command *command;
	char words[128];
	int length;

	check(START("no-such-program\0x", &command) == PP_E_EXEC && err.sys_errno == ENOENT, "a missing program: %s", err.text);
	check(START("/etc/passwd", &command) == PP_E_EXEC && err.sys_errno == EACCES, "a file that is no program: %s", err.text);
	check(START("/tmp", &command) == PP_E_EXEC && err.sys_errno == EACCES, "a folder: %s", err.text);
	check(START("", &command) == PP_E_ARG && pp_command_start("ls", 2, false, &command, &err) == PP_E_ARG, "no words: %s",
	      err.text);

	write_file(in_folder("bad"), "#!/no/such/interpreter\n", 0755);
	length = snprintf(words, sizeof(words), "%s", in_folder("bad")) + 1;
	check(pp_command_start(words, length, false, &command, &err) == 0 && pp_command_go(command, &err) == PP_E_EXEC &&
		  err.sys_errno == ENOENT,
	      "an exec that fails: %s", err.text);
	pp_command_close(command);
}

static void check_command(void)
{
	static const char exits[] = "sh\0-c\0exit 7", pipe_kills[] = "sh\0-c\0kill -PIPE $$";
	struct pp_command *command;
	char words[256];
	int32_t status;
	int length;

	length = snprintf(words, sizeof(words), "touch%c%s", '\0', in_folder("ran")) + 1;
	check(pp_command_start(words, length, false, &command, &err) == 0 && pp_command_pid(command) > 0, "a command starts");
	sleep_ms(100);
	check(!pp_command_ended(command, &status) && access(in_folder("ran"), F_OK) < 0, "and is held");
	check(pp_command_go(command, &err) == 0 && wait_status(command) == 0 && access(in_folder("ran"), F_OK) == 0,
	      "until it may go");
	pp_command_close(command);

	status = run(exits, sizeof(exits));
	check(WIFEXITED(status) && WEXITSTATUS(status) == 7, "its status: %x", status);
	signal(SIGPIPE, SIG_IGN);
	status = run(pipe_kills, sizeof(pipe_kills));
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE, "it has the default SIGPIPE: %x", status);
	signal(SIGPIPE, SIG_DFL);

	write_file(in_folder("plain"), "exit 5\n", 0755);
	length = snprintf(words, sizeof(words), "%s", in_folder("plain")) + 1;
	status = run(words, length);
	check(WIFEXITED(status) && WEXITSTATUS(status) == 5, "a script without a #! line: %x", status);
}

static void check_command_ends(void)
{
	struct pp_command *command;
	pid_t pid;

	check(START("sleep\0"
		    "100",
		    &command) == 0,
	      "a held command");
	pid = pp_command_pid(command);
	pp_command_close(command);
	check(kill(pid, 0) < 0 && errno == ESRCH, "ends when it is closed");
	START("sleep\0"
	      "100",
	      &command);
	pid = pp_command_pid(command);
	pp_command_go(command, &err);
	pp_command_close(command);
	check(kill(pid, 0) < 0 && errno == ESRCH, "so does one that runs");
	START("sleep\0"
	      "100",
	      &command);
	kill(pp_command_pid(command), SIGKILL);
	check(WTERMSIG(wait_status(command)) == SIGKILL && pp_command_go(command, &err) == 0, "one that was killed while held");
	pp_command_close(command);
}

/* The child of a process that dies before it lets go never execs. */
static void check_command_orphan(void)
{
	char words[256];
	int length = snprintf(words, sizeof(words), "touch%c%s", '\0', in_folder("orphan")) + 1;
	struct pp_command *command;
	int pids[2];
	pid_t pid = -1;

	if (pipe(pids) < 0)
		abort();
	if (fork() == 0) {
		pp_command_start(words, length, false, &command, &err);
		pid = pp_command_pid(command);
		_exit(write(pids[1], &pid, sizeof(pid)) < 0);
	}
	wait(NULL);
	close(pids[1]);
	check(read(pids[0], &pid, sizeof(pid)) == sizeof(pid) && pid > 0, "a held command whose parent is gone");
	close(pids[0]);
	sleep_ms(200);
	snprintf(text, sizeof(text), "grep -q 'State:.[^Z]' /proc/%d/status 2>/dev/null", pid);
	check(system(text) != 0 && access(in_folder("orphan"), F_OK) < 0, "has ended too, and ran nothing");
}

int main(void)
{
	if (geteuid() != 0)
		check_skip("needs root");
	if (!mkdtemp(folder))
		return 1;
	check_kernel_files();
	check_kernel_folders();
	check_filters();
	check_attr_probe();
	check_clocks();
	check_tasks();
	check_restored_stderr();
	check_output();
	check_command_refused();
	check_command();
	check_command_ends();
	check_command_orphan();
	snprintf(text, sizeof(text), "rm -r %s", folder);
	check(system(text) == 0, "the test's own folder is removed");
	return check_done();
}
