/* SPDX-License-Identifier: ISC */
/* flow_pairs.h - random pairs of rules held against packets: is the algebra ever wrong?
 *
 * A wrong answer is found by the plain matcher, which shares nothing with the algebra: a witness
 * that does not match, or a packet that should not be.  Half of the pairs are near misses: the
 * second rule is the first with an operator, an operand or a component changed.  Packets are aimed:
 * their fields are operands of the two rules and what stands beside them.
 */
#ifndef TESTS_FLOW_PAIRS_H
#define TESTS_FLOW_PAIRS_H

#include <stdio.h>

#include "tests/flow_random.h"

enum {
	PAIR_PACKETS = 12,
	PAIR_EXTENSIONS = 10
};

struct pair_stats {
	unsigned long pairs, overlaps, disjoint, covers, witnesses, packets, hits;
};

struct pair {
	enum flow_family family;
	uint8_t octets[2][RANDOM_NLRI_MAX];
	struct flow_nlri nlri[2];
	struct flow_normal normal[2];
};

/* Octets of each component of an NLRI; returns how many components. */
static inline unsigned pair_cut(const struct flow_nlri *n, struct flow_comp comp[13], size_t at[14])
{
	struct rd r = flow_nlri_components(n);
	unsigned count = 0;

	at[0] = rd_offset(&r);
	while (count < 13 && flow_comp_next(&r, n->family, &comp[count]))
		at[++count] = rd_offset(&r);
	return count;
}

/* Changes one operator or operand in place; the encoding stays well formed. */
static inline void pair_change_list(struct rnd *r, uint8_t *octets, size_t from, size_t to)
{
	size_t ops[64], n = 0;

	for (size_t at = from + 1; at < to && n < 64;
	     at += 1 + ((size_t)1 << (octets[at] >> 4 & 3)))
		ops[n++] = at;
	size_t at = ops[rnd_below(r, (uint32_t)n)], width = (size_t)1 << (octets[at] >> 4 & 3);

	switch (rnd_below(r, 4)) {
	case 0: /* another relation */
		octets[at] ^= (uint8_t)(1U << rnd_below(r, 3));
		break;
	case 1: /* AND for OR */
		octets[at] ^= FLOW_OP_AND;
		break;
	case 2: /* one more */
		octets[at + width]++;
		break;
	default:
		octets[at + width]--;
	}
}

static inline void pair_change_prefix(struct rnd *r, uint8_t *octets, size_t from, size_t to,
				      enum flow_family f)
{
	size_t pattern = from + (f == FLOW_IPV6 ? 3 : 2);

	if (to > pattern)
		octets[pattern + rnd_below(r, (uint32_t)(to - pattern))] ^=
			(uint8_t)(1U << rnd_below(r, 8));
}

/* The second rule from the first: one component changed, taken away, or of another rule. */
static inline size_t pair_near_miss(struct rnd *r, const struct flow_nlri *n, uint8_t *ret)
{
	struct flow_comp comp[13];
	size_t at[14];
	unsigned count = pair_cut(n, comp, at), i = rnd_below(r, count);

	memcpy(ret, n->octets, n->len);
	if (count > 1 && rnd_one_in(r, 4)) {
		memmove(ret + at[i], ret + at[i + 1], n->len - at[i + 1]);
		return n->len - (at[i + 1] - at[i]);
	}
	if (comp[i].type <= FLOW_SOURCE)
		pair_change_prefix(r, ret, at[i], at[i + 1], n->family);
	else
		pair_change_list(r, ret, at[i], at[i + 1]);
	return n->len;
}

static inline bool pair_rule(struct pair *p, unsigned i, size_t len)
{
	p->nlri[i] = (struct flow_nlri){ .family = p->family, .octets = p->octets[i], .len = len };
	return len > 0 && flow_nlri_check(&p->nlri[i], NULL) &&
	       flow_normal_make(&p->nlri[i], &p->normal[i], NULL);
}

/* A pair that the algebra takes. */
static inline void pair_make(struct rnd *r, struct pair *p)
{
	do
		p->family = rnd_one_in(r, 2) ? FLOW_IPV6 : FLOW_IPV4;
	while (!pair_rule(p, 0, random_nlri(r, p->family, p->octets[0])) ||
	       !pair_rule(p, 1,
			  rnd_one_in(r, 2) ? random_nlri(r, p->family, p->octets[1])
					   : pair_near_miss(r, &p->nlri[0], p->octets[1])));
}

/* ---- Packets that are aimed --------------------------------------------------------------- */

/* A value for a field: an operand of either rule or its neighbor, else any of the pool. */
static inline uint32_t pair_value(struct rnd *r, const struct pair *p, uint8_t type, uint32_t max)
{
	const struct flow_nlri *n = &p->nlri[rnd_below(r, 2)];
	struct rd w = flow_nlri_components(n);
	struct flow_comp c;
	struct flow_op o, pick = { .value = rnd_value(r, type) };
	unsigned seen = 0;

	while (!rnd_one_in(r, 4) && flow_comp_next(&w, n->family, &c)) {
		if (c.type != type)
			continue;
		while (flow_op_next(&c.body, &o))
			if (rnd_one_in(r, ++seen))
				pick = o;
	}
	uint64_t v = pick.value + rnd_below(r, 3) - 1;

	return (uint32_t)(v > max ? rnd_below(r, 2) * max : v);
}

static inline uint16_t pair_port(struct rnd *r, const struct pair *p, uint8_t type)
{
	return (uint16_t)pair_value(r, p, rnd_one_in(r, 2) ? FLOW_PORT : type, 65535);
}

static inline void pair_address(struct rnd *r, const struct pair *p, bool source, uint8_t ret[16])
{
	rnd_address(r, ret);
	for (unsigned i = 0; i < 2; i++) {
		const struct flow_normal *n = &p->normal[(i + rnd_below(r, 2)) % 2];
		const struct flow_normal_prefix *x = source ? &n->source : &n->destination;

		for (unsigned b = x->offset; x->present && b < x->len; b++) {
			uint8_t bit = (uint8_t)(0x80U >> b % 8);

			ret[b / 8] = (uint8_t)((ret[b / 8] & ~bit) | (x->octets[b / 8] & bit));
		}
	}
	if (rnd_one_in(r, 3))
		ret[rnd_below(r, p->family == FLOW_IPV6 ? 16 : 4)] ^=
			(uint8_t)(1U << rnd_below(r, 8));
}

static inline void pair_transport(struct rnd *r, const struct pair *p, uint8_t protocol,
				  struct wr *w)
{
	uint8_t icmp = p->family == FLOW_IPV6 ? 58 : 1;

	if (protocol == icmp) {
		wr_u8(w, (uint8_t)pair_value(r, p, FLOW_ICMP_TYPE, 255));
		wr_u8(w, (uint8_t)pair_value(r, p, FLOW_ICMP_CODE, 255));
		wr_u16(w, 0);
	} else {
		wr_u16(w, pair_port(r, p, FLOW_SOURCE_PORT));
		wr_u16(w, pair_port(r, p, FLOW_DESTINATION_PORT));
	}
	wr_uint(w, 8, 0);
	wr_u16(w, (uint16_t)(0x5000 | (pair_value(r, p, FLOW_TCP_FLAGS, 0xfff) ^
				       (rnd_one_in(r, 3) ? 1U << rnd_below(r, 12) : 0))));
	wr_uint(w, 6, 0);
}

static inline uint8_t pair_protocol(struct rnd *r, const struct pair *p)
{
	static const uint8_t usual[] = { 6, 17, 1, 58 };

	return rnd_one_in(r, 2) ? RND_OF(r, usual) : (uint8_t)pair_value(r, p, FLOW_PROTOCOL, 255);
}

static inline size_t pair_ipv4(struct rnd *r, const struct pair *p, uint8_t *ret)
{
	struct wr w = wr_over(ret, RANDOM_PACKET_MAX);
	unsigned options = rnd_one_in(r, 4) ? rnd_below(r, 11) : 0, frag = 0;
	uint8_t address[16], protocol = pair_protocol(r, p);

	if (rnd_one_in(r, 2))
		frag = rnd_offset_of_fragment(r) | rnd_below(r, 2) << 13;
	wr_u8(&w, (uint8_t)(0x45 + options));
	wr_u8(&w, (uint8_t)(pair_value(r, p, FLOW_DSCP, 63) << 2));
	wr_u16(&w, 0);
	wr_u16(&w, 7);
	wr_u16(&w, (uint16_t)(frag | rnd_below(r, 2) << 14));
	wr_u8(&w, 64);
	wr_u8(&w, protocol);
	wr_u16(&w, 0);
	pair_address(r, p, true, address);
	wr_bytes(&w, address, 4);
	pair_address(r, p, false, address);
	wr_bytes(&w, address, 4);
	wr_bytes(&w, (const uint8_t[40]){ 0 }, 4 * (size_t)options);
	pair_transport(r, p, protocol, &w);
	return wr_len(&w);
}

static inline size_t pair_ipv6(struct rnd *r, const struct pair *p, uint8_t *ret)
{
	static const uint8_t kinds[] = { 0, 43, 60, 51, 44, 44 };
	struct wr w = wr_over(ret, RANDOM_PACKET_MAX);
	uint8_t address[16], chain[PAIR_EXTENSIONS + 1], protocol = pair_protocol(r, p);
	unsigned n = rnd_one_in(r, 2)   ? 0
		     : rnd_one_in(r, 6) ? 7 + rnd_below(r, 4)
					: rnd_below(r, 4);

	for (unsigned i = 0; i < n; i++)
		chain[i] = RND_OF(r, kinds);
	chain[n] = protocol;
	wr_u32(&w, 6U << 28 | pair_value(r, p, FLOW_DSCP, 63) << 22 |
			   pair_value(r, p, FLOW_LABEL, 0xfffff));
	wr_u16(&w, 0);
	wr_u8(&w, chain[0]);
	wr_u8(&w, 64);
	pair_address(r, p, true, address);
	wr_bytes(&w, address, 16);
	pair_address(r, p, false, address);
	wr_bytes(&w, address, 16);
	for (unsigned i = 0; i < n; i++)
		rnd_extension(r, &w, chain[i], chain[i + 1]);
	pair_transport(r, p, protocol, &w);
	return wr_len(&w);
}

/* A whole packet, of which at least the first octets are at hand and the rest is zero; ret has room
 * for FLOW_PACKET_MAX octets that are zero from RANDOM_PACKET_MAX on. */
static inline size_t pair_packet(struct rnd *r, const struct pair *p, uint8_t *ret)
{
	bool ipv6 = p->family == FLOW_IPV6;
	size_t least = ipv6 ? 40 : 20, most = ipv6 ? FLOW_PACKET_MAX : 65535, len;

	memset(ret, 0, RANDOM_PACKET_MAX);
	len = (ipv6 ? pair_ipv6 : pair_ipv4)(r, p, ret);
	if (!ipv6)
		least = (ret[0] & 15) * 4U;
	if (rnd_one_in(r, 4)) /* cut within its headers */
		len = least + rnd_below(r, (uint32_t)(len - least) + 1);
	if (rnd_one_in(r, 2))
		len = pair_value(r, p, FLOW_PACKET_LENGTH, (uint32_t)most);
	len = len < least ? least : len;
	ret[ipv6 ? 4 : 2] = (uint8_t)((ipv6 ? len - 40 : len) >> 8);
	ret[ipv6 ? 5 : 3] = (uint8_t)(ipv6 ? len - 40 : len);
	return len;
}

/* ---- The trial ---------------------------------------------------------------------------- */

static inline const char *pair_whole(const struct pair *p, const struct flow_witness *w)
{
	const uint8_t *o = w->octets;
	size_t len = p->family == FLOW_IPV6 ? 40U + (o[4] << 8 | o[5]) : (size_t)(o[2] << 8 | o[3]);

	return w->len == len && w->len <= FLOW_PACKET_MAX ? NULL : "a witness is not whole";
}

/* What the algebra says, with its witnesses held against the matcher. */
static inline const char *pair_ask(const struct pair *p, struct flow_witness *w,
				   struct pair_stats *st, bool *overlap, bool covers[2])
{
	const char *wrong = NULL;

	*overlap = flow_overlap(&p->normal[0], &p->normal[1], w);
	if (*overlap) {
		st->witnesses++;
		wrong = pair_whole(p, w);
		if (!flow_match(&p->nlri[0], w->octets, w->len) ||
		    !flow_match(&p->nlri[1], w->octets, w->len))
			wrong = "a witness of an overlap does not match both";
	}
	for (unsigned i = 0; i < 2 && wrong == NULL; i++) {
		covers[i] = flow_covers(&p->normal[i], &p->normal[!i], w);
		if (covers[i])
			continue;
		st->witnesses++;
		wrong = pair_whole(p, w);
		if (flow_match(&p->nlri[i], w->octets, w->len) ||
		    !flow_match(&p->nlri[!i], w->octets, w->len))
			wrong = "a packet does not escape";
	}
	if (wrong == NULL && !*overlap &&
	    ((covers[0] && flow_possible(&p->normal[1], NULL)) ||
	     (covers[1] && flow_possible(&p->normal[0], NULL))))
		wrong = "a rule covers another and does not meet it";
	return wrong;
}

/* NULL, or what is wrong.  packet and witness have FLOW_PACKET_MAX octets, packet is zero. */
static inline const char *pair_try(struct rnd *r, const struct pair *p, uint8_t *packet,
				   uint8_t *witness, struct pair_stats *st)
{
	struct flow_witness w = { .octets = witness, .size = FLOW_PACKET_MAX };
	bool overlap, covers[2] = { false, false }, hit[2];
	const char *wrong = pair_ask(p, &w, st, &overlap, covers);

	st->pairs++;
	st->overlaps += overlap;
	st->disjoint += !overlap;
	st->covers += covers[0] + covers[1];
	for (unsigned i = 0; i < PAIR_PACKETS && wrong == NULL; i++) {
		size_t len = pair_packet(r, p, packet);

		for (unsigned j = 0; j < 2; j++)
			hit[j] = flow_match(&p->nlri[j], packet, len);
		st->packets++;
		st->hits += hit[0] || hit[1];
		if (hit[0] && hit[1] && !overlap)
			wrong = "a packet matches two rules that are said to be disjoint";
		for (unsigned j = 0; j < 2; j++)
			if (hit[!j] && !hit[j] && covers[j])
				wrong = "a packet escapes a rule that is said to cover";
	}
	return wrong;
}

static inline void pair_print(const struct pair *p, const char *wrong)
{
	(void)fprintf(stderr, "%s\n", wrong);
	for (unsigned i = 0; i < 2; i++) {
		(void)fprintf(stderr, "%s ", p->family == FLOW_IPV6 ? "ipv6" : "ipv4");
		for (size_t j = 0; j < p->nlri[i].len; j++)
			(void)fprintf(stderr, "%02x", p->nlri[i].octets[j]);
		(void)fprintf(stderr, "\n");
	}
}

/* n pairs; NULL when no answer was wrong.  The seed of a wrong one is printed with it. */
static inline const char *pairs_try(uint64_t seed, unsigned long n, struct pair_stats *st)
{
	static struct pair p;
	static uint8_t packet[FLOW_PACKET_MAX], witness[FLOW_PACKET_MAX];
	struct rnd r = { .state = seed };

	for (unsigned long i = 0; i < n; i++) {
		pair_make(&r, &p);
		const char *wrong = pair_try(&r, &p, packet, witness, st);

		if (wrong != NULL) {
			(void)fprintf(stderr, "seed %llu, pair %lu: ", (unsigned long long)seed, i);
			pair_print(&p, wrong);
			return wrong;
		}
	}
	return NULL;
}

#endif
