/**
 * The C functions of libperfprof.so as Deno calls them: each entry under its declaration in native/perfprof.h, where the rest is
 * said. tests/abi_test.ts compares the two.
 *
 * Handles (struct pp_session, pp_recorder, pp_replay, pp_formats, pp_symbolizer, pp_handlers) are "pointer"; every other pointer is
 * a "buffer" of the caller's, which the library keeps no longer than the call, but for the state of a session, the progress of a
 * recorder, and what compiled handlers share with it.
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
  // int32_t pp_kernel_folder_read(const char *path, char *buf, uint32_t size, struct pp_error *err)
  pp_kernel_folder_read: { parameters: ["buffer", "buffer", "u32", "buffer"], result: "i32" },
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

  // int32_t pp_output_restore_stderr(struct pp_error *err)
  pp_output_restore_stderr: { parameters: ["buffer"], result: "i32" },

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

  // int32_t pp_probe_create(const char *tracefs, uint32_t kind, const char *name, const char *places, char *group, uint32_t size,
  //                         struct pp_error *err)
  pp_probe_create: { parameters: ["buffer", "u32", "buffer", "buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_probes_remove(void)
  pp_probes_remove: { parameters: [], result: "i32" },
  // int32_t pp_probe_remove_left(const char *tracefs, uint32_t kind, const char *event, struct pp_error *err)
  pp_probe_remove_left: { parameters: ["buffer", "u32", "buffer", "buffer"], result: "i32" },
  // int32_t pp_elf_find(const char *path, const char *name, uint64_t *offset, struct pp_error *err)
  pp_elf_find: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_elf_functions(const char *path, char *names, uint32_t size, struct pp_error *err)
  pp_elf_functions: { parameters: ["buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_elf_markers(const char *path, char *lines, uint32_t size, struct pp_error *err)
  pp_elf_markers: { parameters: ["buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_format_print_tree(struct pp_formats *formats, uint32_t id, char *json, uint32_t size, struct pp_error *err)
  pp_format_print_tree: { parameters: ["pointer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_formats_recorded(struct pp_formats *formats, const uint8_t *printk, uint32_t size, struct pp_error *err)
  pp_formats_recorded: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_formats_kernel(struct pp_formats *formats, uint64_t text, const uint8_t *build_id, uint32_t build_id_size,
  //                           struct pp_error *err)
  pp_formats_kernel: { parameters: ["pointer", "u64", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_format_symbol(struct pp_formats *formats, uint64_t addr, uint64_t *offset, char *name, uint32_t size,
  //                          struct pp_error *err)
  pp_format_symbol: { parameters: ["pointer", "u64", "buffer", "buffer", "u32", "buffer"], result: "i32" },

  // int32_t pp_symbolizer_new(uint32_t flags, struct pp_symbolizer **out, struct pp_error *err)
  pp_symbolizer_new: { parameters: ["u32", "buffer", "buffer"], result: "i32" },
  // void pp_symbolizer_free(struct pp_symbolizer *symbolizer)
  pp_symbolizer_free: { parameters: ["pointer"], result: "void" },
  // int32_t pp_symbolizer_recorded(struct pp_symbolizer *symbolizer, uint64_t text, const uint8_t *build_id,
  //                                uint32_t build_id_size, struct pp_error *err)
  pp_symbolizer_recorded: { parameters: ["pointer", "u64", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_kernel_symbol(struct pp_symbolizer *symbolizer, uint64_t addr, struct pp_symbol *symbol, char *name,
  //                          uint32_t size, struct pp_error *err)
  pp_kernel_symbol: { parameters: ["pointer", "u64", "buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_dso_open(struct pp_symbolizer *symbolizer, const struct pp_mapping *mapping, const char *path,
  //                     struct pp_error *err)
  pp_dso_open: { parameters: ["pointer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_dso_symbol(struct pp_symbolizer *symbolizer, uint32_t dso, uint64_t file_offset, struct pp_symbol *symbol,
  //                       char *name, uint32_t size, struct pp_error *err)
  pp_dso_symbol: { parameters: ["pointer", "u32", "u64", "buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_dso_build_id(struct pp_symbolizer *symbolizer, uint32_t dso, uint8_t *build_id, uint32_t size,
  //                         struct pp_error *err)
  pp_dso_build_id: { parameters: ["pointer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_jit_symbol(struct pp_symbolizer *symbolizer, uint32_t pid, uint64_t addr, struct pp_symbol *symbol, char *name,
  //                       uint32_t size, struct pp_error *err)
  pp_jit_symbol: { parameters: ["pointer", "u32", "u64", "buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_dso_lines(struct pp_symbolizer *symbolizer, uint32_t dso, uint64_t file_offset, char *json, uint32_t size,
  //                      struct pp_error *err)
  pp_dso_lines: { parameters: ["pointer", "u32", "u64", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_unwind_space(struct pp_symbolizer *symbolizer, const struct pp_module *modules, uint32_t count,
  //                         struct pp_error *err)
  pp_unwind_space: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_unwind(struct pp_symbolizer *symbolizer, const uint64_t *regs, uint64_t regs_mask, const uint8_t *stack,
  //                   uint32_t stack_size, uint64_t *addresses, uint32_t max, uint32_t *unwound, struct pp_error *err)
  pp_unwind: {
    parameters: ["pointer", "buffer", "u64", "buffer", "u32", "buffer", "u32", "buffer", "buffer"],
    result: "i32",
  },

  // int32_t pp_session_new(const struct pp_options *options, struct pp_state *state, struct pp_session **out,
  //                        struct pp_error *err)
  pp_session_new: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_session_add_event(struct pp_session *session, const uint8_t *attr, uint32_t attr_size, const char *name,
  //                              const uint32_t *cpus, uint32_t cpu_count, uint32_t flags, struct pp_error *err)
  pp_session_add_event: { parameters: ["pointer", "buffer", "u32", "buffer", "buffer", "u32", "u32", "buffer"], result: "i32" },
  // int32_t pp_session_set_filter(struct pp_session *session, uint32_t event, const char *filter, struct pp_error *err)
  pp_session_set_filter: { parameters: ["pointer", "u32", "buffer", "buffer"], result: "i32" },
  // int32_t pp_session_set_leader(struct pp_session *session, uint32_t event, uint32_t leader, struct pp_error *err)
  pp_session_set_leader: { parameters: ["pointer", "u32", "u32", "buffer"], result: "i32" },
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
  // int32_t pp_session_set_brief(struct pp_session *session, uint32_t event, struct pp_error *err)
  pp_session_set_brief: { parameters: ["pointer", "u32", "buffer"], result: "i32" },
  // int32_t pp_session_wait(struct pp_session *session, uint32_t timeout_ms, uint32_t pause)
  pp_session_wait: { parameters: ["pointer", "u32", "u32"], result: "i32", nonblocking: true },
  // int32_t pp_session_wait_here(struct pp_session *session, uint32_t timeout_ms)
  pp_session_wait_here: { parameters: ["pointer", "u32"], result: "i32" },
  // void pp_session_wake(struct pp_session *session)
  pp_session_wake: { parameters: ["pointer"], result: "void" },
  // int32_t pp_session_read(struct pp_session *session, uint8_t *buf, uint32_t size, struct pp_error *err)
  pp_session_read: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_session_counts(struct pp_session *session, struct pp_count *counts, uint32_t size, struct pp_error *err)
  pp_session_counts: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // void pp_session_close(struct pp_session *session)
  pp_session_close: { parameters: ["pointer"], result: "void" },

  // int32_t pp_session_ids(struct pp_session *session, struct pp_event_id *ids, uint32_t size, struct pp_error *err)
  pp_session_ids: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_recorder_new(struct pp_session *session, const char *path, uint32_t level, struct pp_recorded *recorded,
  //                         struct pp_recorder **out, struct pp_error *err)
  pp_recorder_new: { parameters: ["pointer", "buffer", "u32", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_recorder_begin(struct pp_recorder *recorder, const uint8_t *head, uint32_t head_size, const uint8_t *table,
  //                           uint32_t table_size, struct pp_error *err)
  pp_recorder_begin: { parameters: ["pointer", "buffer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_recorder_add(struct pp_recorder *recorder, const uint8_t *records, uint32_t size, struct pp_error *err)
  pp_recorder_add: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_recorder_pass(struct pp_recorder *recorder, struct pp_error *err)
  pp_recorder_pass: { parameters: ["pointer", "buffer"], result: "i32", nonblocking: true },
  // int32_t pp_recorder_finish(struct pp_recorder *recorder, struct pp_error *err)
  pp_recorder_finish: { parameters: ["pointer", "buffer"], result: "i32", nonblocking: true },
  // int32_t pp_recorder_patch(struct pp_recorder *recorder, uint32_t offset, const uint8_t *bytes, uint32_t size,
  //                           struct pp_error *err)
  pp_recorder_patch: { parameters: ["pointer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  // void pp_recorder_close(struct pp_recorder *recorder)
  pp_recorder_close: { parameters: ["pointer"], result: "void" },

  // int32_t pp_replay_open(const char *path, uint32_t flags, struct pp_state *state, struct pp_replay **out,
  //                        struct pp_error *err)
  pp_replay_open: { parameters: ["buffer", "u32", "buffer", "buffer", "buffer"], result: "i32" },
  // void pp_replay_describe(struct pp_replay *replay, struct pp_recording *recording)
  pp_replay_describe: { parameters: ["pointer", "buffer"], result: "void" },
  // int32_t pp_replay_attr(struct pp_replay *replay, uint32_t event, uint8_t *attr, uint32_t size, struct pp_error *err)
  pp_replay_attr: { parameters: ["pointer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_replay_section(struct pp_replay *replay, uint32_t feature, uint8_t *bytes, uint32_t size,
  //                           struct pp_error *err)
  pp_replay_section: { parameters: ["pointer", "u32", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_replay_choose(struct pp_replay *replay, uint32_t event, uint32_t index, const uint32_t *cpus, uint32_t cpu_count,
  //                          struct pp_error *err)
  pp_replay_choose: { parameters: ["pointer", "u32", "u32", "buffer", "u32", "buffer"], result: "i32" },
  // void pp_replay_limit(struct pp_replay *replay, uint64_t from, uint64_t to)
  pp_replay_limit: { parameters: ["pointer", "u64", "u64"], result: "void" },
  // int32_t pp_replay_first_time(struct pp_replay *replay, uint64_t *time, struct pp_error *err)
  pp_replay_first_time: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_replay_read(struct pp_replay *replay, uint8_t *buf, uint32_t size, struct pp_error *err)
  pp_replay_read: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_replay_counts(struct pp_replay *replay, struct pp_count *counts, uint32_t size, struct pp_error *err)
  pp_replay_counts: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_replay_wait(struct pp_replay *replay, uint32_t timeout_ms, uint32_t pause)
  pp_replay_wait: { parameters: ["pointer", "u32", "u32"], result: "i32", nonblocking: true },
  // void pp_replay_wake(struct pp_replay *replay)
  pp_replay_wake: { parameters: ["pointer"], result: "void" },
  // void pp_replay_stop(struct pp_replay *replay)
  pp_replay_stop: { parameters: ["pointer"], result: "void" },
  // void pp_replay_close(struct pp_replay *replay)
  pp_replay_close: { parameters: ["pointer"], result: "void" },

  // int32_t pp_handlers_open(const char *path, struct pp_host *host, struct pp_handing *handing, struct pp_handlers **out,
  //                          struct pp_error *err)
  pp_handlers_open: { parameters: ["buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_handlers_exports(struct pp_handlers *handlers, char *names, uint32_t size, struct pp_error *err)
  pp_handlers_exports: { parameters: ["pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_handlers_find(struct pp_handlers *handlers, const char *name, struct pp_error *err)
  pp_handlers_find: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  // int32_t pp_handlers_route(struct pp_handlers *handlers, uint32_t event, int32_t callback, uint32_t source, uint32_t tid_at,
  //                           int32_t watch_id, struct pp_error *err)
  pp_handlers_route: { parameters: ["pointer", "u32", "i32", "u32", "u32", "i32", "buffer"], result: "i32" },
  // void pp_handlers_call(struct pp_handlers *handlers, int32_t callback, int32_t indent)
  pp_handlers_call: { parameters: ["pointer", "i32", "i32"], result: "void" },
  // int32_t pp_handlers_init(struct pp_handlers *handlers, int32_t callback, char *why, uint32_t size)
  pp_handlers_init: { parameters: ["pointer", "i32", "buffer", "u32"], result: "i32" },
  // void pp_handlers_lost(struct pp_handlers *handlers, int32_t callback, const struct pp_lost *lost, const char *event)
  pp_handlers_lost: { parameters: ["pointer", "i32", "buffer", "buffer"], result: "void" },
  // void pp_handlers_event(struct pp_handlers *handlers, int32_t callback, uint32_t source, const uint8_t *record,
  //                        uint32_t size, uint32_t cpu, uint64_t time, uint32_t pid, uint32_t tid)
  pp_handlers_event: {
    parameters: ["pointer", "i32", "u32", "buffer", "u32", "u32", "u64", "u32", "u32"],
    result: "void",
  },
  // int32_t pp_session_hand(struct pp_session *session, struct pp_handlers *handlers, uint8_t *buf, uint32_t size,
  //                         struct pp_error *err)
  pp_session_hand: { parameters: ["pointer", "pointer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t pp_replay_hand(struct pp_replay *replay, struct pp_handlers *handlers, uint8_t *buf, uint32_t size,
  //                        struct pp_error *err)
  pp_replay_hand: { parameters: ["pointer", "pointer", "buffer", "u32", "buffer"], result: "i32" },

  // int32_t pp_watch_start(struct pp_watch **out, struct pp_error *err)
  pp_watch_start: { parameters: ["buffer", "buffer"], result: "i32" },
  // int32_t pp_watch_name(const char *name, struct pp_error *err)
  pp_watch_name: { parameters: ["buffer", "buffer"], result: "i32" },
  // void pp_watch_busy(uint32_t busy)
  pp_watch_busy: { parameters: ["u32"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;
