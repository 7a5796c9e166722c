/* SPDX-License-Identifier: MIT */
#ifndef PERFPROF_DEMANGLE_H
#define PERFPROF_DEMANGLE_H

/* A mangled name of C++ or Rust as its source has it, to be freed. NULL for any other, and for one whose text would be long. */
char *pp_demangle(const char *name);

#endif
