/* SPDX-License-Identifier: MIT */
/*
 * Makes events of many kinds, a few of each: system calls that fail at once (their file descriptor or pid is -1), files, a mapping,
 * pipes, loopback connections, timers, signals, threads and children. Harmless as root: it changes nothing but a folder of its own.
 *
 *   workload FOLDER     an empty folder on a disk
 *   workload names      prints the names of the system calls of the first kind, a line each
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL(name)                                                                                                                 \
	{                                                                                                                          \
		SYS_##name, #name                                                                                                  \
	}

/* Each looks at its first argument, -1, and fails. */
static const struct {
	long nr;
	const char *name;
} calls[] = {
    CALL(accept),
    CALL(accept4),
    CALL(bind),
    CALL(close),
    CALL(connect),
    CALL(copy_file_range),
    CALL(dup),
    CALL(dup3),
    CALL(epoll_ctl),
    CALL(fadvise64),
    CALL(fallocate),
    CALL(fchdir),
    CALL(fchmod),
    CALL(fchown),
    CALL(fcntl),
    CALL(fdatasync),
    CALL(fgetxattr),
    CALL(flistxattr),
    CALL(flock),
    CALL(fremovexattr),
    CALL(fstatfs),
    CALL(fsync),
    CALL(ftruncate),
    CALL(getdents64),
    CALL(getpeername),
    CALL(getpgid),
    CALL(getpriority),
    CALL(getsid),
    CALL(getsockname),
    CALL(getsockopt),
    CALL(inotify_rm_watch),
    CALL(io_cancel),
    CALL(ioctl),
    CALL(ioprio_get),
    CALL(listen),
    CALL(lseek),
    CALL(mq_notify),
    CALL(msgrcv),
    CALL(msgsnd),
    CALL(pidfd_getfd),
    CALL(pidfd_open),
    CALL(preadv),
    CALL(pwritev),
    CALL(read),
    CALL(readahead),
    CALL(readv),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(sched_get_priority_min),
    CALL(sched_getaffinity),
    CALL(sched_getparam),
    CALL(sched_getscheduler),
    CALL(semop),
    CALL(sendfile),
    CALL(sendmsg),
    CALL(sendto),
    CALL(setsockopt),
    CALL(shmdt),
    CALL(shutdown),
    CALL(splice),
    CALL(sync_file_range),
    CALL(syncfs),
    CALL(tee),
    CALL(timer_delete),
    CALL(timer_gettime),
    CALL(timerfd_gettime),
    CALL(timerfd_settime),
    CALL(tgkill),
    CALL(vmsplice),
    CALL(write),
    CALL(writev),
};

static void make_calls(void)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		syscall(calls[i].nr, -1L, -1L, 0L, 0L, 0L, 0L);
}

static void ended_with(const char *what, int failed)
{
	if (!failed)
		return;
	perror(what);
	exit(1);
}

static void use_files(const char *folder)
{
	char block[65536];
	char *map;
	int fd;

	ended_with("chdir", chdir(folder));
	fd = open("file", O_CREAT | O_RDWR | O_EXCL, 0600);
	ended_with("open", fd < 0);
	memset(block, 'x', sizeof(block));
	ended_with("write", write(fd, block, sizeof(block)) != sizeof(block));
	ended_with("flock", flock(fd, LOCK_EX));
	ended_with("fsync", fsync(fd));
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	ended_with("pread", pread(fd, block, sizeof(block), 0) != sizeof(block));
	map = mmap(NULL, sizeof(block), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ended_with("mmap", map == MAP_FAILED);
	map[4096] = 'y';
	ended_with("msync", msync(map, sizeof(block), MS_SYNC) || munmap(map, sizeof(block)));
	ended_with("names", link("file", "link") || symlink("file", "symlink") || rename("link", "b c"));
	ended_with("modes", chmod("file", 0640) || truncate("file", 100) || mkdir("sub", 0700) || rmdir("sub"));
	ended_with("unlink", unlink("file") || unlink("symlink") || unlink("b c"));
	close(fd);
}

static int loopback(int type, struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, type, 0);
	socklen_t length = sizeof(*addr);

	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	ended_with("bind", fd < 0 || bind(fd, (struct sockaddr *)addr, length));
	ended_with("getsockname", getsockname(fd, (struct sockaddr *)addr, &length));
	return fd;
}

static void use_sockets(void)
{
	struct sockaddr_in addr;
	char buffer[100] = "";
	int server = loopback(SOCK_STREAM, &addr);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	int accepted;

	ended_with("connect", listen(server, 1) || connect(client, (struct sockaddr *)&addr, sizeof(addr)));
	accepted = accept(server, NULL, NULL);
	ended_with("send", send(client, buffer, sizeof(buffer), 0) != sizeof(buffer));
	ended_with("recv", recv(accepted, buffer, sizeof(buffer), 0) != sizeof(buffer));
	close(client);
	close(accepted);
	close(server);

	server = loopback(SOCK_DGRAM, &addr);
	ended_with("sendto", sendto(server, buffer, 10, 0, (struct sockaddr *)&addr, sizeof(addr)) != 10);
	ended_with("recv", recv(server, buffer, sizeof(buffer), 0) != 10);
	close(server);
}

static void on_signal(int number)
{
	(void)number;
}

static void *thread_main(void *unused)
{
	struct timespec pause = {.tv_nsec = 2000000};

	prctl(PR_SET_NAME, "a \xff\tb");
	nanosleep(&pause, NULL);
	return unused;
}

static void use_tasks(void)
{
	timer_t timer;
	pthread_t thread;
	int pipes[2];
	char byte;
	pid_t child;

	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	ended_with("timer", timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer) ||
				timer_settime(timer, 0, &(struct itimerspec){.it_value.tv_nsec = 1000000}, NULL));
	ended_with("thread", pthread_create(&thread, NULL, thread_main, NULL) || pthread_join(thread, NULL));
	ended_with("pipe", pipe(pipes));
	child = fork();
	if (child == 0) {
		ended_with("write", write(pipes[1], "x", 1) != 1);
		execl("/bin/sh", "sh", "-c", "exit 3", NULL);
		_exit(127);
	}
	ended_with("fork", child < 0 || read(pipes[0], &byte, 1) != 1 || waitpid(child, NULL, 0) != child);
	sched_yield();
	ended_with("nice", setpriority(PRIO_PROCESS, 0, 5));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (!strcmp(argv[1], "names")) {
		for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
			puts(calls[i].name);
		return 0;
	}
	use_files(argv[1]);
	use_sockets();
	use_tasks();
	/* After the rest: none of the calls above may wait for these. */
	make_calls();
	return 0;
}
