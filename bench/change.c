/* SPDX-License-Identifier: ISC */
/* change.c - from a word on the control socket to the verdict of the next packet.
 *
 * Announces a rule and sends its packet through the program on an interface, by the kernel's test
 * run, until it is dropped; withdraws it, and until it is passed.  The clock runs from the write.
 *
 * Usage: change PIN SOCKET ROUNDS        PIN: the pinned link of an interface
 *        change PIN A B C D PORT         waits until UDP from this port to A.B.C.D is dropped
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/kernel.h"

enum {
	SHORT_FRAME = 60,
	PATIENCE_US = 5000000
};

static int connect_to(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(where.sun_path, sizeof(where.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0)
		die(path);
	return fd;
}

static int program_of(const char *pin)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	int link = bpf_obj_get(pin), program;

	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &len) < 0)
		die(pin);
	program = bpf_prog_get_fd_by_id(info.prog_id);
	if (program < 0)
		die(pin);
	return program;
}

static __u32 verdict(int program, const unsigned char frame[SHORT_FRAME])
{
	unsigned char out[256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = SHORT_FRAME,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

	if (bpf_prog_test_run_opts(program, &opts) < 0)
		die("test run");
	return opts.retval;
}

/* Says it, waits for the verdict, and reads the answer. */
static double change(int hub, int program, const char *line, const unsigned char frame[SHORT_FRAME],
		     __u32 wanted)
{
	char answer[256];
	double start = now_us(), took;

	if (write(hub, line, strlen(line)) != (ssize_t)strlen(line))
		die("the hub");
	while (verdict(program, frame) != wanted)
		if (now_us() - start > PATIENCE_US)
			die("the packet keeps its verdict");
	took = now_us() - start;
	if (read(hub, answer, sizeof(answer)) <= 0 || strncmp(answer, "{\"ok\":true", 10) != 0)
		die("the hub refused");
	return took;
}

/* A UDP packet. */
static void make_frame(unsigned char frame[SHORT_FRAME], const unsigned char to[4],
		       unsigned from_port, unsigned to_port)
{
	static const unsigned char start[] = { 2, 2, 2,  2, 2, 2, 4, 4,  4,  4, 4, 4,   8, 0, 0x45,
					       0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1 };

	memset(frame, 0, SHORT_FRAME);
	memcpy(frame, start, sizeof(start));
	memcpy(frame + 30, to, 4);
	frame[34] = (unsigned char)(from_port >> 8);
	frame[35] = (unsigned char)from_port;
	frame[37] = (unsigned char)to_port;
	frame[39] = 26;
}

static void measure(int program, int hub, size_t rounds)
{
	double *in = calloc(rounds, sizeof(double)), *out = calloc(rounds, sizeof(double));

	if (in == NULL || out == NULL)
		die("memory");
	for (size_t i = 0; i < rounds; i++) {
		unsigned char frame[SHORT_FRAME],
			to[4] = { 172, 16, (unsigned char)(i * 7), (unsigned char)(i >> 5) };
		char line[256], rule[200];

		make_frame(frame, to, 0, 7);
		(void)snprintf(rule, sizeof(rule),
			       "flow route { match { destination %u.%u.%u.%u/32; protocol udp; "
			       "destination-port 7; } then { discard; } }",
			       to[0], to[1], to[2], to[3]);
		(void)snprintf(line, sizeof(line), "announce %s\n", rule);
		in[i] = change(hub, program, line, frame, XDP_DROP);
		(void)snprintf(line, sizeof(line), "withdraw %s\n", rule);
		out[i] = change(hub, program, line, frame, XDP_PASS);
	}
	print_times("one in", in, rounds);
	print_times("one out", out, rounds);
	free(in);
	free(out);
}

static void wait_for(int program, char **words)
{
	unsigned char frame[SHORT_FRAME], to[4];
	double start = now_us();

	for (int i = 0; i < 4; i++)
		to[i] = (unsigned char)strtoul(words[i], NULL, 10);
	make_frame(frame, to, (unsigned)strtoul(words[4], NULL, 10), 9);
	while (verdict(program, frame) != XDP_DROP) {
		if (now_us() - start > 10 * PATIENCE_US)
			die("the packet is not dropped");
		(void)usleep(1000);
	}
}

int main(int argc, char **argv)
{
	if (argc == 4)
		measure(program_of(argv[1]), connect_to(argv[2]), strtoul(argv[3], NULL, 10));
	else if (argc == 7)
		wait_for(program_of(argv[1]), argv + 2);
	else
		die("usage: change PIN SOCKET ROUNDS | change PIN A B C D PORT");
	return 0;
}
