/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_spare.h - does a protected flow save this packet from the rule that matches it?
 *
 * It is asked of packets for which a rule would do anything but accept, and of no others: what no
 * rule touches needs no protection, and the rest of the traffic pays nothing.
 *
 * Defaults hold for packets to an address of this machine or to a link-scope multicast group, so
 * that transit has none.  A later fragment has no ports and no ICMP type, and is not saved by a
 * default that asks for them.
 */
#ifndef DATAPLANE_XDP_SPARE_H
#define DATAPLANE_XDP_SPARE_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_act.h"
#include "dataplane/xdp_protect.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xdp_protect);
} hg_protect SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XDP_STATEMENTS);
	__type(key, __u32);
	__type(value, struct xdp_rule);
} hg_protected SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XDP_LOCALS);
	__type(key, struct xdp_local);
	__type(value, __u32);
} hg_locals SEC(".maps");

/* User space makes it as long as there are CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xdp_saved_cpu);
} hg_saved SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XDP_MONITORED);
	__type(key, __u32);
	__type(value, __u32);
} hg_monitored SEC(".maps");

#define SPARE_NONE 0xffffffffU

enum {
	SPARE_TCP = 6,
	SPARE_UDP = 17,
	SPARE_OSPF = 89,
	SPARE_VRRP = 112,
	SPARE_PORT_SSH = 22,
	SPARE_PORT_BGP = 179,
	SPARE_PORT_LDP = 646,
	SPARE_PORT_BFD = 3784,
	SPARE_PORT_BFD_ECHO = 3785,
	SPARE_PORT_BFD_MULTIHOP = 4784,
	SPARE_UNREACHABLE = 3, /* ICMP; its code 4 is "fragmentation needed" */
	SPARE_NEEDS_FRAGMENTATION = 4,
	SPARE_TOO_BIG = 2, /* ICMPv6 */
	SPARE_ND_FIRST = 133,
	SPARE_ND_LAST = 137,
	SPARE_ND_HOPS = 255 /* RFC 4861 7.1: it came over no router */
};

/* The defaults that this packet belongs to, wherever it goes: bit d is default d. */
static __always_inline __u32 spare_kinds(const struct xdp_packet *p)
{
	__u32 protocol = XDP_VALUE(p, XDP_PROTOCOL);
	__u32 from = XDP_VALUE(p, XDP_SOURCE_PORT), to = XDP_VALUE(p, XDP_DESTINATION_PORT);
	__u32 type = XDP_VALUE(p, XDP_ICMP_TYPE), code = XDP_VALUE(p, XDP_ICMP_CODE);
	__u32 kinds = 0;

	/* Ports first: hardly any packet has them, which the CPU foresees. */
	if ((from == SPARE_PORT_BGP || to == SPARE_PORT_BGP) && protocol == SPARE_TCP)
		kinds |= 1u << XDP_DEFAULT_BGP;
	if (to == SPARE_PORT_SSH && protocol == SPARE_TCP)
		kinds |= 1u << XDP_DEFAULT_SSH;
	if ((from == SPARE_PORT_LDP || to == SPARE_PORT_LDP) &&
	    (protocol == SPARE_TCP || protocol == SPARE_UDP))
		kinds |= 1u << XDP_DEFAULT_LDP;
	if ((to == SPARE_PORT_BFD || to == SPARE_PORT_BFD_ECHO || to == SPARE_PORT_BFD_MULTIHOP) &&
	    protocol == SPARE_UDP)
		kinds |= 1u << XDP_DEFAULT_BFD;
	if (protocol == SPARE_OSPF)
		kinds |= 1u << XDP_DEFAULT_OSPF;
	if (protocol == SPARE_VRRP)
		kinds |= 1u << XDP_DEFAULT_VRRP;
	if (type == SPARE_UNREACHABLE && code == SPARE_NEEDS_FRAGMENTATION && p->family == XDP_IPV4)
		kinds |= 1u << XDP_DEFAULT_FRAGMENTATION_NEEDED;
	if (type == SPARE_TOO_BIG && p->family == XDP_IPV6)
		kinds |= 1u << XDP_DEFAULT_PACKET_TOO_BIG;
	if (type >= SPARE_ND_FIRST && type <= SPARE_ND_LAST && p->family == XDP_IPV6 &&
	    p->hops == SPARE_ND_HOPS)
		kinds |= 1u << XDP_DEFAULT_NEIGHBOR_DISCOVERY;
	return kinds;
}

/* To this machine, or to a link-scope multicast group: 224.0.0.0/24, ff02::/16. */
static __always_inline int spare_is_ours(const struct xdp_packet *p)
{
	struct xdp_local key = { .address = { p->destination[0], p->destination[1] },
				 .family = p->family };

	if (p->family == XDP_IPV4 ? p->destination[0] >> 8 == 0xe00000
				  : p->destination[0] >> 48 == 0xff02)
		return 1;
	return bpf_map_lookup_elem(&hg_locals, &key) != NULL;
}

static __always_inline int spare_prefix(const struct xdp_prefix *x, const __u64 address[2])
{
	return (((address[0] & x->mask[0]) ^ x->value[0]) |
		((address[1] & x->mask[1]) ^ x->value[1])) == 0;
}

/* Verified once, and not for each statement. */
__attribute__((noinline)) int spare_matches(const struct xdp_rule *r, const struct xdp_packet *p)
{
	if (r == NULL || p == NULL)
		return 0;
	return r->family == p->family && spare_prefix(&r->destination, p->destination) &&
	       spare_prefix(&r->source, p->source) && match_rule(r, p);
}

/* The statement that matches, as an entry. */
__attribute__((noinline)) __u32 spare_statement(__u32 count, const struct xdp_packet *p)
{
	if (p == NULL)
		return SPARE_NONE;
	for (__u32 i = 0; i < XDP_STATEMENTS; i++) {
		const struct xdp_rule *r;
		__u32 number;

		asm volatile("" : "+r"(i));
		number = i;
		if (i >= count)
			break;
		r = bpf_map_lookup_elem(&hg_protected, &number);
		if (r == NULL)
			break;
		if (spare_matches(r, p))
			return XDP_STATEMENT_FIRST + i;
	}
	return SPARE_NONE;
}

static __always_inline __u32 spare_entry(const struct xdp_packet *p)
{
	const struct xdp_protect *protect;
	__u32 zero = 0, kinds, statements;

	protect = bpf_map_lookup_elem(&hg_protect, &zero);
	if (protect == NULL)
		return SPARE_NONE;
	kinds = spare_kinds(p) & MATCH_READ(protect->defaults);
	if (kinds != 0 && spare_is_ours(p))
		return lookup_lowest(kinds);
	statements = MATCH_READ(protect->statements);
	return statements != 0 ? spare_statement(statements, p) : SPARE_NONE;
}

/* Of the cells where this pair may be: its own, else a free one, else none. */
static __always_inline struct xdp_saved *spare_cell(struct xdp_saved_cpu *s, __u64 key)
{
	__u32 at = (__u32)((key * 0x9e3779b97f4a7c15ULL) >> 40), found = SPARE_NONE;
	struct xdp_saved *cell;

	for (__u32 i = 0; i < XDP_SAVED_PROBES; i++) {
		__u32 number = (at + i) & (XDP_SAVED - 1);
		__u64 there;

		asm volatile("" : "+r"(number));
		there = MATCH_READ(s->cell[number & (XDP_SAVED - 1)].key);
		if (there == key || (there == 0 && found == SPARE_NONE))
			found = number;
		if (there == key)
			break;
	}
	if (found == SPARE_NONE)
		return NULL;
	cell = &s->cell[MATCH_INDEX(found, XDP_SAVED)];
	if (cell->key != key) {
		cell->packets = cell->octets = 0;
		cell->key = key;
		s->taken++;
	}
	return cell;
}

__attribute__((noinline)) int spare_count(__u32 entry, __u32 slot, __u32 octets)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct xdp_saved_cpu *s = bpf_map_lookup_elem(&hg_saved, &cpu);
	struct xdp_saved *cell;

	if (s == NULL)
		return 0;
	cell = spare_cell(s, (__u64)(entry + 1) << 32 | slot);
	if (cell == NULL) {
		s->lost++;
		return 0;
	}
	cell->packets++;
	cell->octets += octets;
	return 0;
}

/* Do rules only count on the interface that the packet came in by? */
static __always_inline int spare_monitored(const hook_ctx *ctx)
{
	const struct xdp_protect *protect;
	__u32 zero = 0, interface = hook_interface(ctx);

	protect = bpf_map_lookup_elem(&hg_protect, &zero);
	return protect != NULL && MATCH_READ(protect->monitored) &&
	       bpf_map_lookup_elem(&hg_monitored, &interface) != NULL;
}

/* Counts it, if so. */
static __always_inline int spare_packet(const struct lookup_found *f, const struct xdp_packet *p)
{
	__u32 number = f->action, entry;
	const struct xdp_then *a = bpf_map_lookup_elem(&hg_actions, &number);

	if (XDP_FAULT == XDP_FAULT_PROTECT)
		return 0;
	if (a == NULL || (a->kind == XDP_THEN_ACCEPT && !a->marks))
		return 0;
	entry = spare_entry(p);
	if (entry == SPARE_NONE)
		return 0;
	spare_count(entry, f->slot, p->octets);
	return 1;
}

#endif
