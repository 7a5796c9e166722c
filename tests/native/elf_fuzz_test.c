/* SPDX-License-Identifier: MIT */
/* Damaged files: thousands of mutants of small ELF files are read as if they were mapped. None may crash, hang, or take memory
 * beyond the limits; the sanitizers watch. The seed is fixed, so that a failure comes again. */
#include <elf.h>
#include <time.h>

#include "check.h"
#include "demangle.h"
#include "elf_fixture.h"
#include "symbolizer.h"

#define MUTANTS 3000

/* Read by the sanitizer at its start: a larger allocation ends the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=512:allocator_may_return_null=0";
}

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t random_extreme(void)
{
	static const uint64_t extremes[] = {0,		1,	    7,	       0xff,	       0xffff,	  0x7fffffff,
					    0xffffffff, 1ull << 40, INT64_MAX, UINT64_MAX - 7, UINT64_MAX};

	return extremes[random_number() % (sizeof(extremes) / sizeof(extremes[0]))];
}

static uint8_t *load(const char *program, size_t *size)
{
	FILE *file = fopen(in_folder(program), "r");
	uint8_t *data;

	if (!file || fseek(file, 0, SEEK_END) < 0)
		abort();
	*size = ftell(file);
	rewind(file);
	data = malloc(*size);
	if (!data || fread(data, 1, *size, file) != *size)
		abort();
	fclose(file);
	return data;
}

/* A field of the ELF header, of a section's or of a segment's, where most of the damage is done. */
static size_t random_header_byte(const uint8_t *data, size_t size)
{
	const Elf64_Ehdr *header = (const void *)data;

	switch (random_number() % 3) {
	case 0:
		return random_number() % sizeof(*header);
	case 1:
		return (header->e_shoff + random_number() % (header->e_shnum * sizeof(Elf64_Shdr))) % size;
	default:
		return (header->e_phoff + random_number() % (header->e_phnum * sizeof(Elf64_Phdr))) % size;
	}
}

static void damage(const uint8_t *original, uint8_t *data, size_t *size)
{
	size_t whole = *size;

	for (int times = 1 + random_number() % 4; times > 0; times--) {
		size_t at = random_number() % 2 ? random_header_byte(original, whole) : random_number() % whole;
		uint64_t value = random_extreme();

		switch (random_number() % 4) {
		case 0:
			data[at] ^= 1 << random_number() % 8;
			break;
		case 1:
			data[at] = random_number();
			break;
		case 2:
			at &= ~7ull;
			memcpy(data + at, &value, whole - at < 8 ? whole - at : 8);
			break;
		default:
			if (random_number() % 4 == 0)
				*size = random_number() % (whole + 1);
		}
	}
}

/* All that is done with a file. */
static void read_mutant(const uint8_t *data, size_t size)
{
	struct pp_dso dso = {.path = "/none", .mapping = {.start = 1, .end = 2}, .fd = -1};
	struct pp_image image = {.fd = -1, .data = data, .size = size};
	uint64_t offset;

	if (pp_dso_load(&dso, &image) < 0)
		abort();
	for (int i = 0; dso.table && i < 50; i++)
		pp_dso_find(&dso, i < 40 ? random_number() % (size + 64) : random_extreme(), &offset);
	pp_dso_unload(&dso);
}

static void check_mutants(const char *program)
{
	size_t size, cut;
	uint8_t *original = load(program, &size);
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < MUTANTS; i++) {
		/* A copy of just its size: one byte beyond it is seen. */
		uint8_t *data = malloc(size);

		memcpy(data, original, size);
		cut = size;
		damage(original, data, &cut);
		read_mutant(data, cut);
		free(data);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	check(end.tv_sec - start.tv_sec < 30, "%s: %d mutants of %zu bytes in %ld ms", program, MUTANTS, size,
	      (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
	free(original);
}

/* A name each of whose arguments has the one before it twice, some 2^32 parts in all. */
static void write_doubling(char *mangled, const char *expansion)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char *at = mangled + sprintf(mangled, "_Z1fI%s1BI1AIiES0_IS1_S1_E", expansion);

	for (int i = 3; i < 35; i++)
		at += sprintf(at, "S0_IS%c_S%c_E", digits[i], digits[i]);
	strcpy(at, "EEvv");
}

/* Names that libiberty takes apart by recursion, and noise. */
static void check_demangling(void)
{
	static const char letters[] = "_ZRNIEKPSTLBCDFGH0123456789abcdefijlmstvwxyz";
	static char mangled[4096];

	for (int i = 0; i < 20000; i++) {
		size_t length = 2 + random_number() % (i % 10 ? 60 : sizeof(mangled) - 8);

		strcpy(mangled, i % 2 ? "_Z" : "_R");
		for (size_t at = 2; at < length; at++)
			mangled[at] = i % 3 ? letters[random_number() % (sizeof(letters) - 1)] : letters[random_number() % 8];
		mangled[length] = '\0';
		free(pp_demangle(mangled));
	}
	strcpy(mangled, "_Z1fI");
	memset(mangled + 5, 'P', 900);
	strcpy(mangled + 905, "iEvv");
	free(pp_demangle(mangled));
	memset(mangled + 2, 'N', 4000);
	check(!pp_demangle(mangled), "hostile names are left as they are");
	write_doubling(mangled, "");
	check(!pp_demangle(mangled), "so is one that doubles 32 times");
	write_doubling(mangled, "Dp");
	check(!pp_demangle(mangled), "with a pack expansion, too");
}

int main(void)
{
	make_folder();
	if (!check(run("strip -o stripped pie && cc -o fixed -O1 -no-pie -fno-pie fixture.c"), "programs to damage"))
		return 1;
	check_mutants("pie");
	check_mutants("fixed");
	check_mutants("stripped");
	if (run("command -v xz && xz -k pie && strip -o packed pie && objcopy --add-section .gnu_debugdata=pie.xz packed"))
		check_mutants("packed");
	else
		printf("# no xz: .gnu_debugdata is not damaged\n");
	check_demangling();
	remove_folder();
	return check_done();
}
