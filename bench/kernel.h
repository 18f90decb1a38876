/* SPDX-License-Identifier: ISC */
/* kernel.h - the XDP program with rules in it and frames to meet them, for plan.c and live.c;
 * and clocks, for change.c as well.
 *
 * Rules come from mix.h.  What a program cannot do it says on standard error, and exits 1.
 */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/mix.h"
#include "enforce/ruleset.h"
#include "enforce/xdp.h"

enum {
	FRAMES = 16384,
	FRAME = 96 /* octets */
};

/* What plan.bpf.c does with a frame, after it has written the next one into it. */
enum mode {
	MODE_COPY, /* drops it */
	MODE_FIND, /* drops it when a rule matches */
	MODE_ACT,  /* what headgate-enforce would do */
	MODE_PASS  /* passes it */
};

enum trace {
	HIT,          /* fits a rule drawn at random */
	MISS_OUTSIDE, /* is for none of the operator's networks */
	MISS_INSIDE,  /* is for a rule's destination, and a port that no rule names */
	TRACES
};

extern const char *const trace_names[TRACES];

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
	bool whole; /* frames are whole packets, which a kernel takes as such */
	enum mix mix;
};

_Noreturn void die(const char *what);

/* Nanoseconds of CPU time of this thread; microseconds of the clock. */
double cpu_ns(void);
double now_us(void);
/* Both sort. */
double median(double *list, size_t n);
void print_times(const char *what, double *us, size_t n);

/* Loads the program; this thread stays on one CPU from here on. */
void bench_open(struct bench *b, const char *object);
void bench_close(struct bench *b);

/* traffic.c */
void bench_draw(struct bench *b, size_t count);
void bench_forget(struct bench *b);
void bench_frames(struct bench *b, enum trace trace);

void bench_change(struct bench *b, struct rule **list, size_t n, bool wanted);

#endif
