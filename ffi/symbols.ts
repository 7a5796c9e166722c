/**
 * The C functions of libperfprof.so as Deno calls them: each entry under its declaration in native/perfprof.h, where the rest is
 * said. tests/abi_test.ts compares the two.
 *
 * Handles (struct pp_session, struct pp_formats) are "pointer"; every other pointer is a "buffer" of the caller's, which the
 * library keeps no longer than the call, but for the state of a session.
 *
 * @module
 */

export const SYMBOLS = {
  // uint32_t pp_abi_version(void)
  pp_abi_version: { parameters: [], result: "u32" },
  // const char *pp_abi_json(void)
  pp_abi_json: { parameters: [], result: "pointer" },

  // int32_t pp_kernel_file_read(const char *path, char *buf, uint32_t size, struct pp_error *err)
  pp_kernel_file_read: { parameters: ["buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_tracefs_path(uint32_t mount, char *buf, uint32_t size, struct pp_error *err)
  pp_tracefs_path: { parameters: ["u32", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_filter_check(const char *tracefs, const char *sys, const char *name, const char *filter, char *buf, uint32_t size,
  //                         struct pp_error *err)
  pp_filter_check: { parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_attr_probe(const uint8_t *attr, uint32_t attr_size, struct pp_error *err)
  pp_attr_probe: { parameters: ["buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_clock_read(int32_t clockid, struct pp_clock_pair *pair, struct pp_error *err)
  pp_clock_read: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int32_t pp_tasks_read(struct pp_task *tasks, uint32_t size, struct pp_error *err)
  pp_tasks_read: { parameters: ["buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_output_redirect(const char *path, uint32_t truncate, struct pp_error *err)
  pp_output_redirect: { parameters: ["buffer", "u32", "buffer"], result: "i32" },

  // int32_t pp_formats_new(const char *tracefs, struct pp_formats **out, struct pp_error *err)
  pp_formats_new: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  // void pp_formats_free(struct pp_formats *formats)
  pp_formats_free: { parameters: ["pointer"], result: "void" },
  // int32_t pp_format_load(struct pp_formats *formats, const char *sys, const char *name, char *json, uint32_t size,
  //                        struct pp_error *err)
  pp_format_load: { parameters: ["pointer", "buffer", "buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_format_parse(struct pp_formats *formats, const char *sys, const uint8_t *text, uint32_t text_size, char *json,
  //                         uint32_t size, struct pp_error *err)
  pp_format_parse: { parameters: ["pointer", "buffer", "buffer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_format_print(struct pp_formats *formats, uint32_t id, const uint8_t *raw, uint32_t raw_size, uint32_t cpu,
  //                         char *buf, uint32_t size, struct pp_error *err)
  pp_format_print: { parameters: ["pointer", "u32", "buffer", "u32", "u32", "buffer", "u32", "buffer"], result: "i32" },

  // int32_t pp_session_new(const struct pp_options *options, struct pp_state *state, struct pp_session **out,
  //                        struct pp_error *err)
  pp_session_new: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_session_add_event(struct pp_session *session, const uint8_t *attr, uint32_t attr_size, const char *name,
  //                              const uint32_t *cpus, uint32_t cpu_count, uint32_t flags, struct pp_error *err)
  pp_session_add_event: { parameters: ["pointer", "buffer", "u32", "buffer", "buffer", "u32", "u32", "buffer"], result: "i32" },
  // int32_t pp_session_set_filter(struct pp_session *session, uint32_t event, const char *filter, struct pp_error *err)
  pp_session_set_filter: { parameters: ["pointer", "u32", "buffer", "buffer"], result: "i32" },
  // int32_t pp_session_add_task(struct pp_session *session, uint32_t pid, uint32_t whole_process, struct pp_error *err)
  pp_session_add_task: { parameters: ["pointer", "u32", "u32", "buffer"], result: "i32" },
  // int32_t pp_session_add_cgroup(struct pp_session *session, const char *path, struct pp_error *err)
  pp_session_add_cgroup: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_session_command(struct pp_session *session, const char *argv, uint32_t argv_size, struct pp_error *err)
  pp_session_command: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_session_open(struct pp_session *session, struct pp_error *err)
  pp_session_open: { parameters: ["pointer", "buffer"], result: "i32" },
  // int32_t pp_session_enable(struct pp_session *session, struct pp_error *err)
  pp_session_enable: { parameters: ["pointer", "buffer"], result: "i32" },
  // int32_t pp_session_disable(struct pp_session *session, struct pp_error *err)
  pp_session_disable: { parameters: ["pointer", "buffer"], result: "i32" },
  // int32_t pp_session_wait(struct pp_session *session, uint32_t timeout_ms, uint32_t pause)
  pp_session_wait: { parameters: ["pointer", "u32", "u32"], result: "i32", nonblocking: true },
  // void pp_session_wake(struct pp_session *session)
  pp_session_wake: { parameters: ["pointer"], result: "void" },
  // int32_t pp_session_read(struct pp_session *session, uint8_t *buf, uint32_t size, struct pp_error *err)
  pp_session_read: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_session_counts(struct pp_session *session, struct pp_count *counts, uint32_t size, struct pp_error *err)
  pp_session_counts: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // void pp_session_close(struct pp_session *session)
  pp_session_close: { parameters: ["pointer"], result: "void" },

  // int32_t pp_watch_start(struct pp_watch **out, struct pp_error *err)
  pp_watch_start: { parameters: ["buffer", "buffer"], result: "i32" },
  // int32_t pp_watch_name(const char *name, struct pp_error *err)
  pp_watch_name: { parameters: ["buffer", "buffer"], result: "i32" },
  // void pp_watch_busy(uint32_t busy)
  pp_watch_busy: { parameters: ["u32"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;
