/* SPDX-License-Identifier: MIT */
/*
 * Unwinding: the stacks that stack_sample takes of itself must come out to the frame, and those of them that are cut short or
 * damaged, or unwound by damaged files, must end without harm. What is damaged is so by a seed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "perfprof.h"

#define FRAMES_MAX  256
#define MODULES_MAX 16
#define FUZZ_NS	    UINT64_C(2500000000) /* each of the two ways */

static struct pp_error err;
static char folder[PATH_MAX]; /* of the test programs */

/* libelf forgets memory when a file is damaged. */
PP_API const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libelf.so\nleak:libdw.so\n";
}

/* What stack_sample prints. */
struct sample {
	uint64_t mask, regs[64];
	uint8_t stack[65536];
	uint32_t stack_size;
	uint64_t expected[64], start;
	uint32_t expected_count;
	struct pp_mapping mappings[MODULES_MAX];
	char paths[MODULES_MAX][PATH_MAX];
	uint32_t module_count;
};

struct result {
	uint64_t addresses[FRAMES_MAX];
	int32_t count;
	uint32_t end;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void must(int32_t code, const char *what)
{
	if (code >= 0)
		return;
	check(false, "%s: %d %s", what, code, err.text);
	exit(1);
}

/* ---- samples ---- */

static uint32_t read_words(const char *text, uint64_t *words, uint32_t room)
{
	uint32_t count = 0;
	char *next;

	for (; count < room; text = next) {
		words[count] = strtoull(text, &next, 16);
		if (next == text)
			break;
		count++;
	}
	return count;
}

static void read_line(struct sample *sample, char *line)
{
	uint64_t words[65];
	unsigned byte;

	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, "regs ", 5)) {
		const uint32_t count = read_words(line + 5, words, 65);
		sample->mask = words[0];
		memcpy(sample->regs, words + 1, (count - 1) * sizeof(words[0]));
	} else if (!strncmp(line, "stack ", 6)) {
		for (const char *at = line + 6; sscanf(at, "%2x", &byte) == 1; at += 2)
			sample->stack[sample->stack_size++] = (uint8_t)byte;
	} else if (!strncmp(line, "expected ", 9)) {
		sample->expected_count = read_words(line + 9, sample->expected, 64);
	} else if (!strncmp(line, "start ", 6)) {
		read_words(line + 6, &sample->start, 1);
	} else if (!strncmp(line, "module ", 7) && sample->module_count < MODULES_MAX) {
		struct pp_mapping *mapping = &sample->mappings[sample->module_count];
		mapping->pid = (uint32_t)getpid();
		sscanf(line, "module %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNu64 " %u %u %4095[^\n]", &mapping->start,
		       &mapping->end, &mapping->pgoff, &mapping->inode, &mapping->major, &mapping->minor,
		       sample->paths[sample->module_count++]);
	}
}

static struct sample *take(const char *kind)
{
	static struct sample sample;
	static char line[1 << 18];
	char command[PATH_MAX + 64];

	sample = (struct sample){0};
	snprintf(command, sizeof(command), "%s/stack_sample %s", folder, kind);
	FILE *out = popen(command, "re");
	while (out && fgets(line, sizeof(line), out))
		read_line(&sample, line);
	const int status = out ? pclose(out) : -1;
	if (status >= 0 && WEXITSTATUS(status) == CHECK_SKIP)
		check_skip("perf_event_open is not allowed here");
	if (status != 0 || sample.module_count == 0) {
		check(false, "stack_sample %s: status %d", kind, status);
		exit(1);
	}
	return &sample;
}

/* ---- unwinding ---- */

static void enter_space(struct pp_symbolizer *symbolizer, const struct sample *sample)
{
	struct pp_module modules[MODULES_MAX] = {0};

	for (uint32_t i = 0; i < sample->module_count; i++) {
		const struct pp_mapping *mapping = &sample->mappings[i];
		const int32_t dso = pp_dso_open(symbolizer, mapping, sample->paths[i], &err);
		must(dso, "pp_dso_open");
		modules[i] =
		    (struct pp_module){.start = mapping->start, .end = mapping->end, .pgoff = mapping->pgoff, .dso = (uint32_t)dso};
	}
	must(pp_unwind_space(symbolizer, modules, sample->module_count, &err), "pp_unwind_space");
}

/* A copy of exactly the stack's bytes, so that the sanitizer sees a read beyond them. */
static struct result unwind(struct pp_symbolizer *symbolizer, const struct sample *sample, uint32_t stack_size, uint32_t max)
{
	uint8_t *stack = malloc(stack_size ? stack_size : 1);
	uint64_t *addresses = malloc(max * sizeof(*addresses));
	struct result result = {0};

	memcpy(stack, sample->stack, stack_size);
	result.count = pp_unwind(symbolizer, sample->regs, sample->mask, stack, stack_size, addresses, max, &result.end, &err);
	must(result.count, "pp_unwind");
	memcpy(result.addresses, addresses, (uint32_t)result.count * sizeof(*addresses));
	free(addresses);
	free(stack);
	return result;
}

/* Are the expected addresses there, in their order? `others` counts what is there besides. */
static bool has_expected(const struct sample *sample, const struct result *result, uint32_t *others)
{
	uint32_t found = 0;

	for (int32_t i = 0; i < result->count; i++)
		found += found < sample->expected_count && result->addresses[i] == sample->expected[found];
	*others = (uint32_t)result->count - found;
	return found == sample->expected_count;
}

/* One whole stack. `others`: the ip, what the C library has between main and _start, and what the kind has besides. */
static void test_whole(const char *kind, uint32_t most_others)
{
	const struct sample *sample = take(kind);
	struct pp_symbolizer *symbolizer;
	uint32_t others;

	must(pp_symbolizer_new(0, &symbolizer, &err), "pp_symbolizer_new");
	enter_space(symbolizer, sample);
	const struct result result = unwind(symbolizer, sample, sample->stack_size, FRAMES_MAX);
	const uint64_t last = result.addresses[result.count - 1];
	check(result.end == PP_UNWOUND_WHOLE, "%s: whole", kind);
	check(has_expected(sample, &result, &others), "%s: the calls that were made", kind);
	check(others <= most_others, "%s: %u frames besides", kind, others);
	check(sample->start == 0 || last - sample->start < 64, "%s: up to _start", kind);
	pp_symbolizer_free(symbolizer);
}

/* The copy has the stack that the handler runs on, and the registers it saved, but not the stack that it interrupted. */
static void test_signal_stack(void)
{
	const struct sample *sample = take("altstack");
	struct pp_symbolizer *symbolizer;

	must(pp_symbolizer_new(0, &symbolizer, &err), "pp_symbolizer_new");
	enter_space(symbolizer, sample);
	const struct result result = unwind(symbolizer, sample, sample->stack_size, FRAMES_MAX);
	check(result.end == PP_UNWOUND_CUT && result.count == 4, "altstack: cut after what was interrupted, %d frames",
	      result.count);
	pp_symbolizer_free(symbolizer);
}

/* Every shorter copy of the stack gives a beginning of the same frames. */
static void test_cut(void)
{
	const struct sample *sample = take("calls");
	struct pp_symbolizer *symbolizer;
	bool same = true, told = true;

	must(pp_symbolizer_new(0, &symbolizer, &err), "pp_symbolizer_new");
	enter_space(symbolizer, sample);
	const struct result whole = unwind(symbolizer, sample, sample->stack_size, FRAMES_MAX);
	for (uint32_t size = 0; size < 1024; size += 4) {
		const struct result cut = unwind(symbolizer, sample, size, FRAMES_MAX);
		same &= cut.count <= whole.count && !memcmp(cut.addresses, whole.addresses, (uint32_t)cut.count * 8);
		told &= cut.end == (cut.count == whole.count ? PP_UNWOUND_WHOLE : PP_UNWOUND_CUT);
	}
	check(same, "a copy that is cut short: the same frames, as many as it has");
	check(told, "which is told");
	for (int32_t max = 1; max <= whole.count; max++) {
		const struct result few = unwind(symbolizer, sample, sample->stack_size, (uint32_t)max);
		same &= few.count == max && few.end == (max == whole.count ? PP_UNWOUND_WHOLE : PP_UNWOUND_CUT);
	}
	check(same, "no more frames than asked for");
	must(pp_unwind_space(symbolizer, NULL, 0, &err), "pp_unwind_space");
	const struct result lost = unwind(symbolizer, sample, sample->stack_size, FRAMES_MAX);
	check(lost.count == 1 && lost.addresses[0] == whole.addresses[0] && lost.end == PP_UNWOUND_LOST,
	      "no modules: the ip, lost");
	pp_symbolizer_free(symbolizer);
}

static void test_arguments(void)
{
	const struct pp_module modules[] = {{.start = 4096, .end = 8192}, {.start = 8191, .end = 9000}};
	const uint64_t regs[64] = {0};
	struct pp_symbolizer *symbolizer;
	uint64_t address;
	uint32_t end;

	must(pp_symbolizer_new(0, &symbolizer, &err), "pp_symbolizer_new");
	check(pp_unwind_space(symbolizer, modules, 2, &err) == PP_E_ARG, "modules that overlap are refused");
	check(pp_unwind(symbolizer, regs, 1, NULL, 0, &address, 1, &end, &err) == PP_E_ARG, "registers without ip and sp, too");
	check(pp_unwind(symbolizer, regs, UINT64_MAX, NULL, 0, &address, 0, &end, &err) == PP_E_ARG, "and no room");
	check(pp_unwind(symbolizer, regs, UINT64_MAX, NULL, 0, &address, 1, &end, &err) == 1, "an empty stack is none");
	pp_symbolizer_free(symbolizer);
}

/* ---- speed ---- */

static void measure(void)
{
	const struct sample *sample = take("recursion");
	struct pp_symbolizer *symbolizer;
	const uint64_t start = now_ns();

	must(pp_symbolizer_new(0, &symbolizer, &err), "pp_symbolizer_new");
	enter_space(symbolizer, sample);
	struct result result = unwind(symbolizer, sample, sample->stack_size, 20);
	const uint64_t first = now_ns();
	for (uint32_t i = 0; i < 2000; i++)
		result = unwind(symbolizer, sample, sample->stack_size, 20);
	check(result.count == 20, "20 frames: the first time %" PRIu64 " us, then %" PRIu64 " ns (with the sanitizers)",
	      (first - start) / 1000, (now_ns() - first) / 2000);
	pp_symbolizer_free(symbolizer);
}

/* ---- damage ---- */

static uint32_t random_below(uint64_t *seed, uint32_t limit)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*seed >> 33) % limit;
}

/* What a sample may hold: small numbers, its own words, addresses of the stack and of code. */
static uint64_t random_word(uint64_t *seed, const struct sample *sample)
{
	uint64_t word;

	switch (random_below(seed, 5)) {
	case 0:
		return random_below(seed, 256);
	case 1:
		memcpy(&word, sample->stack + random_below(seed, sample->stack_size - 8), sizeof(word));
		return word;
	case 2:
		return sample->regs[7] + random_below(seed, 2 * sample->stack_size);
	case 3:
		return sample->mappings[0].start + random_below(seed, 8192);
	default:
		return (uint64_t)random_below(seed, UINT32_MAX) << 32 | random_below(seed, UINT32_MAX);
	}
}

static void test_damaged_samples(void)
{
	static struct sample damaged;
	const struct sample *sample = take("signal");
	struct pp_symbolizer *symbolizer;
	uint64_t seed = 1;
	uint32_t rounds = 0;
	bool sane = true;

	must(pp_symbolizer_new(0, &symbolizer, &err), "pp_symbolizer_new");
	enter_space(symbolizer, sample);
	for (const uint64_t end = now_ns() + FUZZ_NS; now_ns() < end; rounds++) {
		memcpy(&damaged, sample, sizeof(damaged));
		for (uint32_t i = random_below(&seed, 100); i > 0; i--) {
			const uint64_t word = random_word(&seed, sample);
			memcpy(damaged.stack + random_below(&seed, 4096) / 8 * 8, &word, sizeof(word));
		}
		for (uint32_t i = random_below(&seed, 3); i > 0; i--)
			damaged.regs[random_below(&seed, 20)] = random_word(&seed, sample);
		const struct result result =
		    unwind(symbolizer, &damaged, random_below(&seed, damaged.stack_size), 1 + random_below(&seed, FRAMES_MAX));
		sane &= result.count >= 1 && result.end <= PP_UNWOUND_LOST;
	}
	check(sane && rounds > 100, "%u damaged samples", rounds);
	pp_symbolizer_free(symbolizer);
}

static uint32_t read_file(const char *path, uint8_t **bytes)
{
	struct stat stat;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &stat) != 0)
		exit(1);
	*bytes = malloc((size_t)stat.st_size);
	const ssize_t size = read(fd, *bytes, (size_t)stat.st_size);
	close(fd);
	return (uint32_t)size;
}

static void write_file(const char *path, const uint8_t *bytes, uint32_t size)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		exit(1);
	close(fd);
}

/* Damage to bytes of one region: headers, the unwind tables, or anything. */
static uint32_t damage(uint64_t *seed, uint8_t *bytes, uint32_t size)
{
	const uint32_t start = random_below(seed, size), length = 1 + random_below(seed, 4096);

	for (uint32_t i = 1 + random_below(seed, 30); i > 0; i--) {
		const uint32_t at = (start + random_below(seed, length)) % size;
		bytes[at] = random_below(seed, 2) ? (uint8_t)random_below(seed, 256) : bytes[at] ^ 1 << random_below(seed, 8);
	}
	return random_below(seed, 10) ? size : random_below(seed, size);
}

static void test_damaged_files(void)
{
	static struct sample sample;
	static char json[1 << 20];
	uint8_t *bytes, *damaged;
	uint64_t seed = 2;
	uint32_t rounds = 0;
	bool sane = true;

	memcpy(&sample, take("calls"), sizeof(sample));
	const uint32_t size = read_file(sample.paths[0], &bytes);
	damaged = malloc(size);
	snprintf(sample.paths[0], sizeof(sample.paths[0]), "/tmp/perfprof-unwind-%d", (int)getpid());
	sample.mappings[0].inode = 0;
	for (const uint64_t end = now_ns() + FUZZ_NS; now_ns() < end; rounds++) {
		struct pp_symbolizer *symbolizer;
		memcpy(damaged, bytes, size);
		write_file(sample.paths[0], damaged, damage(&seed, damaged, size));
		must(pp_symbolizer_new(0, &symbolizer, &err), "pp_symbolizer_new");
		enter_space(symbolizer, &sample);
		const struct result result = unwind(symbolizer, &sample, sample.stack_size, FRAMES_MAX);
		sane &= result.count >= 1 && result.end <= PP_UNWOUND_LOST;
		for (uint32_t i = 0; i < sample.expected_count; i++) {
			const uint64_t offset = sample.expected[i] - 1 - sample.mappings[0].start + sample.mappings[0].pgoff;
			sane &= pp_dso_lines(symbolizer, 0, offset, json, sizeof(json), &err) >= 2;
		}
		pp_symbolizer_free(symbolizer);
	}
	unlink(sample.paths[0]);
	check(sane && rounds > 20, "%u damaged files", rounds);
	free(damaged);
	free(bytes);
}

int main(void)
{
	const ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);

	*strrchr(folder, '/') = length > 0 ? '\0' : '/';
	test_arguments();
	test_whole("calls", 3);
	test_whole("recursion", 3);
	test_whole("qsort", 8);
	test_whole("syscall", 4);
	test_whole("vdso", 5);
	test_whole("signal", 8);
	test_whole("jit", 4);
	test_whole("thread", 3);
	test_signal_stack();
	test_cut();
	measure();
	test_damaged_samples();
	test_damaged_files();
	return check_done();
}
