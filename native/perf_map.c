/* SPDX-License-Identifier: MIT */
/*
 * One map of a JIT compiler: lines "START SIZE NAME" in hexadecimal (tools/perf/Documentation/jit-interface.txt), of which a
 * later one stands for code that has taken the place of what was there. The compiler appends while the program runs: what has
 * been added is read when an address is asked for. /tmp is everybody's: only a file of the process's own user is believed.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mapped_file.h"
#include "perf_map.h"

#define TEXT_MAX      (64u << 20)   /* of one map; more is not read */
#define TEXT_STEP     (1u << 20)    /* read at once; a line is shorter */
#define START_SLACK_S 2		    /* the start of a process is known to the second, and the clock may be set */
#define RECHECK_NS    1000000000ull /* how old the answer for a known address may be */
#define SLOW_NS	      2000000	    /* A check that takes longer (the map is large, and grows all the time) is put off, */
#define SLOW_SHARE    10	    /* so that such checks take one part in so many of the time. */

struct pp_perf_map {
	uint32_t pid;
	struct pp_symbol_table *table; /* NULL before something was read */
	enum pp_unknown reason;	       /* why there is none */
	int fd;			       /* the file that was read, or -1; while it is open no other one gets its inode number */
	uint64_t done;		       /* bytes of it, up to the end of a line */
	uint64_t checked_ns;
	uint64_t put_off_ns; /* how long the next one for an unknown address is */
};

int pp_perf_map_new(uint32_t pid, struct pp_perf_map **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->pid = pid;
	(*out)->fd = -1;
	(*out)->reason = PP_UNKNOWN_JIT_ABSENT;
	return 0;
}

static void forget(struct pp_perf_map *map)
{
	pp_symbol_table_free(map->table);
	if (map->fd >= 0)
		close(map->fd);
	map->table = NULL;
	map->fd = -1;
	map->done = 0;
}

void pp_perf_map_free(struct pp_perf_map *map)
{
	if (map)
		forget(map);
	free(map);
}

/* ---- whose map ---- */

/* What /proc/PID/status tells of a process. */
struct owner {
	bool alive;
	uint32_t uid; /* that it makes files with */
	uint32_t pid; /* in its innermost namespace: what its own getpid() says */
};

/* The last number of a line of tab-separated ones. */
static uint32_t last_number(const char *text, const char *key)
{
	const char *line = strstr(text, key);
	uint32_t number = 0;

	if (line)
		for (line += strlen(key); *line && *line != '\n'; line++)
			if (*line == '\t')
				number = strtoul(line, NULL, 10);
	return number;
}

static struct owner read_owner(uint32_t pid)
{
	struct owner owner = {.pid = pid};
	struct pp_error ignored;
	char path[32];
	char *text;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	if (pp_kernel_file_load(path, &text, &ignored) < 0)
		return owner;
	owner.alive = true;
	owner.uid = last_number(text, "\nUid:");
	/* The line is not there in a kernel without such namespaces. */
	owner.pid = strstr(text, "\nNSpid:") ? last_number(text, "\nNSpid:") : pid;
	free(text);
	return owner;
}

/* When the process started, s since the epoch; 0 where that is not to be had. proc(5): field 22 of stat, ticks since boot. */
static time_t read_start(uint32_t pid)
{
	struct pp_error ignored;
	char path[32], *text, *at;
	time_t start = 0;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (pp_kernel_file_load(path, &text, &ignored) < 0)
		return 0;
	/* The name, field 2, may hold anything, parentheses as well. */
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		start = time(NULL) - (time_t)(pp_clock_now(CLOCK_BOOTTIME) / 1000000000) +
			strtoull(at, NULL, 10) / sysconf(_SC_CLK_TCK);
	free(text);
	return start;
}

/* Opens the map. One that is older than the process is of another, which had its number before. Of a process that has ended nobody
 * knows the user: only what root wrote is believed. A descriptor, or -1 with the reason. */
static int open_map(uint32_t pid, struct stat *st, enum pp_unknown *reason)
{
	struct owner owner = read_owner(pid);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%u.map", owner.pid);
	fd = pp_open_in_root(owner.alive ? pid : 0, path, true);
	/* -EINVAL, -ELOOP: a fifo, a link, a device. */
	*reason = fd == -ENOENT || fd == -ENOTDIR ? PP_UNKNOWN_JIT_ABSENT : PP_UNKNOWN_JIT_REFUSED;
	if (fd < 0)
		return -1;
	if (fstat(fd, st) < 0 || (st->st_uid && (!owner.alive || st->st_uid != owner.uid)))
		*reason = PP_UNKNOWN_JIT_REFUSED;
	else if (owner.alive && st->st_mtime + START_SLACK_S < read_start(pid))
		*reason = PP_UNKNOWN_JIT_ABSENT;
	else
		return fd;
	close(fd);
	return -1;
}

/* ---- its lines ---- */

/* A number of hexadecimal digits with a space behind it; NULL where there is none. */
static const char *parse_hex(const char *at, const char *end, uint64_t *value)
{
	const char *first;

	if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
		at += 2;
	for (first = at, *value = 0; at < end && isxdigit((unsigned char)*at); at++)
		*value = *value << 4 | (isdigit((unsigned char)*at) ? *at - '0' : (*at | 0x20) - 'a' + 10);
	if (at == first || at - first > 16 || at == end || *at != ' ')
		return NULL;
	return at + 1;
}

/* A damaged line is passed over. */
static int add_line(struct pp_symbol_table *table, const char *line, const char *end)
{
	uint64_t start, size;

	line = parse_hex(line, end, &start);
	line = line ? parse_hex(line, end, &size) : NULL;
	if (line && end > line && end[-1] == '\r')
		end--;
	if (!line || end == line || memchr(line, '\0', end - line) || start + size < start)
		return 0;
	return pp_symbol_table_add(table, start, start + size, 0, line, end - line);
}

/* Adds the whole lines of a text. Returns the bytes that they take, or the error. */
static ssize_t add_lines(struct pp_symbol_table *table, const char *text, size_t size)
{
	const char *at = text, *newline;

	while ((newline = memchr(at, '\n', text + size - at))) {
		int ret = add_line(table, at, newline);

		if (ret < 0)
			return ret;
		at = newline + 1;
	}
	return at - text;
}

/* From `done` on. What cannot be read or held is left out: the rest is still good. */
static void read_on(struct pp_perf_map *map)
{
	char *text = malloc(TEXT_STEP);
	ssize_t got, used = 1;

	while (text && used > 0 && map->done < TEXT_MAX && (got = pread(map->fd, text, TEXT_STEP, map->done)) > 0) {
		used = add_lines(map->table, text, got);
		/* No line is so long: this is something else, and is passed over. */
		if (!used && got == TEXT_STEP)
			used = got;
		if (used > 0)
			map->done += used;
	}
	free(text);
}

/* ---- keeping up ---- */

static bool is_same_file(int fd, const struct stat *st)
{
	struct stat own;

	return fd >= 0 && fstat(fd, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino;
}

static void refresh(struct pp_perf_map *map)
{
	enum pp_unknown reason;
	struct stat st;
	int fd = open_map(map->pid, &st, &reason);
	uint64_t before;

	if (fd < 0) {
		/* What was read of it stays when it has gone, as it does with its process. */
		if (!map->table)
			map->reason = reason;
		return;
	}
	if (is_same_file(map->fd, &st) && (uint64_t)st.st_size >= map->done) {
		close(fd);
	} else {
		forget(map);
		map->fd = fd;
		map->table = pp_symbol_table_new();
	}
	before = map->done;
	if (map->table && (uint64_t)st.st_size > before)
		read_on(map);
	if (!map->table || (map->done != before && pp_symbol_table_index(map->table) < 0))
		forget(map);
}

static uint64_t now_ns(void)
{
	return pp_clock_now(CLOCK_MONOTONIC);
}

/* Measured in CPU time: it is not the map's fault when others run. */
static void recheck(struct pp_perf_map *map)
{
	uint64_t took_ns = pp_clock_now(CLOCK_THREAD_CPUTIME_ID);

	refresh(map);
	took_ns = pp_clock_now(CLOCK_THREAD_CPUTIME_ID) - took_ns;
	map->put_off_ns = took_ns > SLOW_NS ? took_ns * SLOW_SHARE : 0;
	map->checked_ns = now_ns();
}

const char *pp_perf_map_find(struct pp_perf_map *map, uint64_t address, uint64_t *start, enum pp_unknown *reason)
{
	const char *name = map->table ? pp_symbol_table_find(map->table, address, start) : NULL;

	/* An unknown one may have just been added, a known one have been put in another's place. */
	if (now_ns() - map->checked_ns > (name ? RECHECK_NS : map->put_off_ns)) {
		recheck(map);
		name = map->table ? pp_symbol_table_find(map->table, address, start) : NULL;
	}
	*reason = name ? PP_KNOWN : map->table ? PP_UNKNOWN_NO_SYMBOL : map->reason;
	return name;
}

uint32_t pp_perf_map_pid(const struct pp_perf_map *map)
{
	return map->pid;
}

size_t pp_perf_map_bytes(const struct pp_perf_map *map)
{
	return sizeof(*map) + (map->table ? pp_symbol_table_bytes(map->table) : 0);
}
