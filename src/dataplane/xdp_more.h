/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_more.h - what happens to a packet that several rules match, all but the last of which said to
 * go on (RFC 8955 7.3).
 *
 * Their actions are gathered in the rules' order: one that discards drops the packet, and then no
 * limit is charged; of limits of a unit the first counts, of marks the first, and of redirects and
 * copies the first.  It is sampled for the first rule that asks for that.  Each rule counts the
 * packet as matched, and the one that dropped it as dropped.  A protected flow is saved from the
 * first that would do anything but accept.
 */
#ifndef DATAPLANE_XDP_MORE_H
#define DATAPLANE_XDP_MORE_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_act.h"
#include "dataplane/xdp_sample.h"
#include "dataplane/xdp_spare.h"

/* Slots of rules, or LOOKUP_NONE. */
struct more_gathered {
	__u32 acts, samples, discards, marks, sends, limits[XDP_UNITS];
	__u32 dscp, sending, action[XDP_UNITS];
};

/* On its own, so that the verifier does not walk all ways through eight in a row. */
__attribute__((noinline)) int more_gather_one(__u32 slot, struct more_gathered *g)
{
	const __u64 *verdict = bpf_map_lookup_elem(&hg_verdicts, &slot);
	const struct xdp_then *a;
	__u64 word;
	__u32 action;

	if (g == NULL || verdict == NULL)
		return 0;
	word = MATCH_READ(*verdict);
	action = (__u32)word;
	a = bpf_map_lookup_elem(&hg_actions, &action);
	if (a == NULL)
		return 0;
	if (g->samples == LOOKUP_NONE && word & XDP_VERDICT_SAMPLE)
		g->samples = slot;
	if (g->acts == LOOKUP_NONE &&
	    (a->kind != XDP_THEN_ACCEPT || a->marks || a->send != XDP_SEND_NOWHERE))
		g->acts = slot;
	if (g->discards == LOOKUP_NONE && a->kind == XDP_THEN_DISCARD)
		g->discards = slot;
	if (g->marks == LOOKUP_NONE && a->marks) {
		g->marks = slot;
		g->dscp = a->dscp;
	}
	if (g->sends == LOOKUP_NONE && a->send != XDP_SEND_NOWHERE) {
		g->sends = slot;
		g->sending = action;
	}
	for (int i = 0; i < XDP_UNITS; i++)
		if (g->limits[i] == LOOKUP_NONE && a->rate[i].cost != 0) {
			g->limits[i] = slot;
			g->action[i] = action;
		}
	return 0;
}

static __always_inline void more_gather(const struct xdp_packet *p, struct more_gathered *g)
{
	for (__u32 i = 0; i < XDP_TAKEN; i++) {
		asm volatile("" : "+r"(i));
		if (i >= p->taken_count)
			break;
		more_gather_one(p->taken[MATCH_INDEX(i, XDP_TAKEN)], g);
	}
}

/* The slot of the rule whose limit drops the packet.  As in act_rate_passes, all clocks are asked
 * before one is moved. */
__attribute__((noinline)) __u32 more_limited(const struct more_gathered *g,
					     const struct xdp_packet *p)
{
	__u64 now = bpf_ktime_get_coarse_ns() << 4;

	if (g == NULL || p == NULL)
		return LOOKUP_NONE;
	for (int i = 0; i < XDP_UNITS; i++) {
		__u32 action = g->action[i];
		const struct xdp_then *a = bpf_map_lookup_elem(&hg_actions, &action);

		if (g->limits[i] != LOOKUP_NONE && a != NULL && act_rate_spent(&a->rate[i], now))
			return g->limits[i];
	}
	for (int i = 0; i < XDP_UNITS; i++) {
		__u32 action = g->action[i];
		struct xdp_then *a = bpf_map_lookup_elem(&hg_actions, &action);

		if (g->limits[i] != LOOKUP_NONE && a != NULL && !act_rate_charge(a, i, p, now))
			return g->limits[i];
	}
	return LOOKUP_NONE;
}

static __always_inline void more_count(const struct xdp_packet *p, __u32 dropped_by)
{
	for (__u32 i = 0; i < XDP_TAKEN; i++) {
		__u32 slot;

		asm volatile("" : "+r"(i));
		if (i >= p->taken_count)
			break;
		slot = p->taken[MATCH_INDEX(i, XDP_TAKEN)];
		act_count(slot, p, slot == dropped_by);
	}
}

static __always_inline int more_spared(const struct more_gathered *g, const struct xdp_packet *p)
{
	__u32 entry;

	if (XDP_FAULT == XDP_FAULT_PROTECT || g->acts == LOOKUP_NONE)
		return 0;
	entry = spare_entry(p);
	if (entry == SPARE_NONE)
		return 0;
	spare_count(entry, g->acts, p->octets);
	return 1;
}

/* What is left when nothing discards and no limit is spent.  The slot of the rule that drops the
 * packet although it should have sent it. */
__attribute__((noinline)) __u32 more_pass(hook_ctx *ctx, const struct more_gathered *g,
					  const struct xdp_packet *p)
{
	struct lookup_found f = { 0 };
	const struct xdp_then *a;

	if (g == NULL || p == NULL)
		return LOOKUP_NONE;
	if (g->marks != LOOKUP_NONE)
		act_mark(ctx, p, g->dscp & 0x3f);
	if (g->sends == LOOKUP_NONE)
		return LOOKUP_NONE;
	f.slot = g->sends;
	f.action = g->sending;
	a = bpf_map_lookup_elem(&hg_actions, &f.action);
	return a != NULL && act_note(ctx, &f, a) ? f.slot : LOOKUP_NONE;
}

/* last: the rule that ended the search. */
__attribute__((noinline)) int more_act(hook_ctx *ctx, struct xdp_packet *p, __u32 last,
				       __u32 monitor)
{
	struct more_gathered g = { .acts = LOOKUP_NONE,
				   .samples = LOOKUP_NONE,
				   .discards = LOOKUP_NONE,
				   .marks = LOOKUP_NONE,
				   .sends = LOOKUP_NONE,
				   .limits = { LOOKUP_NONE, LOOKUP_NONE } };
	__u32 dropped_by = LOOKUP_NONE;

	if (p == NULL || p->taken_count >= XDP_TAKEN)
		return XDP_PASS;
	p->taken[MATCH_INDEX(p->taken_count, XDP_TAKEN)] = last;
	p->taken_count++;
	more_gather(p, &g);
	if (g.samples != LOOKUP_NONE)
		sample_packet(ctx, g.samples);
	if (!more_spared(&g, p) && !monitor) {
		dropped_by = g.discards != LOOKUP_NONE ? g.discards : more_limited(&g, p);
		if (dropped_by == LOOKUP_NONE)
			dropped_by = more_pass(ctx, &g, p);
	}
	more_count(p, dropped_by);
	return dropped_by != LOOKUP_NONE ? XDP_DROP : XDP_PASS;
}

/* What the rule that was found asks for, or all that were. */
static __always_inline int more_or_one(hook_ctx *ctx, struct xdp_packet *p,
				       const struct lookup_found *f)
{
	if (p->taken_count > 0)
		return more_act(ctx, p, f->slot, f->monitor);
	if (p->verdict & XDP_VERDICT_SAMPLE)
		sample_packet(ctx, f->slot);
	return act_on(ctx, f, p, spare_packet(f, p));
}

#endif
