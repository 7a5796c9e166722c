# Of `perf script -s`: makes a dict of every event, as bench/handlers/to_dict.ts does. It asks for the sample's own dict, which is
# cheaper than a trace_unhandled(), whose tracepoint fields come as a dict as well.
events = 0
newest = {}


def raw_syscalls__sys_enter(event_name, context, common_cpu, common_secs, common_nsecs, common_pid, common_comm, common_callchain, id, args, perf_sample_dict):
    global events, newest
    events += 1
    newest = {"id": id, "args": args, "common_pid": common_pid, "common_comm": common_comm, **perf_sample_dict["sample"]}


def trace_end():
    print('{"events":%d}' % events)
