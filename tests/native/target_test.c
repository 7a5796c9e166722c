/* SPDX-License-Identifier: MIT */
/*
 * Whose events a session takes: a thread, a process with what it starts, a command; and not its own.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "session_run.h"

/* What emit calls. */
#define EMIT_NR SYS_sched_get_priority_max

static void *call_late(void *unused)
{
	call(100);
	return unused;
}

static void test_exclude_self(void)
{
	char filter[64];
	struct run run;

	snprintf(filter, sizeof(filter), "id == %d", NR);
	run_new(&run, PP_ORDER | PP_EXCLUDE_SELF, 64);
	run_add(&run, filter);
	run_start(&run);
	call(100);
	run_stop(&run);
	check(run.seen.samples == 0 && run.state.excluded == 0, "the kernel leaves this thread out");
	pp_session_close(run.session);
}

static void test_exclude_new_thread(void)
{
	char filter[64];
	struct run run;
	pthread_t thread;

	snprintf(filter, sizeof(filter), "id == %d", NR);
	run_new(&run, PP_ORDER | PP_EXCLUDE_SELF, 64);
	run_add(&run, filter);
	run_start(&run);
	pthread_create(&thread, NULL, call_late, NULL);
	pthread_join(thread, NULL);
	run_stop(&run);
	check(run.seen.samples == 0 && accounts_for(&run, 100), "a thread born later is left out by the library, and counted");
	pp_session_close(run.session);
}

/* A child that waits for a byte and then makes calls in itself, in a thread and in a child. */
static pid_t family(int *go)
{
	int ends[2];
	char byte;

	if (pipe(ends) != 0)
		exit(1);
	const pid_t child = fork();
	if (child != 0) {
		close(ends[0]);
		*go = ends[1];
		return child;
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		_exit(1);
	pthread_t thread;
	call(10);
	pthread_create(&thread, NULL, call_late, NULL);
	pthread_join(thread, NULL);
	if (fork() == 0) {
		call(1000);
		_exit(0);
	}
	wait(NULL);
	_exit(0);
}

static uint64_t samples_of_family(uint32_t flags, uint32_t whole_process)
{
	char filter[64];
	struct run run;
	int go;
	const pid_t child = family(&go);

	snprintf(filter, sizeof(filter), "id == %d", NR);
	run_new(&run, PP_ORDER | flags, 64);
	run_add(&run, filter);
	must(pp_session_add_task(run.session, (uint32_t)child, whole_process, &err), "pp_session_add_task");
	run_start(&run);
	if (write(go, "x", 1) != 1)
		exit(1);
	close(go);
	int32_t why = 0;
	for (int i = 0; i < 50 && !(why & PP_WAIT_ENDED); i++)
		why = pp_session_wait(run.session, 200, 0);
	check(why & PP_WAIT_ENDED && run.state.ended == 1, "the end of task %s is seen", whole_process ? "(process)" : "(thread)");
	check(pp_session_wait(run.session, 1, 1) == 0, "once");
	run_stop(&run);
	pp_session_close(run.session);
	waitpid(child, NULL, 0);
	return run.seen.samples;
}

static void test_tasks(void)
{
	check(samples_of_family(0, 0) == 10, "a thread alone: its own 10 calls");
	check(samples_of_family(PP_INHERIT, 1) == 1110, "a process: its own, its thread's and its child's");

	struct run run;
	run_new(&run, PP_ORDER, 8);
	check(pp_session_add_task(run.session, 0x7ffffff0, 1, &err) == PP_E_TASK && err.pid == 0x7ffffff0,
	      "a pid that is not there");
	pp_session_close(run.session);
}

/* The generator is built beside this program. */
static const char *emit_path(const char *self)
{
	static char path[512];
	const char *slash = strrchr(self, '/');

	snprintf(path, sizeof(path), "%.*s/emit", slash ? (int)(slash - self) : 1, slash ? self : ".");
	return access(path, X_OK) == 0 ? path : NULL;
}

static void test_command(const char *emit)
{
	char filter[64], argv[600];
	struct run run;
	int32_t why = 0;

	snprintf(filter, sizeof(filter), "id == %d", EMIT_NR);
	const int length = snprintf(argv, sizeof(argv), "%s%cfork%c3%c20", emit, 0, 0, 0) + 1;
	run_new(&run, PP_ORDER, 64);
	run_add(&run, filter);
	must(pp_session_command(run.session, argv, (uint32_t)length, &err), "pp_session_command");
	run_start(&run);
	for (int i = 0; i < 50 && !(why & PP_WAIT_ENDED); i++)
		why = pp_session_wait(run.session, 200, 0);
	run_stop(&run);
	check(why & PP_WAIT_ENDED && run.state.command_status == 0, "the command's end and status");
	check(run.seen.samples == 60 && accounts_for(&run, 60), "3 children of the command, 20 calls each");
	pp_session_close(run.session);
}

int main(int argc, char **argv)
{
	const char *emit = emit_path(argc > 0 ? argv[0] : "");

	need_machine();
	test_exclude_self();
	test_exclude_new_thread();
	test_tasks();
	if (check(emit != NULL, "the generator emit is beside this program"))
		test_command(emit);
	return check_done();
}
