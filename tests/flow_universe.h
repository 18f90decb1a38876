/* SPDX-License-Identifier: ISC */
/* flow_universe.h - every kind of packet that rules over few values can tell apart.
 *
 * Rules take their operands from very few values, so that the packets fall into finitely many
 * kinds; one of each is built, straight from the formats of RFC 791 and RFC 8200.  Each rule is
 * held against each packet by the plain matcher, and then two rules overlap exactly if their
 * packets do, and one covers the other exactly if its packets contain the other's.  Both ways, yes
 * and no, are so proved for all pairs of the rules at hand.
 */
#ifndef TESTS_FLOW_UNIVERSE_H
#define TESTS_FLOW_UNIVERSE_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/flow_random.h"

enum {
	UNIVERSE_PACKETS = 1 << 17,
	UNIVERSE_WORDS = UNIVERSE_PACKETS / 64,
	UNIVERSE_HEADERS_MAX = 4096
};

struct universe {
	enum flow_family family;
	size_t rules, packets;
	uint8_t (*octets)[RANDOM_NLRI_MAX];
	struct flow_nlri *nlri;
	struct flow_normal *normal;
	uint64_t (*bits)[UNIVERSE_WORDS]; /* a rule's packets */
};

/* ---- Packets -------------------------------------------------------------------------------- */

/* A header under construction; `rest` octets of transport follow. */
struct universe_packet {
	uint8_t octets[UNIVERSE_HEADERS_MAX];
	size_t headers, rest;
	uint8_t protocol;
	bool transport; /* the transport header is there, as far as it fits */
};

static inline void universe_take(struct universe *u, const struct universe_packet *p)
{
	if (u->packets == UNIVERSE_PACKETS)
		abort();
	for (size_t i = 0; i < u->rules; i++)
		if (flow_match(&u->nlri[i], p->octets, p->headers + p->rest))
			u->bits[i][u->packets / 64] |= UINT64_C(1) << u->packets % 64;
	u->packets++;
}

/* All transport headers: operands are port 80, flags SYN and ACK, type 8 and code 1. */
static inline void universe_transport(struct universe *u, struct universe_packet *p)
{
	static const uint16_t ports[] = { 79, 80, 81 };
	uint8_t *t = p->octets + p->headers, icmp = u->family == FLOW_IPV6 ? 58 : 1;
	unsigned flags = p->protocol == 6 && p->rest >= 14 ? 4 : 1;

	memset(t, 0, 20);
	if (p->protocol == icmp && p->transport) {
		for (unsigned type = 7; type < 10; type++)
			for (unsigned code = 0; code < 3; code++) {
				t[0] = (uint8_t)type;
				t[1] = (uint8_t)code;
				universe_take(u, p);
			}
		return;
	}
	if ((p->protocol != 6 && p->protocol != 17) || !p->transport || p->rest < 4) {
		universe_take(u, p);
		return;
	}
	for (unsigned i = 0; i < 9 * flags; i++) {
		t[0] = (uint8_t)(ports[i % 3] >> 8);
		t[1] = (uint8_t)ports[i % 3];
		t[2] = (uint8_t)(ports[i / 3 % 3] >> 8);
		t[3] = (uint8_t)ports[i / 3 % 3];
		t[12] = 0x50;
		t[13] = (uint8_t)(((i / 9) & 1) << 1 | (i / 9 >> 1) << 4);
		universe_take(u, p);
	}
}

/* Operands are 1, 6, 17 and 58, with what stands between them. */
static const uint8_t universe_protocols[] = { 0, 1, 2, 6, 7, 17, 18, 58, 59 };

enum {
	UNIVERSE_REST = 48 /* transport octets: lengths up to beyond every operand, each in full */
};

static inline void universe_ipv4(struct universe *u)
{
	static const uint16_t frags[] = { 0, 0x4000, 0x2000, 0x6000, 0x2001, 0x6001, 1, 0x4001 };
	static struct universe_packet p;

	for (unsigned f = 0; f < 8; f++)
		for (unsigned ihl = 5; ihl <= 15; ihl += ihl < 7 ? 1 : 4)
			for (unsigned i = 0; i < sizeof(universe_protocols); i++)
				for (unsigned r = 0; r < UNIVERSE_REST; r++) {
					p.headers = 4UL * ihl;
					p.rest = r;
					p.protocol = universe_protocols[i];
					p.transport = (frags[f] & 0x1fff) == 0;
					memset(p.octets, 0, 80);
					p.octets[0] = (uint8_t)(0x40 | ihl);
					p.octets[3] = (uint8_t)(p.headers + p.rest);
					p.octets[6] = (uint8_t)(frags[f] >> 8);
					p.octets[7] = (uint8_t)frags[f];
					p.octets[9] = p.protocol;
					universe_transport(u, &p);
				}
}

/* Extension headers as letters: d 8 octets of destination options, a 12 of AH, f first fragment, z
 * atomic fragment, l later, m last, h a header that is longer than the packet, B 1448 octets. */
static inline void universe_chain(struct universe_packet *p, const char *chain, uint8_t protocol)
{
	uint8_t *next = &p->octets[6];

	p->headers = 40;
	p->transport = true;
	for (; *chain != '\0'; chain++) {
		static const char letters[] = "dafzlmhB";
		static const uint8_t kinds[] = { 60, 51, 44, 44, 44, 44, 0, 60 },
				     mf[] = { 0, 0, 1, 0, 9, 8, 0, 0 };
		size_t i = (size_t)(strchr(letters, *chain) - letters);
		uint8_t *h = p->octets + p->headers;

		*next = kinds[i];
		next = h;
		memset(h, 0, 16);
		h[1] = *chain == 'a' ? 1 : *chain == 'B' ? 180 : *chain == 'h' ? 255 : 0;
		h[3] = mf[i];
		p->headers += *chain == 'a' ? 12 : *chain == 'B' ? 1448 : 8;
		p->transport &= mf[i] < 8 && *chain != 'h';
	}
	*next = protocol;
	p->protocol = protocol;
}

static inline void universe_ipv6_one(struct universe *u, const char *chain, uint8_t protocol,
				     size_t rest)
{
	static struct universe_packet p;

	memset(p.octets, 0, sizeof(p.octets));
	p.octets[0] = 0x60;
	universe_chain(&p, chain, protocol);
	p.rest = rest;
	p.octets[4] = (uint8_t)((p.headers - 40 + rest) >> 8);
	p.octets[5] = (uint8_t)(p.headers - 40 + rest);
	universe_transport(u, &p);
}

static inline void universe_ipv6(struct universe *u)
{
	static const char *const chains[] = {
		"",   "d",  "dd", "a", "ad", "aa", "f",  "fd", "fa", "z",  "zl", "zm",
		"fl", "fm", "l",  "m", "h",  "zh", "fh", "dl", "B",  "Ba", "Bf", "ddddddddd"
	};

	for (unsigned c = 0; c < sizeof(chains) / sizeof(chains[0]); c++)
		for (unsigned i = 0; i < sizeof(universe_protocols); i++)
			for (unsigned r = 0; r < UNIVERSE_REST; r++)
				universe_ipv6_one(u, chains[c], universe_protocols[i], r);
	for (unsigned r = 0; r < 24; r++) { /* a next header that is not there, or cut */
		universe_ipv6_one(u, "", 60, r < 8 ? r : 0);
		universe_ipv6_one(u, "f", 60, r < 8 ? r : 0);
		universe_ipv6_one(u, "z", 60, r < 8 ? r : 0);
		universe_ipv6_one(u, "l", 60, r);
		universe_ipv6_one(u, "m", 60, r);
	}
	for (unsigned r = 0; r < 24; r++) { /* cut within a header that says it is longer */
		universe_ipv6_one(u, "h", 59, r);
		universe_ipv6_one(u, "fh", 59, r);
		universe_ipv6_one(u, "zh", 59, r);
	}
}

/* ---- Rules ---------------------------------------------------------------------------------- */

static inline uint64_t universe_value(struct rnd *r, uint8_t type, enum flow_family f)
{
	static const uint8_t protocols[] = { 1, 6, 17, 58 }, lengths4[] = { 20, 24, 34, 60, 64 },
			     lengths6[] = { 40, 44, 48, 54, 62 }, flags[] = { 0x02, 0x10, 0x12 };

	switch (type) {
	case FLOW_PROTOCOL:
		return RND_OF(r, protocols);
	case FLOW_ICMP_TYPE:
		return 8;
	case FLOW_ICMP_CODE:
		return 1;
	case FLOW_TCP_FLAGS:
		return RND_OF(r, flags);
	case FLOW_PACKET_LENGTH:
		return f == FLOW_IPV6 ? RND_OF(r, lengths6) : RND_OF(r, lengths4);
	case FLOW_FRAGMENT:
		return 1 + rnd_below(r, 15);
	default:
		return 80;
	}
}

static inline size_t universe_rule(struct rnd *r, enum flow_family f, uint8_t *ret)
{
	static const uint8_t types[] = { FLOW_PROTOCOL,         FLOW_PORT,
					 FLOW_DESTINATION_PORT, FLOW_SOURCE_PORT,
					 FLOW_ICMP_TYPE,        FLOW_ICMP_CODE,
					 FLOW_TCP_FLAGS,        FLOW_PACKET_LENGTH,
					 FLOW_FRAGMENT };
	struct wr w = wr_over(ret, RANDOM_NLRI_MAX);
	unsigned wanted = 0;

	for (unsigned i = 0; i == 0 || !rnd_one_in(r, 3); i++)
		wanted |= 1U << rnd_below(r, sizeof(types));
	if (rnd_one_in(r, 2)) /* ICMP only now and then, it excludes ports and flags */
		wanted &= ~(1U << 4 | 1U << 5);
	for (unsigned t = 0; t < sizeof(types); t++) {
		unsigned n = 1 + (rnd_one_in(r, 2) ? rnd_below(r, 3) : 0);

		if (!(wanted >> t & 1))
			continue;
		wr_u8(&w, types[t]);
		for (unsigned i = 1; i <= n; i++) {
			uint64_t v = universe_value(r, types[t], f);

			wr_u8(&w, (uint8_t)((i == n ? FLOW_OP_END : 0) | rnd_below(r, 8) |
					    (rnd_one_in(r, 3) ? FLOW_OP_AND : 0)));
			wr_u8(&w, (uint8_t)v);
		}
	}
	return wr_len(&w);
}

static inline void universe_make_rules(struct universe *u, struct rnd *r)
{
	for (size_t i = 0; i < u->rules; i++) {
		size_t len;

		do {
			len = universe_rule(r, u->family, u->octets[i]);
			u->nlri[i] = (struct flow_nlri){ .family = u->family,
							 .octets = u->octets[i],
							 .len = len };
		} while (len == 0 || !flow_nlri_check(&u->nlri[i], NULL) ||
			 !flow_normal_make(&u->nlri[i], &u->normal[i], NULL));
	}
}

/* ---- The trial ------------------------------------------------------------------------------ */

static inline const char *universe_pair(const struct universe *u, size_t i, size_t j)
{
	size_t words = (u->packets + 63) / 64;
	uint64_t both = 0, escaped = 0;

	for (size_t w = 0; w < words; w++) {
		both |= u->bits[i][w] & u->bits[j][w];
		escaped |= u->bits[j][w] & ~u->bits[i][w];
	}
	if (flow_overlap(&u->normal[i], &u->normal[j], NULL) != (both != 0))
		return both != 0 ? "rules that meet are said to be disjoint"
				 : "rules that have no packet in common are said to meet";
	if (flow_covers(&u->normal[i], &u->normal[j], NULL) != (escaped == 0))
		return escaped == 0 ? "a rule that covers is said not to"
				    : "a rule that does not cover is said to";
	return NULL;
}

static inline const char *universe_pairs(const struct universe *u, unsigned long *ret_pairs)
{
	for (size_t i = 0; i < u->rules; i++)
		for (size_t j = 0; j < u->rules; j++) {
			const char *wrong = universe_pair(u, i, j);

			if (wrong != NULL) {
				(void)fprintf(stderr, "%s\n", wrong);
				for (size_t k = 0; k < u->nlri[i].len; k++)
					(void)fprintf(stderr, "%02x", u->octets[i][k]);
				(void)fprintf(stderr, "\n");
				for (size_t k = 0; k < u->nlri[j].len; k++)
					(void)fprintf(stderr, "%02x", u->octets[j][k]);
				(void)fprintf(stderr, "\n");
				return wrong;
			}
			*ret_pairs += 1;
		}
	return NULL;
}

/* All pairs of so many random rules; NULL when no answer was wrong. */
static inline const char *universe_try(enum flow_family family, uint64_t seed, size_t rules,
				       unsigned long *ret_pairs)
{
	struct universe u = { .family = family, .rules = rules };
	struct rnd r = { .state = seed };
	unsigned long pairs = 0;
	const char *wrong = "out of memory";

	u.octets = calloc(rules, sizeof(u.octets[0]));
	u.nlri = calloc(rules, sizeof(u.nlri[0]));
	u.normal = calloc(rules, sizeof(u.normal[0]));
	u.bits = calloc(rules, sizeof(u.bits[0]));
	if (u.octets != NULL && u.nlri != NULL && u.normal != NULL && u.bits != NULL) {
		universe_make_rules(&u, &r);
		(family == FLOW_IPV6 ? universe_ipv6 : universe_ipv4)(&u);
		wrong = universe_pairs(&u, &pairs);
	}
	if (ret_pairs != NULL)
		*ret_pairs += pairs;
	free(u.octets);
	free(u.nlri);
	free(u.normal);
	free(u.bits);
	return wrong;
}

#endif
