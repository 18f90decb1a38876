/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_lookup.h - which rule is the first in order that matches?
 *
 * Rules are tried one after the other, in the order of RFC 8955 5.1 that user space has written
 * down.  All of a packet's work is with one generation of the order.
 */
#ifndef ENFORCE_XDP_LOOKUP_H
#define ENFORCE_XDP_LOOKUP_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "enforce/xdp_packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xdp_control);
} hg_control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XDP_GENERATIONS);
	__type(key, __u32);
	__type(value, struct xdp_order);
} hg_order SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XDP_SLOTS);
	__type(key, __u32);
	__type(value, struct xdp_rule);
} hg_rules SEC(".maps");

enum {
	LOOKUP_STEPS = 8 /* halvings of XDP_SPANS_MAX until nothing is left */
};

/* Is value in one of the rule's spans [first, first + count)?  They are sorted. */
__attribute__((noinline)) int lookup_spans(const struct xdp_rule *r, __u32 first, __u32 count,
					   __u32 value)
{
	__u32 lo = first, hi = first + count;

	if (r == NULL)
		return 0;
	for (int i = 0; i < LOOKUP_STEPS; i++) {
		__u32 middle = (lo + hi) / 2;

		if (lo >= hi)
			return 0;
		asm volatile("" : "+r"(middle));
		middle &= XDP_SPANS_MAX - 1;
		if (value < r->spans[middle].lo)
			hi = middle;
		else if (value > r->spans[middle].hi)
			lo = middle + 1;
		else
			return 1;
	}
	return 0;
}

/* The numeric components, those that the rule does not ask for left out. */
__attribute__((noinline)) int lookup_numeric(const struct xdp_rule *r, const struct xdp_packet *p)
{
	static const __u32 numeric =
		1u << XDP_PROTOCOL | 1u << XDP_DESTINATION_PORT | 1u << XDP_SOURCE_PORT |
		1u << XDP_ICMP_TYPE | 1u << XDP_ICMP_CODE | 1u << XDP_PACKET_LENGTH |
		(XDP_FAULT == XDP_FAULT_COMPONENT ? 0 : 1u << XDP_DSCP) | 1u << XDP_LABEL;

	if (r == NULL || p == NULL)
		return 0;
	for (int t = XDP_PROTOCOL; t <= XDP_LABEL; t++) {
		if (!(r->has & numeric & 1u << t))
			continue;
		if (!lookup_spans(r, r->numeric[t].first, r->numeric[t].count, p->value[t]))
			return 0;
	}
	return 1;
}

static __always_inline int lookup_port(const struct xdp_rule *r, const struct xdp_packet *p)
{
	__u32 first = r->numeric[XDP_PORT].first, count = r->numeric[XDP_PORT].count;

	return lookup_spans(r, first, count, p->value[XDP_SOURCE_PORT]) ||
	       lookup_spans(r, first, count, p->value[XDP_DESTINATION_PORT]);
}

static __always_inline int lookup_flags(const struct xdp_rule *r, __u32 flags)
{
	return flags < 4096 && r->tcp_flags[flags >> 6 & 63] >> (flags & 63) & 1;
}

static __always_inline int lookup_prefix(const struct xdp_prefix *w, const __u64 address[2])
{
	return ((address[0] & w->mask[0]) ^ w->value[0]) == 0 &&
	       ((address[1] & w->mask[1]) ^ w->value[1]) == 0;
}

__attribute__((noinline)) int lookup_matches(const struct xdp_rule *r, const struct xdp_packet *p)
{
	__u32 fragment;

	if (r == NULL || p == NULL)
		return 0;
	if (r->family != p->family || !lookup_prefix(&r->destination, p->destination) ||
	    !lookup_prefix(&r->source, p->source))
		return 0;
	fragment = p->value[XDP_FRAGMENT];
	if (r->has & 1u << XDP_FRAGMENT && (fragment > 15 || !(r->fragment >> (fragment & 15) & 1)))
		return 0;
	if (r->has & 1u << XDP_TCP_FLAGS && !lookup_flags(r, p->value[XDP_TCP_FLAGS]))
		return 0;
	if (r->has & 1u << XDP_PORT && !lookup_port(r, p))
		return 0;
	return lookup_numeric(r, p);
}

struct lookup_found {
	__u32 slot, action, monitor;
};

/* 1 when a rule matches. */
static __always_inline int lookup_first(const struct xdp_packet *p, struct lookup_found *ret)
{
	const struct xdp_control *control;
	const struct xdp_order *order;
	const struct xdp_rule *rule;
	__u32 zero = 0, active, count;

	control = bpf_map_lookup_elem(&hg_control, &zero);
	if (control == NULL)
		return 0;
	active = *(const volatile __u32 *)&control->active & (XDP_GENERATIONS - 1);
	order = bpf_map_lookup_elem(&hg_order, &active);
	if (order == NULL)
		return 0;
	count = order->count;
	for (__u32 i = 0; i < XDP_RULES_MAX; i++) {
		__u32 n = XDP_FAULT == XDP_FAULT_ORDER ? count - 1 - i : i;
		__u32 slot;

		if (i >= count)
			break;
		n &= XDP_RULES_MAX - 1;
		slot = order->entry[n].slot;
		rule = bpf_map_lookup_elem(&hg_rules, &slot);
		if (rule == NULL)
			break;
		if (!lookup_matches(rule, p))
			continue;
		ret->slot = slot;
		ret->action = order->entry[n].action;
		ret->monitor = control->monitor;
		return 1;
	}
	return 0;
}

#endif
