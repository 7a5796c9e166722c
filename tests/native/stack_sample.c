/* SPDX-License-Identifier: MIT */
/*
 * Takes one sample of its own user registers and stack, in a call tree that it knows, and prints it for the tests that unwind it:
 *
 *   stack_sample calls | recursion | qsort | syscall | vdso | signal | altstack | jit | thread
 *
 *   regs MASK VALUE...     PERF_SAMPLE_REGS_USER, hexadecimal
 *   stack HEX              PERF_SAMPLE_STACK_USER
 *   expected ADDRESS...    return addresses that must be found, innermost first; between them may be others
 *   start ADDRESS          the function that no other calls: _start, or that of a thread
 *   module START END PGOFF INODE MAJOR MINOR PATH
 *
 * It is compiled as distributions compile theirs: -O2, which leaves frame pointers out. What is sampled is a page fault, which
 * comes at an exact instruction. Exit status 77: this machine cannot take one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__aarch64__)
#define MASK ((UINT64_C(1) << 33) - 1) /* x0 .. x30, sp, pc */
#else
#define MASK UINT64_C(0xff0fff) /* all but ds, es, fs, gs, which the kernel does not tell */
#endif
#define STACK_SIZE 16384
#define RING_PAGES 16
#define KNOWN_MAX  64
/* Things are to happen after a call, or it would be a jump. */
#define AFTERWARDS() __asm__ volatile("" ::: "memory")

extern void _start(void);

static uint64_t known[KNOWN_MAX], start_address = (uint64_t)(uintptr_t)_start;
static uint32_t known_count;
static int event = -1;
static uint8_t *ring;
static char *page; /* not there until it is touched */

#define RECORD_RETURN() (known[known_count++] = (uint64_t)(uintptr_t)__builtin_return_address(0))

/* ---- the call trees ---- */

static __attribute__((noinline)) void touch(void)
{
	RECORD_RETURN();
	*(volatile char *)page = 1;
	AFTERWARDS();
}

static __attribute__((noinline)) int by_qsort(const void *a, const void *b)
{
	static bool called;

	if (!called) {
		called = true;
		RECORD_RETURN(); /* to libc, which has no frame pointers either */
		touch();
	}
	return *(const int *)a - *(const int *)b;
}

static void on_signal(int number)
{
	(void)number;
	touch();
	AFTERWARDS();
}

static __attribute__((noinline)) void recurse(uint32_t depth)
{
	RECORD_RETURN();
	if (depth > 0)
		recurse(depth - 1);
	else
		touch();
	AFTERWARDS();
}

static void call_signal(bool alternate)
{
	static char alternate_stack[65536];
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = alternate ? SA_ONSTACK : 0};
	const stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof(alternate_stack)};

	if (alternate)
		sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

/* Calls `function` from code that is in no file, and has a frame pointer. */
static void call_by_jit(void (*function)(void))
{
#if defined(__aarch64__)
	/* stp x29, x30, [sp, #-16]!; mov x29, sp; blr x0; ldp x29, x30, [sp], #16; ret */
	static const uint32_t code[] = {0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd, 0xd65f03c0};
#else
	/* push %rbp; mov %rsp, %rbp; call *%rdi; pop %rbp; ret */
	static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
#endif
	char *place = mmap(NULL, sizeof(code), PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(place, code, sizeof(code));
	__builtin___clear_cache(place, place + sizeof(code));
	((void (*)(void (*)(void)))place)(function);
	AFTERWARDS();
}

static __attribute__((noinline)) void innermost(const char *kind)
{
	int numbers[] = {3, 1, 2};

	RECORD_RETURN();
	if (!strcmp(kind, "recursion"))
		recurse(30);
	else if (!strcmp(kind, "qsort"))
		qsort(numbers, 3, sizeof(numbers[0]), by_qsort);
	else if (!strcmp(kind, "syscall")) /* the kernel writes to the page */
		(void)!read(open("/dev/zero", O_RDONLY | O_CLOEXEC), page, 1);
	else if (!strcmp(kind, "vdso"))
		clock_gettime(CLOCK_MONOTONIC, (struct timespec *)page);
	else if (!strcmp(kind, "signal") || !strcmp(kind, "altstack"))
		call_signal(!strcmp(kind, "altstack"));
	else if (!strcmp(kind, "jit"))
		call_by_jit(touch);
	else
		touch();
	AFTERWARDS();
}

static __attribute__((noinline)) void middle(const char *kind)
{
	char room[300]; /* a frame of more than a few words */

	RECORD_RETURN();
	__asm__ volatile("" ::"r"(room) : "memory");
	innermost(kind);
	AFTERWARDS();
}

static __attribute__((noinline)) void outermost(const char *kind)
{
	RECORD_RETURN();
	ioctl(event, PERF_EVENT_IOC_ENABLE, 0);
	middle(kind);
	ioctl(event, PERF_EVENT_IOC_DISABLE, 0);
}

/* ---- the sample ---- */

static void open_event(void)
{
	struct perf_event_attr attr = {
	    .type = PERF_TYPE_SOFTWARE,
	    .size = sizeof(attr),
	    .config = PERF_COUNT_SW_PAGE_FAULTS,
	    .sample_period = 1,
	    .sample_type = PERF_SAMPLE_ADDR | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
	    .sample_regs_user = MASK,
	    .sample_stack_user = STACK_SIZE,
	    .disabled = 1,
	    .wakeup_events = 1,
	};
	const size_t page_size = (size_t)sysconf(_SC_PAGESIZE);

	event = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (event >= 0)
		ring = mmap(NULL, (RING_PAGES + 1) * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
	if (event < 0 || ring == MAP_FAILED) {
		printf("skip perf_event_open: %s\n", strerror(errno));
		exit(77);
	}
}

static void print_words(const char *name, const uint8_t *bytes, uint64_t count)
{
	printf("%s", name);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t word;
		memcpy(&word, bytes + 8 * i, sizeof(word));
		printf(" %" PRIx64, word);
	}
	putchar('\n');
}

/* A sample at the page: u64 addr, abi, regs[], size, stack[size], dyn_size (perf_event_open(2)). */
static bool print_sample(const uint8_t *sample)
{
	const uint64_t reg_count = (uint64_t)__builtin_popcountll(MASK);
	uint64_t address, size;

	memcpy(&address, sample, sizeof(address));
	if (address != (uint64_t)(uintptr_t)page)
		return false;
	printf("regs %" PRIx64, MASK);
	print_words("", sample + 16, reg_count);
	sample += 16 + 8 * reg_count;
	memcpy(&size, sample, sizeof(size));
	memcpy(&size, sample + 8 + size, sizeof(size));
	printf("stack ");
	for (uint64_t i = 0; i < size; i++)
		printf("%02x", sample[8 + i]);
	putchar('\n');
	return true;
}

static bool print_samples(void)
{
	const struct perf_event_mmap_page *head = (const void *)ring;
	const uint8_t *data = ring + sysconf(_SC_PAGESIZE);

	for (uint64_t at = 0; at < __atomic_load_n(&head->data_head, __ATOMIC_ACQUIRE);) {
		struct perf_event_header header;
		memcpy(&header, data + at, sizeof(header));
		if (header.type == PERF_RECORD_SAMPLE && print_sample(data + at + sizeof(header)))
			return true;
		at += header.size;
	}
	return false;
}

static void print_modules(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[8192], rights[8], path[4096];
	uint64_t start, end, pgoff, inode;
	unsigned major, minor;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %" SCNu64 " %4095[^\n]", &start, &end, rights,
			   &pgoff, &major, &minor, &inode, path) == 8 &&
		    strchr(rights, 'x') && (path[0] == '/' || !strcmp(path, "[vdso]")))
			printf("module %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIu64 " %u %u %s\n", start, end, pgoff, inode, major,
			       minor, path);
	}
	if (maps)
		fclose(maps);
}

static void *thread_main(void *kind)
{
	known_count = 0;
	start_address = 0; /* clone3, which has no name outside of libc */
	open_event();
	RECORD_RETURN();
	outermost(kind);
	return NULL;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "calls";
	pthread_t thread;

	page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	RECORD_RETURN();
	if (!strcmp(kind, "thread")) {
		pthread_create(&thread, NULL, thread_main, (void *)kind);
		pthread_join(thread, NULL);
	} else {
		open_event();
		outermost(kind);
	}
	if (!print_samples()) {
		fprintf(stderr, "stack_sample: no sample\n");
		return 1;
	}
	printf("expected");
	while (known_count > 0)
		printf(" %" PRIx64, known[--known_count]);
	printf("\nstart %" PRIx64 "\n", start_address);
	print_modules();
	return 0;
}
