/* SPDX-License-Identifier: MIT */
/*
 * Calls functions that probes are put on, each with the numbers 0 to N-1. The functions are never inlined, and one is static.
 *
 *   probed N    N rounds: probed_called, probed_static, probed_text, a system call; and of the markers probed:round and
 * probed:twice (which has two places), where sys/sdt.h was there
 *
 * Ends with one JSON line: {"calls":N,"pid":PID,"markers":true,"listened":ROUNDS}, the last being the rounds in which the semaphore
 * of probed:round said that somebody listens.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int64_t probed_called(int32_t number, int64_t square);
size_t probed_text(const char *text);

/* Something that the compiler must believe in, so that it keeps calls and arguments as they are. */
#define KEEP(value) __asm__ volatile("" : "+r"(value)::"memory")

/* A negative number, of more than 32 bits. */
__attribute__((noipa)) int64_t probed_called(int32_t number, int64_t square)
{
	KEEP(number);
	return -((INT64_C(1) << 40) + number + square);
}

__attribute__((noipa)) static int32_t probed_static(int32_t number)
{
	KEEP(number);
	return -number;
}

__attribute__((noipa)) size_t probed_text(const char *text)
{
	KEEP(text);
	return strlen(text);
}

#if __has_include(<sys/sdt.h>)
#define MARKERS		    1
#define _SDT_HAS_SEMAPHORES 1
#define SEMAPHORE(name)	    unsigned short name __attribute__((section(".probes"), used))
extern unsigned short probed_round_semaphore, probed_twice_semaphore;
#include <sys/sdt.h>
SEMAPHORE(probed_round_semaphore);
SEMAPHORE(probed_twice_semaphore);
#else
#define MARKERS 0
#define DTRACE_PROBE1(provider, name, a)
#define DTRACE_PROBE4(provider, name, a, b, c, d)
static unsigned short probed_round_semaphore;
#endif

int main(int argc, char **argv)
{
	const int32_t calls = argc > 1 ? atoi(argv[1]) : 0;
	int32_t listened = 0;

	for (int32_t i = 0; i < calls; i++) {
		char text[32];

		probed_called(i, (int64_t)i * i);
		probed_static(i);
		snprintf(text, sizeof(text), "text %d", i);
		probed_text(text);
		syscall(SYS_sched_get_priority_max, i);
		listened += *(volatile unsigned short *)&probed_round_semaphore != 0;
		DTRACE_PROBE4(probed, round, -i, (int64_t)i << 32, text, 7);
		DTRACE_PROBE1(probed, twice, i);
		DTRACE_PROBE1(probed, twice, i + 1000);
	}
	printf("{\"calls\":%d,\"pid\":%d,\"markers\":%s,\"listened\":%d}\n", calls, getpid(), MARKERS ? "true" : "false", listened);
	return 0;
}
