/* SPDX-License-Identifier: MIT */
/*
 * The command of -c: forked, held before its exec until the events are enabled, and reaped. Owns the child, its pidfd and the
 * socket over which both sides talk: a byte lets the child go; an errno comes back when the exec fails, an end of file when it
 * works (the socket is close-on-exec). The child reads an end of file too when perfprof dies first, and exits.
 *
 * It stays in the caller's process group, so that a Ctrl-C reaches both, as with perf and bpftrace.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

#define TERM_WAIT_MS 100
#define SHELL	     "/bin/sh"

struct pp_command {
	char *words; /* its first is the program, for messages */
	pid_t pid;
	int pidfd;
	int channel;
	bool ended;
	int32_t status;
};

/* What the child execs. It is complete before the fork: between fork and exec only async-signal-safe calls are allowed. */
struct program {
	char path[PATH_MAX];
	char **words; /* words[0] is the shell, for a script without a #! line; the command's own begin at words[1] */
	bool to_stderr;
};

/* 0 when `path` can be executed, else the errno that says why not. */
static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* Finds `name` as execvp(3) does: an unusable file is only reported when no later folder has a good one. */
static int find_program(const char *name, char path[PATH_MAX])
{
	const char *dirs = getenv("PATH");
	int reason = ENOENT;

	if (strchr(name, '/'))
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX ? executable(path) : ENAMETOOLONG;
	for (const char *dir = dirs ? dirs : "/bin:/usr/bin"; dir; dir = strchr(dir, ':') ? strchr(dir, ':') + 1 : NULL) {
		int length = strcspn(dir, ":");
		int error;

		if (snprintf(path, PATH_MAX, "%.*s%s%s", length, dir, length ? "/" : "./", name) >= PATH_MAX)
			continue;
		error = executable(path);
		if (!error)
			return 0;
		if (error == EACCES)
			reason = EACCES;
	}
	return reason;
}

static int32_t program_init(struct program *program, char *argv, uint32_t argv_size, struct pp_error *err)
{
	uint32_t count = 0;
	int error;

	for (uint32_t i = 0; i < argv_size; i++)
		count += argv[i] == '\0';
	if (!count || argv[argv_size - 1] != '\0' || argv[0] == '\0')
		return pp_fail(err, PP_E_ARG, 0, "command of %u bytes", argv_size);
	error = find_program(argv, program->path);
	if (error)
		return pp_fail(err, PP_E_EXEC, error, "%s", argv);
	program->words = calloc(count + 2, sizeof(char *));
	if (!program->words)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "command");
	program->words[0] = SHELL;
	for (uint32_t i = 1; i <= count; i++, argv += strlen(argv) + 1)
		program->words[i] = argv;
	return PP_OK;
}

/* Handlers of the runtime must not run in the child: they would write to pipes that it shares with its parent. What the user had
 * ignored (nohup) stays so, but for SIGPIPE, which the runtime ignores by itself. */
static void reset_signals(void)
{
	struct sigaction action;
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++) {
		if (sigaction(sig, NULL, &action) < 0 || (action.sa_handler == SIG_IGN && sig != SIGPIPE))
			continue;
		action = (struct sigaction){.sa_handler = SIG_DFL};
		sigaction(sig, &action, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child(int channel, struct program *program)
{
	int32_t error;
	ssize_t got;
	char go;

	reset_signals();
	do
		got = recv(channel, &go, 1, 0);
	while (got < 0 && errno == EINTR);
	if (got != 1 || (program->to_stderr && dup2(STDERR_FILENO, STDOUT_FILENO) < 0))
		_exit(127);
	execv(program->path, program->words + 1);
	if (errno == ENOEXEC) {
		program->words[1] = program->path;
		execv(SHELL, program->words);
	}
	error = errno;
	send(channel, &error, sizeof(error), MSG_NOSIGNAL);
	_exit(127);
}

/* Forks with every signal blocked, so that none is handled in the child before reset_signals. */
static int32_t fork_held(struct pp_command *command, struct program *program, struct pp_error *err)
{
	sigset_t all, before;
	int sockets[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return pp_fail(err, PP_E_SYS, errno, "socketpair");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		close(sockets[0]);
		child(sockets[1], program);
	}
	if (pid < 0)
		pp_fail(err, PP_E_EXEC, errno, "fork");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(sockets[1]);
	command->channel = sockets[0];
	command->pid = pid;
	return pid < 0 ? PP_E_EXEC : PP_OK;
}

int32_t pp_command_start(const char *argv, uint32_t argv_size, bool to_stderr, struct pp_command **out, struct pp_error *err)
{
	struct pp_command *command = NULL;
	struct program program = {.to_stderr = to_stderr};
	int32_t ret;

	command = malloc(sizeof(*command));
	if (!command)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "command");
	*command = (struct pp_command){.pid = -1, .pidfd = -1, .channel = -1, .status = -1, .words = malloc((size_t)argv_size + 1)};
	if (!command->words) {
		ret = pp_fail(err, PP_E_NOMEM, ENOMEM, "command");
		goto out;
	}
	memcpy(command->words, argv, argv_size);
	ret = program_init(&program, command->words, argv_size, err);
	if (ret < 0)
		goto out;
	ret = fork_held(command, &program, err);
	if (ret < 0)
		goto out;
	/* The pid cannot have been reused: nobody else waits for it. */
	command->pidfd = syscall(SYS_pidfd_open, command->pid, 0);
	if (command->pidfd < 0) {
		ret = pp_fail(err, PP_E_SYS, errno, "pidfd_open %d", command->pid);
		goto out;
	}
	*out = command;
	command = NULL;
out:
	pp_command_close(command);
	free(program.words);
	return ret;
}

int32_t pp_command_pid(const struct pp_command *command)
{
	return command->pid;
}

int pp_command_pidfd(const struct pp_command *command)
{
	return command->pidfd;
}

int32_t pp_command_go(struct pp_command *command, struct pp_error *err)
{
	int32_t error = 0;
	ssize_t got;

	/* A child that was killed while held gives EPIPE here: it has ended, which pp_command_ended will tell. */
	if (send(command->channel, "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return pp_fail(err, PP_E_EXEC, errno, "%s", command->words);
	do
		got = recv(command->channel, &error, sizeof(error), 0);
	while (got < 0 && errno == EINTR);
	close(command->channel);
	command->channel = -1;
	return got == sizeof(error) ? pp_fail(err, PP_E_EXEC, error, "%s", command->words) : PP_OK;
}

bool pp_command_ended(struct pp_command *command, int32_t *status)
{
	int wait_status;
	pid_t pid;

	if (!command->ended) {
		pid = waitpid(command->pid, &wait_status, WNOHANG);
		/* ECHILD: SIGCHLD is ignored, so the kernel reaped it and its status is not known. */
		command->ended = pid != 0;
		if (pid > 0)
			command->status = wait_status;
	}
	*status = command->status;
	return command->ended;
}

void pp_command_close(struct pp_command *command)
{
	struct pollfd end;
	int32_t status;

	if (!command)
		return;
	if (command->pid > 0 && !pp_command_ended(command, &status)) {
		kill(command->pid, SIGTERM);
		end = (struct pollfd){.fd = command->pidfd, .events = POLLIN};
		poll(&end, 1, TERM_WAIT_MS);
		pp_command_ended(command, &status);
	}
	if (command->channel >= 0)
		close(command->channel);
	if (command->pidfd >= 0)
		close(command->pidfd);
	free(command->words);
	free(command);
}
