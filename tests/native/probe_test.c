/* SPDX-License-Identifier: MIT */
/*
 * Dynamic probes: functions are found in ELF files, damaged ones included, and what is created in tracefs is there and is removed.
 * The file that is probed is this program.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../native/internal.h"
#include "check.h"

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif

static struct pp_error err;
static char self[PATH_MAX], tracefs[256], text[8 << 20];
static char folder[] = "/tmp/perfprof-test-XXXXXX";

int probe_me(int number);
__attribute__((noipa)) int probe_me(int number)
{
	return number + 1;
}

__attribute__((noipa)) static int probe_static(int number)
{
	return number + 2;
}

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* ---- ELF ---- */

static void check_functions(void)
{
	uint64_t offset = 0, other = 0;
	uint8_t code[16];
	int fd = open(self, O_RDONLY | O_CLOEXEC);

	check(pp_elf_find(self, "probe_me", &offset, &err) == 0, "a function is found: %s", err.text);
	check(pread(fd, code, sizeof(code), (off_t)offset) == sizeof(code) && !memcmp(code, (const void *)probe_me, sizeof(code)),
	      "its code stands there");
	check(pp_elf_find(self, "probe_static", &other, &err) == 0 && other != offset &&
		  pread(fd, code, sizeof(code), (off_t)other) == sizeof(code) &&
		  !memcmp(code, (const void *)probe_static, sizeof(code)),
	      "a static one as well");
	close(fd);
	check(pp_elf_find(self, "probe_m", &offset, &err) == PP_E_ELF && err.sys_errno == ENOENT, "no such function: %s", err.text);
	check(pp_elf_find(self, "tracefs", &offset, &err) == PP_E_ELF, "a variable is none");
	check(pp_elf_find(self, "snprintf", &offset, &err) == PP_E_ELF, "nor is what another file has");
	check(pp_elf_functions(self, text, sizeof(text), &err) > 0 && strstr(text, "\nprobe_me\n") &&
		  strstr(text, "probe_static\n"),
	      "all names");
	check(pp_elf_functions(self, text, 10, &err) == PP_E_SPACE && err.need > 1000, "a small buffer");
}

#if __has_include(<sys/sdt.h>)
static void check_markers(void)
{
	const int fd = open(self, O_RDONLY | O_CLOEXEC);
	unsigned long offset = 0, semaphore = 1;
	uint8_t code = 0;

	DTRACE_PROBE1(perfprof, marked, 7);
	check(pp_elf_markers(self, text, sizeof(text), &err) > 0, "the markers of a program: %s", err.text);
	check(sscanf(text, "%lx\t%lx\tperfprof\tmarked\t", &offset, &semaphore) == 2 && semaphore == 0 && strstr(text, "\t-4@"),
	      "are of one line each");
	check(pread(fd, &code, 1, (off_t)offset) == 1 && (code == 0x90 || code == 0x1f), "and nops");
	close(fd);
}
#else
static void check_markers(void)
{
}
#endif

static void check_other_files(void)
{
	uint64_t offset;

	check(pp_elf_find("/no/such", "f", &offset, &err) == PP_E_FILE && err.sys_errno == ENOENT, "no such file: %s", err.text);
	check(pp_elf_find("/etc/passwd", "f", &offset, &err) == PP_E_ELF && err.sys_errno == ENOEXEC, "no ELF file: %s", err.text);
	check(pp_elf_markers("/etc/passwd", text, sizeof(text), &err) == PP_E_ELF, "no ELF file has markers");
	check(pp_elf_find("/tmp", "f", &offset, &err) == PP_E_ELF && err.sys_errno == ENOEXEC, "a folder: %s", err.text);
	check(pp_elf_find("/dev/zero", "f", &offset, &err) == PP_E_ELF && err.sys_errno == ENOEXEC, "a device: %s", err.text);
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* Whatever stands in the file, the sanitizers find nothing, and what is found lies in it. */
static void check_damaged_files(void)
{
	static uint8_t whole[64 << 20], damaged[sizeof(whole)];
	const int fd = open(self, O_RDONLY | O_CLOEXEC);
	const size_t size = (size_t)read(fd, whole, sizeof(whole));
	uint64_t offset, outside = 0;
	struct stat st;

	close(fd);
	fstatat(AT_FDCWD, self, &st, 0);
	const uint64_t sections = *(const uint64_t *)(whole + 0x28);
	srand(1);
	for (int i = 0; i < 300; i++) {
		memcpy(damaged, whole, size);
		/* The header, or the section headers: the rest is but names and code. */
		const size_t at = i % 2 ? (size_t)rand() % 64 : sections + (size_t)rand() % (size - sections);
		const size_t length = i % 3 ? size : (size_t)rand() % size;

		damaged[at] = (uint8_t)rand();
		damaged[at + 1 < size ? at + 1 : at] ^= (uint8_t)rand();
		write_file(in_folder("damaged"), damaged, length);
		if (pp_elf_find(in_folder("damaged"), "probe_me", &offset, &err) == 0)
			outside += offset >= length;
		pp_elf_functions(in_folder("damaged"), text, sizeof(text), &err);
		pp_elf_markers(in_folder("damaged"), text, sizeof(text), &err);
	}
	check(size > 0 && (off_t)size == st.st_size && outside == 0, "300 damaged files");
}

/* ---- probes ---- */

static bool listed(const char *event)
{
	char path[300], *events = NULL;

	snprintf(path, sizeof(path), "%s/uprobe_events", tracefs);
	const bool found = pp_kernel_file_load(path, &events, &err) >= 0 && strstr(events, event);
	free(events);
	return found;
}

static void check_creation(void)
{
	char place[2 * PATH_MAX + 64], group[64], event[96], other[64];
	uint64_t offset = 0;

	pp_elf_find(self, "probe_me", &offset, &err);
	snprintf(place, sizeof(place), "%s:0x%lx number=%%%s:s32", self, offset, sizeof(void *) == 8 ? "di" : "ax");
	check(pp_probe_create(tracefs, PP_UPROBE, "probe_me", place, group, sizeof(group), &err) > 0, "a probe: %s", err.text);
	snprintf(event, sizeof(event), "p:%s/probe_me ", group);
	check(listed(event), "it is listed: %s", event);
	snprintf(place, sizeof(place), "%s:0x%lx", self, offset);
	check(pp_probe_create(tracefs, PP_URETPROBE, "probe_me", place, other, sizeof(other), &err) > 0 &&
		  strcmp(group, other) != 0,
	      "another has a group of its own: %s", other);
	check(pp_probes_remove() == 0 && !listed(event) && !listed(other), "both are removed");
	snprintf(place, sizeof(place), "%s:0x%lx\n%s:0x%lx", self, offset, self, offset + 4);
	check(pp_probe_create(tracefs, PP_UPROBE, "two", place, group, sizeof(group), &err) > 0, "one of two places: %s", err.text);
	snprintf(event, sizeof(event), "p:%s/two ", group);
	check(listed(event) && pp_probes_remove() == 0 && !listed(event), "is removed from both");
	snprintf(place, sizeof(place), "%s:0x%lx\n%s:0x%lx x=%%no", self, offset, self, offset + 4);
	check(pp_probe_create(tracefs, PP_UPROBE, "two", place, group, sizeof(group), &err) == PP_E_PROBE && listed("/two "),
	      "the second is refused: %s", err.text);
	check(pp_probes_remove() == 0 && !listed("/two "), "and the first removed");
	check(pp_probes_remove() == 0, "which may be done again");
}

static void check_refusals(void)
{
	char group[64], place[PATH_MAX + 64];
	const char *caret, *command;

	snprintf(place, sizeof(place), "%s:0x10 number=%%nothing", self);
	check(pp_probe_create(tracefs, PP_UPROBE, "f", place, group, sizeof(group), &err) == PP_E_PROBE && err.sys_errno == EINVAL,
	      "a wrong register: %s", err.text);
	command = strchr(err.text, '\n');
	caret = strrchr(err.text, '\n');
	check(command && caret > command && !strncmp(command + 1 + (strchr(caret, '^') - caret - 1), "%nothing", 8),
	      "with a caret below it");
	check(pp_probe_create(tracefs, PP_UPROBE, "f g", self, group, sizeof(group), &err) == PP_E_ARG, "a name of two words");
	check(pp_probe_create(tracefs, PP_UPROBE, "", self, group, sizeof(group), &err) == PP_E_ARG, "an empty name");
	check(pp_probe_create(tracefs, 4, "f", self, group, sizeof(group), &err) == PP_E_ARG, "a kind that there is not");
	memset(text, 'x', 5000);
	text[5000] = '\0';
	check(pp_probe_create(tracefs, PP_UPROBE, "f", text, group, sizeof(group), &err) == PP_E_PROBE, "a long one: %s", err.text);
	check(pp_probe_create(folder, PP_KPROBE, "f", self, group, sizeof(group), &err) == PP_E_FILE && err.sys_errno == ENOENT,
	      "a kernel without them: %s", err.text);
	check(pp_probe_remove_left(tracefs, PP_UPROBE, "sched/sched_switch", &err) == PP_E_ARG, "only perfprof's are removed");
	check(pp_probe_remove_left(tracefs, PP_UPROBE, "perfprof_0_0/f", &err) == PP_E_PROBE && err.sys_errno == ENOENT,
	      "one that is not there: %s", err.text);
}

/* A child creates one and ends as told. @returns Whether it is there afterwards; `event` gets its name */
static bool after_child(void (*end)(void), char *event, size_t size)
{
	char place[PATH_MAX + 64], group[64];
	uint64_t offset = 0;
	int ends[2];

	if (pipe(ends) < 0)
		abort();
	fflush(stdout);
	const pid_t pid = fork();
	if (pid == 0) {
		pp_elf_find(self, "probe_me", &offset, &err);
		snprintf(place, sizeof(place), "%s:0x%lx", self, offset);
		pp_probe_create(tracefs, PP_UPROBE, "probe_me", place, group, sizeof(group), &err);
		(void)!write(ends[1], group, sizeof(group));
		end();
	}
	close(ends[1]);
	memset(group, 0, sizeof(group));
	(void)!read(ends[0], group, sizeof(group));
	close(ends[0]);
	waitpid(pid, NULL, 0);
	snprintf(event, size, "%s/probe_me", group);
	return listed(event);
}

static void end_by_exit(void)
{
	exit(0);
}

static void end_at_once(void)
{
	_exit(0);
}

static void check_end(void)
{
	char event[96];

	check(!after_child(end_by_exit, event, sizeof(event)) && strlen(event) > 20, "exit(3) removes it");
	check(after_child(end_at_once, event, sizeof(event)), "what is left behind");
	check(pp_probe_remove_left(tracefs, PP_UPROBE, event, &err) == 0 && !listed(event), "can be removed: %s", event);
}

int main(void)
{
	char path[300];

	if (geteuid() != 0)
		check_skip("needs root");
	if (!mkdtemp(folder) || !realpath("/proc/self/exe", self))
		return 1;
	check_functions();
	check_other_files();
	check_markers();
	check_damaged_files();
	check(probe_me(1) + probe_static(1) == 5, "the functions are there");
	snprintf(path, sizeof(path), "%s/uprobe_events",
		 pp_tracefs_path(1, tracefs, sizeof(tracefs), &err) > 0 ? tracefs : "/no/tracefs");
	if (access(path, W_OK) == 0) {
		check_creation();
		check_refusals();
		check_end();
	}
	unlink(in_folder("damaged"));
	rmdir(folder);
	return check_done();
}
