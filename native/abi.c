/* SPDX-License-Identifier: MIT */
/*
 * The interface as the compiler sees it, as JSON: ffi/abi.ts is generated from it. No number here is written by hand. What a newer
 * kernel header changes (the size of struct perf_event_attr) is left out, so that the text is the same on every machine.
 */
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "perfprof_handler.h"

static char json[48 << 10];

/* ---- numbers ---- */

struct number {
	const char *name;
	long long value;
};

/* clang-format off */
#define NUMBER(name) {#name, name}

static const struct number codes[] = {
	NUMBER(PP_OK), NUMBER(PP_E_ARG), NUMBER(PP_E_NOMEM), NUMBER(PP_E_SPACE), NUMBER(PP_E_FILE), NUMBER(PP_E_TRACEFS),
	NUMBER(PP_E_FORMAT), NUMBER(PP_E_OPEN), NUMBER(PP_E_MMAP), NUMBER(PP_E_FILTER), NUMBER(PP_E_CGROUP), NUMBER(PP_E_TASK),
	NUMBER(PP_E_EXEC), NUMBER(PP_E_IOCTL), NUMBER(PP_E_OUTPUT), NUMBER(PP_E_SYS),
	NUMBER(PP_E_PROBE), NUMBER(PP_E_ELF), NUMBER(PP_E_RECORDING), {0},
};

static const struct number constants[] = {
	NUMBER(PP_SYMBOLS_MANGLED), NUMBER(PP_KNOWN), NUMBER(PP_UNKNOWN_HIDDEN), NUMBER(PP_UNKNOWN_NO_SYMBOL),
	NUMBER(PP_UNKNOWN_STRIPPED), NUMBER(PP_UNKNOWN_FILE_GONE), NUMBER(PP_UNKNOWN_REPLACED), NUMBER(PP_UNKNOWN_DENIED),
	NUMBER(PP_UNKNOWN_DAMAGED), NUMBER(PP_UNKNOWN_JIT_ABSENT), NUMBER(PP_UNKNOWN_JIT_REFUSED), NUMBER(PP_UNKNOWN_NO_MAPPING),
	NUMBER(PP_UNKNOWN_TOO_MANY),
	NUMBER(PP_UNWOUND_WHOLE), NUMBER(PP_UNWOUND_CUT), NUMBER(PP_UNWOUND_LOST),

	NUMBER(PP_CLOCK_PERF), NUMBER(PP_ORDER), NUMBER(PP_EXCLUDE_SELF), NUMBER(PP_RING_SHRINK), NUMBER(PP_INHERIT),
	NUMBER(PP_WATCH_STDOUT), NUMBER(PP_COMMAND_STDERR), NUMBER(PP_EVENT_SIDEBAND), NUMBER(PP_EVENT_PROBE), NUMBER(PP_KPROBE), NUMBER(PP_KRETPROBE),
	NUMBER(PP_UPROBE), NUMBER(PP_URETPROBE), NUMBER(PP_EVENT_EVERY_TASK), NUMBER(PP_WAIT_DATA), NUMBER(PP_WAIT_WOKEN),
	NUMBER(PP_WAIT_ENDED), NUMBER(PP_WAIT_STDOUT), NUMBER(PP_EVENT_LOST), NUMBER(PP_EVENT_UNKNOWN), NUMBER(PP_RECORD_MAX),
	NUMBER(PP_REPLAY_FORCE), NUMBER(PP_REPLAY_WATCH_STDOUT), NUMBER(PP_LEFT_DONE), NUMBER(PP_LEFT_BATCH),
	NUMBER(PP_LEFT_TIME), NUMBER(PP_LEFT_COUNT), NUMBER(PP_LEFT_YIELD), NUMBER(PP_KIND_UNSIGNED), NUMBER(PP_KIND_SIGNED),
	NUMBER(PP_KIND_BYTES), NUMBER(PP_KIND_DYNAMIC), NUMBER(PP_PRINT_NO_TIMESTAMP), NUMBER(PP_PRINT_NO_CALLCHAIN),

	NUMBER(CLOCK_REALTIME), NUMBER(CLOCK_MONOTONIC), NUMBER(CLOCK_BOOTTIME), NUMBER(CLOCK_TAI),

	NUMBER(PERF_ATTR_SIZE_VER5), NUMBER(PERF_TYPE_HARDWARE), NUMBER(PERF_TYPE_SOFTWARE), NUMBER(PERF_TYPE_TRACEPOINT),
	NUMBER(PERF_TYPE_HW_CACHE), NUMBER(PERF_TYPE_RAW), NUMBER(PERF_TYPE_BREAKPOINT),

	NUMBER(PERF_COUNT_SW_CPU_CLOCK), NUMBER(PERF_COUNT_SW_TASK_CLOCK), NUMBER(PERF_COUNT_SW_PAGE_FAULTS),
	NUMBER(PERF_COUNT_SW_CONTEXT_SWITCHES), NUMBER(PERF_COUNT_SW_CPU_MIGRATIONS), NUMBER(PERF_COUNT_SW_PAGE_FAULTS_MIN),
	NUMBER(PERF_COUNT_SW_PAGE_FAULTS_MAJ), NUMBER(PERF_COUNT_SW_ALIGNMENT_FAULTS), NUMBER(PERF_COUNT_SW_EMULATION_FAULTS),
	NUMBER(PERF_COUNT_SW_DUMMY), NUMBER(PERF_COUNT_SW_BPF_OUTPUT), NUMBER(PERF_COUNT_SW_CGROUP_SWITCHES),

	NUMBER(PERF_SAMPLE_IP), NUMBER(PERF_SAMPLE_TID), NUMBER(PERF_SAMPLE_TIME), NUMBER(PERF_SAMPLE_ADDR),
	NUMBER(PERF_SAMPLE_READ), NUMBER(PERF_SAMPLE_CALLCHAIN), NUMBER(PERF_SAMPLE_ID), NUMBER(PERF_SAMPLE_CPU),
	NUMBER(PERF_SAMPLE_PERIOD), NUMBER(PERF_SAMPLE_STREAM_ID), NUMBER(PERF_SAMPLE_RAW), NUMBER(PERF_SAMPLE_BRANCH_STACK),
	NUMBER(PERF_SAMPLE_REGS_USER), NUMBER(PERF_SAMPLE_STACK_USER), NUMBER(PERF_SAMPLE_WEIGHT), NUMBER(PERF_SAMPLE_DATA_SRC),
	NUMBER(PERF_SAMPLE_IDENTIFIER), NUMBER(PERF_SAMPLE_TRANSACTION), NUMBER(PERF_SAMPLE_REGS_INTR),
	NUMBER(PERF_SAMPLE_PHYS_ADDR), NUMBER(PERF_SAMPLE_AUX), NUMBER(PERF_SAMPLE_CGROUP), NUMBER(PERF_SAMPLE_DATA_PAGE_SIZE),
	NUMBER(PERF_SAMPLE_CODE_PAGE_SIZE), NUMBER(PERF_SAMPLE_WEIGHT_STRUCT),

	NUMBER(PERF_FORMAT_TOTAL_TIME_ENABLED), NUMBER(PERF_FORMAT_TOTAL_TIME_RUNNING), NUMBER(PERF_FORMAT_ID),
	NUMBER(PERF_FORMAT_GROUP), NUMBER(PERF_FORMAT_LOST),

	NUMBER(PERF_RECORD_MMAP), NUMBER(PERF_RECORD_LOST), NUMBER(PERF_RECORD_COMM), NUMBER(PERF_RECORD_EXIT),
	NUMBER(PERF_RECORD_THROTTLE), NUMBER(PERF_RECORD_UNTHROTTLE), NUMBER(PERF_RECORD_FORK), NUMBER(PERF_RECORD_READ),
	NUMBER(PERF_RECORD_SAMPLE), NUMBER(PERF_RECORD_MMAP2), NUMBER(PERF_RECORD_AUX), NUMBER(PERF_RECORD_ITRACE_START),
	NUMBER(PERF_RECORD_LOST_SAMPLES), NUMBER(PERF_RECORD_SWITCH), NUMBER(PERF_RECORD_SWITCH_CPU_WIDE),
	NUMBER(PERF_RECORD_NAMESPACES), NUMBER(PERF_RECORD_KSYMBOL), NUMBER(PERF_RECORD_BPF_EVENT), NUMBER(PERF_RECORD_CGROUP),
	NUMBER(PERF_RECORD_TEXT_POKE), {0},
};

/* ---- structs ---- */

struct field {
	const char *name;
	size_t offset;
	size_t size;
};

#define FIELD(type, name) {#name, offsetof(struct type, name), sizeof(((struct type *)0)->name)}

static const struct field error_fields[] = {
	FIELD(pp_error, code), FIELD(pp_error, sys_errno), FIELD(pp_error, event), FIELD(pp_error, cpu), FIELD(pp_error, pid),
	FIELD(pp_error, need), FIELD(pp_error, text), {0},
};
static const struct field clock_pair_fields[] = {
	FIELD(pp_clock_pair, clock_ns), FIELD(pp_clock_pair, realtime_ns), {0},
};
static const struct field task_fields[] = {
	FIELD(pp_task, pid), FIELD(pp_task, tid), FIELD(pp_task, comm), {0},
};
static const struct field symbol_fields[] = {
	FIELD(pp_symbol, offset), FIELD(pp_symbol, unknown), FIELD(pp_symbol, reserved), FIELD(pp_symbol, module), {0},
};
static const struct field mapping_fields[] = {
	FIELD(pp_mapping, start), FIELD(pp_mapping, end), FIELD(pp_mapping, pgoff), FIELD(pp_mapping, inode),
	FIELD(pp_mapping, major), FIELD(pp_mapping, minor), FIELD(pp_mapping, pid), FIELD(pp_mapping, parent),
	FIELD(pp_mapping, build_id_size), FIELD(pp_mapping, build_id), {0},
};
static const struct field module_fields[] = {
	FIELD(pp_module, start), FIELD(pp_module, end), FIELD(pp_module, pgoff), FIELD(pp_module, dso),
	FIELD(pp_module, reserved), {0},
};
static const struct field options_fields[] = {
	FIELD(pp_options, size), FIELD(pp_options, flags), FIELD(pp_options, clockid), FIELD(pp_options, ring_pages),
	FIELD(pp_options, slack_us), FIELD(pp_options, queue_bytes), {0},
};
static const struct field state_fields[] = {
	FIELD(pp_state, safe_time), FIELD(pp_state, batch_newest), FIELD(pp_state, delivered), FIELD(pp_state, lost),
	FIELD(pp_state, late), FIELD(pp_state, excluded), FIELD(pp_state, ring_bytes), FIELD(pp_state, rings),
	FIELD(pp_state, batch_samples), FIELD(pp_state, more), FIELD(pp_state, pending), FIELD(pp_state, ended),
	FIELD(pp_state, command_status), FIELD(pp_state, sideband_lost), FIELD(pp_state, damaged), {0},
};
static const struct field prefix_fields[] = {
	FIELD(pp_prefix, size), FIELD(pp_prefix, event), FIELD(pp_prefix, cpu), {0},
};
static const struct field lost_fields[] = {
	FIELD(pp_lost, start), FIELD(pp_lost, end), FIELD(pp_lost, count), FIELD(pp_lost, event), FIELD(pp_lost, cpu), {0},
};
static const struct field count_fields[] = {
	FIELD(pp_count, event), FIELD(pp_count, cpu), FIELD(pp_count, delivered), FIELD(pp_count, lost),
	FIELD(pp_count, excluded), {0},
};
static const struct field recorded_fields[] = {
	FIELD(pp_recorded, bytes), FIELD(pp_recorded, data_bytes), FIELD(pp_recorded, first_time),
	FIELD(pp_recorded, last_time), {0},
};
static const struct field event_id_fields[] = {
	FIELD(pp_event_id, id), FIELD(pp_event_id, event), FIELD(pp_event_id, cpu), {0},
};
static const struct field recording_fields[] = {
	FIELD(pp_recording, at), FIELD(pp_recording, end), FIELD(pp_recording, events), FIELD(pp_recording, pipe),
	FIELD(pp_recording, unfinished), FIELD(pp_recording, kernel_build_id_size),
	FIELD(pp_recording, kernel_text), FIELD(pp_recording, kernel_build_id), {0},
};
static const struct field handing_fields[] = {
	FIELD(pp_handing, until), FIELD(pp_handing, most), FIELD(pp_handing, handed), FIELD(pp_handing, passed),
	FIELD(pp_handing, next_time), FIELD(pp_handing, pass_over), FIELD(pp_handing, left), {0},
};
static const struct field event_fields[] = {
	FIELD(pp_event, size), FIELD(pp_event, source), FIELD(pp_event, record), FIELD(pp_event, record_size),
	FIELD(pp_event, cpu), FIELD(pp_event, time), FIELD(pp_event, pid), FIELD(pp_event, tid), {0},
};
static const struct field field_fields[] = {
	FIELD(pp_field, source), FIELD(pp_field, kind), FIELD(pp_field, offset), FIELD(pp_field, size), FIELD(pp_field, base),
	FIELD(pp_field, chain), {0},
};
static const struct field frame_fields[] = {
	FIELD(pp_frame, addr), FIELD(pp_frame, offset), FIELD(pp_frame, symbol), FIELD(pp_frame, dso), FIELD(pp_frame, kernel),
	FIELD(pp_frame, reserved), {0},
};
static const struct field lost_info_fields[] = {
	FIELD(pp_lost_info, count), FIELD(pp_lost_info, event), FIELD(pp_lost_info, cpu), FIELD(pp_lost_info, reserved), {0},
};
static const struct field host_fields[] = {
	FIELD(pp_host, size), FIELD(pp_host, argc), FIELD(pp_host, argv), FIELD(pp_host, find), FIELD(pp_host, print),
	FIELD(pp_host, text), FIELD(pp_host, value), FIELD(pp_host, callchain), FIELD(pp_host, realtime), FIELD(pp_host, keep),
	FIELD(pp_host, drop), FIELD(pp_host, give_up), {0},
};
static const struct field watch_fields[] = {
	FIELD(pp_watch, yield), FIELD(pp_watch, running), FIELD(pp_watch, busy), FIELD(pp_watch, signals), {0},
};
static const struct field attr_fields[] = {
	FIELD(perf_event_attr, type), FIELD(perf_event_attr, size), FIELD(perf_event_attr, config),
	FIELD(perf_event_attr, sample_period), FIELD(perf_event_attr, sample_freq), FIELD(perf_event_attr, sample_type),
	FIELD(perf_event_attr, read_format), FIELD(perf_event_attr, wakeup_events), FIELD(perf_event_attr, wakeup_watermark),
	FIELD(perf_event_attr, bp_type), FIELD(perf_event_attr, bp_addr), FIELD(perf_event_attr, config1),
	FIELD(perf_event_attr, bp_len), FIELD(perf_event_attr, config2), FIELD(perf_event_attr, branch_sample_type),
	FIELD(perf_event_attr, sample_regs_user), FIELD(perf_event_attr, sample_stack_user), FIELD(perf_event_attr, clockid),
	FIELD(perf_event_attr, sample_regs_intr), FIELD(perf_event_attr, aux_watermark),
	FIELD(perf_event_attr, sample_max_stack), {0},
};

static const struct {
	const char *name;
	size_t size; /* 0: not told */
	const struct field *fields;
} structs[] = {
	{"pp_error", sizeof(struct pp_error), error_fields},
	{"pp_clock_pair", sizeof(struct pp_clock_pair), clock_pair_fields},
	{"pp_task", sizeof(struct pp_task), task_fields},
	{"pp_symbol", sizeof(struct pp_symbol), symbol_fields},
	{"pp_mapping", sizeof(struct pp_mapping), mapping_fields},
	{"pp_module", sizeof(struct pp_module), module_fields},
	{"pp_options", sizeof(struct pp_options), options_fields},
	{"pp_state", sizeof(struct pp_state), state_fields},
	{"pp_prefix", sizeof(struct pp_prefix), prefix_fields},
	{"pp_lost", sizeof(struct pp_lost), lost_fields},
	{"pp_count", sizeof(struct pp_count), count_fields},
	{"pp_recorded", sizeof(struct pp_recorded), recorded_fields},
	{"pp_event_id", sizeof(struct pp_event_id), event_id_fields},
	{"pp_recording", sizeof(struct pp_recording), recording_fields},
	{"pp_handing", sizeof(struct pp_handing), handing_fields},
	{"pp_watch", sizeof(struct pp_watch), watch_fields},
	{"pp_event", sizeof(struct pp_event), event_fields},
	{"pp_field", sizeof(struct pp_field), field_fields},
	{"pp_frame", sizeof(struct pp_frame), frame_fields},
	{"pp_lost_info", sizeof(struct pp_lost_info), lost_info_fields},
	{"pp_host", sizeof(struct pp_host), host_fields},
	{"perf_event_attr", 0, attr_fields},
};

/* ---- the flags of perf_event_attr ---- */

#define FLAGS_OFFSET (offsetof(struct perf_event_attr, read_format) + sizeof(uint64_t))

/* The attr must be all zeros but for the flag. */
static long long bit_of(const struct perf_event_attr *attr)
{
	uint64_t flags;

	memcpy(&flags, (const char *)attr + FLAGS_OFFSET, sizeof(flags));
	return __builtin_ctzll(flags);
}

/* The address of a bit field cannot be taken: set it and look. */
#define FLAG(name) {#name, bit_of(&(const struct perf_event_attr){.name = 1})}

static void write_numbers(FILE *out, const char *name, const struct number *numbers);

static void write_flags(FILE *out)
{
	const struct number flags[] = {
		FLAG(disabled), FLAG(inherit), FLAG(pinned), FLAG(exclusive), FLAG(exclude_user), FLAG(exclude_kernel),
		FLAG(exclude_hv), FLAG(exclude_idle), FLAG(mmap), FLAG(comm), FLAG(freq), FLAG(inherit_stat),
		FLAG(enable_on_exec), FLAG(task), FLAG(watermark), FLAG(precise_ip), FLAG(mmap_data), FLAG(sample_id_all),
		FLAG(exclude_host), FLAG(exclude_guest), FLAG(exclude_callchain_kernel), FLAG(exclude_callchain_user),
		FLAG(mmap2), FLAG(comm_exec), FLAG(use_clockid), FLAG(context_switch), FLAG(write_backward), FLAG(namespaces),
		FLAG(ksymbol), FLAG(bpf_event), FLAG(aux_output), FLAG(cgroup), FLAG(text_poke), FLAG(build_id), {0},
	};

	write_numbers(out, "attrFlags", flags);
}
/* clang-format on */

/* ---- JSON ---- */

static void write_numbers(FILE *out, const char *name, const struct number *numbers)
{
	fprintf(out, ",\"%s\":{", name);
	for (const struct number *number = numbers; number->name; number++)
		fprintf(out, "%s\"%s\":%lld", number == numbers ? "" : ",", number->name, number->value);
	fputc('}', out);
}

static void write_fields(FILE *out, const struct field *fields)
{
	fputs("\"fields\":{", out);
	for (const struct field *field = fields; field->name; field++)
		fprintf(out, "%s\"%s\":{\"offset\":%zu,\"size\":%zu}", field == fields ? "" : ",", field->name, field->offset,
			field->size);
	fputc('}', out);
}

static void write_structs(FILE *out)
{
	fputs(",\"structs\":{", out);
	for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
		fprintf(out, "%s\"%s\":{", i ? "," : "", structs[i].name);
		if (structs[i].size)
			fprintf(out, "\"size\":%zu,", structs[i].size);
		write_fields(out, structs[i].fields);
		fputc('}', out);
	}
	fputc('}', out);
}

static void write_json(void)
{
	FILE *out = fmemopen(json, sizeof(json), "w");

	if (!out)
		return;
	fprintf(out, "{\"version\":%u", pp_abi_version());
	write_numbers(out, "codes", codes);
	write_numbers(out, "constants", constants);
	write_structs(out);
	fprintf(out, ",\"attrFlagsOffset\":%zu", FLAGS_OFFSET);
	write_flags(out);
	fputc('}', out);
	fclose(out);
}

uint32_t pp_abi_version(void)
{
	return PP_ABI_VERSION;
}

const char *pp_abi_json(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, write_json);
	return json;
}
