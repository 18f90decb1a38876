/* SPDX-License-Identifier: ISC */
/* plan.c - what a packet and a change cost, by the number of rules.
 *
 * Rules: an operator's, 16 networks of its own, attacked hosts and networks in them, amplifiers
 * (mix.h); then, at one size, sets that are made to be slow, beside the operator's.
 * Packets: a hit fits a rule drawn at random; a miss outside is for none of the networks; a miss
 * inside is for a rule's destination and a port that no rule names.  Nanoseconds are CPU time of
 * parser and lookup in the kernel's test run, the copying of frames taken off; the ratio is to the
 * same program without rules and with the same packets.
 *
 * Usage: plan OBJECT [RULES]...  (with RULES: no slow sets)
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/kernel.h"

enum {
	ROUNDS = 5,
	REPEAT = 100000,
	CHANGES = 2000,
	ADVERSARIAL = 10000 /* rules */
};

/* ---- Measuring --------------------------------------------------------------------------- */

static uint32_t run(const struct bench *b, enum mode mode, uint32_t repeat)
{
	static uint8_t in[FRAME], out[256];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = FRAME, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = repeat);

	b->state->mode = mode;
	if (bpf_prog_test_run_opts(xdp_program(b->x), &opts) < 0)
		die(strerror(errno));
	return opts.retval;
}

/* Parser and lookup, nanoseconds a packet: the median of the rounds. */
static double measure(const struct bench *b)
{
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double start = cpu_ns(), middle;

		run(b, MODE_COPY, REPEAT);
		middle = cpu_ns();
		run(b, MODE_FIND, REPEAT);
		ns[i] = (cpu_ns() - middle - (middle - start)) / REPEAT;
	}
	return median(ns, ROUNDS);
}

/* Of a hundred packets of the trace so many are dropped. */
static unsigned dropped(const struct bench *b)
{
	unsigned n = 0;

	b->state->next = 0;
	for (int i = 0; i < 100; i++)
		n += run(b, MODE_FIND, 1) == XDP_DROP;
	return n;
}

static void measure_changes(struct bench *b)
{
	static double out[CHANGES], in[CHANGES];
	size_t n = 0;

	for (size_t i = 0; i < CHANGES; i++) {
		struct rule *r = b->drawn[mix_below((uint32_t)b->count)].rule;
		double start = now_us(), middle;

		bench_change(b, &r, 1, false);
		middle = now_us();
		bench_change(b, &r, 1, true);
		out[n] = middle - start;
		in[n++] = now_us() - middle;
	}
	print_times("one out", out, n);
	print_times("one in", in, n);
}

static void measure_traces(struct bench *b, const double empty[TRACES])
{
	for (int t = 0; t < TRACES; t++) {
		double ns;

		bench_frames(b, t);
		ns = measure(b);
		printf("    %-12s %7.1f ns   %3u %% dropped   %5.2f times no rules (%.1f ns)\n",
		       trace_names[t], ns, dropped(b), ns / empty[t], empty[t]);
	}
}

static void measure_size(struct bench *b, size_t count)
{
	double empty[TRACES], start;

	bench_draw(b, count);
	printf("IPv%d, %zu rules\n", b->ipv6 ? 6 : 4, count);
	for (int t = 0; t < TRACES; t++) {
		bench_frames(b, t);
		empty[t] = measure(b);
	}
	start = now_us();
	bench_change(b, b->list, count, true);
	printf("    all in    %.1f ms, %zu in force\n", (now_us() - start) / 1e3,
	       xdp_in_force(b->x));
	measure_traces(b, empty);
	measure_changes(b);
	start = now_us();
	bench_change(b, b->list, count, false);
	printf("    all out   %.1f ms\n", (now_us() - start) / 1e3);
	bench_forget(b);
}

static const char *refusal(const struct bench *b)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->list[i]->why_table != NULL)
			return b->list[i]->why_table;
	return "";
}

/* Sets made to be slow; benign: a hit among the operator's rules, filled in by them. */
static void measure_mix(struct bench *b, enum mix m, double *benign)
{
	b->mix = m;
	bench_draw(b, ADVERSARIAL);
	bench_change(b, b->list, b->count, true);
	printf("IPv%d, %d rules, %s: %zu in force %s\n", b->ipv6 ? 6 : 4, ADVERSARIAL, mix_names[m],
	       xdp_in_force(b->x), refusal(b));
	for (int t = 0; t < TRACES; t++) {
		double ns;

		bench_frames(b, t);
		ns = measure(b);
		if (m == MIX_REAL && t == HIT)
			*benign = ns;
		printf("    %-12s %7.1f ns   %3u %% dropped   %5.2f times a benign hit\n",
		       trace_names[t], ns, dropped(b), ns / *benign);
	}
	bench_change(b, b->list, b->count, false);
	bench_forget(b);
	b->mix = MIX_REAL;
}

int main(int argc, char **argv)
{
	static const char *const usual[] = { "10", "100", "1000", "10000", "100000" };
	const char *const *sizes = argc > 2 ? (const char *const *)argv + 2 : usual;
	int n = argc > 2 ? argc - 2 : (int)(sizeof(usual) / sizeof(usual[0]));
	struct bench b = { 0 };
	double start;

	if (argc < 2)
		die("usage: plan OBJECT [RULES]...");
	start = now_us();
	bench_open(&b, argv[1]);
	printf("load and tables %.0f ms\n", (now_us() - start) / 1e3);
	for (int v6 = 0; v6 < 2; v6++) {
		double benign = 0;

		b.ipv6 = v6;
		for (int i = 0; i < n; i++)
			measure_size(&b, strtoul(sizes[i], NULL, 10));
		for (enum mix m = 0; m < MIXES && argc == 2; m++)
			measure_mix(&b, m, &benign);
	}
	bench_close(&b);
	return 0;
}
