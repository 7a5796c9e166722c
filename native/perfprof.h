/* SPDX-License-Identifier: MIT */
/*
 * libperfprof: opens perf events, maps their rings, merges them by time and parses trace formats.
 *
 * This header is the whole contract with ffi/. Its rules:
 *  - Handles are opaque. Every integer has a fixed width, every padding byte a name, and the sizes and offsets are asserted
 *    (abi.c also exports them as JSON, from which ffi/abi.ts is generated).
 *  - A call that can fail returns >= 0, or a negative enum pp_code and fills the struct pp_error that the caller passed. There is
 *    no errno and no thread-local error: nonblocking FFI calls run on other threads.
 *  - Nothing here prints, exits or aborts, but for the watchdog of a stuck script (pp_watch_start), and what compiled handlers do.
 *  - Texts are NUL-terminated UTF-8 or raw kernel bytes. A function that fills a text buffer returns the length without the NUL;
 *    where the buffer is too small it returns PP_E_SPACE and pp_error.need says how many bytes it takes.
 *  - One thread at a time uses a session, but for two things: pp_session_wake may be called at any time until pp_session_close;
 *    and while pp_session_wait runs, on the thread of a nonblocking call, so may pp_session_counts.
 *  - close/free of NULL is safe.
 */
#ifndef PERFPROF_H
#define PERFPROF_H

#include <assert.h>
#include <stdint.h>

#define PP_ABI_VERSION 1

#if defined(__GNUC__)
#define PP_API __attribute__((visibility("default")))
#else
#define PP_API
#endif

/* ---- errors ---------------------------------------------------------------------------------------------------------------- */

/* What failed. The kernel's reason is pp_error.sys_errno. */
enum pp_code {
	PP_OK = 0,
	PP_E_ARG = -1,	      /* an argument is out of range: a bug of the caller */
	PP_E_NOMEM = -2,      /* out of memory */
	PP_E_SPACE = -3,      /* the buffer is too small; pp_error.need has the size that is enough */
	PP_E_FILE = -4,	      /* a file of the kernel could not be read */
	PP_E_TRACEFS = -5,    /* no tracefs, and it could not be mounted */
	PP_E_FORMAT = -6,     /* a tracepoint's format is not there (sys_errno ENOENT) or does not parse */
	PP_E_OPEN = -7,	      /* perf_event_open */
	PP_E_MMAP = -8,	      /* mapping a ring */
	PP_E_FILTER = -9,     /* the kernel refused a filter; text is the kernel's reason with its caret where it gives one */
	PP_E_CGROUP = -10,    /* opening a cgroup */
	PP_E_TASK = -11,      /* a process or thread is not there */
	PP_E_EXEC = -12,      /* starting the command */
	PP_E_IOCTL = -13,     /* enabling, disabling or redirecting an event */
	PP_E_OUTPUT = -14,    /* opening the output file */
	PP_E_SYS = -15,	      /* any other system call */
	PP_E_PROBE = -16,     /* the kernel refused a probe; text is its reason, the definition and a caret line, or empty */
	PP_E_ELF = -17,	      /* a program or library has no such function (sys_errno ENOENT), or is none (ENOEXEC) */
	PP_E_RECORDING = -18, /* a recording (perf.data) makes no sense; text says where */
};

/* Filled by every call that fails. `event`, `cpu`, `pid` are -1 where they do not apply. */
struct pp_error {
	int32_t code;	   /* enum pp_code */
	int32_t sys_errno; /* 0 where the kernel gave none */
	int32_t event;	   /* index of the event in the session */
	int32_t cpu;
	int32_t pid;
	uint32_t need;	 /* PP_E_SPACE: bytes that are enough */
	char text[1000]; /* what was tried, such as "perf_event_open sched:sched_switch cpu=3" */
};
static_assert(sizeof(struct pp_error) == 1024, "pp_error");

/* ---- the library ----------------------------------------------------------------------------------------------------------- */

/* PP_ABI_VERSION of the library that is loaded. */
PP_API uint32_t pp_abi_version(void);

/* Sizes, offsets, constants and error codes as this compiler sees them, as JSON; static storage. */
PP_API const char *pp_abi_json(void);

/* ---- the machine ----------------------------------------------------------------------------------------------------------- */

/* Reads a text file under /proc, /sys or tracefs (the file system's magic is checked, so nothing else can be read). */
PP_API int32_t pp_kernel_file_read(const char *path, char *buf, uint32_t size, struct pp_error *err);

/* Names in a folder under /proc, /sys or tracefs (checked likewise), a line each; those of folders end with a `/`. */
PP_API int32_t pp_kernel_folder_read(const char *path, char *buf, uint32_t size, struct pp_error *err);

/* Path of the mounted tracefs into `buf`. With `mount` != 0 it is mounted at /sys/kernel/tracing when it is nowhere. */
PP_API int32_t pp_tracefs_path(uint32_t mount, char *buf, uint32_t size, struct pp_error *err);

/* Why the kernel refuses `filter` for sys:name: written to a temporary instance of tracefs, and read back. Returns the length of
 * the reason (with its caret line), 0 when the filter is accepted there. */
PP_API int32_t pp_filter_check(const char *tracefs, const char *sys, const char *name, const char *filter, char *buf, uint32_t size,
			       struct pp_error *err);

/* Is this attr one that the kernel can open? Opens it disabled on this thread and closes it: 0, or PP_E_OPEN with its errno. Meant
 * for software events (closing the last fd of a tracepoint is slow). */
PP_API int32_t pp_attr_probe(const uint8_t *attr, uint32_t attr_size, struct pp_error *err);

/* A clock reading and the wall clock at the same moment (the middle of the tightest of several readings), ns. */
struct pp_clock_pair {
	uint64_t clock_ns;
	uint64_t realtime_ns;
};
static_assert(sizeof(struct pp_clock_pair) == 16, "pp_clock_pair");

/* `clockid` is CLOCK_MONOTONIC, ..., or PP_CLOCK_PERF: the kernel's own perf clock, read from a side-band record of this thread. */
#define PP_CLOCK_PERF (-1)
PP_API int32_t pp_clock_read(int32_t clockid, struct pp_clock_pair *pair, struct pp_error *err);

/* All tasks of /proc with their names, into `size` bytes. Returns how many tasks were written; PP_E_SPACE with `need` = bytes when
 * there are more. */
struct pp_task {
	uint32_t pid; /* thread group */
	uint32_t tid;
	char comm[16]; /* NUL-terminated */
};
static_assert(sizeof(struct pp_task) == 24, "pp_task");
PP_API int32_t pp_tasks_read(struct pp_task *tasks, uint32_t size, struct pp_error *err);

/* Opens `path` (created 0600 when new; no symlink is followed in a folder that others can write) and puts it in the place of stdout
 * and stderr. `truncate` is 0 when a log rotation asks for the file to be opened anew. */
PP_API int32_t pp_output_redirect(const char *path, uint32_t truncate, struct pp_error *err);

/* Puts the stderr from before the first pp_output_redirect back, to say there that the file takes no more. Without one nothing. */
PP_API int32_t pp_output_restore_stderr(struct pp_error *err);

/* ---- formats of tracepoints (libtraceevent) ---------------------------------------------------------------------------------- */

struct pp_formats;

/* `tracefs` may be "" : then only pp_format_parse works (recorded formats). */
PP_API int32_t pp_formats_new(const char *tracefs, struct pp_formats **out, struct pp_error *err);
PP_API void pp_formats_free(struct pp_formats *formats);

/*
 * Loads the format of sys:name and describes it as JSON:
 *   {"id":316,"system":"sched","name":"sched_switch","printFormat":"\"prev_comm=%s ...\", REC->prev_comm, ...","printable":true,
 *    "fields":[{"name":"common_type","type":"unsigned short","offset":0,"size":2,"signed":false,"common":true,
 *               "array":false,"count":0,"elementSize":0,"string":false,"pointer":false,"dynamic":false,"relative":false}, ...]}
 * `type` is the C type as the format gives it, without the array brackets ("char", "__data_loc char[]", "unsigned long");
 * `count` is the array's length (0 when not an array or of dynamic length). `printable` is false when libtraceevent cannot parse
 * the print format. Offsets count from the start of the raw data (PERF_SAMPLE_RAW after its size).
 */
PP_API int32_t pp_format_load(struct pp_formats *formats, const char *sys, const char *name, char *json, uint32_t size,
			      struct pp_error *err);

/* The same for the text of a format file. */
PP_API int32_t pp_format_parse(struct pp_formats *formats, const char *sys, const uint8_t *text, uint32_t text_size, char *json,
			       uint32_t size, struct pp_error *err);

/* The kernel's own print format of event `id` on `raw` (raw_size bytes); `name=value` pairs where it is not printable. kallsyms and
 * printk_formats are read at the first call that needs them. The length is at most size - 1: longer text is cut. */
PP_API int32_t pp_format_print(struct pp_formats *formats, uint32_t id, const uint8_t *raw, uint32_t raw_size, uint32_t cpu,
			       char *buf, uint32_t size, struct pp_error *err);

/* ---- dynamic probes --------------------------------------------------------------------------------------------------------- */

enum pp_probe_kind {
	PP_KPROBE = 0,
	PP_KRETPROBE = 1,
	PP_UPROBE = 2,
	PP_URETPROBE = 3,
};

/*
 * Creates a probe in tracefs, in a group of its own that is named perfprof_PID_N; from then on it is an event with a format. `name`
 * has letters, digits and _ only; `places` is what follows in the kernel's syntax: "PATH:OFFSET ARG=FETCHARG ..." or "FUNCTION
 * ...", a line for each place where it has several, all with the same arguments. Returns the length of the group's name. PP_E_FILE
 * where the kernel has no such probes (ENOENT) or denies them.
 */
PP_API int32_t pp_probe_create(const char *tracefs, uint32_t kind, const char *name, const char *places, char *group, uint32_t size,
			       struct pp_error *err);

/* Removes all probes that this process created, after closing their events. Done by itself when the process exits, or the watchdog
 * ends it. Returns how many the kernel kept, because somebody else has them open. */
PP_API int32_t pp_probes_remove(void);

/* Removes a probe that another process has left behind; `event` is perfprof_PID_N/NAME. */
PP_API int32_t pp_probe_remove_left(const char *tracefs, uint32_t kind, const char *event, struct pp_error *err);

/* Where function `name` of the ELF file at `path` begins, as an offset in the file: of its symbol table or its dynamic one. */
PP_API int32_t pp_elf_find(const char *path, const char *name, uint64_t *offset, struct pp_error *err);

/* The names of all its functions, a line each. */
PP_API int32_t pp_elf_functions(const char *path, char *names, uint32_t size, struct pp_error *err);

/* The markers that it was compiled with (USDT), a line for each place, its parts between tabs: offset in the file, that of the
 * semaphore (0: none), both in hexadecimal; provider; name; arguments as the assembler wrote them ("-4@%edi 8@-16(%rbp)"). */
PP_API int32_t pp_elf_markers(const char *path, char *lines, uint32_t size, struct pp_error *err);

/*
 * The print format of event `id` as libtraceevent has parsed it, as JSON: {"format":"comm=%s pid=%d","arguments":[ARGUMENT, ...]},
 * or null where it is not printable. `format` has its escapes; an ARGUMENT is one of
 *   {"kind":"atom","text":"0x10"}
 *   {"kind":"field","name":"pid"}
 *   {"kind":"string","name":"file"}, which is __get_str(file)
 *   {"kind":"cast","type":"u8","item":ARGUMENT}
 *   {"kind":"op","op":"+","left":ARGUMENT,"right":ARGUMENT}
 *   {"kind":"flags","delimiter":"|","values":[{"value":"1","name":"S"}, ...],"item":ARGUMENT}
 *   {"kind":"symbol","values":[{"value":"1","name":"S"}, ...],"item":ARGUMENT}
 *   {"kind":"null"}, the left of a unary operator
 *   {"kind":"other"}
 * a ? b : c is op "?" whose right is op ":".
 */
PP_API int32_t pp_format_print_tree(struct pp_formats *formats, uint32_t id, char *json, uint32_t size, struct pp_error *err);

/* The formats are those of a recording: strings of printk come from `printk` (text of printk_formats, `size` bytes), and there are
 * no symbols of the kernel, but for those of pp_formats_kernel. */
PP_API int32_t pp_formats_recorded(struct pp_formats *formats, const uint8_t *printk, uint32_t size, struct pp_error *err);

/* As pp_symbolizer_recorded, for what %pS shows. */
PP_API int32_t pp_formats_kernel(struct pp_formats *formats, uint64_t text, const uint8_t *build_id, uint32_t build_id_size,
				 struct pp_error *err);

/* The kernel symbol that a %pS shows for `addr`, and how far `addr` is behind its start. Returns the length of the name, 0 where
 * there is none. kallsyms is read at the first call. */
PP_API int32_t pp_format_symbol(struct pp_formats *formats, uint64_t addr, uint64_t *offset, char *name, uint32_t size,
				struct pp_error *err);

/* ---- symbols of addresses --------------------------------------------------------------------------------------------------- */

/*
 * What addresses are: symbols of the kernel, of the files that processes have mapped, and of the maps that JIT compilers write.
 * Files are opened when an address in them is asked for; the tables of those not used for long are given up (an LRU by bytes) and
 * read again when they are needed. Used by one thread at a time.
 */
struct pp_symbolizer;

enum pp_symbolizer_flag {
	PP_SYMBOLS_MANGLED = 1, /* names as they are in the files: C++ and Rust ones are not demangled */
};

PP_API int32_t pp_symbolizer_new(uint32_t flags, struct pp_symbolizer **out, struct pp_error *err);
PP_API void pp_symbolizer_free(struct pp_symbolizer *symbolizer);

/* Kernel addresses are a recording's from now on, of a kernel whose code began at `text` (_text): with `build_id_size` 0 of the one
 * that runs here, else of the one whose kallsyms is in perf's build-id cache. Returns 1 where that lay elsewhere: then its symbols
 * are moved, and those of modules are missing. PP_E_FILE where there are none; the errno is EPERM where they are hidden. */
PP_API int32_t pp_symbolizer_recorded(struct pp_symbolizer *symbolizer, uint64_t text, const uint8_t *build_id,
				      uint32_t build_id_size, struct pp_error *err);

/* Why an address has no symbol. */
enum pp_unknown {
	PP_KNOWN = 0,
	PP_UNKNOWN_HIDDEN = 1,	    /* the kernel hides its addresses from this user (kptr_restrict) */
	PP_UNKNOWN_NO_SYMBOL = 2,   /* the file has its symbols, and none of them covers the address */
	PP_UNKNOWN_STRIPPED = 3,    /* the file has but its dynamic symbols or none, and none of them covers the address */
	PP_UNKNOWN_FILE_GONE = 4,   /* the file is not to be found any more */
	PP_UNKNOWN_REPLACED = 5,    /* another file has its path by now */
	PP_UNKNOWN_DENIED = 6,	    /* this user may not read the file */
	PP_UNKNOWN_DAMAGED = 7,	    /* no ELF file, or one that makes no sense */
	PP_UNKNOWN_JIT_ABSENT = 8,  /* code in no file, and no /tmp/perf-PID.map */
	PP_UNKNOWN_JIT_REFUSED = 9, /* the map is not a regular file of the process's user: not to be trusted */
	PP_UNKNOWN_NO_MAPPING = 10, /* nothing was mapped there (said by the caller, who knows the mappings) */
	PP_UNKNOWN_TOO_MANY = 11,   /* of one of more files than the symbolizer knows */
};

/* A symbol; its name goes to a buffer of its own. */
struct pp_symbol {
	uint64_t offset; /* of the address from the symbol's start; of an unknown one from the start of the dso (the file; _text) */
	uint32_t unknown; /* enum pp_unknown */
	uint32_t reserved;
	char module[56]; /* of a kernel symbol in a module: its name, such as "ext4", "bpf", "__builtin__ftrace"; else "" */
};
static_assert(sizeof(struct pp_symbol) == 72, "pp_symbol");

/* The kernel symbol that covers `addr`. Returns the length of the name, 0 where it is unknown. */
PP_API int32_t pp_kernel_symbol(struct pp_symbolizer *symbolizer, uint64_t addr, struct pp_symbol *symbol, char *name,
				uint32_t size, struct pp_error *err);

/* A file that a process has mapped to be executed, as PERF_RECORD_MMAP2 or /proc/PID/maps tell. */
struct pp_mapping {
	uint64_t start;
	uint64_t end;
	uint64_t pgoff; /* offset of `start` in the file, bytes */
	uint64_t inode; /* 0: not told */
	uint32_t major;
	uint32_t minor;
	uint32_t pid;		/* whose mount namespace the path is of */
	uint32_t parent;	/* a process whose namespace will do where `pid` has ended, 0: none */
	uint32_t build_id_size; /* 0: not told */
	uint8_t build_id[20];
};
static_assert(sizeof(struct pp_mapping) == 72, "pp_mapping");

/*
 * The file of a mapping, `path` as the process sees it ("[vdso]" is one, too). Returns its id, the same for the same file; a file
 * whose symbols cannot be had has an id as well: each pp_dso_symbol then says why.
 */
PP_API int32_t pp_dso_open(struct pp_symbolizer *symbolizer, const struct pp_mapping *mapping, const char *path,
			   struct pp_error *err);

/* The symbol that covers byte `file_offset` of the file. Returns the length of the name, 0 where it is unknown. */
PP_API int32_t pp_dso_symbol(struct pp_symbolizer *symbolizer, uint32_t dso, uint64_t file_offset, struct pp_symbol *symbol,
			     char *name, uint32_t size, struct pp_error *err);

/* The build id of a file: up to 20 bytes into `build_id`. Returns how many, 0 without one. */
PP_API int32_t pp_dso_build_id(struct pp_symbolizer *symbolizer, uint32_t dso, uint8_t *build_id, uint32_t size,
			       struct pp_error *err);

/* The symbol that the JIT compiler of `pid` tells of for `addr` (/tmp/perf-PID.map, read again when it has grown; in the process's
 * own mount and pid namespace). Returns the length of the name, 0 where it is unknown. */
PP_API int32_t pp_jit_symbol(struct pp_symbolizer *symbolizer, uint32_t pid, uint64_t addr, struct pp_symbol *symbol, char *name,
			     uint32_t size, struct pp_error *err);

/* Source lines at byte `file_offset` of the file, by libdw: the innermost inlined function first, as JSON
 *   [{"function":"a","file":"/src/a.c","line":3,"inlined":true}, ...]
 * with the function that has code of its own as the last ("inlined":false). "[]" where the file has no debug information;
 * PP_E_FILE where libdw is not installed. */
PP_API int32_t pp_dso_lines(struct pp_symbolizer *symbolizer, uint32_t dso, uint64_t file_offset, char *json, uint32_t size,
			    struct pp_error *err);

/* One mapping of the address space that is unwound. */
struct pp_module {
	uint64_t start;
	uint64_t end;
	uint64_t pgoff;
	uint32_t dso;
	uint32_t reserved;
};
static_assert(sizeof(struct pp_module) == 32, "pp_module");

/* The address space of the next pp_unwind calls: `count` modules, ascending. What libdw made of the same modules before is kept. */
PP_API int32_t pp_unwind_space(struct pp_symbolizer *symbolizer, const struct pp_module *modules, uint32_t count,
			       struct pp_error *err);

/* How an unwinding ended. */
enum pp_unwound {
	PP_UNWOUND_WHOLE = 0, /* the outermost frame was reached */
	PP_UNWOUND_CUT = 1,   /* the copy of the stack ends before the stack does, or `max` frames were found */
	PP_UNWOUND_LOST = 2,  /* a frame has no unwind information */
};

/*
 * Unwinds a user stack by the unwind information of the modules (libdw). `regs` are those of PERF_SAMPLE_REGS_USER, one for each
 * bit of `regs_mask` (enum perf_event_x86_regs, perf_event_arm_regs), `stack` the bytes at its stack pointer
 * (PERF_SAMPLE_STACK_USER, dyn_size of them). Fills `addresses`, innermost first: the ip, then return addresses. Returns how many;
 * *unwound is an enum pp_unwound. PP_E_FILE where libdw is not installed.
 */
PP_API int32_t pp_unwind(struct pp_symbolizer *symbolizer, const uint64_t *regs, uint64_t regs_mask, const uint8_t *stack,
			 uint32_t stack_size, uint64_t *addresses, uint32_t max, uint32_t *unwound, struct pp_error *err);

/* ---- sessions ---------------------------------------------------------------------------------------------------------------- */

/*
 * A session: some events, on some CPUs or tasks, through one ring per CPU.
 *
 * new -> add_event, set_filter, add_task | add_cgroup | command -> open -> enable -> (wait, read)* -> disable -> read* -> close
 *
 * Every attr has PERF_SAMPLE_IDENTIFIER | TID | TIME | CPU and sample_id_all, and all have one clock.
 */
struct pp_session;

enum pp_session_flag {
	PP_ORDER = 1,		/* deliver in time order over all CPUs */
	PP_EXCLUDE_SELF = 2,	/* drop samples of this process, before the merge */
	PP_RING_SHRINK = 4,	/* the ring size is a wish: halve it while the kernel refuses it */
	PP_INHERIT = 8,		/* of tasks: their new threads and children as well */
	PP_WATCH_STDOUT = 16,	/* pp_session_wait also reports a closed reader of stdout */
	PP_COMMAND_STDERR = 32, /* the command's stdout is our stderr: a recording has ours */
};

struct pp_options {
	uint32_t size;	     /* sizeof(struct pp_options) */
	uint32_t flags;	     /* enum pp_session_flag */
	int32_t clockid;     /* CLOCK_* or PP_CLOCK_PERF; where the kernel cannot stamp events with it, their times are converted */
	uint32_t ring_pages; /* data pages of a ring, a power of two */
	uint32_t slack_us; /* how long a record may be on its way between the reading of its time and its publication (hold-back) */
	uint32_t queue_bytes; /* 0: rings only. Else what the rings cannot hold while the caller is away is queued, up to so much */
};
static_assert(sizeof(struct pp_options) == 24, "pp_options");

/*
 * What a session tells beside the records: memory of the caller that must stay valid until pp_session_close, written only inside
 * the calls of that session. Times in ns of the session's clock.
 */
struct pp_state {
	uint64_t safe_time;	/* every record up to this time has been handed to the caller */
	uint64_t batch_newest;	/* greatest time of the samples of the last read */
	uint64_t delivered;	/* samples, of all events but side-band; with those that are queued */
	uint64_t lost;		/* samples the kernel is known to have lost, of all events but side-band */
	uint64_t late;		/* samples delivered with a time below an earlier one's (0 without PP_ORDER) */
	uint64_t excluded;	/* samples dropped by PP_EXCLUDE_SELF */
	uint64_t ring_bytes;	/* data bytes of one ring, as mapped */
	uint32_t rings;		/* how many are mapped, without the 64 KiB ones of CPUs with side-band records only */
	uint32_t batch_samples; /* samples in the last read */
	uint32_t more;		/* 1: another read would return records at once */
	uint32_t pending;	/* 1: records are held back, to be read after slack_us */
	uint32_t ended;		/* 1: all tasks (or the command) have ended */
	int32_t command_status; /* wait status of the command, -1 while it runs or where there is none */
	uint64_t sideband_lost; /* side-band records that the kernel lost */
	uint64_t damaged;	/* records dropped because their lengths made no sense */
};
static_assert(sizeof(struct pp_state) == 96, "pp_state");

PP_API int32_t pp_session_new(const struct pp_options *options, struct pp_state *state, struct pp_session **out,
			      struct pp_error *err);

enum pp_event_flag {
	PP_EVENT_SIDEBAND = 1,	 /* its COMM, FORK, EXIT, MMAP2 records are delivered, and it is enabled first */
	PP_EVENT_PROBE = 2,	 /* a dynamic probe: no process has it open after pp_session_close, so it can be removed */
	PP_EVENT_EVERY_TASK = 4, /* of all tasks on its CPUs, whatever the session's targets are */
};

/* Adds an event: attr bytes (struct perf_event_attr, `size` field = attr_size), its name for messages, and the CPUs it is opened
 * on. Returns its index, counted from 0 in the order of the calls. */
PP_API int32_t pp_session_add_event(struct pp_session *session, const uint8_t *attr, uint32_t attr_size, const char *name,
				    const uint32_t *cpus, uint32_t cpu_count, uint32_t flags, struct pp_error *err);

/* The kernel's trace filter of an event (PERF_EVENT_IOC_SET_FILTER). With PP_EXCLUDE_SELF open() adds common_pid terms by itself.
 */
PP_API int32_t pp_session_set_filter(struct pp_session *session, uint32_t event, const char *filter, struct pp_error *err);

/* Counts `event` in the group of `leader`, an earlier one on the same CPUs: a sample of the leader whose attr has PERF_SAMPLE_READ
 * and PERF_FORMAT_GROUP then has the counts of both. */
PP_API int32_t pp_session_set_leader(struct pp_session *session, uint32_t event, uint32_t leader, struct pp_error *err);

/* Targets: none (every task on the CPUs), or tasks, or cgroups, or a command. `whole_process` != 0 takes all threads of the
 * process. */
PP_API int32_t pp_session_add_task(struct pp_session *session, uint32_t pid, uint32_t whole_process, struct pp_error *err);
PP_API int32_t pp_session_add_cgroup(struct pp_session *session, const char *path, struct pp_error *err);

/* Forks the command and holds it before its exec; pp_session_enable lets it go. `argv` is `argv_size` bytes of NUL-terminated
 * words. Fails with PP_E_EXEC at once when the program is not found or not executable. Returns its pid. */
PP_API int32_t pp_session_command(struct pp_session *session, const char *argv, uint32_t argv_size, struct pp_error *err);

/* Opens every event disabled, maps the rings (all or nothing). Raises RLIMIT_NOFILE to its hard limit when needed. */
PP_API int32_t pp_session_open(struct pp_session *session, struct pp_error *err);
PP_API int32_t pp_session_enable(struct pp_session *session, struct pp_error *err);
PP_API int32_t pp_session_disable(struct pp_session *session, struct pp_error *err);

/* Of samples of `event` only the time is wanted: a record of them is the u64 of its time, ns, and nothing else. For an event that
 * is no side-band one, of an open session that is not enabled yet. */
PP_API int32_t pp_session_set_brief(struct pp_session *session, uint32_t event, struct pp_error *err);

/* Why pp_session_wait returned: none of these is a time-out. */
enum pp_wait {
	PP_WAIT_DATA = 1,   /* a ring reached its watermark, or had something at a look */
	PP_WAIT_WOKEN = 2,  /* pp_session_wake */
	PP_WAIT_ENDED = 4,  /* state.ended was set */
	PP_WAIT_STDOUT = 8, /* the reader of stdout is gone */
};

/* Waits up to timeout_ms; what is in a ring ends it within 40 ms. With `pause` != 0 data does not: a rest for the caller's event
 * loop. */
PP_API int32_t pp_session_wait(struct pp_session *session, uint32_t timeout_ms, uint32_t pause);

/* The same on the thread of a caller that has nothing else to do: a signal ends it as well, with PP_WAIT_WOKEN. */
PP_API int32_t pp_session_wait_here(struct pp_session *session, uint32_t timeout_ms);

/* Ends a running or the next pp_session_wait; from any thread. */
PP_API void pp_session_wake(struct pp_session *session);

/* Before each record in the buffer. Records keep the kernel's bytes, but for brief ones; a wrapped one is joined. All sizes are
 * multiples of 8. */
struct pp_prefix {
	uint32_t size;	/* of the record that follows, without this prefix */
	uint16_t event; /* index of the event, or PP_EVENT_LOST */
	uint16_t cpu;
};
static_assert(sizeof(struct pp_prefix) == 8, "pp_prefix");

/* A record of ours, with prefix.event = PP_EVENT_LOST: samples were lost. */
#define PP_EVENT_LOST	 0xffff
#define PP_EVENT_UNKNOWN 0xffffffff
struct pp_lost {
	uint64_t start; /* time of the last sample of this ring before (or when it was enabled), ns */
	uint64_t end;	/* time of the first sample of this ring after (or when it was disabled), ns */
	uint64_t count;
	uint32_t event; /* PP_EVENT_UNKNOWN where the kernel cannot tell (before 6.0) */
	uint32_t cpu;
};
static_assert(sizeof(struct pp_lost) == 32, "pp_lost");

/* The largest record with its prefix: perf_event_header.size is 16 bits. A buffer of a read is at least this big. */
#define PP_RECORD_MAX (65536 + 8)

/*
 * Copies whole records into `buf`, oldest first, as many as fit and may be delivered; samples of events, records of side-band
 * events, pp_lost. Returns the bytes written; 0 when nothing may be delivered now. Fills batch_* , more, pending, safe_time.
 * A next record that does not fit ends the batch with more = 1;
 * PP_E_SPACE with need when the next record does not fit in an empty buffer.
 */
PP_API int32_t pp_session_read(struct pp_session *session, uint8_t *buf, uint32_t size, struct pp_error *err);

/* Samples by event and CPU, after reading PERF_FORMAT_LOST of every event. `size` in bytes. Returns how many entries were written;
 * PP_E_SPACE with need. An entry of PP_EVENT_UNKNOWN has what a CPU lost that no event's counter had (before 6.0). */
struct pp_count {
	uint32_t event;
	uint32_t cpu;
	uint64_t delivered;
	uint64_t lost;
	uint64_t excluded;
};
static_assert(sizeof(struct pp_count) == 32, "pp_count");
PP_API int32_t pp_session_counts(struct pp_session *session, struct pp_count *counts, uint32_t size, struct pp_error *err);

/* Unmaps, closes (with many tracepoints through a short-lived child, because each last close costs tens of ms), ends a command that
 * still runs with SIGTERM. */
PP_API void pp_session_close(struct pp_session *session);

/* ---- recordings -------------------------------------------------------------------------------------------------------------- */

/*
 * What a session's rings hold, into a perf.data file as it is: nothing is merged, and pp_session_read is not called. Records of one
 * pass over the rings are followed by a FINISHED_ROUND, up to which readers sort.
 *
 * session open -> new -> begin -> session enable -> add* -> pass* -> session disable -> finish -> patch* -> close -> session close
 *
 * The head, the features' table and the caller's records are bytes of the file: what they say is lib/perf_data.ts's. After `begin`
 * and after each pass the file is whole: what was recorded until then can be read, even when this process is killed or the disk is
 * full. One thread at a time uses a recorder; its session's wait and counts are of that thread, too.
 */
struct pp_recorder;

/* How far a recording has come: memory of the caller that must stay valid until pp_recorder_close. Samples are pp_state.delivered.
 */
struct pp_recorded {
	uint64_t bytes;	     /* of the file */
	uint64_t data_bytes; /* of records, before compression */
	uint64_t first_time; /* of a sample, ns; 0: there was none */
	uint64_t last_time;
};
static_assert(sizeof(struct pp_recorded) == 32, "pp_recorded");

/* What the id in a sample stands for. */
struct pp_event_id {
	uint64_t id;
	uint32_t event;
	uint32_t cpu;
};
static_assert(sizeof(struct pp_event_id) == 16, "pp_event_id");

/* The ids of an open session's events, side-band included. `size` in bytes. Returns how many; PP_E_SPACE with need. */
PP_API int32_t pp_session_ids(struct pp_session *session, struct pp_event_id *ids, uint32_t size, struct pp_error *err);

/* Opens `path` as pp_output_redirect does, "-" for stdout; a recording that is there becomes `path`.old. `level` 1 to 22 writes
 * records of zstd as `perf record -z` does (PP_E_FILE where libzstd is not installed), 0 does not. */
PP_API int32_t pp_recorder_new(struct pp_session *session, const char *path, uint32_t level, struct pp_recorded *recorded,
			       struct pp_recorder **out, struct pp_error *err);

/* Writes what comes before the data, at once. Of a file, `head` begins with struct perf_file_header, whose data.size is kept here,
 * and `table` has the features' sections, which are to follow the data; stdout has no table. */
PP_API int32_t pp_recorder_begin(struct pp_recorder *recorder, const uint8_t *head, uint32_t head_size, const uint8_t *table,
				 uint32_t table_size, struct pp_error *err);

/* Adds whole records of the caller's; they are part of the file with the next pass. */
PP_API int32_t pp_recorder_add(struct pp_recorder *recorder, const uint8_t *records, uint32_t size, struct pp_error *err);

/* Writes what the rings hold now. Returns 1 when there was anything, else 0. PP_E_OUTPUT (ENOSPC): the file has all until the pass
 * before. */
PP_API int32_t pp_recorder_pass(struct pp_recorder *recorder, struct pp_error *err);

/* The last pass, of a session that is disabled, and what the kernel counted as lost: a LOST_SAMPLES record of each id that lost. */
PP_API int32_t pp_recorder_finish(struct pp_recorder *recorder, struct pp_error *err);

/* Writes over bytes of the head that could not be known before. */
PP_API int32_t pp_recorder_patch(struct pp_recorder *recorder, uint32_t offset, const uint8_t *bytes, uint32_t size,
				 struct pp_error *err);

PP_API void pp_recorder_close(struct pp_recorder *recorder);

/* ---- recordings -------------------------------------------------------------------------------------------------------------- */

/*
 * A recording: a perf.data file, or its form for pipes, of perf record 5.4 and newer or of perfprof. Its records come out as those
 * of a session do (pp_prefix, pp_lost), in the order of their times by perf's rule of finished rounds. Members that every event
 * has and a recording lacks are put in: TID and CPU are 0, TIME is that of the record before, PERIOD the attr's (1 with a
 * frequency). Side-band records (MMAP, MMAP2, COMM, FORK, EXIT) have the trailer of a session's: TID, TIME, CPU, IDENTIFIER.
 *
 * open -> describe, attr, section -> choose, limit -> (wait, read)* -> close
 *
 * Nothing of a recording is trusted. Needs no privileges, and reads nothing else.
 */
struct pp_replay;

enum pp_replay_flag {
	PP_REPLAY_FORCE = 1, /* records that make no sense are left out and counted; where no next one can be found is the end */
	PP_REPLAY_WATCH_STDOUT = 2, /* pp_replay_wait also reports a closed reader of stdout */
};

/* `path` "-" is stdin. `state` as with pp_session_new. PP_E_RECORDING with the place in the file when it makes no sense. Waits for
 * the headers of a pipe. */
PP_API int32_t pp_replay_open(const char *path, uint32_t flags, struct pp_state *state, struct pp_replay **out,
			      struct pp_error *err);

struct pp_recording {
	uint64_t at;	     /* how far it is read, bytes */
	uint64_t end;	     /* where its records end; UINT64_MAX of a pipe */
	uint32_t events;     /* how many */
	uint32_t pipe;	     /* 1: it has a pipe's form */
	uint32_t unfinished; /* 1: perf record was killed, so there are no sections */
	uint32_t kernel_build_id_size;
	uint64_t kernel_text;	     /* where the kernel's text began (_text), 0 while no record has told */
	uint8_t kernel_build_id[24]; /* by a record; others have it in a section */
};
static_assert(sizeof(struct pp_recording) == 64, "pp_recording");
PP_API void pp_replay_describe(struct pp_replay *replay, struct pp_recording *recording);

/* struct perf_event_attr of an event, as long as the recording has it. Returns its size. */
PP_API int32_t pp_replay_attr(struct pp_replay *replay, uint32_t event, uint8_t *attr, uint32_t size, struct pp_error *err);

/* A section of the header (HEADER_* of tools/perf/util/header.h). Returns its size, 0 where there is none. */
PP_API int32_t pp_replay_section(struct pp_replay *replay, uint32_t feature, uint8_t *bytes, uint32_t size, struct pp_error *err);

/* Samples of `event` are wanted, with `index` in their prefix, of these CPUs; of all where cpu_count is 0. Side-band records have
 * the index after the greatest. */
PP_API int32_t pp_replay_choose(struct pp_replay *replay, uint32_t event, uint32_t index, const uint32_t *cpus, uint32_t cpu_count,
				struct pp_error *err);

/* Only samples from `from` to `to`, both ns and included. */
PP_API void pp_replay_limit(struct pp_replay *replay, uint64_t from, uint64_t to);

/* When what is wanted begins: with the oldest record that has a time, or at `from`. Returns 1, or 0 when a pipe has not brought it
 * yet. */
PP_API int32_t pp_replay_first_time(struct pp_replay *replay, uint64_t *time, struct pp_error *err);

/* As pp_session_read; state.ended says that there is no more. */
PP_API int32_t pp_replay_read(struct pp_replay *replay, uint8_t *buf, uint32_t size, struct pp_error *err);

/* As pp_session_counts, by event: cpu is 0. */
PP_API int32_t pp_replay_counts(struct pp_replay *replay, struct pp_count *counts, uint32_t size, struct pp_error *err);

/* As pp_session_wait; with a file it returns at once. */
PP_API int32_t pp_replay_wait(struct pp_replay *replay, uint32_t timeout_ms, uint32_t pause);
PP_API void pp_replay_wake(struct pp_replay *replay);

/* Ends it: no read returns more. */
PP_API void pp_replay_stop(struct pp_replay *replay);
PP_API void pp_replay_close(struct pp_replay *replay);

/* ---- compiled handlers ------------------------------------------------------------------------------------------------------- */

/*
 * A handler module that is a shared object (perfprof_handler.h is its side of this). Its event callbacks are called by
 * pp_session_hand and pp_replay_hand with samples where they lie; all others by pp_handlers_call and its like. They run on the
 * caller's thread, and may call the functions of the host, so none of these calls may be one that forbids calling back.
 *
 * open -> exports, find -> route* -> (call, hand, lost)*. It stays loaded until the process ends.
 */
struct pp_handlers;
struct pp_host; /* perfprof_handler.h */

/* Why a read with handlers ended. */
enum pp_left {
	PP_LEFT_DONE = 0,  /* as a read without */
	PP_LEFT_BATCH = 1, /* what is in the buffer comes before the next sample of theirs */
	PP_LEFT_TIME = 2,  /* the next sample is newer than `until` */
	PP_LEFT_COUNT = 3, /* `most` were handed over */
	PP_LEFT_YIELD = 4, /* the watchdog asks for a turn of the event loop */
};

/* What a caller and reads with handlers tell each other: memory of the caller that must stay valid as long as reads are made. */
struct pp_handing {
	uint64_t until;	    /* caller: no sample newer than this is handed over, ns */
	uint64_t most;	    /* caller: nor more than so many, in all */
	uint64_t handed;    /* library: so many were */
	uint64_t passed;    /* library: passed over, by `pass_over` */
	uint64_t next_time; /* library, with PP_LEFT_TIME: of that sample */
	uint32_t pass_over; /* caller: 1: none is handed over any more */
	uint32_t left;	    /* library: enum pp_left, of the last read */
};
static_assert(sizeof(struct pp_handing) == 48, "pp_handing");

/*
 * Loads the shared object at `path` and attaches it to `host`, whose functions that answer for names, texts and stacks are the
 * caller's; it must stay valid for good. PP_E_ELF where it cannot be loaded (text has dlopen's reason), or is no handler: ENOEXEC
 * without perfprof_attach, EPROTO of another PERFPROF_HANDLER_ABI. One in a process; the watchdog is started, and knows it.
 */
PP_API int32_t pp_handlers_open(const char *path, struct pp_host *host, struct pp_handing *handing, struct pp_handlers **out,
				struct pp_error *err);

/* The names of the functions that it exports, a line each. */
PP_API int32_t pp_handlers_exports(struct pp_handlers *handlers, char *names, uint32_t size, struct pp_error *err);

/* The number of the callback `name`, which it exports; PP_E_ELF where it does not. */
PP_API int32_t pp_handlers_find(struct pp_handlers *handlers, const char *name, struct pp_error *err);

/* Samples of the session's event `event` go to `callback`, or with -1 to nobody; `source` is pp_event.source, `tid_at` where their
 * PERF_SAMPLE_TID is, `watch_id` the callback's name for the watchdog. */
PP_API int32_t pp_handlers_route(struct pp_handlers *handlers, uint32_t event, int32_t callback, uint32_t source, uint32_t tid_at,
				 int32_t watch_id, struct pp_error *err);

/* Calls a callback without parameters, or __print_stat__. */
PP_API void pp_handlers_call(struct pp_handlers *handlers, int32_t callback, int32_t indent);

/* Calls __init__. Returns 1 when it failed, with the reason that it gave in `why`, which may be cut or "". */
PP_API int32_t pp_handlers_init(struct pp_handlers *handlers, int32_t callback, char *why, uint32_t size);

/* Calls __lost__; `event` "": the kernel cannot tell. */
PP_API void pp_handlers_lost(struct pp_handlers *handlers, int32_t callback, const struct pp_lost *lost, const char *event);

/* Calls an event's callback with a record of the caller's own: of an analysis, whose events are in no ring. */
PP_API void pp_handlers_event(struct pp_handlers *handlers, int32_t callback, uint32_t source, const uint8_t *record, uint32_t size,
			      uint32_t cpu, uint64_t time, uint32_t pid, uint32_t tid);

/* As pp_session_read; samples of events with a route go to handlers, in their place in the stream, and not into the buffer. */
PP_API int32_t pp_session_hand(struct pp_session *session, struct pp_handlers *handlers, uint8_t *buf, uint32_t size,
			       struct pp_error *err);

/* The same of a recording. */
PP_API int32_t pp_replay_hand(struct pp_replay *replay, struct pp_handlers *handlers, uint8_t *buf, uint32_t size,
			      struct pp_error *err);

/* ---- the watchdog ------------------------------------------------------------------------------------------------------------ */

/*
 * One thread of the process that (1) asks the script's thread to give its event loop a turn, and (2) ends a script that is stuck.
 *
 * (1) While `busy` is 1 it sets `yield` to 1 every 10 ms; the script's thread reads it after each callback, and writes 0 when it
 * yields. (2) When `yield` stays 1 for 3 s after a SIGINT, SIGTERM or SIGHUP, or a second SIGINT comes, it removes what must not
 * outlive the process, writes "perfprof: stopped while NAME was running" to stderr and calls _exit(128 + the signal). A SIGINT that
 * comes within 300 ms of the first is taken for the same Ctrl-C, delivered twice.
 */
struct pp_watch {
	int32_t yield;	 /* library: 1; script: 0 */
	int32_t running; /* id (pp_watch_name) of the callback that runs, 0: none. Written by the script's thread only */
	int32_t busy;	 /* written by pp_watch_busy */
	int32_t signals; /* SIGINTs seen, without those taken for the one before */
};
static_assert(sizeof(struct pp_watch) == 16, "pp_watch");

/* Starts the thread and chains a handler before those installed for the three signals (so: call it after the runtime has its own).
 * The memory returned in *out lives as long as the process. A second call returns the same. */
PP_API int32_t pp_watch_start(struct pp_watch **out, struct pp_error *err);

/* Names a callback for the watchdog's line; ids count from 1. Returns the id. */
PP_API int32_t pp_watch_name(const char *name, struct pp_error *err);

/* Starts (1) or rests (0) the 10 ms ticks. */
PP_API void pp_watch_busy(uint32_t busy);

#endif
