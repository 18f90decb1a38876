/* SPDX-License-Identifier: ISC */
/* syscalls.c - see syscalls.h; seccomp(2).
 *
 * Three kinds of calls:
 *  1. listed here: what the loop of either backend makes, some with a condition on an argument;
 *  2. those that no path of this program leads to, and that one would make who has got in: they end
 *     the process.  That is the safe side, for the rules stay in force without it;
 *  3. all others fail with ENOSYS and are logged by the kernel's audit.  Another version of a
 * library may try a newer call first, and goes on without it; ending there would leave the rules as
 * they are for as long as nobody looks.
 *
 * Files are opened to be read only, no memory becomes code, and no program is loaded into the
 * kernel: the one that is there is put on interfaces that come later.
 */
#include "enforce/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct call {
	int number;
	unsigned conditions;
	struct scmp_arg_cmp condition;
};

/* Of arguments that are int, the upper half is whatever the register had. */
#define LOW UINT64_C(0xffffffff)

/* clang-format off */
#define CALL(name)                  { .number = SCMP_SYS(name) }
#define CALL_WITH(name, arg, value) { SCMP_SYS(name), 1, { arg, SCMP_CMP_MASKED_EQ, LOW, value } }
#define CALL_WITHOUT(name, arg, bits) { SCMP_SYS(name), 1, { arg, SCMP_CMP_MASKED_EQ, bits, 0 } }

static const struct call allowed[] = {
	/* the hub, netlink, signals: a loop of poll(2); libnftables has one of its own */
	CALL(poll), CALL(ppoll), CALL(select), CALL(pselect6), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait),
	CALL(read), CALL(readv), CALL(write), CALL(writev), CALL(close), CALL(fcntl), CALL(dup), CALL(dup3),
	CALL_WITH(socket, 0, AF_UNIX), CALL_WITH(socket, 0, AF_NETLINK),
	CALL_WITH(socket, 0, AF_INET), CALL_WITH(socket, 0, AF_INET6),
	CALL(connect), CALL(bind), CALL(shutdown), CALL(getsockname), CALL(getpeername), CALL(getsockopt), CALL(setsockopt),
	CALL(sendto), CALL(sendmsg), CALL(sendmmsg), CALL(recvfrom), CALL(recvmsg), CALL(recvmmsg),

	/* interfaces */
	CALL_WITH(ioctl, 1, SIOCGIFFLAGS), CALL_WITH(ioctl, 1, SIOCGIFHWADDR), CALL_WITH(ioctl, 1, SIOCGIFINDEX), CALL_WITH(ioctl, 1, SIOCGIFNAME),
	CALL_WITH(ioctl, 1, SIOCETHTOOL), CALL_WITH(ioctl, 1, TCGETS), CALL_WITH(ioctl, 1, FIONREAD),

	/* maps and links */
	CALL_WITH(bpf, 0, BPF_MAP_CREATE), CALL_WITH(bpf, 0, BPF_MAP_LOOKUP_ELEM), CALL_WITH(bpf, 0, BPF_MAP_UPDATE_ELEM),
	CALL_WITH(bpf, 0, BPF_MAP_DELETE_ELEM), CALL_WITH(bpf, 0, BPF_MAP_GET_NEXT_KEY),
	CALL_WITH(bpf, 0, BPF_MAP_LOOKUP_BATCH), CALL_WITH(bpf, 0, BPF_MAP_UPDATE_BATCH),
	CALL_WITH(bpf, 0, BPF_MAP_DELETE_BATCH), CALL_WITH(bpf, 0, BPF_MAP_FREEZE),
	CALL_WITH(bpf, 0, BPF_OBJ_PIN), CALL_WITH(bpf, 0, BPF_OBJ_GET), CALL_WITH(bpf, 0, BPF_OBJ_GET_INFO_BY_FD),
	CALL_WITH(bpf, 0, BPF_PROG_GET_FD_BY_ID), CALL_WITH(bpf, 0, BPF_MAP_GET_FD_BY_ID), CALL_WITH(bpf, 0, BPF_PROG_QUERY),
	CALL_WITH(bpf, 0, BPF_LINK_CREATE), CALL_WITH(bpf, 0, BPF_LINK_UPDATE), CALL_WITH(bpf, 0, BPF_LINK_DETACH),
	CALL_WITH(bpf, 0, BPF_LINK_GET_FD_BY_ID), CALL_WITH(bpf, 0, BPF_LINK_GET_NEXT_ID),

	/* pins, and what libraries look up */
	CALL_WITHOUT(openat, 2, O_ACCMODE | O_CREAT | O_TRUNC), CALL_WITHOUT(open, 1, O_ACCMODE | O_CREAT | O_TRUNC),
	CALL(access), CALL(faccessat), CALL(faccessat2), CALL(stat), CALL(fstat), CALL(lstat), CALL(newfstatat), CALL(statx),
	CALL(statfs), CALL(fstatfs), CALL(lseek), CALL(ftruncate), CALL(pread64), CALL(getdents64), CALL(readlink), CALL(readlinkat),
	CALL(unlink), CALL(unlinkat), CALL(mkdir), CALL(mkdirat), CALL(rmdir), CALL(flock),

	/* memory, time, and who we are */
	CALL(brk), CALL_WITHOUT(mmap, 2, PROT_EXEC), CALL(munmap), CALL(mremap), CALL(madvise),
	CALL_WITHOUT(mprotect, 2, PROT_EXEC), CALL(futex),
	CALL(clock_gettime), CALL(clock_getres), CALL(clock_nanosleep), CALL(nanosleep), CALL(gettimeofday), CALL(time),
	CALL(getpid), CALL(gettid), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(uname), CALL(sysinfo),
	CALL(getrandom), CALL(getcpu), CALL(sched_yield), CALL(sched_getaffinity), CALL(getrusage), CALL(prlimit64), CALL(capget),
	CALL(rseq), CALL(set_robust_list), CALL(restart_syscall),

	/* the end */
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigaltstack), CALL(signalfd4), CALL(tgkill),
	CALL(exit), CALL(exit_group),

#ifdef HEADGATE_SANITIZED
	/* The leak sanitizer looks at our memory from a thread that stops us, and reads of our maps. */
	CALL(clone), CALL(clone3), CALL(ptrace), CALL(prctl), CALL(wait4), CALL(getppid), CALL(kill), CALL(arch_prctl),
	CALL(process_vm_readv), CALL(getrlimit), CALL(setrlimit), CALL(pipe2), CALL(msync), CALL(mlock), CALL(getdents),
#endif
};

static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat),
#ifndef HEADGATE_SANITIZED
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
#endif
	SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(unshare),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	SCMP_SYS(setuid), SCMP_SYS(setresuid), SCMP_SYS(capset), SCMP_SYS(seccomp),
};
/* clang-format on */

static int add_rules(scmp_filter_ctx filter)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && rc == 0; i++)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i].number,
					    allowed[i].conditions, &allowed[i].condition);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]) && rc == 0; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	return rc;
}

bool syscalls_narrow(struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = -ENOMEM;

	if (filter != NULL) {
		/* Refusals are logged where the kernel can, and the search is by number. */
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		rc = add_rules(filter);
		if (rc == 0)
			rc = seccomp_load(filter);
		seccomp_release(filter);
	}
	return rc == 0 || err_at(e, 0, 0, "seccomp: %s", strerror(-rc));
}
