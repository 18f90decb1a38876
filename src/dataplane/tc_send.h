/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* tc_send.h - the program at tc ingress: what the XDP program has put a note on is sent where its
 * rule says.
 *
 * It is here because here the kernel resolves neighbors for us, every driver can send, and nobody
 * needs a program on the other end.  There are two programs, the first only reads.  One that writes
 * gets the packet unshared before it begins, and the kernel forgets the note then: with a capture
 * under way every packet would lose it.  The second takes the note off, so that no other interface
 * of this machine, where the packet may come in again, finds it.
 *
 * Invariant: a packet with a note goes where its rule says or is dropped.  It never goes the way
 * that it would have gone without the rule, but for a rule that copies.
 */
#ifndef DATAPLANE_TC_SEND_H
#define DATAPLANE_TC_SEND_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_act.h"
#include "dataplane/xdp_spare.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XDP_PLACES);
	__type(key, __u32);
	__type(value, struct xdp_place);
} hg_places SEC(".maps");

enum {
	SEND_ETH = 14,
	SEND_MACS = 12,
	SEND_IPV4_TTL = SEND_ETH + 8,
	SEND_IPV4_CHECKSUM = SEND_ETH + 10,
	SEND_IPV6_HOPS = SEND_ETH + 7,
	SEND_AF_INET = 2,
	SEND_AF_INET6 = 10
};

/* The packet's header, as far as a route is found by it. */
struct send_packet {
	__u32 family, hops, protocol;
	__u32 header; /* octets of the IP header */
	__u32 source[4], destination[4];
};

/* ---- Failures ------------------------------------------------------------------------------ */

static __always_inline __u32 send_packets(const struct __sk_buff *skb)
{
	return skb->gso_segs > 1 ? skb->gso_segs : 1;
}

static __always_inline int send_fail(const struct __sk_buff *skb, __u32 slot, __u32 reason)
{
	struct xdp_counters *c = act_counters(slot);

	act_reason(reason, send_packets(skb));
	if (c != NULL) {
		c->dropped_packets += send_packets(skb);
		c->dropped_octets += skb->len - SEND_ETH;
	}
	return TC_ACT_SHOT;
}

/* ---- The packet ---------------------------------------------------------------------------- */

static __always_inline int send_read(struct __sk_buff *skb, struct send_packet *p)
{
	struct parse_ipv4 v4;
	struct parse_ipv6 v6;

	if (skb->protocol == bpf_htons(ETHERTYPE_IPV4)) {
		if (bpf_skb_load_bytes(skb, SEND_ETH, &v4, sizeof(v4)) < 0)
			return 0;
		p->family = SEND_AF_INET;
		p->hops = v4.ttl;
		p->protocol = v4.protocol;
		p->header = (v4.version_ihl & 15) * 4;
		p->source[0] = v4.source;
		p->destination[0] = v4.destination;
		return 1;
	}
	if (skb->protocol != bpf_htons(ETHERTYPE_IPV6) ||
	    bpf_skb_load_bytes(skb, SEND_ETH, &v6, sizeof(v6)) < 0)
		return 0;
	p->family = SEND_AF_INET6;
	p->hops = v6.hops;
	p->protocol = v6.next;
	p->header = sizeof(v6);
	__builtin_memcpy(p->source, v6.source, sizeof(p->source));
	__builtin_memcpy(p->destination, v6.destination, sizeof(p->destination));
	return 1;
}

/* One router more: the header's checksum is kept by the difference. */
static __always_inline void send_hop(struct __sk_buff *skb, const struct send_packet *p, __u8 to)
{
	__u8 octets[2] = { (__u8)p->hops, (__u8)p->protocol };
	__u8 changed[2] = { to, (__u8)p->protocol };
	__u16 was, is;

	if (p->family == SEND_AF_INET6) {
		(void)bpf_skb_store_bytes(skb, SEND_IPV6_HOPS, &to, 1, BPF_F_RECOMPUTE_CSUM);
		return;
	}
	if (bpf_skb_load_bytes(skb, SEND_IPV4_TTL, octets, sizeof(octets)) < 0)
		return;
	__builtin_memcpy(&was, octets, sizeof(was));
	__builtin_memcpy(&is, changed, sizeof(is));
	(void)bpf_l3_csum_replace(skb, SEND_IPV4_CHECKSUM, was, is, sizeof(is));
	(void)bpf_skb_store_bytes(skb, SEND_IPV4_TTL, &to, 1, 0);
}

/* Octets of the longest packet that leaves: of merged segments, one of them. */
static __always_inline __u32 send_octets(struct __sk_buff *skb, const struct send_packet *p)
{
	__u32 octets = skb->len - SEND_ETH;
	__u8 words = 0;

	if (skb->gso_size == 0)
		return octets;
	octets = p->header + skb->gso_size;
	if (p->protocol != NEXT_TCP)
		return octets + 8;
	(void)bpf_skb_load_bytes(skb, SEND_ETH + p->header + 12, &words, 1);
	return octets + (words >> 4) * 4;
}

/* ---- The way there ------------------------------------------------------------------------- */

/* The enum xdp_reason why there is none, or XDP_REASONS.  XDP_REASON_NEIGHBOR: there is one, and
 * who is on it is not known yet.  f has the addresses. */
static __always_inline __u32 send_route(struct __sk_buff *skb, const struct send_packet *p,
					struct bpf_fib_lookup *f, __u32 flags)
{
	__u32 octets = send_octets(skb, p);

	f->l4_protocol = p->protocol;
	f->tot_len = octets > 0xffff ? 0xffff : octets;
	switch (bpf_fib_lookup(skb, f, sizeof(*f), flags)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return XDP_REASONS;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return XDP_REASON_NEIGHBOR;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return XDP_REASON_TOO_LONG;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return XDP_REASON_FORWARDING;
	default:
		return XDP_REASON_ROUTE;
	}
}

static __always_inline __u32 send_route_to(struct __sk_buff *skb, const struct send_packet *p,
					   const struct xdp_then *a, struct bpf_fib_lookup *f)
{
	f->family = a->family == XDP_IPV6 ? SEND_AF_INET6 : SEND_AF_INET;
	f->ifindex = skb->ifindex;
	if (a->family == XDP_IPV6)
		__builtin_memcpy(f->ipv6_dst, a->address, sizeof(f->ipv6_dst));
	else
		f->ipv4_dst = a->address[0];
	if (f->family == p->family && a->family == XDP_IPV6)
		__builtin_memcpy(f->ipv6_src, p->source, sizeof(f->ipv6_src));
	else if (f->family == p->family)
		f->ipv4_src = p->source[0];
	return send_route(skb, p, f, 0);
}

/* By the routes through that interface.  For IPv6 the kernel says the longest route, through
 * whatever it is; then it is asked for the gateway of the interface's default route. */
static __always_inline __u32 send_route_out(struct __sk_buff *skb, const struct send_packet *p,
					    const struct xdp_place *place, struct bpf_fib_lookup *f)
{
	__u32 reason;

	f->family = p->family;
	f->ifindex = place->number;
	if (p->family == SEND_AF_INET) {
		f->ipv4_dst = p->destination[0];
		f->ipv4_src = p->source[0];
		return send_route(skb, p, f, BPF_FIB_LOOKUP_OUTPUT);
	}
	__builtin_memcpy(f->ipv6_dst, p->destination, sizeof(f->ipv6_dst));
	__builtin_memcpy(f->ipv6_src, p->source, sizeof(f->ipv6_src));
	reason = send_route(skb, p, f, BPF_FIB_LOOKUP_OUTPUT);
	if (f->ifindex == place->number || place->gateway[0] == 0)
		return f->ifindex == place->number ? reason : XDP_REASON_ROUTE;
	f->ifindex = place->number;
	__builtin_memcpy(f->ipv6_dst, place->gateway, sizeof(f->ipv6_dst));
	reason = send_route(skb, p, f, BPF_FIB_LOOKUP_OUTPUT);
	return f->ifindex == place->number ? reason : XDP_REASON_ROUTE;
}

/* A tag that the packet came with is not for where it goes. */
static __always_inline void send_untag(struct __sk_buff *skb)
{
	for (int i = 0; i < PARSE_TAGS_MAX; i++)
		if (skb->vlan_present && bpf_skb_vlan_pop(skb) < 0)
			return;
}

/* ---- Redirect ------------------------------------------------------------------------------ */

/* Along the route that was found; the kernel resolves who is there. */
static __always_inline int send_along(struct __sk_buff *skb, const struct send_packet *p,
				      const struct bpf_fib_lookup *f, __u32 reason, __u32 slot)
{
	struct bpf_redir_neigh next = { .nh_family = f->family };

	if (reason != XDP_REASONS && reason != XDP_REASON_NEIGHBOR)
		return send_fail(skb, slot, reason);
	if (reason == XDP_REASON_NEIGHBOR)
		act_reason(reason, send_packets(skb));
	if (f->family == SEND_AF_INET6)
		__builtin_memcpy(next.ipv6_nh, f->ipv6_dst, sizeof(next.ipv6_nh));
	else
		next.ipv4_nh = f->ipv4_dst;
	send_hop(skb, p, p->hops - 1);
	return bpf_redirect_neigh(f->ifindex, &next, sizeof(next), 0);
}

static __always_inline int send_is_local(const struct send_packet *p)
{
	struct xdp_local key = { 0 };

	key.family = p->family == SEND_AF_INET6 ? XDP_IPV6 : XDP_IPV4;
	if (key.family == XDP_IPV4) {
		key.address[0] = bpf_ntohl(p->destination[0]);
	} else {
		key.address[0] =
			(__u64)bpf_ntohl(p->destination[0]) << 32 | bpf_ntohl(p->destination[1]);
		key.address[1] =
			(__u64)bpf_ntohl(p->destination[2]) << 32 | bpf_ntohl(p->destination[3]);
	}
	return bpf_map_lookup_elem(&hg_locals, &key) != NULL;
}

/* The kernel forwards it by a rule of ours (policy.h) that knows the mark: neighbor, TTL, length
 * and what the sender is told of them are its business.  What is for this machine would not be
 * looked up there. */
static __always_inline int send_to_table(struct __sk_buff *skb, const struct send_packet *p,
					 __u32 place, __u32 slot)
{
	if (send_is_local(p))
		return send_fail(skb, slot, XDP_REASON_LOCAL);
	skb->mark = XDP_MARK | place;
	return TC_ACT_UNSPEC;
}

static __always_inline int send_to_place(struct __sk_buff *skb, const struct send_packet *p,
					 const struct xdp_then *a, __u32 slot)
{
	struct bpf_fib_lookup f = { 0 };
	__u32 number = a->place, reason;
	const struct xdp_place *place = bpf_map_lookup_elem(&hg_places, &number);

	if (place == NULL || place->kind == XDP_PLACE_NONE || place->number == 0)
		return send_fail(skb, slot, XDP_REASON_INTERFACE);
	if (place->kind == XDP_PLACE_TABLE)
		return send_to_table(skb, p, number, slot);
	if (p->hops <= 1)
		return send_fail(skb, slot, XDP_REASON_TTL);
	reason = send_route_out(skb, p, place, &f);
	send_untag(skb);
	return send_along(skb, p, &f, reason, slot);
}

static __always_inline int send_to_address(struct __sk_buff *skb, const struct send_packet *p,
					   const struct xdp_then *a, __u32 slot)
{
	struct bpf_fib_lookup f = { 0 };
	__u32 reason;

	if (p->hops <= 1)
		return send_fail(skb, slot, XDP_REASON_TTL);
	reason = send_route_to(skb, p, a, &f);
	send_untag(skb);
	return send_along(skb, p, &f, reason, slot);
}

/* ---- Copy ---------------------------------------------------------------------------------- */

/* The copy shares the packet's octets only until one of them is written to. */
static __always_inline void send_clone(struct __sk_buff *skb, const struct send_packet *p,
				       const struct bpf_fib_lookup *f)
{
	__u8 before[SEND_MACS], macs[SEND_MACS];

	__builtin_memcpy(macs, f->dmac, 6);
	__builtin_memcpy(macs + 6, f->smac, 6);
	if (bpf_skb_load_bytes(skb, 0, before, sizeof(before)) < 0 ||
	    bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0) < 0)
		return;
	send_hop(skb, p, p->hops - 1);
	(void)bpf_clone_redirect(skb, f->ifindex, 0);
	send_hop(skb, p, p->hops);
	(void)bpf_skb_store_bytes(skb, 0, before, sizeof(before), 0);
}

/* The packet goes on as it came. */
static __always_inline int send_copy(struct __sk_buff *skb, struct send_packet *p,
				     const struct xdp_then *a)
{
	__u16 tci = skb->vlan_tci, kind = skb->vlan_proto;
	__u32 tagged = skb->vlan_present, reason;
	struct bpf_fib_lookup f = { 0 };

	reason = p->hops <= 1 ? XDP_REASON_TTL : send_route_to(skb, p, a, &f);
	if (reason != XDP_REASONS) {
		act_reason(reason, send_packets(skb));
		return TC_ACT_UNSPEC;
	}
	if (tagged && bpf_skb_vlan_pop(skb) < 0)
		return TC_ACT_UNSPEC;
	if (skb->vlan_present)
		act_reason(XDP_REASON_TAGS, send_packets(skb));
	else
		send_clone(skb, p, &f);
	if (tagged)
		(void)bpf_skb_vlan_push(skb, kind, tci);
	return TC_ACT_UNSPEC;
}

/* ---- The two programs ---------------------------------------------------------------------- */

static __always_inline struct xdp_note *send_note(const struct __sk_buff *skb)
{
	struct xdp_note *note = (void *)(long)skb->data_meta;

	return (void *)(note + 1) <= (void *)(long)skb->data && note->magic == XDP_NOTE ? note
											: NULL;
}

SEC("tc")
int headgate_sent(struct __sk_buff *skb)
{
	__u32 action = skb->cb[0], slot = skb->cb[1], id = skb->cb[2];
	const struct xdp_then *a = bpf_map_lookup_elem(&hg_actions, &action);
	struct xdp_note *note = send_note(skb);
	struct send_packet p = { 0 };

	if (note != NULL)
		note->magic = 0;
	if (a == NULL || a->id != id || !send_read(skb, &p))
		return send_fail(skb, slot, XDP_REASON_CHANGED);
	switch (a->send) {
	case XDP_SEND_ADDRESS:
		return send_to_address(skb, &p, a, slot);
	case XDP_SEND_COPY:
		return send_copy(skb, &p, a);
	case XDP_SEND_PLACE:
		return send_to_place(skb, &p, a, slot);
	}
	return send_fail(skb, slot, XDP_REASON_CHANGED);
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct __sk_buff *skb));
} hg_sending SEC(".maps") = { .values = { [0] = &headgate_sent } };

SEC("tc")
int headgate_send(struct __sk_buff *skb)
{
	const struct xdp_note *note = send_note(skb);

	if (note == NULL)
		return TC_ACT_UNSPEC;
	skb->cb[0] = note->action;
	skb->cb[1] = note->slot;
	skb->cb[2] = note->id;
	/* Behind it the note is not there for newer kernels. */
	bpf_tail_call(skb, &hg_sending, 0);
	return send_fail(skb, skb->cb[1], XDP_REASON_CHANGED);
}

#endif
