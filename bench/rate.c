/* SPDX-License-Identifier: ISC */
/* rate.c - how exact a rate limit is, under load from two CPUs at once.
 *
 * The program that is shipped, with one rule and its limit, in the kernel's test run: two threads,
 * a CPU and a frame each, as fast as they can, in one long call.  The rule's counters say what has
 * passed.  They are read together with the clock: at the rule's start, when its burst is spent, and
 * a second after each.  A case is repeated, and its worst round is what counts.
 *
 * Usage: rate [ROUNDS [CASE]]   a line a case, or of this one; tab between: name, limit, offered a
 *               second, passed a second, error in percent with the burst spent, the same of the
 *               first second, which has it
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/kernel.h"
#include "enforce/protect.h"

enum {
	CPUS = 2,
	ROUNDS = 3,
	FRAME_MAX = 1514,
	ETHERNET = 14,
	SPENT_MS = 300, /* after which no burst is left */
	SECOND_MS = 1000,
	LATE_US = 200 /* a reading of the counters that took longer is repeated */
};

struct rate_case {
	const char *name;
	bool octets; /* a second, else packets */
	double rate;
	unsigned frame[CPUS]; /* its length; 0: this CPU does nothing */
};

static const struct rate_case cases[] = {
	{ "1 Mbit/s", true, 1e6 / 8, { 1514, 1514 } },
	{ "1 Mbit/s, short and long", true, 1e6 / 8, { 60, 1514 } },
	{ "100 Mbit/s", true, 1e8 / 8, { 1514, 1514 } },
	{ "100 Mbit/s, short and long", true, 1e8 / 8, { 60, 1514 } },
	{ "100 Mbit/s, one CPU", true, 1e8 / 8, { 1514, 0 } },
	{ "1 Gbit/s", true, 1e9 / 8, { 1514, 1514 } },
	{ "10 Gbit/s", true, 1e10 / 8, { 1514, 1514 } },
	{ "1,000 packets", false, 1e3, { 60, 60 } },
	{ "100,000 packets", false, 1e5, { 60, 60 } },
	{ "100,000 packets, one CPU", false, 1e5, { 60, 0 } },
	{ "1,000,000 packets", false, 1e6, { 60, 60 } },
};

struct load {
	pthread_t thread;
	int program, cpu;
	unsigned octets;
	atomic_int *go;
};

struct reading {
	double us;
	struct xdp_counters c;
};

struct figures {
	double offered, passed, steady, first; /* the last two in percent */
};

static void write_frame(uint8_t out[FRAME_MAX], unsigned octets)
{
	static const uint8_t head[] = { 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 8, 0, 0x45 };
	static const uint8_t udp[] = { 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1, 0, 53, 0, 53 };
	unsigned total = octets - ETHERNET;

	memcpy(out, head, sizeof(head));
	out[ETHERNET + 2] = (uint8_t)(total >> 8);
	out[ETHERNET + 3] = (uint8_t)total;
	memcpy(out + ETHERNET + 8, udp, sizeof(udp));
}

static void on_signal(int number)
{
	(void)number;
}

/* Until a signal interrupts it. */
static void *run_load(void *arg)
{
	struct load *l = arg;
	uint8_t in[FRAME_MAX] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = l->octets,
		    .repeat = INT32_MAX);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(l->cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	/* What else runs here would make gaps, and a gap longer than the burst is a loss. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), -20);
	write_frame(in, l->octets);
	while (!atomic_load(l->go))
		;
	while (atomic_load(l->go) == 1)
		if (bpf_prog_test_run_opts(l->program, &opts) < 0 && errno != EINTR)
			die(strerror(errno));
	return NULL;
}

static void sleep_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

static struct reading read_counters(const struct bench *b, const struct rule *r)
{
	struct reading at;
	double late;

	do {
		at.us = now_us();
		if (!xdp_counters(b->x, r->slot, &at.c))
			die("no counters");
		late = now_us() - at.us;
	} while (late > LATE_US);
	at.us += late / 2;
	return at;
}

static double passed(const struct rate_case *k, const struct reading *from,
		     const struct reading *to)
{
	return k->octets ? (double)(to->c.octets - from->c.octets - to->c.dropped_octets +
				    from->c.dropped_octets)
			 : (double)(to->c.packets - from->c.packets - to->c.dropped_packets +
				    from->c.dropped_packets);
}

static double seconds(const struct reading *from, const struct reading *to)
{
	return (to->us - from->us) / 1e6;
}

static double error_of(const struct rate_case *k, const struct reading *from,
		       const struct reading *to)
{
	return (passed(k, from, to) / seconds(from, to) / k->rate - 1) * 100;
}

/* The rule comes when the load is there: its first second has the burst. */
static struct figures measure(struct bench *b, struct rule *r, const struct rate_case *k)
{
	struct reading start, spent, first, end;
	struct load load[CPUS];
	atomic_int go = 0;
	int n = 0;

	for (int i = 0; i < CPUS; i++) {
		if (k->frame[i] == 0)
			continue;
		load[n] = (struct load){
			.program = xdp_program(b->x), .cpu = i, .octets = k->frame[i], .go = &go
		};
		if (pthread_create(&load[n].thread, NULL, run_load, &load[n]) != 0)
			die("no thread");
		n++;
	}
	atomic_store(&go, 1);
	sleep_ms(SPENT_MS);
	bench_change(b, &r, 1, true);
	start = read_counters(b, r);
	sleep_ms(SPENT_MS);
	spent = read_counters(b, r);
	sleep_ms(SECOND_MS - SPENT_MS);
	first = read_counters(b, r);
	sleep_ms(SPENT_MS);
	end = read_counters(b, r);
	atomic_store(&go, 2);
	for (int i = 0; i < n; i++) {
		(void)pthread_kill(load[i].thread, SIGUSR1);
		(void)pthread_join(load[i].thread, NULL);
	}
	bench_change(b, &r, 1, false);
	return (struct figures){
		.offered = (double)(k->octets ? end.c.octets - spent.c.octets
					      : end.c.packets - spent.c.packets) /
			   seconds(&spent, &end),
		.passed = passed(k, &spent, &end) / seconds(&spent, &end),
		.steady = error_of(k, &spent, &end),
		.first = error_of(k, &start, &first),
	};
}

static struct rule *limit(struct bench *b, const struct rate_case *k)
{
	static uint8_t octets[] = { FLOW_DESTINATION, 24, 198, 51, 100 };
	struct flow_nlri n = { .family = FLOW_IPV4, .octets = octets, .len = sizeof(octets) };
	struct flow_actions a = { .has_rate_bytes = k->octets,
				  .has_rate_packets = !k->octets,
				  .rate_bytes = (float)k->rate,
				  .rate_packets = (float)k->rate };
	struct rule *r = ruleset_need(&b->rules, &n);

	if (r == NULL)
		die("out of memory");
	rule_set_then(r, &a);
	return r;
}

static struct figures worst_of(struct bench *b, const struct rate_case *k, int rounds)
{
	struct rule *r = limit(b, k);
	struct figures worst = measure(b, r, k);

	for (int round = 1; round < rounds; round++) {
		struct figures f = measure(b, r, k);

		if (fabs(f.steady) > fabs(worst.steady))
			worst = f;
	}
	return worst;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
	struct bench b = { 0 };
	struct err e = { 0 };

	(void)sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	b.x = xdp_open(NULL, NULL, &e);
	if (b.x == NULL || !protect_set(b.x, &(struct enforce_protect){ 0 }, &e))
		die(e.text);
	ruleset_init(&b.rules, 7);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct figures worst;

		if (argc > 2 && strcmp(argv[2], cases[i].name) != 0)
			continue;
		worst = worst_of(&b, &cases[i], rounds);
		printf("%s\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\n", cases[i].name, cases[i].rate,
		       worst.offered, worst.passed, worst.steady, worst.first);
		(void)fflush(stdout);
	}
	ruleset_done(&b.rules);
	bench_close(&b);
	return 0;
}
