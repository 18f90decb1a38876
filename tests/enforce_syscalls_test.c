/* SPDX-License-Identifier: ISC */
/* enforce_syscalls_test.c - what the enforcer may call, each in a process of its own.
 *
 * Calls are made as root, so that nothing but the filter is in their way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enforce/syscalls.h"

enum {
	NO_FILTER = 255 /* exit status: it could not be put in place */
};

/* Exits with the error of the call, 0 if it succeeds. */
static int status_of(int (*call)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct err e = { 0 };

		if (!syscalls_narrow(&e))
			_exit(NO_FILTER);
		errno = 0;
		_exit(call() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_kills(int (*call)(void))
{
	int status = status_of(call);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void assert_exits(int (*call)(void), int with)
{
	int status = status_of(call);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), with);
}

/* ---- The calls ---------------------------------------------------------------------------- */

static int run_program(void)
{
	char *const words[] = { (char *)"/bin/true", NULL };

	return execve(words[0], words, words + 1);
}

static int trace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int mount_something(void)
{
	return mount("none", "/nowhere", "tmpfs", 0, NULL);
}

static int leave_network(void)
{
	return (int)syscall(SYS_unshare, 0x40000000);
}

static int fork_again(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) > 0 ? 0 : -1;
}

static int write_file(void)
{
	return open("/dev/null", O_WRONLY);
}

static int make_file(void)
{
	return open("/tmp", O_TMPFILE | O_RDWR, 0600);
}

static int read_file(void)
{
	return open("/proc/self/status", O_RDONLY);
}

static int raw_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int load_program(void)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_XDP };

	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int make_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int memory_with(int protection)
{
	return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
											      : 0;
}

static int plain_memory(void)
{
	return memory_with(PROT_READ | PROT_WRITE);
}

static int code_in_memory(void)
{
	return memory_with(PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int signal_another(void)
{
	return kill(getppid(), 0);
}

/* ---- The cases ---------------------------------------------------------------------------- */

static void test_an_intruders_call_ends_the_process(void **state)
{
	(void)state;
	assert_kills(run_program);
	assert_kills(trace);
	assert_kills(mount_something);
	assert_kills(leave_network);
}

static void test_what_is_not_listed_fails(void **state)
{
	(void)state;
	assert_exits(fork_again, ENOSYS);
	assert_exits(signal_another, ENOSYS);
}

static void test_files_are_only_read(void **state)
{
	(void)state;
	assert_exits(read_file, 0);
	assert_exits(write_file, ENOSYS);
	assert_exits(make_file, ENOSYS);
}

static void test_sockets_are_local_or_netlink(void **state)
{
	(void)state;
	assert_exits(unix_socket, 0);
	assert_exits(raw_socket, ENOSYS);
}

static void test_maps_but_no_program(void **state)
{
	(void)state;
	assert_exits(make_map, 0);
	assert_exits(load_program, ENOSYS);
}

static void test_no_memory_becomes_code(void **state)
{
	(void)state;
	assert_exits(plain_memory, 0);
	assert_exits(code_in_memory, ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_intruders_call_ends_the_process),
		cmocka_unit_test(test_what_is_not_listed_fails),
		cmocka_unit_test(test_files_are_only_read),
		cmocka_unit_test(test_sockets_are_local_or_netlink),
		cmocka_unit_test(test_maps_but_no_program),
		cmocka_unit_test(test_no_memory_becomes_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
