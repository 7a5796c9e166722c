/* SPDX-License-Identifier: MIT */
/*
 * What some recordings are of: touches fresh pages, writes a variable, works and sleeps, in functions of their own. Without libc,
 * so that its stacks are its own; make.sh builds it, and what they need to be named is in .debug.
 */
#define PAGE 4096

static volatile char pages[32 * PAGE];
volatile long watched;

static long call(long number, long first, long second)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
	return result;
}

__attribute__((noinline)) static void touch_many(void)
{
	for (int i = 0; i < 20; i++)
		pages[i * PAGE] = 1;
	for (int i = 0; i < 40; i++)
		watched = i;
}

__attribute__((noinline)) static void touch_few(void)
{
	for (int i = 24; i < 29; i++)
		pages[i * PAGE] = 1;
	watched = 7;
}

__attribute__((noinline)) static void work(void)
{
	for (volatile long i = 0; i < 20000000; i++)
		;
}

__attribute__((noinline)) static void rest(void)
{
	const long time[2] = {0, 2000000};

	for (int i = 0; i < 3; i++)
		call(35, (long)time, 0); /* nanosleep */
}

__attribute__((noinline)) static void run(void)
{
	touch_many();
	touch_few();
	rest();
	work();
}

void _start(void)
{
	run();
	call(60, 0, 0); /* exit */
	__builtin_unreachable();
}
