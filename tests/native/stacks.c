/* SPDX-License-Identifier: MIT */
/*
 * Makes system calls from places whose stacks are known: `stacks MODE N` calls getppid N times by MODE's way and ends; `stacks nr`
 * prints the number of that system call. The tests say for each which functions must be found, innermost first, and compile this
 * with frame pointers, without, and stripped.
 *
 *   stacks tree N       main -> a -> b -> c -> call_kernel
 *   stacks recursion N  main -> again, five times -> call_kernel
 *   stacks static N     main -> hidden (static) -> call_kernel
 *   stacks tail N       main -> jumps (which goes to target by a jump, and leaves no frame) -> target -> call_kernel
 *   stacks plt N        main -> qsort of libc -> compare -> call_kernel
 *   stacks signal N     main -> raiser -> the signal's frame -> handler -> call_kernel
 *   stacks stay N       reads a line from stdin, then `tree`, then stays until it is killed
 *   stacks spawn N      N children one after the other, each of which execs `stacks tree 1` and lives a few ms
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone, noipa))

static volatile long calls;

/* Where compilers may leave out a leaf's frame, also with -fno-omit-frame-pointer: this function has one. */
#define FRAME() __asm__ volatile("" : : "r"(__builtin_frame_address(0)))

/* The system call's instruction stands in this very function. Its callers have something left to do, so none calls by a jump. */
NOINLINE void call_kernel(void)
{
	FRAME();
#if defined(__x86_64__)
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(SYS_getppid) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = SYS_getppid;
	register long result __asm__("x0");

	__asm__ volatile("svc 0" : "=r"(result) : "r"(number) : "memory");
#endif
	calls += result != 0;
}

NOINLINE void c(void)
{
	call_kernel();
	calls++;
}

NOINLINE void b(void)
{
	c();
	calls++;
}

NOINLINE void a(void)
{
	b();
	calls++;
}

NOINLINE void again(int depth)
{
	if (depth > 1)
		again(depth - 1);
	else
		call_kernel();
	calls++;
}

static NOINLINE void hidden(void)
{
	call_kernel();
	calls++;
}

NOINLINE void target(void)
{
	call_kernel();
	calls++;
}

NOINLINE void jumps(void)
{
	target();
}

NOINLINE int compare(const void *one, const void *other)
{
	call_kernel();
	calls++;
	return *(const int *)one - *(const int *)other;
}

NOINLINE void plt(void)
{
	int two[2] = {2, 1};

	qsort(two, 2, sizeof(two[0]), compare);
	calls += two[0];
}

NOINLINE void handler(int signal)
{
	call_kernel();
	calls += signal;
}

/* The instruction that raises: the signal arrives right behind it, in this function. */
NOINLINE void raiser(void)
{
	FRAME();
	const long pid = getpid();
#if defined(__x86_64__)
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(SYS_kill), "D"(pid), "S"(SIGUSR1) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = SYS_kill;
	register long result __asm__("x0") = pid;
	register long which __asm__("x1") = SIGUSR1;

	__asm__ volatile("svc 0" : "+r"(result) : "r"(number), "r"(which) : "memory");
#endif
	calls += result;
}

static NOINLINE void recursion(void)
{
	again(5);
	calls++;
}

static void spawn(const char *self)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		execl(self, "stacks", "tree", "1", NULL);
		_exit(127);
	}
	waitpid(child, &status, 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*work)(void);
	} modes[] = {{"tree", a},  {"recursion", recursion}, {"static", hidden}, {"tail", jumps},
		     {"plt", plt}, {"signal", raiser},	     {"stay", a}};
	const int count = argc > 2 ? atoi(argv[2]) : 0;
	void (*volatile work)(void) = NULL;

	if (count > 0 && !strcmp(argv[1], "spawn")) {
		for (int i = 0; i < count; i++)
			spawn("/proc/self/exe");
		return 0;
	}
	for (size_t i = 0; count > 0 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name))
			work = modes[i].work;
	if (argc == 2 && !strcmp(argv[1], "nr"))
		return printf("%d\n", SYS_getppid) < 0;
	if (!work) {
		fprintf(stderr, "usage: stacks nr | tree|recursion|static|tail|plt|signal|stay|spawn N\n");
		return 2;
	}
	signal(SIGUSR1, handler);
	const bool stays = !strcmp(argv[1], "stay");

	while (stays && getchar() > '\n')
		;
	for (int i = 0; i < count; i++)
		work();
	while (stays)
		pause();
	return 0;
}
