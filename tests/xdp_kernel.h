/* SPDX-License-Identifier: ISC */
/* xdp_kernel.h - the program in the kernel: its interfaces, its rules, a test run of it. */
#ifndef TESTS_XDP_KERNEL_H
#define TESTS_XDP_KERNEL_H

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "enforce/ruleset.h"
#include "enforce/xdp.h"
#include "tests/want_rule.h"

enum {
	INTERFACES = 5,
	OCTETS_MAX = 1464, /* of a frame that comes out */
	MATCHED_MAX = 8    /* rules that one packet may match */
};

/* ---- Interfaces: in a network namespace of our own ------------------------------------- */

static const char *const interfaces[INTERFACES] = { "lo", "a0", "a1", "b0", "b1" };
static unsigned ifindex[INTERFACES];

/* By no shell, which might have an `ip` of its own. */
static inline void make_pair(const char *one, const char *other)
{
	char *argv[] = { "ip",   "link", "add",  (char *)one,   "type",
			 "veth", "peer", "name", (char *)other, NULL };
	pid_t child;
	int status;

	assert_int_equal(posix_spawnp(&child, argv[0], NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Setup of a group. */
static inline int make_interfaces(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	make_pair(interfaces[1], interfaces[2]);
	make_pair(interfaces[3], interfaces[4]);
	for (int i = 0; i < INTERFACES; i++) {
		ifindex[i] = if_nametoindex(interfaces[i]);
		assert_int_not_equal(ifindex[i], 0);
	}
	return 0;
}

/* ---- The program ------------------------------------------------------------------------ */

/* Set: the program for tc is asked. */
static bool at_tc;

static inline struct xdp *open_either(const struct xdp_image *image, struct err *e)
{
	struct xdp *x = xdp_open(at_tc ? NULL : image, NULL, e);

	if (x == NULL || !at_tc || xdp_tc_program(x, image, e) >= 0)
		return x;
	xdp_free(x);
	return NULL;
}

static inline struct xdp *open_or_fail(void)
{
	struct err e = { 0 };
	struct xdp *x = xdp_open(NULL, NULL, &e);

	if (x == NULL)
		fail_msg("%s", e.text);
	return x;
}

static inline uint32_t as_xdp(uint32_t verdict)
{
	return verdict == TC_ACT_SHOT               ? XDP_DROP
	       : verdict == (uint32_t)TC_ACT_UNSPEC ? XDP_PASS
						    : XDP_ABORTED;
}

/* What the kernel made of the last frame. */
static uint8_t came_out[OCTETS_MAX];
static size_t came_out_len;

/* Of a frame that comes in by this interface. */
static inline uint32_t kernel_verdict_at(struct xdp *x, const uint8_t *octets, size_t len,
					 unsigned interface)
{
	struct xdp_md ctx = { .data_end = (__u32)len, .ingress_ifindex = interface };
	struct __sk_buff buffer = { .ifindex = interface };
	int program = at_tc ? xdp_tc_program(x, NULL, NULL) : xdp_program(x);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = octets, .data_size_in = (__u32)len,
		    .data_out = came_out, .data_size_out = sizeof(came_out),
		    .ctx_in = at_tc ? (void *)&buffer : &ctx,
		    .ctx_size_in = at_tc ? sizeof(buffer) : sizeof(ctx), .repeat = 1);

	if (bpf_prog_test_run_opts(program, &opts) < 0)
		fail_msg("test run of %zu octets: %s", len, strerror(errno));
	came_out_len = opts.data_size_out;
	return at_tc ? as_xdp(opts.retval) : opts.retval;
}

static inline uint32_t kernel_verdict(struct xdp *x, const uint8_t *octets, size_t len)
{
	return kernel_verdict_at(x, octets, len, ifindex[0]);
}

static inline uint64_t counted(const struct xdp *x, int slot)
{
	struct xdp_counters c;

	assert_true(xdp_counters(x, slot, &c));
	return c.packets;
}

/* ---- Rules ---------------------------------------------------------------------------- */

/* What was touched, into the kernel.  The counters of what is taken out go with it. */
static inline void apply(struct xdp *x, struct ruleset *rs)
{
	struct err e = { 0 };
	size_t n = rs->touched_count;

	if (!xdp_change(x, rs->touched, n, &e))
		fail_msg("%s", e.text);
	rs->touched_count = 0;
	for (size_t i = 0; i < n; i++) {
		rs->touched[i]->touched = false;
		if (rs->touched[i]->slot < 0)
			rs->touched[i]->reported_counters = (struct xdp_counters){ 0 };
	}
	for (size_t i = 0; i < n; i++)
		if (!rs->touched[i]->wanted)
			ruleset_remove(rs, rs->touched[i]);
}

/* destination 192.0.2.N/32 */
static inline struct rule *host_rule(struct ruleset *rs, unsigned n, bool discard)
{
	uint8_t octets[6] = { 1, 32, 192, 0, (uint8_t)(2 + n / 256), (uint8_t)n };
	struct flow_nlri nlri = { .family = FLOW_IPV4, .octets = octets, .len = sizeof(octets) };
	struct flow_actions a = { .has_rate_bytes = discard };

	return want_rule(rs, &nlri, &a);
}

static inline size_t host_frame(uint8_t out[64], unsigned n)
{
	static const uint8_t header[] = { 0x08, 0,  0x45, 0, 0,   20, 0,   0, 0,   0,
					  64,   17, 0,    0, 198, 51, 100, 1, 192, 0 };

	memset(out, 0, 64);
	memcpy(out + 12, header, sizeof(header));
	out[12 + sizeof(header)] = (uint8_t)(2 + n / 256);
	out[13 + sizeof(header)] = (uint8_t)n;
	return 14 + sizeof(header);
}

/* ---- Samples -------------------------------------------------------------------------- */

/* What has come since it was asked last. */
struct sampled {
	struct ring_buffer *ring;
	unsigned count;
	struct xdp_sample last;
};

static struct sampled sampled;

static inline int got_sample(void *ctx, void *data, size_t size)
{
	struct sampled *s = ctx;

	assert_int_equal(size, sizeof(s->last));
	s->count++;
	memcpy(&s->last, data, sizeof(s->last));
	return 0;
}

static inline void samples_start(struct xdp *x, uint32_t one_in_so_many)
{
	sampled.ring = ring_buffer__new(xdp_samples(x), got_sample, &sampled, NULL);
	assert_non_null(sampled.ring);
	xdp_sample_set(x, one_in_so_many);
}

static inline void samples_end(void)
{
	ring_buffer__free(sampled.ring);
	sampled.ring = NULL;
}

#endif
