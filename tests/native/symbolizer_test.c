/* SPDX-License-Identifier: MIT */
/* Symbols of files: of programs with known symbols, stripped, split, replaced, deleted, in other namespaces. Symbols of the kernel.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "elf_fixture.h"
#include "symbolizer.h"

#define NON_PIE_BASE 0x400000ull
#define NOBODY	     65534

static struct pp_error err;
static struct pp_symbolizer *symbolizer;
static struct pp_symbol symbol;
static char name[4096];

/* A mapping of a file in our own root, with what stat() says of it. */
static struct pp_mapping mapping_of(const char *path)
{
	struct pp_mapping mapping = {.start = 0x7f0000000000, .end = 0x7f0000100000};
	struct stat st;

	if (stat(path, &st) == 0) {
		mapping.inode = st.st_ino;
		mapping.major = major(st.st_dev);
		mapping.minor = minor(st.st_dev);
	}
	return mapping;
}

static int32_t open_file(const char *program)
{
	struct pp_mapping mapping = mapping_of(in_folder(program));

	return pp_dso_open(symbolizer, &mapping, in_folder(program), &err);
}

static uint32_t look_up(int32_t dso, uint64_t offset)
{
	if (pp_dso_symbol(symbolizer, dso, offset, &symbol, name, sizeof(name), &err) < 0)
		abort();
	return symbol.unknown;
}

static bool is_symbol(int32_t dso, uint64_t file_offset, const char *expected, uint64_t offset)
{
	return look_up(dso, file_offset) == PP_KNOWN && !strcmp(name, expected) && symbol.offset == offset;
}

/* ---- which symbol ---- */

static void check_symbols(const char *program, uint64_t base)
{
	int32_t dso = open_file(program);
	uint64_t global = address_of(program, "global_function") - base, label = address_of(program, "label") - base;
	uint64_t shared = address_of(program, "shared") - base, outer = address_of(program, "outer") - base;

	check(dso >= 0 && is_symbol(dso, global, "global_function", 0), "%s: a function's first byte: %s", program, name);
	check(is_symbol(dso, global + 31, "global_function", 31), "and its last");
	check(is_symbol(dso, global + 32, "local_function", 0), "a static function: %s", name);
	check(look_up(dso, global + 64) == PP_UNKNOWN_NO_SYMBOL && symbol.offset == global + 64 && !name[0],
	      "behind its end is none, and the offset is the file's");
	check(look_up(dso, label - 1) == PP_UNKNOWN_NO_SYMBOL, "up to the next");
	check(is_symbol(dso, label + 31, "label", 31) && is_symbol(dso, label + 32, "after_label", 0),
	      "one without a size ends where the next begins: %s", name);
	check(is_symbol(dso, shared + 5, "shared_longer", 5), "of four names: strong, without underscore, the longest: %s", name);
	check(is_symbol(dso, outer + 10, "inner", 2) && is_symbol(dso, outer + 20, "outer", 20) &&
		  is_symbol(dso, outer, "outer", 0),
	      "one inside of another");
	check(look_up(dso, address_of(program, "data_object") - base) == PP_UNKNOWN_NO_SYMBOL, "data is no code");
	check(look_up(dso, 1ull << 40) == PP_UNKNOWN_NO_SYMBOL && look_up(dso, UINT64_MAX) == PP_UNKNOWN_NO_SYMBOL,
	      "behind the end of the file");
	check(open_file(program) == dso, "the same file has the same id");
}

/* Of 32 bits, which takes no more than an assembler that knows them. */
static void check_32_bit(void)
{
	int32_t dso;

	if (!run("printf '.globl _start\\n_start: .skip 16\\n.type f32, @function\\nf32: .skip 16\\n.size f32, 16\\n' >32.s && "
		 "as --32 -o 32.o 32.s && ld -m elf_i386 -o fixed32 32.o")) {
		printf("# no 32-bit assembler: such files are not checked\n");
		return;
	}
	dso = open_file("fixed32");
	check(is_symbol(dso, 0x1017, "f32", 7) && is_symbol(dso, 0x1001, "_start", 1) && look_up(dso, 0x1020) != PP_KNOWN,
	      "a 32-bit program: %s", name);
}

/* The stub is found by disassembling: it is the only call of main. */
static void check_plt(void)
{
#if defined(__x86_64__)
	int32_t dso = open_file("pie");
	uint64_t main_at = address_of("pie", "main");
	uint8_t code[64] = {0};
	int fd = open(in_folder("pie"), O_RDONLY);
	int32_t relative;
	size_t call = 0;

	if (pread(fd, code, sizeof(code) - 4, main_at) < 0)
		abort();
	close(fd);
	while (call < sizeof(code) - 5 && code[call] != 0xe8)
		call++;
	memcpy(&relative, code + call + 1, sizeof(relative));
	check(is_symbol(dso, main_at + call + 5 + relative + 6, "puts@plt", 6), "what main calls: %s", name);
#endif
}

static void check_names(void)
{
	static const char *const demangled[][2] = {
	    {"_ZN2ns3BoxIlE4spinEi", "ns::Box<long>::spin"},
	    {"_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"},
	    {"_RNvC7mycrate3foo", "mycrate::foo"},
	    {"_Znonsense", "_Znonsense"},
	};
	struct pp_symbolizer *plain = symbolizer;

	for (size_t i = 0; i < 4; i++) {
		uint64_t at = address_of("pie", demangled[i][0]);

		check(is_symbol(open_file("pie"), at + 1, demangled[i][1], 1), "%s is %s", demangled[i][0], name);
	}
	if (pp_symbolizer_new(PP_SYMBOLS_MANGLED, &symbolizer, &err) < 0)
		abort();
	for (size_t i = 0; i < 4; i++)
		check(is_symbol(open_file("pie"), address_of("pie", demangled[i][0]), demangled[i][0], 0), "or as it is: %s", name);
	pp_symbolizer_free(symbolizer);
	symbolizer = plain;
	check(pp_dso_symbol(symbolizer, open_file("pie"), address_of("pie", "global_function"), &symbol, name, 5, &err) ==
		      PP_E_SPACE &&
		  err.need == sizeof("global_function"),
	      "a buffer that is too small: %s", err.text);
	check(pp_dso_symbol(symbolizer, 1000, 0, &symbol, name, sizeof(name), &err) == PP_E_ARG, "an id of nothing: %s", err.text);
}

/* ---- where symbols are ---- */

static void check_stripped(void)
{
	uint64_t global = address_of("pie", "global_function");
	int32_t dso;

	if (!check(run("strip -o stripped pie"), "strip"))
		return;
	dso = open_file("stripped");
	check(is_symbol(dso, global + 3, "global_function", 3), "a stripped program has what it exports: %s", name);
	check(look_up(dso, global + 33) == PP_UNKNOWN_STRIPPED, "and says so of the rest");
	check(run("cp stripped bare && dd if=/dev/zero of=bare bs=1 seek=40 count=8 conv=notrunc"), "its section headers cut off");
	check(look_up(open_file("bare"), global) == PP_UNKNOWN_STRIPPED, "without sections it has no symbols");
}

static void check_split(const char *what, const char *flags)
{
	uint64_t local;
	char program[64];

	snprintf(program, sizeof(program), "split-%s", what);
	if (!check(run("cc -o full-%s -O1 -rdynamic %s fixture.c && objcopy --only-keep-debug full-%s twin-%s && "
		       "strip -o split-%s full-%s && objcopy --add-gnu-debuglink=twin-%s split-%s && cp split-%s late-%s",
		       what, flags, what, what, what, what, what, what, what, what),
		   "a program that was split (%s)", what))
		return;
	snprintf(name, sizeof(name), "full-%s", what);
	local = address_of(name, "local_function");
	check(is_symbol(open_file(program), local + 1, "local_function", 1), "has its symbols in the other file: %s", name);
	if (!run("mkdir -p .debug && mv twin-%s .debug", what))
		abort();
	snprintf(program, sizeof(program), "late-%s", what);
	check(is_symbol(open_file(program), local + 1, "local_function", 1), "in the folder .debug as well: %s", name);
	if (!run("cp late-%s other-%s && printf x >>.debug/twin-%s && cc -o .debug/other -O2 -DOTHER fixture.c", what, what, what))
		abort();
	snprintf(program, sizeof(program), "other-%s", what);
	check((look_up(open_file(program), local) == PP_KNOWN) == !strcmp(what, "id"),
	      "an appended byte changes the checksum, and not the build id");
	if (!run("cp late-%s wrong-%s && mv .debug/other .debug/twin-%s", what, what, what))
		abort();
	snprintf(program, sizeof(program), "wrong-%s", what);
	check(look_up(open_file(program), local) == PP_UNKNOWN_STRIPPED, "another program's debug file is not believed");
}

static void check_debugdata(void)
{
	uint64_t local = address_of("pie", "local_function");

	if (!run("command -v xz")) {
		printf("# no xz: .gnu_debugdata is not checked\n");
		return;
	}
	if (!check(run("objcopy -S --only-keep-debug pie mini; nm pie | grep ' [Tt] ' | awk '{print $3}' >keep; "
		       "objcopy --keep-symbols=keep pie mini && xz -k mini && strip -o packed pie && "
		       "objcopy --add-section .gnu_debugdata=mini.xz packed && printf xxxxxxxx | "
		       "dd of=mini.xz bs=1 seek=200 conv=notrunc && strip -o torn pie && "
		       "objcopy --add-section .gnu_debugdata=mini.xz torn"),
		   ".gnu_debugdata"))
		return;
	check(is_symbol(open_file("packed"), local + 1, "local_function", 1), "has the symbols: %s", name);
	check(is_symbol(open_file("packed"), address_of("pie", "global_function"), "global_function", 0), "with the exported: %s",
	      name);
	check(look_up(open_file("torn"), local) == PP_UNKNOWN_STRIPPED, "torn it has none");
}

static void check_build_id(void)
{
	uint8_t id[20], short_id[4];
	int32_t dso = open_file("split-id");
	struct pp_mapping mapping = {.start = 1, .end = 2, .build_id_size = 20};

	check(pp_dso_build_id(symbolizer, dso, id, sizeof(id), &err) == 20 && id[0] == 0x01 && id[19] == 0x20, "a build id");
	check(pp_dso_build_id(symbolizer, dso, short_id, sizeof(short_id), &err) == 4, "as much of it as fits");
	check(pp_dso_build_id(symbolizer, open_file("split-none"), id, sizeof(id), &err) == 0, "a program without");
	memcpy(mapping.build_id, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x20", 20);
	dso = pp_dso_open(symbolizer, &mapping, in_folder("full-id"), &err);
	check(is_symbol(dso, address_of("full-id", "main"), "main", 0), "a mapping that is told by it");
	mapping.build_id[3] ^= 1;
	dso = pp_dso_open(symbolizer, &mapping, in_folder("full-id"), &err);
	check(look_up(dso, 0x1000) == PP_UNKNOWN_REPLACED, "another build id: replaced");
	mapping.build_id_size = 21;
	check(pp_dso_open(symbolizer, &mapping, "/x", &err) == PP_E_ARG, "one too long: %s", err.text);
}

/* ---- which file ---- */

static void check_files(void)
{
	uint64_t at = address_of("pie", "global_function");
	struct pp_mapping mapping;
	int32_t dso;

	if (!run("cp pie soon-replaced; cp pie soon-gone; mkfifo fifo; echo text >text; ln -s pie link; printf '\\177ELF' >short"))
		abort();
	dso = open_file("soon-replaced");
	check(run("cp pie new && mv new soon-replaced") && look_up(dso, at) == PP_UNKNOWN_REPLACED && symbol.offset == at,
	      "a file that was replaced before it was read");
	dso = open_file("soon-gone");
	check(run("rm soon-gone") && look_up(dso, at) == PP_UNKNOWN_FILE_GONE, "one that is gone");
	check(run("cp pie soon-gone") && look_up(dso, at) == PP_UNKNOWN_FILE_GONE, "is not looked for again");
	mapping = (struct pp_mapping){.start = 1, .end = 2};
	dso = pp_dso_open(symbolizer, &mapping, in_folder("soon-gone (deleted)"), &err);
	check(is_symbol(dso, at, "global_function", 0), "a path that /proc calls deleted, and is there: %s", name);
	check(look_up(pp_dso_open(symbolizer, &mapping, in_folder("fifo"), &err), at) == PP_UNKNOWN_REPLACED,
	      "a fifo does not block");
	check(look_up(open_file("text"), at) == PP_UNKNOWN_DAMAGED && look_up(open_file("short"), at) == PP_UNKNOWN_DAMAGED,
	      "no ELF file");
	check(look_up(pp_dso_open(symbolizer, &mapping, "[heap]", &err), at) == PP_UNKNOWN_JIT_ABSENT &&
		  look_up(pp_dso_open(symbolizer, &mapping, "//anon", &err), at) == PP_UNKNOWN_JIT_ABSENT &&
		  look_up(pp_dso_open(symbolizer, &mapping, "/memfd:x (deleted)", &err), at) == PP_UNKNOWN_JIT_ABSENT,
	      "no file at all");
}

/* More files than have an id of their own: the limit is dsos.c's. */
static void check_too_many(void)
{
	struct pp_mapping mapping = {.start = 1, .end = 2, .inode = 1};
	struct pp_symbolizer *other;
	const int32_t most = 256 << 10;
	int32_t dso = 0, debug;

	if (pp_symbolizer_new(0, &other, &err) < 0)
		abort();
	for (int32_t i = 0; i < most && dso >= 0; i++) {
		mapping.inode = (uint32_t)(i + 1) * 2654435761u; /* scattered: the tree need not turn */
		dso = pp_dso_open(other, &mapping, "/many", &err);
	}
	check(dso == most - 1, "%d files have an id each", most);
	mapping.inode = 1ull << 40;
	dso = pp_dso_open(other, &mapping, "/one-more", &err);
	check(dso == most && pp_dso_open(other, &mapping, "/another", &err) == dso, "all others have one");
	check(pp_dso_symbol(other, dso, 0x123, &symbol, name, sizeof(name), &err) == 0 && symbol.unknown == PP_UNKNOWN_TOO_MANY &&
		  symbol.offset == 0x123,
	      "of which nothing is known, and why");
	check(pp_dso_build_id(other, dso, (uint8_t *)name, 20, &err) == 0, "no build id");
	check(pp_dso_files(other, dso, &debug, &err) == PP_E_FILE && debug == -1, "nor debug information");
	pp_symbolizer_free(other);
}

/* A child that has a file mapped, in the state that `prepare` leaves it in; it writes the address to a pipe and waits. */
static pid_t start_mapper(const char *path, void (*prepare)(void), uint64_t *start)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		prepare();
		int fd = open(path, O_RDONLY);
		void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

		if (fd < 0 || at == MAP_FAILED || write(ends[1], &at, sizeof(at)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	*start = 0;
	if (read(ends[0], start, sizeof(*start)) != sizeof(*start))
		*start = 0;
	close(ends[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void nothing(void)
{
}

static void check_deleted(void)
{
	uint64_t at = address_of("pie", "local_function");
	struct pp_mapping mapping;
	uint8_t byte;
	int debug = -1;
	int32_t dso, fd;
	pid_t pid;

	if (!run("cp pie deleted && cp pie deleted-unread"))
		abort();
	mapping = mapping_of(in_folder("deleted"));
	pid = start_mapper(in_folder("deleted"), nothing, &mapping.start);
	mapping.end = mapping.start + 4096;
	mapping.pid = pid;
	dso = pp_dso_open(symbolizer, &mapping, in_folder("deleted"), &err);
	check(run("rm deleted && cp stripped deleted") && is_symbol(dso, at, "local_function", 0),
	      "a file that was replaced is read as it is mapped: %s", name);
	end_child(pid);
	check(is_symbol(dso, at + 1, "local_function", 1), "and kept when the process has ended");
	fd = pp_dso_files(symbolizer, dso, &debug, &err);
	check(fd >= 0 && debug < 0 && pread(fd, &byte, 1, 0) == 1 && byte == 0x7f, "for unwinding, too");
	close(fd);
}

/* A file system of its own, where ours has none. */
static void in_own_namespace(void)
{
	char command[128];

	snprintf(command, sizeof(command), "cp pie mount/contained 2>/dev/null || cp %s mount/contained", in_folder("pie"));
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chdir(folder) < 0 ||
	    mount("none", "mount", "tmpfs", 0, NULL) < 0 || system(command))
		_exit(1);
}

static void check_namespace(void)
{
	uint64_t at = address_of("pie", "local_function");
	struct pp_mapping mapping = {.end = UINT64_MAX};
	uint64_t start;
	pid_t pid;
	int32_t dso;

	if (!run("mkdir mount"))
		abort();
	pid = start_mapper(in_folder("mount/contained"), in_own_namespace, &start);
	if (!start) {
		printf("# no mount namespaces here: not checked\n");
		end_child(pid);
		return;
	}
	mapping.pid = pid;
	dso = pp_dso_open(symbolizer, &mapping, in_folder("mount/contained"), &err);
	check(is_symbol(dso, at, "local_function", 0), "a path in the process's own mount namespace: %s", name);
	mapping.pid = 999999999;
	mapping.parent = pid;
	mapping.start = 1;
	dso = pp_dso_open(symbolizer, &mapping, in_folder("mount/contained"), &err);
	check(is_symbol(dso, at, "local_function", 0), "or in its parent's: %s", name);
	mapping.parent = 0;
	mapping.pid = 999999998;
	dso = pp_dso_open(symbolizer, &mapping, in_folder("mount/contained"), &err);
	check(look_up(dso, at) == PP_UNKNOWN_FILE_GONE, "and nowhere else");
	end_child(pid);
}

static void check_vdso(void)
{
	unsigned long start = getauxval(AT_SYSINFO_EHDR);
	struct pp_mapping mapping = {.start = start, .end = start};
	char line[256], function[] = "__vdso_clock_gettime";
	unsigned long low, high;
	FILE *maps = fopen("/proc/self/maps", "r");
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD), *at = vdso ? dlsym(vdso, function) : NULL;

	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &low, &high) == 2 && low == start)
			mapping.end = high;
	fclose(maps);
	if (!start || !at) {
		printf("# no vdso here: not checked\n");
		return;
	}
	check(look_up(pp_dso_open(symbolizer, &mapping, "[vdso]", &err), (uintptr_t)at - start + 1) == PP_KNOWN &&
		  symbol.offset == 1 && strstr(name, "clock_gettime"),
	      "the vdso: %s", name);
	struct pp_mapping recorded = mapping;
	const int32_t dso = pp_dso_open(symbolizer, &mapping, "[vdso]", &err);
	recorded.build_id_size = pp_dso_build_id(symbolizer, dso, recorded.build_id, sizeof(recorded.build_id), &err);
	check(look_up(pp_dso_open(symbolizer, &recorded, "[vdso]", &err), (uintptr_t)at - start) == PP_KNOWN, "by its build id");
	recorded.build_id[0]++;
	check(look_up(pp_dso_open(symbolizer, &recorded, "[vdso]", &err), 4096) == PP_UNKNOWN_NO_SYMBOL, "one of another kernel");
	mapping.end += 4096;
	check(look_up(pp_dso_open(symbolizer, &mapping, "[vdso]", &err), 4096) == PP_UNKNOWN_NO_SYMBOL, "one that is not ours");
}

/* ---- what is kept ---- */

#define MANY 600000

/* An ELF file with nothing but one section of code and MANY symbols in it, whose tables take some 40 MB. */
static void write_large(const char *program)
{
	Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			     .e_machine = EM_X86_64,
			     .e_phoff = sizeof(header),
			     .e_phentsize = sizeof(Elf64_Phdr),
			     .e_phnum = 1,
			     .e_shoff = sizeof(header) + sizeof(Elf64_Phdr),
			     .e_shentsize = sizeof(Elf64_Shdr),
			     .e_shnum = 4};
	Elf64_Phdr segment = {.p_type = PT_LOAD, .p_filesz = UINT32_MAX};
	uint64_t symbols_at = header.e_shoff + 4 * sizeof(Elf64_Shdr), strings_at = symbols_at + MANY * sizeof(Elf64_Sym);
	Elf64_Shdr sections[4] = {
	    {0},
	    {.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_size = MANY * 16},
	    {.sh_type = SHT_SYMTAB, .sh_offset = symbols_at, .sh_size = MANY * sizeof(Elf64_Sym), .sh_link = 3},
	    {.sh_type = SHT_STRTAB, .sh_offset = strings_at, .sh_size = 1 + MANY * 9},
	};
	FILE *file = fopen(in_folder(program), "w");

	fwrite(&header, sizeof(header), 1, file);
	fwrite(&segment, sizeof(segment), 1, file);
	fwrite(sections, sizeof(sections), 1, file);
	for (uint32_t i = 0; i < MANY; i++) {
		Elf64_Sym one = {.st_name = 1 + i * 9, .st_info = STT_FUNC, .st_shndx = 1, .st_value = i * 16, .st_size = 16};

		fwrite(&one, sizeof(one), 1, file);
	}
	fputc('\0', file);
	for (uint32_t i = 0; i < MANY; i++)
		fprintf(file, "f%07u%c", i, '\0');
	if (fclose(file))
		abort();
}

static void check_limit(void)
{
	int32_t first, second;

	write_large("large");
	first = open_file("large");
	check(is_symbol(first, 599999 * 16 + 3, "f0599999", 3), "a file with %d symbols", MANY);
	if (!run("cp large larger"))
		abort();
	second = open_file("larger");
	check(is_symbol(second, 3, "f0000000", 3) && symbolizer->dso_bytes <= 64u << 20 && !symbolizer->dsos[first]->table,
	      "a second one takes its place: %zu bytes", symbolizer->dso_bytes);
	check(is_symbol(first, 16, "f0000001", 0) && !symbolizer->dsos[second]->table, "and it is read again when it is asked for");
	check(run("rm larger") && look_up(second, 16) == PP_UNKNOWN_FILE_GONE, "unless it has gone");
}

/* ---- the kernel ---- */

static uint32_t look_up_kernel(uint64_t address)
{
	if (pp_kernel_symbol(symbolizer, address, &symbol, name, sizeof(name), &err) < 0)
		abort();
	return symbol.unknown;
}

static uint64_t kernel_address(const char *wanted)
{
	FILE *kallsyms = fopen("/proc/kallsyms", "r");
	unsigned long long address, found = 0;
	char line[512], word[256];

	while (kallsyms && !found && fgets(line, sizeof(line), kallsyms))
		if (sscanf(line, "%llx %*c %255s", &address, word) == 2 && !strcmp(word, wanted))
			found = address;
	if (kallsyms)
		fclose(kallsyms);
	return found;
}

static void check_kernel(void)
{
	uint64_t schedule = kernel_address("schedule"), text = kernel_address("_text"), end = kernel_address("_etext");

	if (!schedule || !text || !end) {
		printf("# no kernel addresses here: not checked\n");
		return;
	}
	check(look_up_kernel(schedule + 1) == PP_KNOWN && !strcmp(name, "schedule") && symbol.offset == 1 && !symbol.module[0],
	      "a byte of schedule: %s", name);
	check(look_up_kernel(schedule - 1) == PP_KNOWN && strcmp(name, "schedule"), "before it is another: %s", name);
	check(look_up_kernel(end + 8) != PP_KNOWN && symbol.offset == end + 8 - text, "behind its code is none: %s", name);
	check(look_up_kernel(text - 4096) == PP_UNKNOWN_NO_SYMBOL && look_up_kernel(4096) == PP_UNKNOWN_NO_SYMBOL && !symbol.offset,
	      "nor before");
	check(look_up_kernel(UINT64_MAX) == PP_UNKNOWN_NO_SYMBOL, "nor at the end of all");
	check(pp_kernel_symbol(symbolizer, schedule, &symbol, name, 3, &err) == PP_E_SPACE, "a small buffer: %s", err.text);
}

/* The newest BPF program that kallsyms has. */
static uint64_t bpf_address(char program[256])
{
	FILE *kallsyms = fopen("/proc/kallsyms", "r");
	unsigned long long address, found = 0;
	char line[512], word[256];

	while (kallsyms && fgets(line, sizeof(line), kallsyms))
		if (strstr(line, "\t[bpf]") && sscanf(line, "%llx %*c %255s", &address, word) == 2 &&
		    strstr(word, "_perfprof_test")) {
			found = address;
			strcpy(program, word);
		}
	if (kallsyms)
		fclose(kallsyms);
	return found;
}

/* A program that returns 0, loaded after the table was read. */
static void check_bpf(void)
{
	struct bpf_insn instructions[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			       .insn_cnt = 2,
			       .insns = (uintptr_t)instructions,
			       .license = (uintptr_t) "GPL",
			       .prog_name = "perfprof_test"};
	char program[256];
	uint64_t address;
	int fd;

	look_up_kernel(4096);
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	address = fd < 0 ? 0 : bpf_address(program);
	if (!address) {
		printf("# no BPF program, or none in kallsyms here: not checked\n");
		close(fd);
		return;
	}
	usleep(1100000);
	check(look_up_kernel(address + 1) == PP_KNOWN && !strcmp(name, program) && !strcmp(symbol.module, "bpf"),
	      "a BPF program that was loaded later: %s", name);
	close(fd);
	check(look_up_kernel(address - (1 << 30)) != PP_KNOWN || strcmp(symbol.module, "bpf"), "far from it is another thing");
}

/* A user who is not shown them sees zeros. */
static void check_hidden(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 || kernel_address("schedule"))
			_exit(2);
		if (pp_symbolizer_new(0, &symbolizer, &err) < 0)
			_exit(1);
		_exit(look_up_kernel(0xffffffff81000000) != PP_UNKNOWN_HIDDEN || symbol.offset);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		printf("# every user sees the kernel's addresses here: not checked\n");
	else
		check(status == 0, "hidden addresses are said to be hidden");
}

int main(void)
{
	if (geteuid() != 0)
		check_skip("needs root");
	make_folder();
	check(pp_symbolizer_new(8, &symbolizer, &err) == PP_E_ARG, "unknown flags: %s", err.text);
	if (pp_symbolizer_new(0, &symbolizer, &err) < 0)
		return 1;
	check_symbols("pie", 0);
	if (check(run("cc -o fixed -O1 -no-pie -fno-pie fixture.c"), "a program at fixed addresses"))
		check_symbols("fixed", NON_PIE_BASE);
	check_32_bit();
	check_plt();
	check_names();
	check_stripped();
	check_split("none", "-Wl,--build-id=none");
	check_split("id", "-Wl,--build-id=0x0102030405060708091011121314151617181920");
	check_debugdata();
	check_build_id();
	check_files();
	check_too_many();
	check_deleted();
	check_namespace();
	check_vdso();
	check_limit();
	check_kernel();
	check_bpf();
	check_hidden();
	pp_symbolizer_free(symbolizer);
	remove_folder();
	return check_done();
}
