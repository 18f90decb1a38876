/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_match.h - does a packet match what a record, or a full test, says?
 *
 * A record is a box of ranges, TCP flags and fragments, tested at once.  What it seldom asks is in
 * an extra.  A rule that would be too many boxes has one record around them all, and a full test
 * behind it.
 */
#ifndef DATAPLANE_XDP_MATCH_H
#define DATAPLANE_XDP_MATCH_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_packet.h"
#include "dataplane/xdp_tables.h"

struct xdp_tables hg_tables;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XDP_FULL);
	__type(key, __u32);
	__type(value, struct xdp_rule);
} hg_full SEC(".maps");

/* Words that decide are read once, whatever the compiler would like better. */
#define MATCH_READ(x) (*(const volatile __typeof__(x) *)&(x))

/* An index below a power of two.  The mask is kept by the empty asm: clang may prove it redundant
 * and drop it, and then the 6.1 verifier has lost the bound. */
#define MATCH_INDEX(i, n)                                                                          \
	({                                                                                         \
		__u32 index_ = (i);                                                                \
		asm volatile("" : "+r"(index_));                                                   \
		index_ &((n)-1);                                                                   \
	})

enum {
	MATCH_STEPS = 8 /* halvings of XDP_SPANS_MAX until nothing is left */
};

/* Is value in one of the rule's spans [first, first + count)?  They are sorted. */
__attribute__((noinline)) int match_spans(const struct xdp_rule *r, __u32 first, __u32 count,
					  __u32 value)
{
	__u32 lo = first, hi = first + count;

	if (r == NULL)
		return 0;
	for (int i = 0; i < MATCH_STEPS; i++) {
		__u32 middle = (lo + hi) / 2;

		if (lo >= hi)
			return 0;
		middle = MATCH_INDEX(middle, XDP_SPANS_MAX);
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
static __always_inline int match_numeric(const struct xdp_rule *r, const struct xdp_packet *p)
{
	static const __u32 numeric =
		1u << XDP_PROTOCOL | 1u << XDP_DESTINATION_PORT | 1u << XDP_SOURCE_PORT |
		1u << XDP_ICMP_TYPE | 1u << XDP_ICMP_CODE | 1u << XDP_PACKET_LENGTH |
		(XDP_FAULT == XDP_FAULT_COMPONENT ? 0 : 1u << XDP_DSCP) | 1u << XDP_LABEL;

	for (int t = XDP_PROTOCOL; t <= XDP_LABEL; t++) {
		if (!(r->has & numeric & 1u << t))
			continue;
		if (!match_spans(r, r->numeric[t].first, r->numeric[t].count, XDP_VALUE(p, t)))
			return 0;
	}
	return 1;
}

static __always_inline int match_port(const struct xdp_rule *r, const struct xdp_packet *p)
{
	__u32 first = r->numeric[XDP_PORT].first, count = r->numeric[XDP_PORT].count;

	return match_spans(r, first, count, XDP_VALUE(p, XDP_SOURCE_PORT)) ||
	       match_spans(r, first, count, XDP_VALUE(p, XDP_DESTINATION_PORT));
}

static __always_inline int match_flags(const struct xdp_rule *r, __u32 flags)
{
	return flags < 4096 && r->tcp_flags[flags >> 6 & 63] >> (flags & 63) & 1;
}

/* All but the prefixes. */
static __always_inline int match_rule(const struct xdp_rule *r, const struct xdp_packet *p)
{
	__u32 fragment = XDP_VALUE(p, XDP_FRAGMENT);

	if (r->has & 1u << XDP_FRAGMENT && (fragment > 15 || !(r->fragment >> (fragment & 15) & 1)))
		return 0;
	if (r->has & 1u << XDP_TCP_FLAGS && !match_flags(r, XDP_VALUE(p, XDP_TCP_FLAGS)))
		return 0;
	if (r->has & 1u << XDP_PORT && !match_port(r, p))
		return 0;
	return match_numeric(r, p);
}

static __always_inline int match_full(__u32 number, const struct xdp_packet *p)
{
	const struct xdp_rule *r = bpf_map_lookup_elem(&hg_full, &number);

	return r != NULL && match_rule(r, p);
}

__attribute__((noinline)) int match_extra(__u32 number, const struct xdp_packet *p)
{
	const struct xdp_extra *x = &hg_tables.extra[MATCH_INDEX(number, XDP_EXTRAS)];
	__u32 label, source, destination;

	if (p == NULL)
		return 0;
	label = XDP_VALUE(p, XDP_LABEL);
	source = XDP_VALUE(p, XDP_SOURCE_PORT);
	destination = XDP_VALUE(p, XDP_DESTINATION_PORT);
	if (XDP_FAULT != XDP_FAULT_COMPONENT && !(x->dscp >> (XDP_VALUE(p, XDP_DSCP) & 63) & 1))
		return 0;
	if (label < x->label_lo || label > x->label_hi)
		return 0;
	if (x->asks_port && (source < x->port_lo || source > x->port_hi) &&
	    (destination < x->port_lo || destination > x->port_hi))
		return 0;
	return x->full == 0 || match_full(x->full, p);
}

/* One condition for all, so that the verifier has few ways through a list. */
static __always_inline int match_record(const struct xdp_record *r, const struct xdp_packet *p)
{
	__u64 in = ((p->lanes | XDP_GUARDS) - r->lo) & (r->hi - p->lanes) & XDP_GUARDS;
	__u64 differs = in ^ XDP_GUARDS;

	differs |= (XDP_VALUE(p, XDP_TCP_FLAGS) & r->flag_mask) ^ r->flag_value;
	differs |= ~(r->fragments >> (XDP_VALUE(p, XDP_FRAGMENT) & 31)) & 1;
	if (differs != 0)
		return 0;
	return r->extra == 0 || match_extra(r->extra, p);
}

/* The packet's fields as records want them. */
static __always_inline void match_prepare(struct xdp_packet *p)
{
	__u32 protocol = XDP_VALUE(p, XDP_PROTOCOL), length = XDP_VALUE(p, XDP_PACKET_LENGTH);
	__u32 source = XDP_VALUE(p, XDP_SOURCE_PORT),
	      destination = XDP_VALUE(p, XDP_DESTINATION_PORT);

	if (protocol == XDP_ABSENT)
		protocol = XDP_PROTOCOL_UNKNOWN;
	if (source == XDP_ABSENT)
		source = XDP_VALUE(p, XDP_ICMP_TYPE) == XDP_ABSENT
				 ? XDP_PORT_NOTHING
				 : XDP_PORT_ICMP + XDP_VALUE(p, XDP_ICMP_TYPE);
	if (destination == XDP_ABSENT)
		destination = XDP_VALUE(p, XDP_ICMP_CODE) == XDP_ABSENT
				      ? XDP_PORT_NOTHING
				      : XDP_PORT_ICMP + XDP_VALUE(p, XDP_ICMP_CODE);
	if (XDP_VALUE(p, XDP_TCP_FLAGS) == XDP_ABSENT)
		XDP_VALUE(p, XDP_TCP_FLAGS) = XDP_FLAGS_NOTHING;
	if (XDP_VALUE(p, XDP_FRAGMENT) == XDP_ABSENT)
		XDP_VALUE(p, XDP_FRAGMENT) = XDP_FRAGMENT_UNKNOWN;
	p->lanes = XDP_LANES(protocol, length, destination, source);
	p->bits = xdp_filter_bits(protocol, source, destination);
}

#endif
