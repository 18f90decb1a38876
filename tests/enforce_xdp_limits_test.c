/* SPDX-License-Identifier: ISC */
/* The XDP program's rate limits, against a bucket with an exact clock. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/xdp_kernel.h"

enum {
	OFFERED_MAX = 1 << 20 /* packets of one thread */
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Offers packets as fast as it can, and notes when. */
struct sender {
	struct xdp *x;
	const uint8_t *frame;
	size_t len, sent;
	double until;
	double at[OFFERED_MAX];
	uint64_t passed;
};

static void *offer(void *arg)
{
	struct sender *s = arg;
	static __thread uint8_t seen[OCTETS_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->frame, .data_size_in = (__u32)s->len,
		    .data_out = seen, .repeat = 1);

	while (s->sent < OFFERED_MAX && (s->at[s->sent] = now_s()) < s->until) {
		opts.data_size_out = sizeof(seen);
		if (bpf_prog_test_run_opts(xdp_program(s->x), &opts) < 0)
			break;
		s->sent++;
		s->passed += opts.retval != XDP_DROP;
	}
	return NULL;
}

static int earlier(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What a bucket with an exact clock would have let pass of the same packets: it loses what comes
 * in while no sender had a CPU, and only that. */
static uint64_t bucket_passes(double *at, size_t n, double rate, double units, double burst)
{
	double depth = rate * burst + units, level = depth;
	uint64_t passed = 0;

	qsort(at, n, sizeof(*at), earlier);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			level = fmin(depth, level + (at[i] - at[i - 1]) * rate);
		if (level < units)
			continue;
		level -= units;
		passed++;
	}
	return passed;
}

/* The kernel's clock steps by a tick.  Where a gap is about as long as the burst it decides how
 * much of it is lost, by up to a tick. */
static double tick_doubt(const double *at, size_t n, double rate, double units, double burst)
{
	struct timespec step;
	double tick, doubt = 0;

	clock_getres(CLOCK_MONOTONIC_COARSE, &step);
	tick = (double)step.tv_nsec / 1e9;
	for (size_t i = 1; i < n; i++)
		if (at[i] - at[i - 1] > burst - 2 * tick)
			doubt += tick * rate / units;
	return doubt;
}

struct limit {
	bool packets;
	float rate;
	size_t octets; /* of a packet */
	unsigned threads;
};

static struct rule *limited_rule(struct ruleset *rs, const struct limit *l)
{
	struct rule *r = host_rule(rs, 7, false);
	struct flow_actions a = { .has_rate_packets = l->packets, .has_rate_bytes = !l->packets };

	*(l->packets ? &a.rate_packets : &a.rate_bytes) = l->rate;
	rule_set_then(r, &a);
	return r;
}

/* At most one part in fifty over the bucket, or two packets. */
static void limit_is_kept(const struct limit *l)
{
	static struct sender s[2];
	static double at[2 * OFFERED_MAX];
	uint8_t frame[OCTETS_MAX] = { 0 };
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	pthread_t thread[2];
	size_t n = 0;
	uint64_t passed = 0;
	double burst = fmax(0.016, (l->packets ? 4 : 6000) / (double)l->rate);

	ruleset_init(&rs, 1);
	limited_rule(&rs, l);
	apply(x, &rs);
	(void)host_frame(frame, 7);
	frame[16] = (uint8_t)(l->octets >> 8);
	frame[17] = (uint8_t)l->octets;
	for (unsigned i = 0; i < l->threads; i++) {
		s[i].x = x;
		s[i].frame = frame;
		s[i].len = l->octets + 14;
		s[i].sent = s[i].passed = 0;
		s[i].until = now_s() + 1;
		assert_int_equal(pthread_create(&thread[i], NULL, offer, &s[i]), 0);
	}
	for (unsigned i = 0; i < l->threads; i++) {
		pthread_join(thread[i], NULL);
		memcpy(at + n, s[i].at, s[i].sent * sizeof(*at));
		n += s[i].sent;
		passed += s[i].passed;
	}
	double units = l->packets ? 1 : (double)l->octets;
	double ideal = (double)bucket_passes(at, n, (double)l->rate, units, burst);
	double doubt = tick_doubt(at, n, (double)l->rate, units, burst);

	printf("# %g %s/s, %u threads: %zu offered, %llu passed, %.0f expected, give or take %.0f "
	       "for gaps\n",
	       (double)l->rate, l->packets ? "packets" : "octets", l->threads, n,
	       (unsigned long long)passed, ideal, doubt);
	/* Never too much.  Too little may be a sender that lost its CPU: how close it comes is
	 * printed, and only less than half is a fault.  A guest may be too slow for high rates. */
	assert_true((double)n > 2 * ideal || ideal > 1000);
	assert_true((double)passed <= ideal + fmax(2, ideal / 50) + doubt);
	assert_true((double)passed >= ideal / 2 - doubt);
	ruleset_done(&rs);
	xdp_free(x);
}

static void test_limits_are_kept(void **state)
{
	static const struct limit limits[] = {
		{ true, 100, 100, 1 },      { true, 100, 100, 2 },      { true, 7000, 100, 1 },
		{ true, 7000, 100, 2 },     { false, 1e5, 100, 1 },     { false, 1e6, 1400, 2 },
		{ false, 12.5e6, 1400, 1 }, { false, 12.5e6, 1400, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		limit_is_kept(&limits[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits_are_kept),
	};
	return cmocka_run_group_tests(tests, make_interfaces, NULL);
}
