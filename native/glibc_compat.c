/* SPDX-License-Identifier: MIT */
/*
 * Lets a library that is built here load on glibc 2.31 (Debian 11, Ubuntu 20.04): what glibc 2.32 to 2.34 moved into libc.so.6
 * under new versions is called by the version that it always had, or as a system call. The definitions are hidden: they serve this
 * library, with all that is linked into it, and nobody else. Not in the test programs, where the sanitizers intercept these names.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__

/* `name` of this library, which calls glibc's by the version that it has had since `version`. */
#define OLD_SYMBOL(version, result, name, params, args)                                                                            \
	extern result pp_old_##name params;                                                                                        \
	__asm__(".symver pp_old_" #name "," #name "@GLIBC_" version);                                                              \
	result name params                                                                                                         \
	{                                                                                                                          \
		return pp_old_##name args;                                                                                         \
	}

OLD_SYMBOL("2.2.5", void *, dlopen, (const char *file, int mode), (file, mode))
OLD_SYMBOL("2.2.5", void *, dlsym, (void *restrict handle, const char *restrict name), (handle, name))
OLD_SYMBOL("2.2.5", int, dlclose, (void *handle), (handle))
OLD_SYMBOL("2.2.5", char *, dlerror, (void), ())
OLD_SYMBOL("2.2.5", int, pthread_create,
	   (pthread_t *restrict thread, const pthread_attr_t *restrict attr, void *(*start)(void *), void *restrict arg),
	   (thread, attr, start, arg))
OLD_SYMBOL("2.2.5", int, pthread_join, (pthread_t thread, void **result), (thread, result))
OLD_SYMBOL("2.2.5", int, pthread_detach, (pthread_t thread), (thread))
OLD_SYMBOL("2.2.5", int, pthread_once, (pthread_once_t * once, void (*routine)(void)), (once, routine))
OLD_SYMBOL("2.2.5", int, pthread_attr_setstacksize, (pthread_attr_t * attr, size_t size), (attr, size))
OLD_SYMBOL("2.3.3", int, pthread_condattr_setclock, (pthread_condattr_t * attr, clockid_t clock), (attr, clock))
OLD_SYMBOL("2.2.5", int, pthread_sigmask, (int how, const sigset_t *restrict set, sigset_t *restrict old), (how, set, old))

/* struct stat and struct stat64 of glibc are the kernel's on x86_64; before 2.33 these were inline calls of __xstat. */
int fstatat(int dir, const char *restrict path, struct stat *restrict out, int flags)
{
	return (int)syscall(SYS_newfstatat, dir, path, out, flags);
}

int stat(const char *restrict path, struct stat *restrict out)
{
	return fstatat(AT_FDCWD, path, out, 0);
}

int lstat(const char *restrict path, struct stat *restrict out)
{
	return fstatat(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *out)
{
	return (int)syscall(SYS_fstat, fd, out);
}

int stat64(const char *restrict path, struct stat64 *restrict out)
{
	return (int)syscall(SYS_newfstatat, AT_FDCWD, path, out, 0);
}

#endif
