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
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench/mix.h"
#include "enforce/ruleset.h"
#include "enforce/xdp.h"
#include "flow/flow.h"

enum {
	FRAMES = 16384,
	FRAME = 96,
	ROUNDS = 5,
	REPEAT = 100000,
	CHANGES = 2000,
	ADVERSARIAL = 10000, /* rules */
	OBJECT_MAX = 1 << 20
};

enum mode {
	MODE_COPY,
	MODE_FIND,
	MODE_ACT
};

struct state {
	uint32_t next, mode;
};

struct bench {
	struct xdp *x;
	uint8_t (*frames)[FRAME];
	struct state *state;
	struct ruleset rules;
	struct drawn *drawn;
	struct rule **list;
	size_t count;
	bool ipv6;
	enum mix mix;
};

static void die(const char *what)
{
	fprintf(stderr, "plan: %s\n", what);
	exit(1);
}

/* ---- Rules ------------------------------------------------------------------------------ */

static void write_prefix(struct wr *w, uint8_t type, const uint8_t *address, uint8_t len, bool ipv6)
{
	uint8_t pattern[16] = { 0 };

	if (len == 0)
		return;
	for (unsigned i = 0; i < len; i++)
		pattern[i / 8] |= (uint8_t)(address[i / 8] & 0x80 >> i % 8);
	wr_u8(w, type);
	wr_u8(w, len);
	if (ipv6)
		wr_u8(w, 0);
	wr_bytes(w, pattern, (len + 7u) / 8);
}

static void write_range(struct wr *w, uint8_t type, uint16_t lo, uint16_t hi)
{
	if (lo == 0 && hi == 65535)
		return;
	wr_u8(w, type);
	if (lo == hi) {
		wr_u8(w, FLOW_OP_END | 1 << 4 | FLOW_OP_EQ);
		wr_u16(w, lo);
		return;
	}
	wr_u8(w, 1 << 4 | FLOW_OP_GT | FLOW_OP_EQ);
	wr_u16(w, lo);
	wr_u8(w, FLOW_OP_END | FLOW_OP_AND | 1 << 4 | FLOW_OP_LT | FLOW_OP_EQ);
	wr_u16(w, hi);
}

static void write_octet(struct wr *w, uint8_t type, uint8_t op, uint8_t value)
{
	wr_u8(w, type);
	wr_u8(w, FLOW_OP_END | op);
	wr_u8(w, value);
}

static bool add_rule(struct bench *b, struct drawn *d)
{
	uint8_t room[128];
	struct wr w = wr_over(room, sizeof(room));
	struct flow_actions discard = { .has_rate_bytes = true };
	struct flow_nlri n = { .family = b->ipv6 ? FLOW_IPV6 : FLOW_IPV4, .octets = room };

	mix_draw(b->mix, d, b->ipv6);
	write_prefix(&w, FLOW_DESTINATION, d->destination, d->destination_length, b->ipv6);
	write_prefix(&w, FLOW_SOURCE, d->source, d->source_length, b->ipv6);
	if (d->protocol != 0)
		write_octet(&w, FLOW_PROTOCOL, FLOW_OP_EQ, d->protocol);
	write_range(&w, FLOW_DESTINATION_PORT, d->destination_lo, d->destination_hi);
	write_range(&w, FLOW_SOURCE_PORT, d->source_lo, d->source_hi);
	if (d->icmp != 0)
		write_octet(&w, FLOW_ICMP_TYPE, FLOW_OP_EQ, d->icmp);
	if (d->flags != 0)
		write_octet(&w, FLOW_TCP_FLAGS, FLOW_OP_MATCH, d->flags);
	write_range(&w, FLOW_PACKET_LENGTH, d->length_lo, d->length_hi);
	if (d->has_dscp)
		write_octet(&w, FLOW_DSCP, FLOW_OP_EQ, d->dscp);
	if (d->fragment)
		write_octet(&w, FLOW_FRAGMENT, 0, 2);
	n.len = wr_len(&w);
	if (!wr_ok(&w) || !flow_nlri_check(&n, NULL))
		die("a rule that is none");
	if (ruleset_find(&b->rules, &n) != NULL)
		return false;
	d->rule = ruleset_need(&b->rules, &n);
	if (d->rule == NULL)
		die("out of memory");
	rule_set_then(d->rule, &discard);
	return true;
}

/* ---- Packets ----------------------------------------------------------------------------- */

static uint16_t between(uint16_t lo, uint16_t hi)
{
	return (uint16_t)(lo + mix_below((uint32_t)hi - lo + 1));
}

static void fit_prefix(uint8_t *to, const uint8_t *prefix, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		to[i / 8] =
			(uint8_t)((to[i / 8] & ~(0x80 >> i % 8)) | (prefix[i / 8] & 0x80 >> i % 8));
}

static void write_ipv4(struct wr *w, const struct drawn *d, const uint8_t *to, const uint8_t *from)
{
	wr_u16(w, 0x0800);
	wr_u8(w, 0x45);
	wr_u8(w, (uint8_t)(d->dscp << 2));
	wr_u16(w, between(d->length_lo > 28 ? d->length_lo : 28,
			  d->length_hi < 1500 ? d->length_hi : 1500));
	wr_u16(w, 0);
	wr_u16(w, d->fragment ? 1 : 0);
	wr_u8(w, 64);
	wr_u8(w, d->protocol);
	wr_u16(w, 0);
	wr_bytes(w, from, 4);
	wr_bytes(w, to, 4);
}

static void write_ipv6(struct wr *w, const struct drawn *d, const uint8_t *to, const uint8_t *from)
{
	wr_u16(w, 0x86dd);
	wr_u32(w, 6u << 28 | (uint32_t)d->dscp << 22);
	wr_u16(w, (uint16_t)(between(d->length_lo > 60 ? d->length_lo : 60,
				     d->length_hi < 1500 ? d->length_hi : 1500) -
			     40));
	wr_u8(w, d->fragment ? 44 : d->protocol);
	wr_u8(w, 64);
	wr_bytes(w, from, 16);
	wr_bytes(w, to, 16);
	if (d->fragment) {
		wr_u8(w, d->protocol);
		wr_u8(w, 0);
		wr_u16(w, 8);
		wr_u32(w, 1);
	}
}

static void make_frame(const struct bench *b, uint8_t out[FRAME], struct drawn d)
{
	struct wr w = wr_over(out, FRAME);
	uint8_t to[16], from[16];

	memset(out, 0, FRAME);
	mix_address(to, b->ipv6, true);
	mix_address(from, b->ipv6, false);
	fit_prefix(to, d.destination, d.destination_length);
	fit_prefix(from, d.source, d.source_length);
	if (d.protocol == 0)
		d.protocol = 17;
	for (int i = 0; i < 3; i++)
		wr_u32(&w, 0x02020202);
	(b->ipv6 ? write_ipv6 : write_ipv4)(&w, &d, to, from);
	if (d.icmp != 0) {
		wr_u16(&w, (uint16_t)(d.icmp << 8));
		return;
	}
	wr_u16(&w, between(d.source_lo, d.source_hi));
	wr_u16(&w, between(d.destination_lo, d.destination_hi));
	if (d.protocol == 6) {
		wr_u32(&w, 0);
		wr_u32(&w, 0);
		wr_u16(&w, (uint16_t)(0x5000 | d.flags));
	}
}

enum trace {
	HIT,
	MISS_OUTSIDE,
	MISS_INSIDE,
	TRACES
};

static const char *const trace_names[TRACES] = { "hit", "miss outside", "miss inside" };

static void make_frames(struct bench *b, enum trace trace)
{
	for (int i = 0; i < FRAMES; i++) {
		struct drawn d = { .length_hi = 65535,
				   .source_hi = 65535,
				   .destination_hi = 65535 };

		if (trace == HIT)
			d = b->drawn[mix_below((uint32_t)b->count)];
		if (trace == MISS_INSIDE)
			for (int tries = 0; tries < 100 && d.destination_length == 0; tries++)
				d = b->drawn[mix_below((uint32_t)b->count)];
		if (trace == MISS_OUTSIDE) {
			mix_address(d.destination, b->ipv6, false);
			d.destination_length = b->ipv6 ? 128 : 32;
			d.protocol = mix_percent(50) ? 17 : 6;
			d.length_hi = 90; /* below what rules without destination ask for */
		}
		if (trace == MISS_INSIDE)
			d = (struct drawn){ .destination_length = d.destination_length,
					    .destination = { 0 },
					    .protocol = 6,
					    .source_lo = 40000,
					    .source_hi = 40000,
					    .destination_lo = 7,
					    .destination_hi = 7,
					    .length_hi = 90 };
		make_frame(b, b->frames[i], d);
	}
}

/* ---- Measuring --------------------------------------------------------------------------- */

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

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

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
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
	qsort(ns, ROUNDS, sizeof(ns[0]), compare_doubles);
	return ns[ROUNDS / 2];
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

static void change(struct bench *b, struct rule **list, size_t n, bool wanted)
{
	struct err e = { 0 };

	for (size_t i = 0; i < n; i++)
		list[i]->wanted = wanted;
	if (!xdp_change(b->x, list, n, &e))
		die(e.text);
}

static void print_times(const char *what, double *us, size_t n)
{
	qsort(us, n, sizeof(us[0]), compare_doubles);
	printf("    %-8s p50 %8.1f us   p99 %8.1f us   max %8.1f us\n", what, us[n / 2],
	       us[n * 99 / 100], us[n - 1]);
}

static void measure_changes(struct bench *b)
{
	static double out[CHANGES], in[CHANGES];
	size_t n = 0;

	for (size_t i = 0; i < CHANGES; i++) {
		struct rule *r = b->drawn[mix_below((uint32_t)b->count)].rule;
		double start = now_us(), middle;

		change(b, &r, 1, false);
		middle = now_us();
		change(b, &r, 1, true);
		out[n] = middle - start;
		in[n++] = now_us() - middle;
	}
	print_times("one out", out, n);
	print_times("one in", in, n);
}

static void draw_rules(struct bench *b, size_t count)
{
	b->drawn = calloc(count, sizeof(*b->drawn));
	b->list = calloc(count, sizeof(*b->list));
	if (b->list == NULL || b->drawn == NULL)
		die("out of memory");
	ruleset_init(&b->rules, 7);
	for (b->count = 0; b->count < count;)
		b->count += add_rule(b, &b->drawn[b->count]);
	for (size_t i = 0; i < count; i++)
		b->list[i] = b->drawn[i].rule;
}

static void forget_rules(struct bench *b)
{
	ruleset_done(&b->rules);
	free(b->drawn);
	free(b->list);
}

static void measure_traces(struct bench *b, const double empty[TRACES])
{
	for (int t = 0; t < TRACES; t++) {
		double ns;

		make_frames(b, t);
		ns = measure(b);
		printf("    %-12s %7.1f ns   %3u %% dropped   %5.2f times no rules (%.1f ns)\n",
		       trace_names[t], ns, dropped(b), ns / empty[t], empty[t]);
	}
}

static void measure_size(struct bench *b, size_t count)
{
	double empty[TRACES], start;

	draw_rules(b, count);
	printf("IPv%d, %zu rules\n", b->ipv6 ? 6 : 4, count);
	for (int t = 0; t < TRACES; t++) {
		make_frames(b, t);
		empty[t] = measure(b);
	}
	start = now_us();
	change(b, b->list, count, true);
	printf("    all in    %.1f ms, %zu in force\n", (now_us() - start) / 1e3,
	       xdp_in_force(b->x));
	measure_traces(b, empty);
	measure_changes(b);
	start = now_us();
	change(b, b->list, count, false);
	printf("    all out   %.1f ms\n", (now_us() - start) / 1e3);
	forget_rules(b);
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
	draw_rules(b, ADVERSARIAL);
	change(b, b->list, b->count, true);
	printf("IPv%d, %d rules, %s: %zu in force %s\n", b->ipv6 ? 6 : 4, ADVERSARIAL, mix_names[m],
	       xdp_in_force(b->x), refusal(b));
	for (int t = 0; t < TRACES; t++) {
		double ns;

		make_frames(b, t);
		ns = measure(b);
		if (m == MIX_REAL && t == HIT)
			*benign = ns;
		printf("    %-12s %7.1f ns   %3u %% dropped   %5.2f times a benign hit\n",
		       trace_names[t], ns, dropped(b), ns / *benign);
	}
	change(b, b->list, b->count, false);
	forget_rules(b);
	b->mix = MIX_REAL;
}

/* ---- The program ------------------------------------------------------------------------- */

static void *map_of(const struct xdp *x, const char *name, size_t size)
{
	__u32 ids[32], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info p = { .nr_map_ids = 32, .map_ids = (__u64)(uintptr_t)ids };

	if (bpf_obj_get_info_by_fd(xdp_program(x), &p, &len) < 0)
		die(strerror(errno));
	for (__u32 i = 0; i < p.nr_map_ids; i++) {
		struct bpf_map_info m = { 0 };
		int fd = bpf_map_get_fd_by_id(ids[i]);
		void *at;

		len = sizeof(m);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &m, &len) < 0)
			die(strerror(errno));
		if (strcmp(m.name, name) != 0) {
			close(fd);
			continue;
		}
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at == MAP_FAILED)
			die(strerror(errno));
		return at;
	}
	die(name);
	return NULL;
}

static struct xdp_image read_object(const char *path)
{
	void *octets = malloc(OBJECT_MAX);
	FILE *file = fopen(path, "rb");
	struct xdp_image image = { .octets = octets };

	if (file == NULL || octets == NULL)
		die(path);
	image.size = fread(octets, 1, OBJECT_MAX, file);
	fclose(file);
	return image;
}

static void pin_to_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	static const char *const usual[] = { "10", "100", "1000", "10000", "100000" };
	const char *const *sizes = argc > 2 ? (const char *const *)argv + 2 : usual;
	int n = argc > 2 ? argc - 2 : (int)(sizeof(usual) / sizeof(usual[0]));
	struct xdp_image image;
	struct bench b = { 0 };
	struct err e = { 0 };
	double start;

	if (argc < 2)
		die("usage: plan OBJECT [RULES]...");
	image = read_object(argv[1]);
	pin_to_cpu();
	start = now_us();
	b.x = xdp_open(&image, NULL, &e);
	if (b.x == NULL)
		die(e.text);
	printf("load and tables %.0f ms\n", (now_us() - start) / 1e3);
	b.frames = map_of(b.x, "bench_frames", (size_t)FRAMES * FRAME);
	b.state = map_of(b.x, "bench_state", sizeof(*b.state));
	for (int v6 = 0; v6 < 2; v6++) {
		double benign = 0;

		b.ipv6 = v6;
		for (int i = 0; i < n; i++)
			measure_size(&b, strtoul(sizes[i], NULL, 10));
		for (enum mix m = 0; m < MIXES && argc == 2; m++)
			measure_mix(&b, m, &benign);
	}
	xdp_free(b.x);
	free((void *)image.octets);
	return 0;
}
