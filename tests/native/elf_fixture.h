/* SPDX-License-Identifier: MIT */
/* A program whose symbols are known, built by the machine's own compiler in a folder of the test's own. */
#ifndef ELF_FIXTURE_H
#define ELF_FIXTURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

static char folder[] = "/tmp/perfprof-elf-XXXXXX";

/* Each function is 32 bytes of code, so that offsets into it and behind it are known. `filler` keeps them apart. */
static const char fixture_source[] =
    "#define CODE(name, binding, size) \\\n"
    "  asm(binding \" \" #name \"\\n.type \" #name \", %function\\n\" #name \": .skip 32\\n\" size)\n"
    "#define SIZE(name) \".size \" #name \", 32\\n\"\n"
    "asm(\".text\\n.balign 64\\n\");\n"
    "CODE(global_function, \".globl\", SIZE(global_function));\n"
    "CODE(local_function, \".local\", SIZE(local_function) \".skip 64\\n\");\n"
    "CODE(label, \".globl\", \"\");\n"
    "CODE(after_label, \".globl\", SIZE(after_label));\n"
    "asm(\".globl shared, _shared, shared_longer\\n.weak weak_and_longer\\n\"\n"
    "    \".type shared, %function\\n.type _shared, %function\\n\"\n"
    "    \".type shared_longer, %function\\n.type weak_and_longer, %function\\n\"\n"
    "    \"weak_and_longer: _shared: shared: shared_longer: .skip 32\\n\"\n"
    "    \".size shared, 32\\n.size _shared, 32\\n.size shared_longer, 32\\n.size weak_and_longer, 32\\n\");\n"
    "asm(\".globl outer\\n.type outer, %function\\nouter: .skip 8\\n\"\n"
    "    \".type inner, %function\\ninner: .skip 8\\n.size inner, 8\\n.skip 16\\n.size outer, 32\\n\");\n"
    "CODE(_ZN2ns3BoxIlE4spinEi, \".globl\", SIZE(_ZN2ns3BoxIlE4spinEi));\n"
    "CODE(_ZN4core3fmt5write17h0123456789abcdefE, \".globl\", SIZE(_ZN4core3fmt5write17h0123456789abcdefE));\n"
    "CODE(_RNvC7mycrate3foo, \".globl\", SIZE(_RNvC7mycrate3foo));\n"
    "CODE(_Znonsense, \".globl\", SIZE(_Znonsense));\n"
    "int data_object = 1;\n"
    "int puts(const char *);\n"
    "int main(void) { return puts(\"\"); }\n";

static inline const char *in_folder(const char *name)
{
	static char paths[8][256];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* A command in the folder; whether it ended with 0. */
__attribute__((format(printf, 1, 2))) static inline bool run(const char *format, ...)
{
	char command[2048];
	va_list args;
	int length = snprintf(command, sizeof(command), "cd %s && { ", folder);

	va_start(args, format);
	length += vsnprintf(command + length, sizeof(command) - length, format, args);
	va_end(args);
	snprintf(command + length, sizeof(command) - length, "; } >>log 2>&1");
	return system(command) == 0;
}

/* The folder, with the source. Ends the test where there is no compiler. */
static inline void make_folder(void)
{
	FILE *source;

	if (!mkdtemp(folder))
		abort();
	source = fopen(in_folder("fixture.c"), "w");
	if (!source || fputs(fixture_source, source) < 0 || fclose(source))
		abort();
	if (!run("cc -o pie -O1 -fPIE -pie -rdynamic fixture.c")) {
		run("rm -r %s", folder);
		check_skip("no C compiler that builds the program to be looked at");
	}
}

static inline void remove_folder(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	check(system(command) == 0, "the test's own folder is removed");
}

/* What nm(1) says: the address of a symbol, 0 where it has none. */
static inline uint64_t address_of(const char *program, const char *symbol)
{
	char command[512], line[256] = "";
	FILE *nm;

	snprintf(command, sizeof(command), "nm %s | grep ' %s$'", in_folder(program), symbol);
	nm = popen(command, "r");
	if (!nm || !fgets(line, sizeof(line), nm))
		line[0] = '\0';
	if (nm)
		pclose(nm);
	return strtoull(line, NULL, 16);
}

#endif
