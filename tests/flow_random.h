/* SPDX-License-Identifier: ISC */
/* flow_random.h - random well-formed rules and random packets that tend to meet.
 *
 * All values come from small pools with the borders in them, so that a fifth or so of the
 * pairs match and each way a packet can be odd (options, fragments, extension headers, a cut,
 * padding, a length that lies) turns up often.  Seeded, so that a failing pair can be made again.
 */
#ifndef TESTS_FLOW_RANDOM_H
#define TESTS_FLOW_RANDOM_H

#include "flow/flow.h"

enum {
	RANDOM_NLRI_MAX = 512,
	RANDOM_PACKET_MAX = 512
};

struct rnd {
	uint64_t state; /* not 0 */
};

static inline uint32_t rnd_any(struct rnd *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return (uint32_t)(r->state >> 32);
}

static inline uint32_t rnd_below(struct rnd *r, uint32_t n)
{
	return rnd_any(r) % n;
}

static inline bool rnd_one_in(struct rnd *r, uint32_t n)
{
	return rnd_below(r, n) == 0;
}

#define RND_OF(r, pool) ((pool)[rnd_below((r), sizeof(pool) / sizeof((pool)[0]))])

static const uint8_t rnd_protocols[] = { 6, 6, 6, 17, 17, 1, 58, 50, 51, 59, 47 };
static const uint16_t rnd_ports[] = { 0, 22, 53, 80, 81, 255, 256, 443, 1024, 65535 };

/* The value of a rule's operand or, likewise, of a packet's field. */
static inline uint64_t rnd_value(struct rnd *r, uint8_t type)
{
	static const uint16_t lengths[] = { 0, 40, 48, 60, 64, 1500, 65535 };

	switch (type) {
	case FLOW_PROTOCOL:
		return RND_OF(r, rnd_protocols);
	case FLOW_PORT:
	case FLOW_DESTINATION_PORT:
	case FLOW_SOURCE_PORT:
		return RND_OF(r, rnd_ports);
	case FLOW_ICMP_TYPE:
	case FLOW_ICMP_CODE:
		return rnd_below(r, 4);
	case FLOW_TCP_FLAGS:
		return rnd_one_in(r, 8) ? rnd_below(r, 0x1000) : rnd_below(r, 0x20);
	case FLOW_PACKET_LENGTH:
		return RND_OF(r, lengths);
	case FLOW_DSCP:
		return rnd_one_in(r, 2) ? 46 : rnd_below(r, 64);
	case FLOW_FRAGMENT:
		return rnd_below(r, 16);
	default:
		return rnd_below(r, 3) * 0x7ffffu;
	}
}

static inline uint8_t rnd_width(struct rnd *r, uint8_t type, enum flow_family f, uint64_t *value)
{
	unsigned widest = flow_comp_type(type, f)->width, log = 0;

	if (rnd_one_in(r, 20)) /* what no field reaches, and reserved bits */
		*value = *value << rnd_below(r, 24) | rnd_below(r, 0x100);
	while ((1u << log) < widest && (*value >> (8u << log)) != 0)
		log++;
	while ((1u << log) < widest && rnd_one_in(r, 6))
		log++;
	return (uint8_t)log;
}

static inline void rnd_list(struct rnd *r, struct wr *w, uint8_t type, enum flow_family f)
{
	unsigned n = 1 + (rnd_one_in(r, 2) ? rnd_below(r, 4) : 0);

	for (unsigned i = 1; i <= n; i++) {
		uint64_t value = rnd_value(r, type);
		uint8_t log = rnd_width(r, type, f, &value);
		unsigned op = rnd_below(r, 16) | (unsigned)log << 4 | (i == n ? FLOW_OP_END : 0);

		if (rnd_one_in(r, 3))
			op |= FLOW_OP_AND;
		wr_u8(w, (uint8_t)op);
		wr_uint(w, (size_t)1 << log, value);
	}
}

/* Addresses that agree with each other in many leading bits. */
static inline void rnd_address(struct rnd *r, uint8_t ret[16])
{
	static const uint8_t home[16] = { 0xc0, 0x00, 0x02, 0x01, 0, 0x12, 0x34, 0x56,
					  0x78, 0x9a, 0,    0,    0, 0,    0,    0x01 };

	memcpy(ret, home, 16);
	if (rnd_one_in(r, 3))
		ret[rnd_below(r, 16)] ^= (uint8_t)(1u << rnd_below(r, 8));
	if (rnd_one_in(r, 3))
		ret[3] ^= (uint8_t)(1u << rnd_below(r, 8));
}

/* A prefix's value: this address from offset to len.  IPv4 has no offset; padding, which is to be
 * ignored, there is where the last octet is not full. */
static inline void write_pattern(struct wr *w, enum flow_family f, const uint8_t *address,
				 unsigned len, unsigned offset, bool padding)
{
	uint8_t pattern[17] = { 0 };

	for (unsigned i = offset; i < len; i++)
		if (address[i / 8] >> (7 - i % 8) & 1)
			pattern[(i - offset) / 8] |= (uint8_t)(0x80u >> (i - offset) % 8);
	if (padding)
		pattern[(len - offset) / 8] |= 1;
	wr_u8(w, (uint8_t)len);
	if (f == FLOW_IPV6)
		wr_u8(w, (uint8_t)offset);
	wr_bytes(w, pattern, (len - offset + 7) / 8);
}

static inline void rnd_prefix(struct rnd *r, struct wr *w, enum flow_family f)
{
	unsigned bits = f == FLOW_IPV6 ? 128 : 32, len = rnd_below(r, bits + 1), offset = 0;
	uint8_t address[16];

	rnd_address(r, address);
	if (f == FLOW_IPV6 && len > 0 && rnd_one_in(r, 2))
		offset = rnd_below(r, len);
	write_pattern(w, f, address, len, offset, (len - offset) % 8 != 0 && rnd_one_in(r, 2));
}

/* A checked NLRI without its length octets; returns how many octets. */
static inline size_t random_nlri(struct rnd *r, enum flow_family f, uint8_t ret[RANDOM_NLRI_MAX])
{
	struct wr w = wr_over(ret, RANDOM_NLRI_MAX);
	unsigned types = f == FLOW_IPV6 ? 13 : 12, wanted = 0;

	for (unsigned i = 0; i == 0 || rnd_one_in(r, 2); i++)
		wanted |= 2u << rnd_below(r, types);
	for (uint8_t t = 1; t <= types; t++) {
		if (!(wanted >> t & 1))
			continue;
		wr_u8(&w, t);
		if (t <= FLOW_SOURCE)
			rnd_prefix(r, &w, f);
		else
			rnd_list(r, &w, t, f);
	}
	return wr_len(&w);
}

static inline void rnd_transport(struct rnd *r, struct wr *w)
{
	wr_u16(w, RND_OF(r, rnd_ports)); /* for ICMP type and code */
	wr_u16(w, RND_OF(r, rnd_ports));
	wr_uint(w, 8, 0);
	wr_u16(w, (uint16_t)(0x5000 | rnd_value(r, FLOW_TCP_FLAGS)));
	wr_uint(w, 6, 0);
}

static inline uint16_t rnd_offset_of_fragment(struct rnd *r)
{
	return rnd_one_in(r, 2) ? 0 : (uint16_t)(1 + rnd_below(r, 0x1fff));
}

/* One extension header of this kind, with what follows it. */
static inline void rnd_extension(struct rnd *r, struct wr *w, uint8_t kind, uint8_t next)
{
	unsigned len = rnd_below(r, 3);

	wr_u8(w, next);
	if (kind == 44) {
		wr_u8(w, (uint8_t)rnd_below(r, 256));
		wr_u16(w, (uint16_t)(rnd_offset_of_fragment(r) << 3 | rnd_below(r, 8)));
		wr_u32(w, 0x01020304);
		return;
	}
	wr_u8(w, (uint8_t)len);
	for (unsigned n = kind == 51 ? (len + 2) * 4 : (len + 1) * 8; n > 2; n--)
		wr_u8(w, 0);
}

static inline void rnd_ipv6(struct rnd *r, struct wr *w)
{
	static const uint8_t kinds[] = { 0, 43, 60, 51, 44, 44 };
	uint8_t address[16], chain[12];
	unsigned n = rnd_one_in(r, 2)   ? 0
		     : rnd_one_in(r, 6) ? 7 + rnd_below(r, 4)
					: rnd_below(r, 4);
	struct wr_hole payload;

	for (unsigned i = 0; i < n; i++)
		chain[i] = RND_OF(r, kinds);
	chain[n] = RND_OF(r, rnd_protocols);
	wr_u32(w, (uint32_t)(6u << 28 | rnd_value(r, FLOW_DSCP) << 22 | rnd_below(r, 4) << 20 |
			     rnd_value(r, FLOW_LABEL)));
	payload = wr_open(w, 2);
	wr_u8(w, chain[0]);
	wr_u8(w, 64);
	rnd_address(r, address);
	wr_bytes(w, address, 16);
	rnd_address(r, address);
	wr_bytes(w, address, 16);
	for (unsigned i = 0; i < n; i++)
		rnd_extension(r, w, chain[i], chain[i + 1]);
	rnd_transport(r, w);
	payload.width = 2;
	w->base[payload.at] = 0;
	w->base[payload.at + 1] = (uint8_t)(wr_len(w) - 40);
}

static inline void rnd_ipv4(struct rnd *r, struct wr *w)
{
	unsigned options = rnd_one_in(r, 4) ? rnd_below(r, 11) : 0, frag = 0;
	uint8_t address[16];

	if (rnd_one_in(r, 3))
		frag = rnd_offset_of_fragment(r) | rnd_below(r, 2) << 13;
	wr_u8(w, (uint8_t)(0x45 + options));
	wr_u8(w, (uint8_t)(rnd_value(r, FLOW_DSCP) << 2 | rnd_below(r, 4)));
	wr_u16(w, (uint16_t)(40 + 4 * options));
	wr_u16(w, 7);
	wr_u16(w, (uint16_t)(frag | rnd_below(r, 2) << 14));
	wr_u8(w, 64);
	wr_u8(w, RND_OF(r, rnd_protocols));
	wr_u16(w, 0);
	rnd_address(r, address);
	wr_bytes(w, address, 4);
	rnd_address(r, address);
	wr_bytes(w, address, 4);
	wr_bytes(w, (const uint8_t[40]){ 0 }, 4 * (size_t)options);
	rnd_transport(r, w);
}

/* Returns the octets at hand, which may be fewer or more than its header says. */
static inline size_t random_packet(struct rnd *r, enum flow_family f,
				   uint8_t ret[RANDOM_PACKET_MAX])
{
	struct wr w = wr_over(ret, RANDOM_PACKET_MAX);
	size_t at = f == FLOW_IPV6 ? 4 : 2, len;

	(f == FLOW_IPV6 ? rnd_ipv6 : rnd_ipv4)(r, &w);
	if (rnd_one_in(r, 12)) { /* shorter or longer than it is: padding, or cut by a sampler */
		ret[at] = (uint8_t)(rnd_one_in(r, 2) ? 0xff : 0);
		ret[at + 1] = (uint8_t)rnd_below(r, 256);
	}
	if (rnd_one_in(r, 100)) /* another version, an impossible IHL */
		ret[0] = (uint8_t)rnd_below(r, 256);
	len = wr_len(&w);
	return rnd_one_in(r, 6) ? rnd_below(r, (uint32_t)len + 1) : len;
}

#endif
