/* SPDX-License-Identifier: MIT */
/*
 * A compiled handler: a shared object that is loaded, its callbacks found by name and called. Owns struct pp_handlers, of which a
 * process has one, for good: code that is loaded cannot be taken away from what it may have started.
 *
 * That the object is to be trusted was seen to by the caller. From dlopen on it can do whatever this process can.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_find.h"
#include "handler.h"
#include "mapped_file.h"

/* Like the number of callbacks: of -e, and a few more. */
#define ROUTES_MAX PP_EVENT_LOST

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#else
#define HOST_MACHINE EM_NONE /* dlopen has to see for itself */
#endif

/* dlerror's text begins with the path, which the caller's line has as well. */
static int32_t fail_load(const char *path, struct pp_error *err)
{
	const char *why = dlerror();
	const size_t length = strlen(path);

	if (why && strncmp(why, path, length) == 0 && strncmp(why + length, ": ", 2) == 0)
		why += length + 2;
	return pp_fail(err, PP_E_ELF, 0, "%s", why ? why : "dlopen failed");
}

/* Is all there that the loader maps? It finds out by a SIGBUS, waits for a fifo's other end, and says of another machine's object
 * that there is no such file. What is no ELF file at all it says well. */
static int32_t check_object(const char *path, struct pp_error *err)
{
	struct pp_elf elf = {0};
	struct stat st = {0};
	int32_t ret = PP_OK;
	const int fd = pp_open_in_root(0, path, false);

	if (fd == -EINVAL)
		return pp_fail(err, PP_E_ELF, EINVAL, "not a regular file");
	if (fd < 0 || fstat(fd, &st) < 0 || pp_elf_open(&elf, (struct pp_image){.fd = fd, .size = (uint64_t)st.st_size}) < 0)
		goto out;
	const uint64_t size = elf.image.size;
	if (HOST_MACHINE != EM_NONE && elf.machine != HOST_MACHINE)
		ret = pp_fail(err, PP_E_ELF, EINVAL, "it is for another kind of CPU");
	for (uint32_t i = 0; i < elf.segment_count; i++) {
		const struct pp_elf_segment *segment = &elf.segments[i];
		if (segment->type == PT_LOAD && (segment->offset > size || segment->file_size > size - segment->offset))
			ret = pp_fail(err, PP_E_ELF, EINVAL, "the file is cut short");
	}
out:
	pp_elf_close(&elf);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int32_t attach(struct pp_handlers *handlers, struct pp_error *err)
{
	uint32_t (*perfprof_attach)(const struct pp_host *) =
	    (uint32_t(*)(const struct pp_host *))dlsym(handlers->object, "perfprof_attach");

	if (!perfprof_attach)
		return pp_fail(err, PP_E_ELF, ENOEXEC, "no perfprof_attach");
	pp_host_complete(handlers->host, handlers->why, sizeof(handlers->why));
	const uint32_t version = perfprof_attach(handlers->host);
	if (version != PERFPROF_HANDLER_ABI)
		return pp_fail(err, PP_E_ELF, EPROTO, "PERFPROF_HANDLER_ABI %u, not %u", version, PERFPROF_HANDLER_ABI);
	return PP_OK;
}

static void free_handlers(struct pp_handlers *handlers)
{
	if (handlers->object)
		dlclose(handlers->object);
	free(handlers->path);
	free(handlers);
}

int32_t pp_handlers_open(const char *path, struct pp_host *host, struct pp_handing *handing, struct pp_handlers **out,
			 struct pp_error *err)
{
	struct pp_handlers *handlers = calloc(1, sizeof(*handlers));
	int32_t ret;

	*out = NULL;
	if (!handlers)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "load %s", path);
	handlers->host = host;
	handlers->sink.handing = handing;
	handlers->path = strdup(path);
	ret = check_object(path, err);
	if (ret == PP_OK)
		ret = pp_watch_start(&handlers->sink.watch, err);
	if (ret < 0)
		goto out;
	pp_crash_watch(handlers->sink.watch);
	/* NOW: a symbol that is nowhere is said here, and not by an exit in the middle of the run. */
	handlers->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	ret = !handlers->path	 ? pp_fail(err, PP_E_NOMEM, ENOMEM, "load %s", path)
	      : handlers->object ? attach(handlers, err)
				 : fail_load(path, err);
out:
	if (ret < 0)
		free_handlers(handlers);
	else
		*out = handlers;
	return ret;
}

int32_t pp_handlers_exports(struct pp_handlers *handlers, char *names, uint32_t size, struct pp_error *err)
{
	return pp_elf_exports(handlers->path, names, size, err);
}

int32_t pp_handlers_find(struct pp_handlers *handlers, const char *name, struct pp_error *err)
{
	void *function = dlsym(handlers->object, name);

	if (!function)
		return pp_fail(err, PP_E_ELF, ENOENT, "%s has no '%s'", handlers->path, name);
	void **functions = reallocarray(handlers->functions, handlers->function_count + 1, sizeof(*functions));
	if (!functions)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "callback %s", name);
	functions[handlers->function_count] = function;
	handlers->functions = functions;
	return (int32_t)handlers->function_count++;
}

int32_t pp_handlers_route(struct pp_handlers *handlers, uint32_t event, int32_t callback, uint32_t source, uint32_t tid_at,
			  int32_t watch_id, struct pp_error *err)
{
	struct pp_sink *sink = &handlers->sink;

	if (event >= ROUTES_MAX || callback < -1 || callback >= (int32_t)handlers->function_count || tid_at > UINT16_MAX)
		return pp_fail(err, PP_E_ARG, 0, "route of event %u to callback %d", event, callback);
	if (event >= sink->route_count) {
		struct pp_route *routes = reallocarray(sink->routes, event + 1, sizeof(*routes));
		if (!routes)
			return pp_fail(err, PP_E_NOMEM, ENOMEM, "route of event %u", event);
		memset(&routes[sink->route_count], 0, (event + 1 - sink->route_count) * sizeof(*routes));
		sink->routes = routes;
		sink->route_count = event + 1;
	}
	sink->routes[event] = (struct pp_route){.call = callback < 0 ? NULL : (pp_event_callback *)handlers->functions[callback],
						.watch_id = watch_id,
						.source = source,
						.tid_at = (uint16_t)tid_at,
						.taken = true};
	return PP_OK;
}

/* ---- calls; a number that find did not give calls nothing ---- */

static void *function_of(const struct pp_handlers *handlers, int32_t callback)
{
	return callback >= 0 && callback < (int32_t)handlers->function_count ? handlers->functions[callback] : NULL;
}

void pp_handlers_call(struct pp_handlers *handlers, int32_t callback, int32_t indent)
{
	/* Those without parameters leave it in its register. */
	void (*function)(int) = (void (*)(int))function_of(handlers, callback);

	if (function)
		function(indent);
	fflush(stdout);
}

int32_t pp_handlers_init(struct pp_handlers *handlers, int32_t callback, char *why, uint32_t size)
{
	int (*function)(void) = (int (*)(void))function_of(handlers, callback);

	handlers->why[0] = '\0';
	const int result = function ? function() : 0;
	fflush(stdout);
	snprintf(why, size, "%s", handlers->why);
	return result != 0;
}

void pp_handlers_lost(struct pp_handlers *handlers, int32_t callback, const struct pp_lost *lost, const char *event)
{
	void (*function)(uint64_t, uint64_t, const struct pp_lost_info *) =
	    (void (*)(uint64_t, uint64_t, const struct pp_lost_info *))function_of(handlers, callback);
	const struct pp_lost_info info = {.count = lost->count, .event = event[0] ? event : NULL, .cpu = lost->cpu};

	if (function)
		function(lost->start, lost->end, &info);
	fflush(stdout);
}

void pp_handlers_event(struct pp_handlers *handlers, int32_t callback, uint32_t source, const uint8_t *record, uint32_t size,
		       uint32_t cpu, uint64_t time, uint32_t pid, uint32_t tid)
{
	pp_event_callback *function = (pp_event_callback *)function_of(handlers, callback);
	const struct pp_event event = {.size = sizeof(event),
				       .source = source,
				       .record = record,
				       .record_size = size,
				       .cpu = cpu,
				       .time = time,
				       .pid = pid,
				       .tid = tid};

	if (function)
		function(&event);
	/* The read that follows the batch flushes. */
	handlers->sink.unflushed = true;
}
