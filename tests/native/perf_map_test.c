/* SPDX-License-Identifier: MIT */
/* The maps of JIT compilers: what their lines mean, whose are believed, and that they are followed while they grow. Overlapping
 * ranges are compared with the plain rule. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "perf_map.h"

#define NOBODY 65534

static struct pp_error err;
static struct pp_symbolizer *symbolizer;
static struct pp_symbol symbol;
static char name[20000];
static char map_path[64];

/* ---- ranges ---- */

#define RANGES	  40
#define ADDRESSES 64

static uint32_t seed = 1;

/* xorshift32: the same on every run. */
static uint32_t random_below(uint32_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % limit;
}

/* Some ranges, and for every address the last one that has it. Returns how many answers were wrong. */
static int wrong_of_one_table(void)
{
	struct pp_symbol_table *table = pp_symbol_table_new();
	uint32_t starts[RANGES], ends[RANGES], count = random_below(RANGES);
	int wrong = 0;

	for (uint32_t i = 0; i < count; i++) {
		char text[16];
		int length = snprintf(text, sizeof(text), "r%u", i);

		starts[i] = random_below(ADDRESSES);
		ends[i] = starts[i] + random_below(ADDRESSES - starts[i] + 1);
		pp_symbol_table_add(table, starts[i], ends[i], 0, text, length);
	}
	pp_symbol_table_index(table);
	for (uint32_t address = 0; address < ADDRESSES + 2; address++) {
		char expected[16] = "";
		uint64_t start, expected_start = 0;
		const char *found = pp_symbol_table_find(table, address, &start);

		for (uint32_t i = 0; i < count; i++)
			if (starts[i] <= address && address < ends[i]) {
				snprintf(expected, sizeof(expected), "r%u", i);
				expected_start = starts[i];
			}
		wrong += found ? strcmp(found, expected) || start != expected_start : expected[0] != '\0';
	}
	pp_symbol_table_free(table);
	return wrong;
}

static void check_ranges(void)
{
	int wrong = 0;

	for (int i = 0; i < 2000; i++)
		wrong += wrong_of_one_table();
	check(wrong == 0, "of overlapping ranges the last counts: %d of 2000 tables are wrong", wrong);
}

/* ---- maps ---- */

static void write_map(const char *mode, const char *text)
{
	FILE *file = fopen(map_path, mode);

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

static uint32_t look_up(uint32_t pid, uint64_t address)
{
	if (pp_jit_symbol(symbolizer, pid, address, &symbol, name, sizeof(name), &err) < 0)
		abort();
	return symbol.unknown;
}

static bool is_symbol(uint32_t pid, uint64_t address, const char *expected, uint64_t offset)
{
	return look_up(pid, address) == PP_KNOWN && !strcmp(name, expected) && symbol.offset == offset;
}

static void check_lines(uint32_t pid)
{
	check(look_up(pid, 0x1000) == PP_UNKNOWN_JIT_ABSENT, "no map");
	write_map("w", "1000 100 first function\n0x2000 0x10 with prefixes\nFFFF0000 a0 upper\r\n"
		       "\nnonsense\n3000 10\n3000 zz bad\n3000 0 empty\nffffffffffffffff 10 around\n11111111111111111 1 long\n"
		       "4000 10 \x1b[31mred\n1050 10 again\n5000 10 unfinished");
	check(is_symbol(pid, 0x1000, "first function", 0) && is_symbol(pid, 0x10ff, "first function", 0xff), "a line: %s", name);
	check(look_up(pid, 0x1100) == PP_UNKNOWN_NO_SYMBOL && look_up(pid, 0xfff) == PP_UNKNOWN_NO_SYMBOL, "and around it");
	check(is_symbol(pid, 0x200f, "with prefixes", 15) && is_symbol(pid, 0xffff009f, "upper", 0x9f), "other spellings");
	check(look_up(pid, 0x3000) == PP_UNKNOWN_NO_SYMBOL && look_up(pid, 5) == PP_UNKNOWN_NO_SYMBOL,
	      "damaged lines are passed over");
	check(is_symbol(pid, 0x4000, "?[31mred", 0), "a terminal does not obey: %s", name);
	check(is_symbol(pid, 0x1055, "again", 5) && is_symbol(pid, 0x1060, "first function", 0x60), "code in another's place");
	check(look_up(pid, 0x5000) == PP_UNKNOWN_NO_SYMBOL, "half a line is none yet");
	write_map("a", " business\n1000 10 newest\n");
	check(is_symbol(pid, 0x5000, "unfinished business", 0), "until its end is there: %s", name);
	check(is_symbol(pid, 0x1000, "newest", 0) && is_symbol(pid, 0x1010, "first function", 0x10), "what was added counts");
	write_map("w", "7000 10 short\n");
	check(is_symbol(pid, 0x7000, "short", 0) && look_up(pid, 0x2000) == PP_UNKNOWN_NO_SYMBOL,
	      "a map that has shrunk is another");
	unlink(map_path);
	write_map("w", "8000 10 new file with quite a long line\n9000 10 x\n");
	check(is_symbol(pid, 0x9000, "x", 0) && look_up(pid, 0x7000) == PP_UNKNOWN_NO_SYMBOL, "so is one of another inode");
}

static void renew(void)
{
	unlink(map_path);
	pp_symbolizer_free(symbolizer);
	if (pp_symbolizer_new(0, &symbolizer, &err) < 0)
		abort();
}

static void check_damage(uint32_t pid)
{
	FILE *file = fopen(map_path, "w");

	fprintf(file, "100 10 ");
	for (int i = 0; i < 3 << 20; i++)
		fputc('x', file);
	fprintf(file, "\n200 10 after\n300 10 nul");
	fwrite("\0\n", 1, 2, file);
	fclose(file);
	check(is_symbol(pid, 0x200, "after", 0), "a line of 3 MiB is passed over");
	check(look_up(pid, 0x100) == PP_UNKNOWN_NO_SYMBOL && look_up(pid, 0x300) == PP_UNKNOWN_NO_SYMBOL, "and one with a NUL");
	renew();
	file = fopen(map_path, "w");
	for (int i = 0; i < 1 << 18; i++)
		fputc(random_below(256), file);
	fclose(file);
	check(look_up(pid, 0x200) != PP_KNOWN, "noise is no map");
}

static void check_owner(uint32_t pid)
{
	renew();
	write_map("w", "1000 10 theirs\n");
	if (chown(map_path, 12345, 12345) < 0)
		abort();
	check(look_up(pid, 0x1000) == PP_UNKNOWN_JIT_REFUSED, "a map of another user");
	check(chown(map_path, NOBODY, NOBODY) == 0 && is_symbol(pid, 0x1000, "theirs", 0), "of the process's own user");
	renew();
	write_map("w", "1000 10 roots\n");
	check(is_symbol(pid, 0x1000, "roots", 0), "of root");
	check(utimensat(AT_FDCWD, map_path, (struct timespec[]){{.tv_sec = 1000}, {.tv_sec = 1000}}, 0) == 0,
	      "a map that is older than the process");
	pp_symbolizer_free(symbolizer);
	if (pp_symbolizer_new(0, &symbolizer, &err) < 0)
		abort();
	check(look_up(pid, 0x1000) == PP_UNKNOWN_JIT_ABSENT, "is of one before it");
	renew();
	check(symlink("/etc/passwd", map_path) == 0 && look_up(pid, 0x1000) == PP_UNKNOWN_JIT_REFUSED, "a link");
	renew();
	check(mkfifo(map_path, 0666) == 0 && look_up(pid, 0x1000) == PP_UNKNOWN_JIT_REFUSED, "a fifo does not block");
	renew();
	check(mkdir(map_path, 0777) == 0 && look_up(pid, 0x1000) == PP_UNKNOWN_JIT_REFUSED, "a folder");
	rmdir(map_path);
	renew();
}

static void check_ended(uint32_t pid)
{
	write_map("w", "1000 10 kept\n");
	if (chown(map_path, NOBODY, NOBODY) < 0 || look_up(pid, 0x1000) != PP_KNOWN)
		abort();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check(is_symbol(pid, 0x1001, "kept", 1) && look_up(pid, 0x2000) == PP_UNKNOWN_NO_SYMBOL,
	      "when the process has ended it is kept");
	pp_symbolizer_free(symbolizer);
	if (pp_symbolizer_new(0, &symbolizer, &err) < 0)
		abort();
	check(look_up(pid, 0x1000) == PP_UNKNOWN_JIT_REFUSED, "read after the end it is not believed: whose was it?");
	check(chown(map_path, 0, 0) == 0 && look_up(pid, 0x1000) == PP_KNOWN, "unless it is root's");
	renew();
}

static pid_t start_nobody(void)
{
	int ends[2];
	char byte = 0;
	pid_t pid;

	if (pipe(ends) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 || write(ends[1], "", 1) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	if (read(ends[0], &byte, 1) != 1)
		abort();
	close(ends[0]);
	close(ends[1]);
	return pid;
}

/* A process that is 1 in its own pid namespace, and has a /tmp of its own. */
static int contained(void *ends)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", "/tmp", "tmpfs", 0, NULL) < 0)
		return 1;
	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", getpid());
	write_map("w", "1000 10 contained\n");
	if (write(((int *)ends)[1], "", 1) < 0)
		return 1;
	pause();
	return 0;
}

static void check_namespace(void)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe(ends) < 0)
		abort();
	pid = clone(contained, stack + sizeof(stack), CLONE_NEWNS | CLONE_NEWPID | SIGCHLD, ends);
	close(ends[1]);
	if (pid < 0 || read(ends[0], &byte, 1) != 1)
		printf("# no namespaces here: not checked\n");
	else
		check(is_symbol(pid, 0x1004, "contained", 4), "a map in a container: %s", name);
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

int main(void)
{
	pid_t pid;

	if (geteuid() != 0)
		check_skip("needs root");
	check_ranges();
	if (pp_symbolizer_new(0, &symbolizer, &err) < 0)
		return 1;
	pid = start_nobody();
	snprintf(map_path, sizeof(map_path), "/tmp/perf-%d.map", pid);
	check_lines(pid);
	check_damage(pid);
	check_owner(pid);
	check_ended(pid);
	check_namespace();
	pp_symbolizer_free(symbolizer);
	return check_done();
}
