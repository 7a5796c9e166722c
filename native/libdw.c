/* SPDX-License-Identifier: MIT */
/*
 * libdw, opened where it is installed. It is not linked: most of perfprof needs it not, and the library is to load without it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "dwarf_files.h"

struct pp_libdw pp_libdw;
static char why_not[256]; /* empty: it is there */

static void load_libdw(void)
{
	void *handle = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		strncpy(why_not, dlerror(), sizeof(why_not) - 1);
		return;
	}
#define RESOLVE(name)                                                                                                              \
	pp_libdw.name = (__typeof__(name) *)dlsym(handle, #name);                                                                  \
	if (!pp_libdw.name)                                                                                                        \
		strcpy(why_not, "libdw.so.1: no " #name);
	PP_LIBDW_FUNCTIONS(RESOLVE)
#undef RESOLVE
	if (!why_not[0] && pp_libdw.elf_version(EV_CURRENT) == EV_NONE)
		strcpy(why_not, "libelf.so.1: not of this ELF version");
}

int32_t pp_libdw_load(struct pp_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load_libdw);
	if (why_not[0])
		return pp_fail(err, PP_E_FILE, ENOENT, "open libdw: %s", why_not);
	return PP_OK;
}
