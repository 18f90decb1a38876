/* SPDX-License-Identifier: ISC */
/* live.c - what a frame costs on its way in, whoever filters it.
 *
 * The kernel sends the frames of the traces through the receive path of an interface (live frames
 * of its test run), with the XDP program in front or without it; live.py puts a rival behind.
 * Nanoseconds are CPU time a frame, generator included.
 *
 * Usage: live OBJECT rules COUNT 4|6                     the rules, one a line
 *        live OBJECT drop|enforce|pass COUNT 4|6 INTERFACE [ROUNDS MS]
 *                                    a line a trace: ns; rounds (5) of MS (100) of CPU time
 *
 * One count draws the same rules and frames each time.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/kernel.h"

enum {
	ROUNDS = 5,
	ROUNDS_MAX = 100,
	BATCH = 64,
	FEW = 256,
	MANY = 1000000,
	ROUND_MS = 100 /* of CPU time, about */
};

static void print_prefix(const uint8_t *address, unsigned length, bool ipv6)
{
	uint8_t masked[16] = { 0 };
	char text[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < length; i++)
		masked[i / 8] |= (uint8_t)(address[i / 8] & 0x80 >> i % 8);
	inet_ntop(ipv6 ? AF_INET6 : AF_INET, masked, text, sizeof(text));
	printf(length > 0 ? "%s/%u " : "- ", text, length);
}

/* destination source protocol destination-ports source-ports icmp flags lengths dscp fragment */
static void print_rule(const struct drawn *d, bool ipv6)
{
	print_prefix(d->destination, d->destination_length, ipv6);
	print_prefix(d->source, d->source_length, ipv6);
	printf("%u %u-%u %u-%u %u %u %u-%u %d %d\n", d->protocol, d->destination_lo,
	       d->destination_hi, d->source_lo, d->source_hi, d->icmp, d->flags, d->length_lo,
	       d->length_hi, d->has_dscp ? d->dscp : -1, d->fragment);
}

/* CPU time a frame of so many. */
static double send_frames(const struct bench *b, unsigned interface, uint32_t repeat)
{
	static uint8_t in[FRAME];
	struct xdp_md ctx = { .data_end = FRAME, .ingress_ifindex = interface };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = FRAME, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = repeat, .batch_size = BATCH,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	double start = cpu_ns();

	if (bpf_prog_test_run_opts(xdp_program(b->x), &opts) < 0)
		die(strerror(errno));
	return (cpu_ns() - start) / repeat;
}

static void measure_traces(struct bench *b, unsigned interface, int rounds, double round_ms)
{
	for (int t = 0; t < TRACES; t++) {
		double ns[ROUNDS_MAX], repeat;

		bench_frames(b, t);
		repeat = round_ms * 1e6 / send_frames(b, interface, FEW);
		repeat = repeat < FEW ? FEW : repeat > MANY ? MANY : repeat;
		for (int i = 0; i < rounds; i++)
			ns[i] = send_frames(b, interface, (uint32_t)repeat);
		printf("%.0f\n", median(ns, (size_t)rounds));
	}
}

static enum mode mode_named(const char *word)
{
	static const struct {
		const char *word;
		enum mode mode;
	} modes[] = { { "drop", MODE_COPY }, { "enforce", MODE_ACT }, { "pass", MODE_PASS } };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(word, modes[i].word) == 0)
			return modes[i].mode;
	die(word);
}

int main(int argc, char **argv)
{
	struct bench b = { .whole = true };
	int rounds = argc > 7 ? atoi(argv[6]) : ROUNDS;

	if (argc < 5 || rounds < 1 || rounds > ROUNDS_MAX)
		die("usage: live OBJECT rules|drop|enforce|pass COUNT 4|6 [INTERFACE [ROUNDS MS]]");
	b.ipv6 = argv[4][0] == '6';
	bench_draw(&b, strtoul(argv[3], NULL, 10));
	if (strcmp(argv[2], "rules") == 0) {
		for (size_t i = 0; i < b.count; i++)
			print_rule(&b.drawn[i], b.ipv6);
		return 0;
	}
	bench_open(&b, argv[1]);
	b.state->mode = mode_named(argv[2]);
	if (b.state->mode == MODE_ACT)
		bench_change(&b, b.list, b.count, true);
	measure_traces(&b, argc > 5 ? if_nametoindex(argv[5]) : 0, rounds,
		       argc > 7 ? strtod(argv[7], NULL) : ROUND_MS);
	bench_close(&b);
	return 0;
}
