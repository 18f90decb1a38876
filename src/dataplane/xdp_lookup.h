/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_lookup.h - which rule is the first in order that matches?
 *
 * The walk over the tables of xdp_tables.h.  The functions that are not static are verified by the
 * kernel one by one, each for any argument.  Eight of them may stand on each other: the program,
 * one, sources, list, block, candidates, extra, spans.  The way to a destination's first rule
 * is kept in one piece: a return costs 10 ns where returns are made safe.
 *
 * A rule that says to go on (RFC 8955 7.3) is taken down where it matches, and the search goes on
 * from there; so it does behind a rule that is not in force at this interface.  Other rules cost no
 * more for it.
 */
#ifndef DATAPLANE_XDP_LOOKUP_H
#define DATAPLANE_XDP_LOOKUP_H

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_hook.h"
#include "dataplane/xdp_match.h"
#include "dataplane/xdp_protect.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xdp_control);
} hg_control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XDP_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} hg_verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XDP_ACTIONS);
	__type(key, __u32);
	__type(value, struct xdp_then);
} hg_actions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XDP_GROUPED);
	__type(key, __u32);
	__type(value, __u64);
} hg_groups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, XDP_INTERFACES);
	__type(key, __u32);
	__type(value, __u32);
} hg_vrfs SEC(".maps");

#define LOOKUP_NONE 0xffffffffU

enum {
	LOOKUP_IPV4_NEAR = 6,
	LOOKUP_IPV6_NEAR = 3
};

/* The number of the lowest bit; there is one.  BPF has no instruction for it. */
static __always_inline __u32 lookup_lowest(__u64 x)
{
	static const __u8 of_product[64] = { 0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38,
					     29, 17, 4,  62, 55, 59, 36, 53, 51, 43, 22, 45, 39,
					     33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37,
					     16, 54, 35, 52, 21, 44, 32, 23, 11, 46, 26, 40, 15,
					     34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6 };

	return of_product[((x & -x) * 0x03f79d71b4cb0a89ULL) >> 58];
}

/* Is the rule in force where the packet came in? */
static __always_inline int lookup_is_here(__u64 verdict, const struct xdp_packet *p)
{
	__u32 number = (__u32)verdict, interface = p->interface;
	const struct xdp_then *a = bpf_map_lookup_elem(&hg_actions, &number);
	const __u64 *groups = bpf_map_lookup_elem(&hg_groups, &interface);

	if (XDP_FAULT == XDP_FAULT_GROUPS)
		return 1;
	return a != NULL && groups != NULL && (a->groups & *groups) != 0;
}

/* A rule with flags: one that is not in force here has not matched, one that says to go on is taken
 * down.  A rule's records come one behind the other, so that only the last can be the same.  1: the
 * search ends with it. */
__attribute__((noinline)) int lookup_takes(__u32 slot, __u64 verdict, struct xdp_packet *p)
{
	__u32 count;

	if (p == NULL)
		return 1;
	if (verdict & XDP_VERDICT_SOME && !lookup_is_here(verdict, p))
		return 0;
	p->verdict = verdict;
	if (!(verdict & XDP_VERDICT_MORE) || XDP_FAULT == XDP_FAULT_MORE)
		return 1;
	count = p->taken_count;
	if (count > 0 && p->taken[MATCH_INDEX(count - 1, XDP_TAKEN)] == slot)
		return 0;
	if (count >= XDP_TAKEN - 1)
		return 1;
	p->taken[MATCH_INDEX(count, XDP_TAKEN)] = slot;
	p->taken_count = count + 1;
	return 0;
}

/* Does the search end with the rule in this slot, which matches? */
static __always_inline int lookup_ends(__u32 slot, struct xdp_packet *p)
{
	const __u64 *there = bpf_map_lookup_elem(&hg_verdicts, &slot);
	__u64 verdict;

	if (there == NULL)
		return 1;
	verdict = MATCH_READ(*there);
	if (verdict & (XDP_VERDICT_MORE | XDP_VERDICT_SOME))
		return lookup_takes(slot, verdict, p);
	p->verdict = verdict;
	return 1;
}

/* The node's number; 0: there is none. */
__attribute__((noinline)) __u32 lookup_probe(__u64 a, __u64 b, __u32 mask, __u32 parent)
{
	__u64 hash = xdp_hash(a, b, mask, parent, hg_tables.seed);
	__u32 ipv6 = (mask & ~XDP_MASK_SOURCE) >= XDP_MASK_IPV6;
	__u32 key = ipv6 ? (__u32)(hash >> 32) : (__u32)a;

	for (__u32 i = 0; i < XDP_NEIGHBOURS; i++) {
		__u32 number = MATCH_INDEX(((__u32)hash + i) & hg_tables.node_mask, XDP_NODES);
		const struct xdp_node *n = &hg_tables.node[number];
		__u32 there = MATCH_READ(n->mask);

		if (there == 0)
			return 0;
		if (there != mask || n->key != key || n->parent != parent)
			continue;
		if (!ipv6 || (n->address[0] == a && n->address[1] == b))
			return number;
	}
	return 0;
}

/* The same in one piece with its caller: most nodes are where their hash says, and a call costs
 * more than the look. */
static __always_inline __u32 lookup_near(__u64 a, __u64 b, __u32 mask, __u32 parent)
{
	__u64 hash = xdp_hash(a, b, mask, parent, hg_tables.seed);
	__u32 ipv6 = (mask & ~XDP_MASK_SOURCE) >= XDP_MASK_IPV6;
	__u32 key = ipv6 ? (__u32)(hash >> 32) : (__u32)a;
	__u32 number = MATCH_INDEX((__u32)hash & hg_tables.node_mask, XDP_NODES);
	const struct xdp_node *n = &hg_tables.node[number];
	__u32 there = MATCH_READ(n->mask);
	__u64 differs;

	differs = (there ^ mask) | (n->key ^ key) | (n->parent ^ parent);
	if (ipv6)
		differs |= (n->address[0] ^ a) | (n->address[1] ^ b);
	if (differs == 0)
		return number;
	return there == 0 ? 0 : lookup_probe(a, b, mask, parent);
}

/* Up to XDP_RUN records from first on: the slot of the first that matches. */
static __always_inline __u32 lookup_records(__u32 first, __u32 count, struct xdp_packet *p)
{
	for (__u32 i = 0; i < XDP_RUN; i++) {
		const struct xdp_record *r;
		__u32 n;

		/* Clang would carry another counter along, and 6.1 walk all ways through both. */
		asm volatile("" : "+r"(i));
		n = XDP_FAULT == XDP_FAULT_ORDER ? count - 1 - i : i;
		if (i >= count)
			break;
		r = &hg_tables.record[MATCH_INDEX(first + n, XDP_RECORDS)];
		if (match_record(r, p) && lookup_ends(r->slot, p))
			return r->slot;
	}
	return LOOKUP_NONE;
}

__attribute__((noinline)) __u32 lookup_run(__u32 first, __u32 count, struct xdp_packet *p)
{
	if (p == NULL)
		return LOOKUP_NONE;
	return lookup_records(first, count, p);
}

/* The slot of the first of 64 records that matches; of those with a bit in which. */
__attribute__((noinline)) __u32 lookup_candidates(__u64 which, __u32 first, struct xdp_packet *p)
{
	if (p == NULL)
		return LOOKUP_NONE;
	for (__u32 i = 0; i < 64; i++) {
		const struct xdp_record *r;

		asm volatile("" : "+r"(i));
		if (which == 0)
			break;
		r = &hg_tables.record[MATCH_INDEX(first + lookup_lowest(which), XDP_RECORDS)];
		if (match_record(r, p) && lookup_ends(r->slot, p))
			return r->slot;
		which &= which - 1;
	}
	return LOOKUP_NONE;
}

/* Word 0 of the row that a lane's value has in this block. */
static __always_inline __u32 lookup_row(const struct xdp_block *b, __u32 lane, __u64 lanes)
{
	__u32 value = xdp_lane(lanes, lane), at = b->value[lane];
	__u32 page = hg_tables.value[MATCH_INDEX(at + (value >> 8), XDP_VALUES)];
	__u32 row = hg_tables.value[MATCH_INDEX(at + page * XDP_PAGE + (value & 0xff), XDP_VALUES)];

	return (b->row + row) * XDP_ROW_WORDS;
}

static __always_inline __u64 lookup_word(const __u32 row[XDP_LANES_OF_BLOCK], __u32 word)
{
	__u64 bits = ~0ULL;

	for (__u32 lane = 0; lane < XDP_LANES_OF_BLOCK; lane++)
		bits &= hg_tables.row[MATCH_INDEX(row[lane] + word, XDP_ROWS * XDP_ROW_WORDS)];
	return bits;
}

__attribute__((noinline)) __u32 lookup_block(__u32 number, struct xdp_packet *p)
{
	const struct xdp_block *b = &hg_tables.block[MATCH_INDEX(number, XDP_BLOCKS)];
	__u32 row[XDP_LANES_OF_BLOCK] = { 0 };
	__u64 words;

	if (p == NULL)
		return LOOKUP_NONE;
	for (__u32 lane = 0; lane < XDP_LANES_OF_BLOCK; lane++)
		if (b->value[lane] != 0)
			row[lane] = lookup_row(b, lane, p->lanes);
	words = lookup_word(row, 0);
	for (__u32 i = 0; i < XDP_BLOCK_WORDS; i++) {
		__u32 word, slot;
		__u64 which;

		asm volatile("" : "+r"(i));
		if (words == 0)
			break;
		word = lookup_lowest(words);
		words &= words - 1;
		which = lookup_word(row, 1 + word);
		if (which == 0)
			continue;
		slot = lookup_candidates(which, b->first + word * 64, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	return LOOKUP_NONE;
}

/* Blocks that the packet is outside of are passed over. */
static __always_inline __u32 lookup_blocks(__u32 number, struct xdp_packet *p)
{
	for (__u32 i = 0; i < XDP_BLOCKS_MAX; i++) {
		const struct xdp_block *b;
		__u32 slot;

		asm volatile("" : "+r"(i));
		if (number == 0)
			break;
		b = &hg_tables.block[MATCH_INDEX(number, XDP_BLOCKS)];
		if ((((p->lanes | XDP_GUARDS) - b->lo) & (b->hi - p->lanes) & XDP_GUARDS) ==
		    XDP_GUARDS) {
			slot = lookup_block(number, p);
			if (slot != LOOKUP_NONE)
				return slot;
		}
		number = MATCH_READ(b->next);
	}
	return LOOKUP_NONE;
}

/* A node's own rules.  node is its number. */
__attribute__((noinline)) __u32 lookup_list(__u64 list, __u32 node, struct xdp_packet *p)
{
	__u32 kind = list >> XDP_LIST_KIND, first = (__u32)list;
	__u32 count = list >> XDP_LIST_COUNT & 0xffff;

	if (p == NULL || kind == XDP_LIST_NONE)
		return LOOKUP_NONE;
	if (kind == XDP_LIST_BLOCKS)
		return lookup_blocks(first, p);
	if (kind == XDP_LIST_INSIDE) {
		const struct xdp_node *n = &hg_tables.node[MATCH_INDEX(node, XDP_NODES)];

		if (match_record(&n->inside, p) && lookup_ends(n->inside.slot, p))
			return n->inside.slot;
		count--;
	}
	for (__u32 i = 0; i < XDP_RUNS_MAX; i++) {
		__u32 slot;

		asm volatile("" : "+r"(i));
		if (i * XDP_RUN >= count)
			break;
		slot = lookup_run(first + i * XDP_RUN, count - i * XDP_RUN, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	return LOOKUP_NONE;
}

/* The same of a destination: the first rule here, the rest by a call. */
static __always_inline __u32 lookup_own(__u32 node, struct xdp_packet *p)
{
	const struct xdp_node *n = &hg_tables.node[MATCH_INDEX(node, XDP_NODES)];
	__u64 list = MATCH_READ(n->list);
	__u32 kind = list >> XDP_LIST_KIND, first = (__u32)list;
	__u32 count = list >> XDP_LIST_COUNT & 0xffff;
	const struct xdp_record *r = &n->inside;

	if (kind == XDP_LIST_NONE)
		return LOOKUP_NONE;
	if (kind == XDP_LIST_BLOCKS)
		return lookup_list(list, node, p);
	if (kind == XDP_LIST_RECORDS) {
		r = &hg_tables.record[MATCH_INDEX(first, XDP_RECORDS)];
		first++;
	}
	if (match_record(r, p) && lookup_ends(r->slot, p))
		return r->slot;
	count--;
	if (count == 0)
		return LOOKUP_NONE;
	if (count <= XDP_RUN)
		return lookup_run(first, count, p);
	return lookup_list((__u64)XDP_LIST_RECORDS << XDP_LIST_KIND |
				   (__u64)count << XDP_LIST_COUNT | first,
			   node, p);
}

/* Does the node's list have rules that may match the packet? */
static __always_inline int lookup_may(const struct xdp_node *n, const struct xdp_packet *p)
{
	return (MATCH_READ(n->filter) & p->bits) == p->bits;
}

/* The rules of a destination that have a source as well. */
__attribute__((noinline)) __u32 lookup_sources(__u32 node, struct xdp_packet *p)
{
	const struct xdp_set *set;
	__u32 count, number;

	if (p == NULL)
		return LOOKUP_NONE;
	number = MATCH_READ(hg_tables.node[MATCH_INDEX(node, XDP_NODES)].sources);
	set = &hg_tables.set[MATCH_INDEX(number, XDP_SETS)];
	count = set->count;
	for (__u32 i = 0; i < XDP_SET_MAX; i++) {
		const struct xdp_mask *m;
		const struct xdp_node *n;
		__u32 mask, found, slot;

		if (i >= count)
			break;
		mask = set->mask[i];
		m = &hg_tables.mask[MATCH_INDEX(mask, XDP_MASKS)];
		found = lookup_probe(p->source[0] & m->word[0], p->source[1] & m->word[1],
				     mask | XDP_MASK_SOURCE, node);
		if (found == 0)
			continue;
		n = &hg_tables.node[MATCH_INDEX(found, XDP_NODES)];
		if (!lookup_may(n, p))
			continue;
		slot = lookup_list(MATCH_READ(n->list), found, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	return LOOKUP_NONE;
}

static __always_inline __u64 lookup_seen(enum xdp_tier tier, const struct xdp_packet *p)
{
	__u32 bit = xdp_seen(tier, p->source[0], hg_tables.seed);
	__u64 word = hg_tables.source_seen[MATCH_INDEX(bit / 64, XDP_SEEN / 64)];

	return (word >> (bit & 63) & 1) << tier;
}

/* May any source prefix be the packet's?  Of most packets none is, and nodes with sources need not
 * be asked for theirs.  No branches, of which the verifier would walk each. */
static __always_inline __u64 lookup_from(__u32 family, const struct xdp_packet *p)
{
	__u64 seen = family == XDP_IPV4
			     ? 1ULL << XDP_TIER_IPV4_ANY | lookup_seen(XDP_TIER_IPV4_24, p) |
				       lookup_seen(XDP_TIER_IPV4_16, p)
			     : 1ULL << XDP_TIER_IPV6_ANY | lookup_seen(XDP_TIER_IPV6_64, p) |
				       lookup_seen(XDP_TIER_IPV6_48, p) |
				       lookup_seen(XDP_TIER_IPV6_32, p);

	return MATCH_READ(hg_tables.source_tiers) & seen;
}

/* A destination's node, all of it.  in_place: its first rule is looked at here, and not by a call,
 * which takes time; IPv6 has not the stack for it. */
static __always_inline __u32 lookup_node(__u32 family, int in_place, __u32 node,
					 struct xdp_packet *p)
{
	const struct xdp_node *n = &hg_tables.node[MATCH_INDEX(node, XDP_NODES)];
	__u32 slot;

	if (MATCH_READ(n->sources) != 0 && lookup_from(family, p)) {
		slot = lookup_sources(node, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	if (!lookup_may(n, p))
		return LOOKUP_NONE;
	return in_place ? lookup_own(node, p) : lookup_list(MATCH_READ(n->list), node, p);
}

/* The destination under this mask, if there is one. */
static __always_inline __u32 lookup_mask(__u32 family, int in_place, __u32 mask,
					 struct xdp_packet *p)
{
	const struct xdp_mask *m = &hg_tables.mask[MATCH_INDEX(mask, XDP_MASKS)];
	__u32 found = lookup_near(p->destination[0] & m->word[0], p->destination[1] & m->word[1],
				  mask, p->root);

	return found != 0 ? lookup_node(family, in_place, found, p) : LOOKUP_NONE;
}

/* The same, verified once, and with as little of the stack as can be. */
__attribute__((noinline)) __u32 lookup_one(__u32 mask, struct xdp_packet *p)
{
	const struct xdp_mask *m = &hg_tables.mask[MATCH_INDEX(mask, XDP_MASKS)];
	__u32 found;

	if (p == NULL)
		return LOOKUP_NONE;
	found = lookup_probe(p->destination[0] & m->word[0], p->destination[1] & m->word[1], mask,
			     p->root);
	return found != 0 ? lookup_node(p->family, 0, found, p) : LOOKUP_NONE;
}

/* The destinations with these lengths: bit b is mask number last - b.  Most packets have few, which
 * are looked at in one piece with the program; the verifier would have no time for all. */
static __always_inline __u32 lookup_each(__u32 family, __u64 lengths, __u32 last,
					 struct xdp_packet *p)
{
	for (__u32 i = 0; i < (family == XDP_IPV4 ? LOOKUP_IPV4_NEAR : LOOKUP_IPV6_NEAR); i++) {
		__u32 slot;

		if (lengths == 0)
			return LOOKUP_NONE;
		slot = lookup_mask(family, family == XDP_IPV4, last - lookup_lowest(lengths), p);
		if (slot != LOOKUP_NONE)
			return slot;
		lengths &= lengths - 1;
	}
	for (__u32 i = 0; i < 64; i++) {
		__u32 slot;

		if (lengths == 0)
			break;
		slot = lookup_one(last - lookup_lowest(lengths), p);
		if (slot != LOOKUP_NONE)
			return slot;
		lengths &= lengths - 1;
	}
	return LOOKUP_NONE;
}

/* IPv6: the destinations of masks that no cell knows. */
static __always_inline __u32 lookup_set(__u32 number, struct xdp_packet *p)
{
	const struct xdp_set *set = &hg_tables.set[MATCH_INDEX(number, XDP_SETS)];
	__u32 count = set->count;

	for (__u32 i = 0; i < XDP_SET_MAX; i++) {
		__u32 slot;

		if (i >= count)
			break;
		slot = lookup_one(set->mask[i], p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	return LOOKUP_NONE;
}

static __always_inline __u32 lookup_ipv4(struct xdp_packet *p)
{
	__u32 address = bpf_ntohl(*(const __u32 *)p->destination), block, slot;
	const struct xdp_ipv4_cell *cell;
	__u64 lengths;

	p->destination[0] = address;
	p->source[0] = bpf_ntohl(*(const __u32 *)p->source);
	cell = &hg_tables.ipv4[MATCH_INDEX(address >> 16, XDP_IPV4_CELLS)];
	lengths = MATCH_READ(cell->lengths);
	block = MATCH_READ(cell->block);
	if (block != 0)
		lengths = (lengths & ~0xffffULL) |
			  MATCH_READ(hg_tables.ipv4_deep[MATCH_INDEX(
				  block << 8 | (address >> 8 & 0xff), XDP_DEEP)]);
	if (XDP_FAULT == XDP_FAULT_ORDER) {
		slot = lookup_node(XDP_IPV4, 1, p->root, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	slot = lookup_each(XDP_IPV4, lengths, XDP_MASK_IPV4 + 32, p);
	return slot != LOOKUP_NONE ? slot : lookup_node(XDP_IPV4, 1, p->root, p);
}

/* The lengths from 1 to 64 that exist around this address: bit 64 - n. */
static __always_inline __u64 lookup_lengths_to_64(__u64 first, __u64 seed)
{
	__u64 from_48 = MATCH_READ(hg_tables.ipv6_48[xdp_ipv6_cell(first, 48, seed)]);
	__u64 from_40 = MATCH_READ(hg_tables.ipv6_40[xdp_ipv6_cell(first, 40, seed)]);
	__u64 from_32 = MATCH_READ(hg_tables.ipv6_32[xdp_ipv6_cell(first, 32, seed)]);
	__u64 from_1 = MATCH_READ(hg_tables.ipv6_short);

	return from_48 | from_40 << 17 | from_32 << 25 | from_1 << 33;
}

static __always_inline __u32 lookup_ipv6(struct xdp_packet *p)
{
	__u64 seed = hg_tables.seed, first, lengths;
	__u32 slot, set;

	for (int i = 0; i < 2; i++) {
		p->destination[i] = bpf_be64_to_cpu(p->destination[i]);
		p->source[i] = bpf_be64_to_cpu(p->source[i]);
	}
	first = p->destination[0];
	if (XDP_FAULT == XDP_FAULT_ORDER) {
		slot = lookup_node(XDP_IPV6, 0, p->root, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	lengths = MATCH_READ(hg_tables.ipv6_64[xdp_ipv6_cell(first, 65, seed)]);
	if (lengths != 0) {
		slot = lookup_each(XDP_IPV6, lengths, XDP_MASK_IPV6 + 128, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	lengths = lookup_lengths_to_64(first, seed);
	if (lengths != 0) {
		slot = lookup_each(XDP_IPV6, lengths, XDP_MASK_IPV6 + 64, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	set = MATCH_READ(hg_tables.ipv6_rest);
	if (set != 0) {
		slot = lookup_set(set, p);
		if (slot != LOOKUP_NONE)
			return slot;
	}
	return lookup_node(XDP_IPV6, 0, p->root, p);
}

/* The VRF that the interface belongs to which the packet came in by; 0: none. */
static __always_inline __u32 lookup_vrf(const hook_ctx *ctx)
{
	__u32 interface;
	const __u32 *vrf;

	if (XDP_FAULT == XDP_FAULT_VRF || !MATCH_READ(hg_tables.vrfs))
		return 0;
	interface = hook_interface(ctx);
	vrf = bpf_map_lookup_elem(&hg_vrfs, &interface);
	return vrf != NULL ? *vrf : 0;
}

struct lookup_found {
	__u32 slot, action, monitor;
};

/* 1 when a rule matches. */
static __always_inline int lookup_first(const hook_ctx *ctx, struct xdp_packet *p,
					struct lookup_found *ret)
{
	const struct xdp_control *control;
	__u32 zero = 0, slot;

	match_prepare(p);
	p->root = xdp_root(lookup_vrf(ctx), p->family);
	slot = p->family == XDP_IPV4 ? lookup_ipv4(p) : lookup_ipv6(p);
	if (slot == LOOKUP_NONE) {
		if (p->taken_count == 0)
			return 0;
		p->taken_count--;
		slot = p->taken[MATCH_INDEX(p->taken_count, XDP_TAKEN)];
	}
	control = bpf_map_lookup_elem(&hg_control, &zero);
	if (control == NULL)
		return 0;
	ret->slot = slot;
	ret->action = (__u32)p->verdict;
	ret->monitor = control->monitor;
	return 1;
}

#endif
