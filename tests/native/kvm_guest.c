/* SPDX-License-Identifier: MIT */
/*
 * A guest of KVM that leaves it a known number of times: in real mode it writes N times to a port, then halts. Each write is one
 * exit, after which the guest is entered again; the halt is one more, after which it is not.
 *
 *   kvm_guest [N]    1,000 writes unless told otherwise, 65,535 at most; waits for a line or the end of stdin first
 *
 * Ends with a JSON line, {"writes":N}; with status 77 and the reason where there is no KVM, or one of another machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SKIP 77

#ifndef __x86_64__
int main(void)
{
	fprintf(stderr, "kvm_guest: the guest is one of x86\n");
	return SKIP;
}
#else

#define MEMORY_SIZE  4096
#define CODE_ADDRESS 0x1000

/* With cx the number of writes:  again: out %al, $0x10; dec %cx; jnz again; hlt */
static const uint8_t code[] = {0xe6, 0x10, 0x49, 0x75, 0xfb, 0xf4};

static void fail(const char *what, int status)
{
	fprintf(stderr, "kvm_guest: %s: %s\n", what, strerror(errno));
	exit(status);
}

static int checked_ioctl(int fd, unsigned long request, uintptr_t argument, const char *what)
{
	const int result = ioctl(fd, request, argument);

	if (result < 0)
		fail(what, 1);
	return result;
}

/* A VM with a page of memory that holds the code. */
static int make_vm(int kvm)
{
	const int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		fail("KVM_CREATE_VM", SKIP);
	uint8_t *memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail("mmap", 1);
	memcpy(memory, code, sizeof(code));
	const struct kvm_userspace_memory_region region = {
	    .guest_phys_addr = CODE_ADDRESS,
	    .memory_size = MEMORY_SIZE,
	    .userspace_addr = (uintptr_t)memory,
	};
	checked_ioctl(vm, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&region, "KVM_SET_USER_MEMORY_REGION");
	return vm;
}

/* A CPU in real mode at the code's first instruction. */
static int make_vcpu(int vm, uint16_t writes)
{
	const int vcpu = checked_ioctl(vm, KVM_CREATE_VCPU, 0, "KVM_CREATE_VCPU");
	struct kvm_sregs special;
	const struct kvm_regs regs = {.rip = CODE_ADDRESS, .rcx = writes, .rflags = 2 /* always set */};

	checked_ioctl(vcpu, KVM_GET_SREGS, (uintptr_t)&special, "KVM_GET_SREGS");
	special.cs.base = 0;
	special.cs.selector = 0;
	checked_ioctl(vcpu, KVM_SET_SREGS, (uintptr_t)&special, "KVM_SET_SREGS");
	checked_ioctl(vcpu, KVM_SET_REGS, (uintptr_t)&regs, "KVM_SET_REGS");
	return vcpu;
}

/* Runs the guest until it halts. Returns how often it wrote. */
static long run(int vcpu, const struct kvm_run *state)
{
	for (long writes = 0;;) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR)
				continue;
			fail("KVM_RUN", 1);
		}
		if (state->exit_reason == KVM_EXIT_HLT)
			return writes;
		if (state->exit_reason != KVM_EXIT_IO) {
			fprintf(stderr, "kvm_guest: exit reason %u\n", state->exit_reason);
			exit(1);
		}
		writes++;
	}
}

static void wait_for_line(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
		;
}

int main(int argc, char **argv)
{
	const long writes = argc > 1 ? atol(argv[1]) : 1000;
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (writes < 1 || writes > UINT16_MAX) {
		fprintf(stderr, "kvm_guest: see the head of kvm_guest.c\n");
		return 2;
	}
	if (kvm < 0)
		fail("/dev/kvm", SKIP);
	const int vcpu = make_vcpu(make_vm(kvm), (uint16_t)writes);
	const int size = checked_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE");
	const struct kvm_run *state = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, vcpu, 0);
	if (state == MAP_FAILED)
		fail("mmap of the CPU's state", 1);
	wait_for_line();
	printf("{\"writes\":%ld}\n", run(vcpu, state));
	return 0;
}
#endif
