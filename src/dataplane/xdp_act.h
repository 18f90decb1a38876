/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_act.h - what happens to a packet that a rule matches: counted, and dropped, or marked and
 * passed on, with a note for who sends it somewhere else (tc_send.h).
 *
 * A rate limit is one clock shared by all CPUs (GCRA): each packet that passes moves the clock by
 * the time that its rate grants to it, and a packet that finds the clock further ahead than the
 * burst is dropped.  A refusal writes nothing, so that under attack CPUs do not fight over a line.
 * Bursts are at least 16 ms (plan.c), so that the coarse clock, which steps by a tick, is enough.
 */
#ifndef DATAPLANE_XDP_ACT_H
#define DATAPLANE_XDP_ACT_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_lookup.h"
#include "dataplane/xdp_parse.h"

/* User space makes it as long as CPUs need.  Not the kernel's array per CPU, where a table of
 * pointers comes first, which is one more line of memory that no cache has. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XDP_SLOTS);
	__type(key, __u32);
	__type(value, struct xdp_counters);
} hg_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XDP_STORE);
	__type(key, __u32);
	__type(value, struct xdp_store);
} hg_store SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XDP_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} hg_reasons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XDP_HOOKS);
	__type(key, __u32);
	__type(value, struct xdp_hook);
} hg_hooks SEC(".maps");

static __always_inline void act_reason(__u32 reason, __u32 packets)
{
	__u64 *count = bpf_map_lookup_elem(&hg_reasons, &reason);

	if (count != NULL)
		*count += packets;
}

enum {
	ACT_TRIES = 8 /* of the compare-and-swap; a packet that loses all of them is one too many */
};

static __always_inline int act_rate_spent(const struct xdp_rate *r, __u64 now)
{
	__u64 tat = *(const volatile __u64 *)&r->tat;

	return tat > now && tat - now > r->burst;
}

static __always_inline int act_rate_take(struct xdp_rate *r, __u64 now, __u64 cost)
{
	for (int i = 0; i < ACT_TRIES; i++) {
		__u64 tat = *(volatile __u64 *)&r->tat;
		__u64 from = tat > now ? tat : now;

		if (from - now > r->burst)
			return 0;
		if (__sync_val_compare_and_swap(&r->tat, tat, from + cost) == tat)
			return 1;
	}
	return 0;
}

static __always_inline int act_rate_charge(struct xdp_then *a, int unit, const struct xdp_packet *p,
					   __u64 now)
{
	struct xdp_rate *r = &a->rate[unit];
	__u64 units = unit == XDP_UNIT_OCTETS ? p->octets : 1;

	return r->cost == 0 || act_rate_take(r, now, (units * r->cost) >> (r->shift & 63));
}

/* Both clocks are asked before either is moved, so that a packet refused by one is not charged to
 * the other. */
static __always_inline int act_rate_passes(struct xdp_then *a, const struct xdp_packet *p)
{
	__u64 now = bpf_ktime_get_coarse_ns() << 4;

	for (int i = 0; i < XDP_UNITS; i++)
		if (a->rate[i].cost != 0 && act_rate_spent(&a->rate[i], now))
			return 0;
	for (int i = 0; i < XDP_UNITS; i++)
		if (!act_rate_charge(a, i, p, now))
			return 0;
	return 1;
}

/* DSCP into the first 16 bits of the header, where both families have it; ECN stays.  IPv4's
 * checksum is kept by the difference: HC' = ~(~HC + ~m + m'), RFC 1624 3. */
static __always_inline void act_mark(hook_ctx *ctx, const struct xdp_packet *p, __u32 dscp)
{
	__u32 at = p->end - p->octets, was, is, sum;
	const __be16 *header = hook_octets(ctx, at, 12);

	if (header == NULL)
		return;
	was = bpf_ntohs(header[0]);
	if (p->family == XDP_IPV6) {
		hook_put(ctx, at, bpf_htons((was & 0xf03f) | dscp << 6));
		return;
	}
	is = (was & 0xff03) | dscp << 2;
	sum = (~bpf_ntohs(header[5]) & 0xffffu) + (~was & 0xffff) + is;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	hook_put(ctx, at, bpf_htons(is));
	if (XDP_FAULT != XDP_FAULT_CHECKSUM)
		hook_put(ctx, at + 10, bpf_htons(~sum & 0xffff));
}

#ifdef HOOK_TC

enum {
	ACT_CB_NOTE = 3 /* behind what the sender reads, tc_send.h */
};

/* The packet is at tc already: the sender is called when it has been counted. */
static __always_inline int act_note(hook_ctx *ctx, const struct lookup_found *f,
				    const struct xdp_then *a)
{
	ctx->cb[0] = f->action;
	ctx->cb[1] = f->slot;
	ctx->cb[2] = a->id;
	ctx->cb[ACT_CB_NOTE] = XDP_NOTE;
	return 0;
}

#else

/* A note in front of the packet.  1: it cannot be had, and the packet is dropped.  Behind this the
 * packet has to be looked up anew. */
static __always_inline int act_note(hook_ctx *ctx, const struct lookup_found *f,
				    const struct xdp_then *a)
{
	__u32 ifindex = hook_interface(ctx), reason = XDP_REASON_METADATA;
	struct xdp_note *note;

	if (bpf_map_lookup_elem(&hg_hooks, &ifindex) == NULL) {
		reason = XDP_REASON_HOOK;
	} else if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*note)) == 0) {
		note = (void *)(long)ctx->data_meta;
		if ((void *)(note + 1) <= (void *)(long)ctx->data) {
			*note = (struct xdp_note){ XDP_NOTE, f->action, f->slot, a->id };
			return 0;
		}
	}
	act_reason(reason, 1);
	return a->send != XDP_SEND_COPY;
}

#endif

/* 1: the packet is dropped. */
static __always_inline int act_do(hook_ctx *ctx, const struct lookup_found *f,
				  const struct xdp_packet *p)
{
	__u32 number = f->action;
	struct xdp_then *a;

	if (f->monitor)
		return 0;
	a = bpf_map_lookup_elem(&hg_actions, &number);
	if (a == NULL)
		return 0;
	if (a->kind == XDP_THEN_DISCARD || (a->kind == XDP_THEN_RATE && !act_rate_passes(a, p)))
		return 1;
	if (a->marks)
		act_mark(ctx, p, a->dscp & 0x3f);
	return a->send != XDP_SEND_NOWHERE && act_note(ctx, f, a);
}

/* This CPU's counters of the slot. */
static __always_inline struct xdp_counters *act_counters(__u32 slot)
{
	__u32 number = bpf_get_smp_processor_id() * XDP_SLOTS + slot;

	return bpf_map_lookup_elem(&hg_counters, &number);
}

static __always_inline void act_count(__u32 slot, const struct xdp_packet *p, int drops)
{
	struct xdp_counters *c = act_counters(slot);

	if (c == NULL)
		return;
	c->packets++;
	c->octets += p->octets;
	if (drops) {
		c->dropped_packets++;
		c->dropped_octets += p->octets;
	}
}

static __always_inline int act_on(hook_ctx *ctx, const struct lookup_found *f,
				  const struct xdp_packet *p, int spared)
{
	int drops = !spared && act_do(ctx, f, p);

	act_count(f->slot, p, drops);
	return drops ? XDP_DROP : XDP_PASS;
}

#endif
