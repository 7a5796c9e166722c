# Of `perf script -s`: reads three fields and keeps a dict, as bench/handlers/fields.ts does.
events = 0
calls = {}
newest = (0, 0)


def raw_syscalls__sys_enter(event_name, context, common_cpu, common_secs, common_nsecs, common_pid, common_comm, common_callchain, id, args):
    global events, newest
    events += 1
    calls[id] = calls.get(id, 0) + 1
    newest = (common_pid, common_secs * 1000000000 + common_nsecs)


def trace_end():
    print('{"events":%d}' % events)
