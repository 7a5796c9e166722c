/* SPDX-License-Identifier: MIT */
/*
 * Trace formats: what a format text says, how records print by it, and that no record, however wrong, makes the library read
 * outside of it (the sanitizers watch). Then every format of this machine.
 */
#include <errno.h>
#include <glob.h>
#include <string.h>

#include "check.h"
#include "perfprof.h"

#define HEADER                                                                                                                     \
	"format:\n"                                                                                                                \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"                                                     \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"                                                     \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"                                             \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

/* One field of each kind. */
static const char mixed_text[] = "name: mixed\nID: 4660\n" HEADER "\tfield:char comm[8];\toffset:8;\tsize:8;\tsigned:0;\n"
				 "\tfield:s16 small;\toffset:16;\tsize:2;\tsigned:1;\n"
				 "\tfield:u8 flag;\toffset:18;\tsize:1;\tsigned:0;\n"
				 "\tfield:unsigned long args[2];\toffset:24;\tsize:16;\tsigned:0;\n"
				 "\tfield:void * ptr;\toffset:40;\tsize:8;\tsigned:0;\n"
				 "\tfield:__data_loc char[] file;\toffset:48;\tsize:4;\tsigned:0;\n"
				 "\tfield:__rel_loc u8[] blob;\toffset:52;\tsize:4;\tsigned:0;\n"
				 "\nprint fmt: ";
static const char mixed_print[] = "\"comm=%s small=%d args=%lx,%lx file=%s \\\"%s\\\"\", REC->comm, REC->small, REC->args[0], "
				  "REC->args[1], __get_str(file), __print_flags(REC->flag, \"|\", { 1, \"A\" }, { 2, \"B\" })\n";

static const uint8_t mixed_raw[] = {
    0x34, 0x12, 0x01, 0x00,			    /* common_type 4660, flags, preempt_count */
    0x2a, 0x00, 0x00, 0x00,			    /* common_pid 42 */
    'b',  'a',	's',  'h',  0x00, 0xff, 0xff, 0xff, /* comm: rubbish after its NUL */
    0xfe, 0xff,					    /* small -2 */
    0x03,					    /* flag A|B */
    0x00, 0x00, 0x00, 0x00, 0x00,		    /* padding */
    0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* args[0] */
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* args[1] */
    0x00, 0x10, 0x00, 0x00, 0x00, 0x88, 0xff, 0xff, /* ptr */
    0x38, 0x00, 0x03, 0x00,			    /* file: 3 bytes at 56 */
    0x03, 0x00, 0x02, 0x00,			    /* blob: 2 bytes, 3 after the end of this locator, 56 */
    '/',  'x',	0x00, 0xab, 0xcd, 0x00, 0x00, 0x00, /* their data */
};

/* libtraceevent 1.7 forgets a token where it refuses a call of an unknown kind inside of a print format. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
	return "leak:process_entry\n";
}

static char json[1 << 20];
static char text[4096];
static struct pp_error err;

static int32_t parse(struct pp_formats *formats, const char *head, const char *print)
{
	char whole[8192];
	int length = snprintf(whole, sizeof(whole), "%s%s", head, print);

	return pp_format_parse(formats, "test", (const uint8_t *)whole, length, json, sizeof(json), &err);
}

/* Prints from a block of exactly `size` bytes, so that the sanitizer sees a read behind it. */
static int32_t print(struct pp_formats *formats, uint32_t id, const uint8_t *raw, uint32_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	int32_t ret;

	memcpy(exact, raw, size);
	ret = pp_format_print(formats, id, exact, size, 0, text, sizeof(text), &err);
	free(exact);
	return ret;
}

static void check_json(void)
{
	struct pp_formats *formats;
	int32_t length;

	check(pp_formats_new("", &formats, &err) == 0, "formats without a tracefs");
	length = parse(formats, mixed_text, mixed_print);
	check(length > 0 && strlen(json) == (size_t)length, "a format parses: %s", length < 0 ? err.text : "ok");
	check(strstr(json, "{\"id\":4660,\"system\":\"test\",\"name\":\"mixed\",") == json, "its id and names");
	check(strstr(json, "\\u0022comm=%s small=%d") && strstr(json, "{ 2, \\u0022B\\u0022 })\",\"printable\":true"),
	      "its print format, escaped");
	check(strstr(json, "{\"name\":\"common_pid\",\"type\":\"int\",\"offset\":4,\"size\":4,\"signed\":true,\"common\":true,"
			   "\"array\":false,\"count\":0,\"elementSize\":0,\"string\":false,\"pointer\":false,\"dynamic\":false,"
			   "\"relative\":false}"),
	      "a common field");
	check(strstr(json, "{\"name\":\"comm\",\"type\":\"char\",\"offset\":8,\"size\":8,\"signed\":false,\"common\":false,"
			   "\"array\":true,\"count\":8,\"elementSize\":1,\"string\":true,"),
	      "a string of fixed length");
	check(strstr(json,
		     "{\"name\":\"args\",\"type\":\"unsigned long\",\"offset\":24,\"size\":16,\"signed\":false,\"common\":false,"
		     "\"array\":true,\"count\":2,\"elementSize\":8,\"string\":false,"),
	      "an array of longs");
	check(strstr(json, "{\"name\":\"ptr\",\"type\":\"void *\",") && strstr(json, "\"pointer\":true"), "a pointer");
	check(strstr(json, "{\"name\":\"file\",\"type\":\"__data_loc char[]\",\"offset\":48,\"size\":4,\"signed\":false,"
			   "\"common\":false,\"array\":true,\"count\":0,\"elementSize\":1,\"string\":true,\"pointer\":false,"
			   "\"dynamic\":true,\"relative\":false}"),
	      "a __data_loc string");
	check(strstr(json, "{\"name\":\"blob\",\"type\":\"__rel_loc u8[]\"") && strstr(json, "\"relative\":true"),
	      "a __rel_loc array");
	check(pp_format_parse(formats, "test", (const uint8_t *)"name: x\n", 8, json, sizeof(json), &err) == PP_E_FORMAT,
	      "a text without an ID: %s", err.text);
	check(parse(formats, mixed_text, mixed_print) == length, "the same format again");
	check(pp_format_parse(formats, "other", (const uint8_t *)mixed_text, sizeof(mixed_text) - 1, json, sizeof(json), &err) ==
		      PP_E_FORMAT &&
		  err.sys_errno == EEXIST,
	      "another event with its ID: %s", err.text);
	check(pp_format_parse(formats, "test", (const uint8_t *)mixed_text, sizeof(mixed_text) - 1, json, 16, &err) == PP_E_SPACE &&
		  err.need == (uint32_t)length + 1,
	      "a buffer too small: %s", err.text);
	pp_formats_free(formats);
}

static void check_print(void)
{
	uint8_t positive[sizeof(mixed_raw)];
	struct pp_formats *formats;

	pp_formats_new("", &formats, &err);
	parse(formats, mixed_text, mixed_print);
	memcpy(positive, mixed_raw, sizeof(positive));
	positive[16] = 7;
	positive[17] = 0;
	check(print(formats, 4660, positive, sizeof(positive)) > 0 &&
		  !strcmp(text, "comm=bash small=7 args=10,ffffffffffffffff file=/x \"A|B\""),
	      "prints: %s", text);
	check(print(formats, 4660, mixed_raw, sizeof(mixed_raw)) > 0 && strstr(text, "comm=bash small=-2 flag=3 args="),
	      "a negative short, as a pair: %s", text);
	check(pp_format_print(formats, 4660, mixed_raw, sizeof(mixed_raw), 0, text, 10, &err) == 9 && !strcmp(text, "comm=bash"),
	      "a small buffer cuts: %s", text);
	check(print(formats, 1, mixed_raw, sizeof(mixed_raw)) == PP_E_ARG, "an unknown id: %s", err.text);
	pp_formats_free(formats);

	pp_formats_new("", &formats, &err);
	parse(formats, mixed_text, "\"%s\", no_such_function(REC->comm)\n");
	check(strstr(json, "\"printable\":false"), "a print format that does not parse is told");
	check(print(formats, 4660, mixed_raw, sizeof(mixed_raw)) > 0 &&
		  !strcmp(text,
			  "comm=bash small=-2 flag=3 args=ARRAY[10, 00, 00, 00, 00, 00, 00, 00, ff, ff, ff, ff, ff, ff, ff, ff] "
			  "ptr=0xffff880000001000 file=/x blob=ARRAY[ab, cd]"),
	      "and pairs are printed: %s", text);
	pp_formats_free(formats);
}

/* A record is cut, and its locators point anywhere: an error or a text, never a read outside. */
static void check_print_tree(void)
{
	struct pp_formats *formats;
	uint64_t offset = 7;

	pp_formats_new("", &formats, &err);
	parse(formats, mixed_text,
	      "\"%s \\\\ %d %s\\n\", __get_str(file), (u8)(REC->small[1] + ~0x2), __print_flags(REC->flag, \"|\", { 1, \"A\" })\n");
	check(pp_format_print_tree(formats, 4660, json, sizeof(json), &err) == (int32_t)strlen(json) &&
		  !strcmp(json, "{\"format\":\"%s \\u005c\\u005c %d %s\\u005cn\",\"arguments\":["
				"{\"kind\":\"string\",\"name\":\"file\"},"
				"{\"kind\":\"cast\",\"type\":\"u8\",\"item\":{\"kind\":\"op\",\"op\":\"+\","
				"\"left\":{\"kind\":\"op\",\"op\":\"[\",\"left\":{\"kind\":\"field\",\"name\":\"small\"},"
				"\"right\":{\"kind\":\"atom\",\"text\":\"1\"}},"
				"\"right\":{\"kind\":\"op\",\"op\":\"~\",\"left\":{\"kind\":\"null\"},"
				"\"right\":{\"kind\":\"atom\",\"text\":\"0x2\"}}}},"
				"{\"kind\":\"flags\",\"delimiter\":\"|\",\"values\":[{\"value\":\"1\",\"name\":\"A\"}],"
				"\"item\":{\"kind\":\"field\",\"name\":\"flag\"}}]}"),
	      "the tree of a print format: %s", json);
	check(pp_format_print_tree(formats, 4660, json, 8, &err) == PP_E_SPACE, "a small buffer: %s", err.text);
	check(pp_format_print_tree(formats, 1, json, sizeof(json), &err) == PP_E_ARG, "an unknown id: %s", err.text);
	check(pp_format_symbol(formats, 1, &offset, json, sizeof(json), &err) == 0 && offset == 0, "no symbol at address 1");
	pp_formats_free(formats);

	pp_formats_new("", &formats, &err);
	parse(formats, mixed_text, "\"%s\", no_such_function(REC->comm)\n");
	check(pp_format_print_tree(formats, 4660, json, sizeof(json), &err) == 4 && !strcmp(json, "null"), "no tree: %s", json);
	pp_formats_free(formats);
}

static void check_hostile_raw(void)
{
	static const uint32_t locators[] = {0xffffffff, 0x0000ffff, 0xffff0000, 0x0001003f,
					    0x00010040, 0x00000040, 0x00000041, 0x00090038};
	struct pp_formats *formats;
	uint8_t raw[sizeof(mixed_raw)];
	int refused = 0;

	pp_formats_new("", &formats, &err);
	parse(formats, mixed_text, mixed_print);
	for (uint32_t size = 0; size < 56; size++)
		refused += print(formats, 4660, mixed_raw, size) == PP_E_FORMAT;
	check(refused == 56, "every record shorter than its fields is refused: %s", err.text);
	for (size_t i = 0; i < sizeof(locators) / sizeof(locators[0]); i++) {
		bool inside = (locators[i] & 0xffff) + (locators[i] >> 16) <= sizeof(raw);

		memcpy(raw, mixed_raw, sizeof(raw));
		memcpy(raw + 48, &locators[i], 4);
		check((print(formats, 4660, raw, sizeof(raw)) >= 0) == inside, "__data_loc %08x is %s", locators[i],
		      inside ? "inside" : "outside");
	}
	memcpy(raw, mixed_raw, sizeof(raw));
	memset(raw + 56, 'x', 8);
	raw[50] = 8;
	raw[17] = 0;
	check(print(formats, 4660, raw, sizeof(raw)) > 0 && strstr(text, "file=xxxxxxxx \""), "a string that no NUL ends: %s",
	      text);
	raw[0] = 0;
	check(print(formats, 4660, raw, sizeof(raw)) == PP_E_FORMAT, "a record of another type: %s", err.text);
	pp_formats_free(formats);
}

/* Print formats that read as far as a value of the record says. */
static void check_value_bound(void)
{
	static const struct {
		const char *print;
		uint8_t flag;
		const char *expected; /* NULL: pairs; "": anything else, as it varies with libtraceevent */
	} cases[] = {
	    {"\"%s\", __print_hex(REC->comm, REC->flag)\n", 4, "62 61 73 68"},
	    {"\"%s\", __print_hex(REC->comm, REC->flag)\n", 9, NULL},
	    {"\"%s\", __print_hex_str(REC->comm, REC->flag)\n", 255, NULL},
	    {"\"%s\", __print_hex(REC->comm, REC->small)\n", 0, NULL},
	    {"\"%s\", __print_hex(__get_dynamic_array(blob), 2)\n", 0, "ab cd"},
	    {"\"%s\", __print_hex(__get_dynamic_array(blob), __get_dynamic_array_len(blob))\n", 0, NULL},
	    {"\"%s\", __print_hex(__get_dynamic_array(file), __get_dynamic_array_len(file))\n", 0, "2f 78 00"},
	    {"\"%s\", __print_hex(__get_dynamic_array(blob), REC->flag)\n", 3, NULL},
	    {"\"%s\", __print_array(REC->args, REC->flag, 8)\n", 2, ""},
	    {"\"%s\", __print_array(REC->args, REC->flag, 8)\n", 3, NULL},
	    {"\"%s\", __print_array(__get_dynamic_array(file), __get_dynamic_array_len(file) / 2, 2)\n", 0, ""},
	    {"\"%lx\", REC->args[1]\n", 0, "ffffffffffffffff"},
	    {"\"%lx\", REC->args[2]\n", 0, NULL},
	    {"\"%lx\", REC->args[REC->flag]\n", 0, "10"},
	    {"\"%lx\", REC->args[REC->flag]\n", 200, NULL},
	    {"\"%d\", 6 / REC->flag\n", 3, "2"},
	    {"\"%d\", 6 / REC->flag\n", 0, NULL},
	    {"\"%d\", 6 % REC->flag\n", 0, NULL},
	    {"\"%d\", REC->small\n", 0, NULL},
	    {"\"%*d\", REC->flag, REC->flag\n", 3, NULL},
	    {"\"%.*s\", REC->flag, __get_str(file)\n", 1, "/"},
	    {"\"%s\", __get_str(small)\n", 1, NULL},
	};
	uint8_t raw[sizeof(mixed_raw)];

	memcpy(raw, mixed_raw, sizeof(raw));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pp_formats *formats;
		bool pairs, good;

		pp_formats_new("", &formats, &err);
		parse(formats, mixed_text, cases[i].print);
		raw[18] = cases[i].flag;
		good = print(formats, 4660, raw, sizeof(raw)) >= 0;
		pairs = !strncmp(text, "comm=bash small=-2 flag=", 24);
		check(good && pairs == !cases[i].expected && (pairs || !*cases[i].expected || !strcmp(text, cases[i].expected)),
		      "flag=%u %.*s -> %.40s", cases[i].flag, (int)strlen(cases[i].print) - 1, cases[i].print, text);
		pp_formats_free(formats);
	}
}

/* Prints a record of one pointer, `value`, by `print`. */
static void print_pointer(const char *tracefs, const char *print_format, uint64_t value)
{
	uint8_t raw[16] = {7, 0};
	struct pp_formats *formats;
	char fields[512];

	snprintf(fields, sizeof(fields), "\tfield:const char * ptr;\toffset:8;\tsize:8;\tsigned:0;\n\nprint fmt: %s\n",
		 print_format);
	memcpy(raw + 8, &value, sizeof(value));
	pp_formats_new(tracefs, &formats, &err);
	parse(formats, "name: pointer\nID: 7\n" HEADER, fields);
	print(formats, 7, raw, sizeof(raw));
	pp_formats_free(formats);
}

/* What the kernel's own tables say of an address. */
static void check_pointers(const char *tracefs)
{
	static char file[32 << 20];
	unsigned long long addr = 0;
	char *line, expected[512];

	if (pp_kernel_file_read("/proc/kallsyms", file, sizeof(file), &err) >= 0 && (line = strstr(file, " T vfs_read\n")))
		addr = strtoull(line - 16, NULL, 16);
	print_pointer(tracefs, "\"%pS\", (void *)REC->ptr", addr + 1);
	check(!strcmp(text, addr ? "vfs_read+0x1" : "0x1"), "a %%pS: %s", text);
	print_pointer(tracefs, "\"%ps\", (void *)REC->ptr", 0x1000);
	check(!strcmp(text, "0x1000"), "an address of no symbol: %s", text);
	snprintf(expected, sizeof(expected), "%s/printk_formats", tracefs);
	if (pp_kernel_file_read(expected, file, sizeof(file), &err) < 0 ||
	    sscanf(file, "%llx : \"%100[^\"\\]\"", &addr, expected) != 2)
		return;
	print_pointer(tracefs, "\"%s\", REC->ptr", addr);
	check(!strcmp(text, expected), "a string of printk_formats: %s", text);
}

/* Fields that no record can have, and rubbish: an error, not a crash. */
static void check_hostile_text(void)
{
	static const char *const fields[] = {
	    "\tfield:int x;\toffset:-8;\tsize:4;\tsigned:1;\n\nprint fmt: \"%d\", REC->x\n",
	    "\tfield:int x;\toffset:8;\tsize:-4;\tsigned:1;\n\nprint fmt: \"%d\", REC->x\n",
	    "\tfield:int x;\toffset:2147483640;\tsize:2147483640;\tsigned:1;\n\nprint fmt: \"%d\", REC->x\n",
	    "\tfield:__data_loc char[] x;\toffset:8;\tsize:2;\tsigned:0;\n\nprint fmt: \"%s\", __get_str(x)\n",
	};
	struct pp_formats *formats;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		pp_formats_new("", &formats, &err);
		check(parse(formats, "name: bad\nID: 7\n" HEADER, fields[i]) == PP_E_FORMAT, "refused: %s", err.text);
		check(parse(formats, "name: bad\nID: 7\n" HEADER, fields[i]) == PP_E_FORMAT, "and again: %s", err.text);
		check(print(formats, 7, mixed_raw, sizeof(mixed_raw)) == PP_E_ARG, "and cannot be printed: %s", err.text);
		pp_formats_free(formats);
	}
}

static int32_t load_print_fake(struct pp_formats *formats, const char *sys, const char *name, int *unprintable)
{
	static uint8_t raw[65536];
	int32_t ret = pp_format_load(formats, sys, name, json, sizeof(json), &err);
	uint16_t type;

	if (ret < 0)
		return ret;
	*unprintable += strstr(json, "\"printable\":false") != NULL;
	/* All zeros but for the type: no string, no array, no divisor. */
	type = atoi(strstr(json, "\"id\":") + 5);
	memcpy(raw, &type, sizeof(type));
	return pp_format_print(formats, type, raw, 4096, 0, text, sizeof(text), &err);
}

/* Of "TRACEFS/events/SYS/NAME/format". */
static int32_t load_print_path(struct pp_formats *formats, char *path, int *unprintable)
{
	char *name, *sys;

	*strrchr(path, '/') = '\0';
	name = strrchr(path, '/');
	*name++ = '\0';
	sys = strrchr(path, '/') + 1;
	return load_print_fake(formats, sys, name, unprintable);
}

static void check_machine_formats(const char *tracefs)
{
	int failed = 0, unprintable = 0;
	struct pp_formats *formats;
	char pattern[512];
	glob_t paths;

	pp_formats_new(tracefs, &formats, &err);
	check(pp_format_load(formats, "sched", "no_such_event", json, sizeof(json), &err) == PP_E_FORMAT && err.sys_errno == ENOENT,
	      "an unknown event: %s", err.text);
	check(pp_format_load(formats, "..", "sched_switch", json, sizeof(json), &err) == PP_E_ARG, "a name with dots: %s",
	      err.text);
	snprintf(pattern, sizeof(pattern), "%s/events/*/*/format", tracefs);
	glob(pattern, 0, NULL, &paths);
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		int32_t ret = load_print_path(formats, paths.gl_pathv[i], &unprintable);

		/* One that is gone since was a probe of somebody. */
		if (ret < 0 && err.sys_errno != ENOENT && failed++ < 5)
			printf("# %s\n", err.text);
	}
	check(paths.gl_pathc > 100 && !failed, "all %zu formats of this machine parse and print", paths.gl_pathc);
	check(unprintable < (int)paths.gl_pathc / 20, "%d of them as pairs", unprintable);
	globfree(&paths);
	pp_formats_free(formats);
}

int main(void)
{
	char tracefs[256];

	check_json();
	check_print();
	check_print_tree();
	check_hostile_raw();
	check_value_bound();
	check_hostile_text();
	if (pp_tracefs_path(1, tracefs, sizeof(tracefs), &err) < 0) {
		printf("# %s: formats of this machine are not checked\n", err.text);
		return check_done();
	}
	check_pointers(tracefs);
	check_machine_formats(tracefs);
	return check_done();
}
