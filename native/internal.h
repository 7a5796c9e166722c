/* SPDX-License-Identifier: MIT */
/* What the C files of the library share with one another, and nobody else sees. */
#ifndef PERFPROF_INTERNAL_H
#define PERFPROF_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "perfprof.h"

/* ---- error.c ---- */

/* Fills *err (event, cpu, pid = -1, need = 0) and returns `code`, so that a failing call can `return pp_fail(...)`. */
int32_t pp_fail(struct pp_error *err, enum pp_code code, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Copies `length` bytes of text and a NUL to buf: the length, or PP_E_SPACE with err->need. */
int32_t pp_give_text(const char *text, size_t length, char *buf, uint32_t size, struct pp_error *err);

/* ---- clock.c ---- */

/* `clockid` now, ns. With PP_CLOCK_PERF see pp_clock_read. */
uint64_t pp_clock_now(int32_t clockid);
/* The clock that the kernel is to stamp events with where the times of `clockid` are wanted: of the clocks that can be set or that
 * count a machine's sleep it offers none to events that may come in an NMI (perf_event_set_clock, kernel/events/core.c). */
int32_t pp_clock_of_kernel(int32_t clockid);
/* What is to be added to its times. It stays the same until somebody sets the clock or the machine sleeps; `before` is the last
 * one, 0 at first. */
int64_t pp_clock_offset(int32_t clockid, int64_t before);

/* ---- machine.c ---- */

/* The whole of a file of the kernel into *text, which the caller frees. NUL-terminated; its length without the NUL. */
int32_t pp_kernel_file_load(const char *path, char **text, struct pp_error *err);

/* ---- output.c ---- */

/* Opens a file to be written, created 0600 when new, with more O_* flags; no symlink is followed in a folder that others can write.
 * What it holds is not touched. Returns the fd. */
int32_t pp_output_open(const char *path, int flags, struct pp_error *err);

/* ---- filter.c ---- */

/* Is this text, which comes from the user, one component of a path? */
bool pp_is_component(const char *text);

/* ---- probe.c ---- */

/* The event of a probe was opened: what removes the probes closes this fd first. */
void pp_probe_hold(int fd);
/* Closes it, where it is not closed yet. */
void pp_probe_close(int fd);

/* ---- watch.c ---- */

/* The name that pp_watch_name gave this id; NULL: none. Async-signal-safe. */
const char *pp_watch_name_of(int32_t id);

/* ---- thread.c ---- */

/* Starts a thread with all signals blocked, to be joined or detached. Returns 0 or the errno. */
int pp_thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

/* ---- command.c: a child that is held before its exec ---- */

struct pp_command;
/* With `to_stderr` its stdout is our stderr. */
int32_t pp_command_start(const char *argv, uint32_t argv_size, bool to_stderr, struct pp_command **out, struct pp_error *err);
int32_t pp_command_pid(const struct pp_command *command);
/* Lets it exec; PP_E_EXEC with the exec's errno when that fails. */
int32_t pp_command_go(struct pp_command *command, struct pp_error *err);
/* Readable when it has ended. */
int pp_command_pidfd(const struct pp_command *command);
/* True once it has ended, with its wait status. Never blocks. */
bool pp_command_ended(struct pp_command *command, int32_t *status);
/* SIGTERM when it still runs; reaps it, or leaves it when it does not end at once. NULL is fine. */
void pp_command_close(struct pp_command *command);

#endif
