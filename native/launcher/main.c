/* SPDX-License-Identifier: MIT */
/*
 * What `dist/perfprof` starts with: it has the packed files unpacked, then becomes the JavaScript runtime, which runs the packed
 * program with the arguments given. Where files cannot be kept or executed, runtime and program run from memory. The C library is
 * in memory always. Static, so that it runs on any Linux; it never goes on after an error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pack.h"

#define PATH_SIZE 4096

/*
 * Nothing of the folders around the cache is the program's business: no configuration (but a script's), no lock file, no
 * node_modules. The program from memory has no name to tell its language by.
 */
static const char *const RUNTIME_ARGS[] = {"perfprof", "run", "-A", "-q", NULL, "--no-lock", "--node-modules-dir=none", "--ext=js"};
#define RUNTIME_ARG_COUNT (sizeof(RUNTIME_ARGS) / sizeof(*RUNTIME_ARGS))
#define CONFIG_ARG	  4 /* filled in by run() */

_Noreturn void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	fputs("perfprof: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, error ? ": %s\n" : "\n", error == EBADMSG ? "the program is damaged, copy it again" : strerror(error));
	exit(1);
}

static void tell(const char *name, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	if (setenv(name, text, 1))
		die("set the environment");
}

/* What library_path.ts reads, and takes out of the environment again. */
static void tell_program(int library)
{
	char self[PATH_SIZE];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		die("read /proc/self/exe");
	self[length] = 0;
	tell("PERFPROF_LIBRARY_FD", library);
	/* It is a part of perfprof, which is updated as a whole: the runtime is not to look for a newer one. */
	if (setenv("PERFPROF_EXECUTABLE", self, 1) || setenv("DENO_NO_UPDATE_CHECK", "1", 0))
		die("set the environment");
}

static int memory_copy(const struct pack *pack, enum pack_kind kind, int exec)
{
	const struct pack_entry *entry = pack_find(pack, kind);
	int fd = pack_extract_memory(pack, entry, exec);

	if (fd < 0)
		die("unpack %s to memory", entry->path);
	return fd;
}

/* The settings of a script, with which ffi/restart.ts starts this program anew; else none. */
static const char *config_argument(void)
{
	static char argument[PATH_SIZE + 16];
	const char *config = getenv("PERFPROF_CONFIG");

	if (!config || strlen(config) >= PATH_SIZE)
		return "--no-config";
	snprintf(argument, sizeof(argument), "--config=%s", config);
	return argument;
}

static _Noreturn void run(const struct pack *pack, const char *runtime, const char *program, int argc, char **argv)
{
	const char **args = calloc(RUNTIME_ARG_COUNT + (size_t)argc + 1, sizeof(*args));

	if (!args)
		die("start");
	memcpy(args, RUNTIME_ARGS, sizeof(RUNTIME_ARGS));
	args[CONFIG_ARG] = config_argument();
	args[RUNTIME_ARG_COUNT] = program;
	for (int i = 1; i < argc; i++)
		args[RUNTIME_ARG_COUNT + (size_t)i] = argv[i];
	if (runtime)
		execv(runtime, (char **)args);
	/* No such right in this file system, or for this process. */
	if (!runtime || errno == EACCES || errno == EPERM)
		fexecve(memory_copy(pack, PACK_RUNTIME, 1), (char **)args, environ);
	die("start the runtime");
}

/* The folder stays open in the runtime, which so holds it; library_path.ts keeps it from the processes that the runtime starts. */
static _Noreturn void run_in(const struct pack *pack, int folder, const char *path, int argc, char **argv)
{
	char runtime[PATH_SIZE + 64], program[PATH_SIZE + 64];

	if (fcntl(folder, F_SETFD, 0))
		die("hold %s", path);
	tell("PERFPROF_FOLDER_FD", folder);
	snprintf(runtime, sizeof(runtime), "%s/%s", path, pack_find(pack, PACK_RUNTIME)->path);
	snprintf(program, sizeof(program), "%s/%s", path, pack_find(pack, PACK_PROGRAM)->path);
	run(pack, runtime, program, argc, argv);
}

/* The runtime asks where it is before anything else, and says what is its developers' business where that is nowhere. */
static void check_current_folder(void)
{
	char path[PATH_SIZE];

	if (getcwd(path, sizeof(path)) || errno != ENOENT)
		return;
	errno = 0;
	die("finding the current folder failed: it was removed\nhint: cd to one that is there");
}

int main(int argc, char **argv)
{
	char path[PATH_SIZE];
	struct pack pack;
	int folder;

	check_current_folder();
	if (pack_open(&pack))
		die("read what is packed into this program");
	tell_program(memory_copy(&pack, PACK_LIBRARY, 0));
	folder = cache_open(&pack, path, sizeof(path));
	if (folder >= 0)
		run_in(&pack, folder, path, argc, argv);
	fprintf(stderr, "perfprof: no cache folder can be written: unpacking to memory, at each start\n");
	folder = memory_open(&pack);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", folder < 0 ? memory_copy(&pack, PACK_PROGRAM, 0) : folder);
	if (folder >= 0)
		run_in(&pack, folder, path, argc, argv);
	run(&pack, NULL, path, argc, argv);
}
