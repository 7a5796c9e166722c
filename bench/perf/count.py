# Of `perf script -s`: only counts, as bench/handlers/count.ts does.
events = 0


def raw_syscalls__sys_enter(event_name, context, common_cpu, common_secs, common_nsecs, common_pid, common_comm, common_callchain, id, args):
    global events
    events += 1


def trace_end():
    print('{"events":%d}' % events)
