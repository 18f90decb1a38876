/* SPDX-License-Identifier: ISC */
/* plan.c - what a packet and a change cost, by the number of rules.
 *
 * Rules: an operator's, 16 networks of its own, attacked hosts and networks in them, amplifiers.
 * Packets: a hit fits a rule drawn at random; a miss outside is for none of the networks; a miss
 * inside is for a rule's destination and a port that no rule names.  Nanoseconds are CPU time of
 * parser and lookup in the kernel's test run, the copying of frames taken off; the ratio is to the
 * same program without rules and with the same packets.
 *
 * Usage: plan OBJECT [RULES]...
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

#include "enforce/ruleset.h"
#include "enforce/xdp.h"
#include "flow/flow.h"

enum {
	FRAMES = 16384,
	FRAME = 96,
	ROUNDS = 5,
	REPEAT = 100000,
	CHANGES = 2000,
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
	size_t count;
	bool ipv6;
};

/* A rule as it was drawn, so that a packet can be made to fit. */
struct drawn {
	struct rule *rule;
	uint8_t destination[16], source[16];
	uint8_t destination_length, source_length; /* 0: none */
	uint8_t protocol, flags, icmp, dscp;
	bool fragment, has_dscp;
	uint16_t source_lo, source_hi, destination_lo, destination_hi; /* 0..65535: any */
	uint16_t length_lo, length_hi;
};

static void die(const char *what)
{
	fprintf(stderr, "plan: %s\n", what);
	exit(1);
}

/* ---- Chance ---------------------------------------------------------------------------- */

static uint64_t chance = 88172645463325252;

static uint32_t below(uint32_t n)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (uint32_t)(chance >> 32) % n;
}

static bool percent(uint32_t n)
{
	return below(100) < n;
}

/* ---- Rules ------------------------------------------------------------------------------ */

static const uint16_t amplifiers[] = { 19, 53, 123, 161, 389, 1900, 11211, 17, 69, 137, 520, 3702 };
static const uint16_t services[] = { 22, 25, 53, 80, 443, 8080, 3389, 27015, 25565, 3074 };

static uint16_t amplifier(void)
{
	return amplifiers[below(sizeof(amplifiers) / sizeof(amplifiers[0]))];
}

static uint16_t service(void)
{
	return services[below(sizeof(services) / sizeof(services[0]))];
}

/* A host in one of 16 networks; inside: one of the operator's. */
static void draw_address(uint8_t out[16], bool ipv6, bool inside)
{
	static const uint8_t ipv6_base[4] = { 0x20, 0x01, 0x0d, 0xb8 };

	for (int i = 0; i < 16; i++)
		out[i] = (uint8_t)below(256);
	if (!ipv6) {
		out[0] = inside ? 100 : 200;
		out[1] = inside ? (uint8_t)(64 + below(16)) : out[1];
		return;
	}
	memcpy(out, ipv6_base, 4);
	out[4] = inside ? (uint8_t)(0x10 + below(16)) : (uint8_t)(0x80 | out[4]);
	out[6] = out[7] = 0;
	memset(out + 8, 0, 6);
}

static void draw_rest(struct drawn *d)
{
	uint32_t p = below(100);

	d->protocol = 17;
	if (p < 35) {
		d->source_lo = d->source_hi = amplifier();
	} else if (p < 50) {
		d->destination_lo = d->destination_hi = service();
	} else if (p < 60) {
		d->destination_lo = (uint16_t)below(60000);
		d->destination_hi = (uint16_t)(d->destination_lo + 1 + below(5000));
	} else if (p < 78) {
		d->protocol = 6;
		d->flags = p < 72 ? 2 : 0;
		d->destination_lo = d->destination_hi = service();
	} else if (p < 84) {
		d->source_lo = d->source_hi = amplifier();
		d->length_lo = (uint16_t)(400 + below(800));
		d->length_hi = (uint16_t)(d->length_lo + below(200));
	} else if (p < 88) {
		d->protocol = 1;
		d->icmp = 8;
	} else if (p < 91) {
		d->fragment = true;
	} else if (p < 95) {
		d->protocol = 47;
	} else if (p < 97) {
		d->source_lo = 1024;
		d->destination_lo = d->destination_hi = service();
		d->has_dscp = true;
		d->dscp = (uint8_t)below(64);
	}
}

static void draw_without_destination(struct drawn *d, bool ipv6)
{
	if (percent(10)) {
		draw_address(d->source, ipv6, false);
		d->source_length = ipv6 ? 48 : 24;
		return;
	}
	d->protocol = 17;
	if (percent(10))
		d->destination_lo = d->destination_hi = (uint16_t)below(65536);
	else
		d->source_lo = d->source_hi = percent(50) ? amplifier() : (uint16_t)below(65536);
	d->length_lo = (uint16_t)(100 + below(1200));
	d->length_hi = (uint16_t)(d->length_lo + below(200));
}

static void draw_prefixes(struct drawn *d, bool ipv6, uint8_t victims[3][16])
{
	unsigned host = ipv6 ? 128 : 32, net = ipv6 ? 64 : 24;
	uint32_t p = below(95);

	draw_address(d->destination, ipv6, true);
	if (p < 70) {
		uint8_t *victim = victims[below(3)];

		d->destination_length = (uint8_t)host;
		memcpy(percent(50) ? d->destination : victim, percent(50) ? victim : d->destination,
		       16);
	} else if (p < 88) {
		d->destination_length = (uint8_t)net;
	} else if (p < 90) {
		d->destination_length = (uint8_t)(ipv6 ? 40 + below(88) : 16 + below(16));
	} else {
		d->destination_length = (uint8_t)(percent(50) ? host : net);
		draw_address(d->source, ipv6, false);
		d->source_length = (uint8_t)(percent(66) ? host : ipv6 ? 48 : 24);
	}
}

static void draw(struct drawn *d, bool ipv6)
{
	static uint8_t victims[3][16];

	memset(d, 0, sizeof(*d));
	d->source_hi = d->destination_hi = d->length_hi = 65535;
	if (percent(5)) {
		draw_without_destination(d, ipv6);
		return;
	}
	draw_prefixes(d, ipv6, victims);
	if (d->source_length == 0 || percent(50))
		draw_rest(d);
	if (ipv6 && d->protocol == 1) {
		d->protocol = 58;
		d->icmp = 128;
	}
}

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

	draw(d, b->ipv6);
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
	return (uint16_t)(lo + below((uint32_t)hi - lo + 1));
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
	draw_address(to, b->ipv6, true);
	draw_address(from, b->ipv6, false);
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
			d = b->drawn[below((uint32_t)b->count)];
		if (trace == MISS_INSIDE)
			for (int tries = 0; tries < 100 && d.destination_length == 0; tries++)
				d = b->drawn[below((uint32_t)b->count)];
		if (trace == MISS_OUTSIDE) {
			draw_address(d.destination, b->ipv6, false);
			d.destination_length = b->ipv6 ? 128 : 32;
			d.protocol = percent(50) ? 17 : 6;
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
		struct rule *r = b->drawn[below((uint32_t)b->count)].rule;
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

static void measure_size(struct bench *b, size_t count)
{
	struct rule **list = calloc(count, sizeof(*list));
	double empty[TRACES], start;

	b->drawn = calloc(count, sizeof(*b->drawn));
	if (list == NULL || b->drawn == NULL)
		die("out of memory");
	ruleset_init(&b->rules, 7);
	for (b->count = 0; b->count < count;)
		b->count += add_rule(b, &b->drawn[b->count]);
	for (size_t i = 0; i < count; i++)
		list[i] = b->drawn[i].rule;
	printf("IPv%d, %zu rules\n", b->ipv6 ? 6 : 4, count);
	for (int t = 0; t < TRACES; t++) {
		make_frames(b, t);
		empty[t] = measure(b);
	}
	start = now_us();
	change(b, list, count, true);
	printf("    all in    %.1f ms, %zu in force\n", (now_us() - start) / 1e3,
	       xdp_in_force(b->x));
	for (int t = 0; t < TRACES; t++) {
		double ns;

		make_frames(b, t);
		ns = measure(b);
		printf("    %-12s %7.1f ns   %3u %% dropped   %5.2f times no rules (%.1f ns)\n",
		       trace_names[t], ns, dropped(b), ns / empty[t], empty[t]);
	}
	measure_changes(b);
	start = now_us();
	change(b, list, count, false);
	printf("    all out   %.1f ms\n", (now_us() - start) / 1e3);
	ruleset_done(&b->rules);
	free(b->drawn);
	free(list);
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
	for (int v6 = 0; v6 < 2; v6++)
		for (int i = 0; i < n; i++) {
			b.ipv6 = v6;
			measure_size(&b, strtoul(sizes[i], NULL, 10));
		}
	xdp_free(b.x);
	free((void *)image.octets);
	return 0;
}
