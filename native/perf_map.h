/* SPDX-License-Identifier: MIT */
/* The maps that JIT compilers write for perf: /tmp/perf-PID.map. */
#ifndef PERFPROF_PERF_MAP_H
#define PERFPROF_PERF_MAP_H

#include "symbol_table.h"

struct pp_perf_map;

/* 0 or -ENOMEM. Nothing is read yet. */
int pp_perf_map_new(uint32_t pid, struct pp_perf_map **out);
void pp_perf_map_free(struct pp_perf_map *map);

/* The name that the map has for `address`, and where that starts; NULL where it is unknown, with the reason. The text belongs to
 * the map until the next call. */
const char *pp_perf_map_find(struct pp_perf_map *map, uint64_t address, uint64_t *start, enum pp_unknown *reason);

uint32_t pp_perf_map_pid(const struct pp_perf_map *map);
/* Memory it takes. */
size_t pp_perf_map_bytes(const struct pp_perf_map *map);

#endif
