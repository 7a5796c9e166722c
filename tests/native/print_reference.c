/* SPDX-License-Identifier: MIT */
/*
 * What libtraceevent itself prints for records: the witness for the library's text. It has nothing of the library in it: the tables
 * of symbols and of printk strings are libtraceevent's own too.
 *
 * stdin, any number of, in any order:
 *   format SYSTEM BYTES\n   and the text of a format
 *   sample CPU BYTES\n      and the raw data of a record whose format came before
 * stdout: for each sample its text, then a NUL; nothing but the NUL when its print format cannot be parsed.
 */
#include <event-parse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trace-seq.h>
#include <unistd.h>

/* Bytes of zeros after each record: libtraceevent reads texts up to their NUL. */
#define PADDING 4096

static void fail(const char *what)
{
	fprintf(stderr, "print_reference: %s\n", what);
	exit(1);
}

static void register_symbols(struct tep_handle *tep)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	unsigned long long addr;
	char line[1024], name[512], module[128], type;

	while (file && fgets(line, sizeof(line), file)) {
		int words = sscanf(line, "%llx %c %511s [%127[^]]]", &addr, &type, name, module);

		/* Absolute values are offsets, and 0 is an address that is not told. */
		if (words >= 3 && addr && type != 'a' && type != 'A')
			tep_register_function(tep, name, addr, words == 4 ? module : NULL);
	}
	if (file)
		fclose(file);
}

static void register_printk_formats(struct tep_handle *tep)
{
	static char text[1 << 22];
	FILE *file = fopen("/sys/kernel/tracing/printk_formats", "r");
	size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[length] = '\0';
	tep_parse_printk_formats(tep, text);
	if (file)
		fclose(file);
}

static struct tep_handle *new_tep(void)
{
	struct tep_handle *tep = tep_alloc();

	if (!tep)
		fail("no memory");
	tep_set_loglevel(TEP_LOG_NONE);
	tep_set_page_size(tep, sysconf(_SC_PAGESIZE));
	tep_set_long_size(tep, sizeof(long));
	tep_set_file_bigendian(tep, tep_is_bigendian() ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
	tep_set_local_bigendian(tep, tep_is_bigendian() ? TEP_BIG_ENDIAN : TEP_LITTLE_ENDIAN);
	register_symbols(tep);
	register_printk_formats(tep);
	return tep;
}

static void print_sample(struct tep_handle *tep, void *raw, int size, int cpu)
{
	struct tep_record record = {.data = raw, .size = size, .record_size = size, .cpu = cpu};
	struct tep_event *event = tep_find_event_by_record(tep, &record);
	struct trace_seq text;

	if (!event)
		fail("a sample without a format");
	trace_seq_init(&text);
	if (!(event->flags & TEP_EVENT_FL_FAILED))
		tep_print_event(tep, &text, &record, "%s", TEP_PRINT_INFO);
	fwrite(text.buffer, 1, text.len, stdout);
	putchar('\0');
	trace_seq_destroy(&text);
}

int main(void)
{
	struct tep_handle *tep = new_tep();
	char what[16], of[128];
	int size;

	while (scanf("%15s %127s %d", what, of, &size) == 3 && getchar() == '\n') {
		char *bytes = calloc(1, size + PADDING);

		if (!bytes || fread(bytes, 1, size, stdin) != (size_t)size)
			fail("an end in the middle");
		if (!strcmp(what, "sample"))
			print_sample(tep, bytes, size, atoi(of));
		else if (tep_parse_event(tep, bytes, size, of))
			fail("a format that cannot be parsed");
		free(bytes);
	}
	tep_free(tep);
	return 0;
}
