/* SPDX-License-Identifier: ISC */
/* xdp_draw.h - rules of small domains, so that they overlap, and frames that hit their edges. */
#ifndef TESTS_XDP_DRAW_H
#define TESTS_XDP_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "flow/flow.h"
#include "tests/flow_random.h"
#include "tests/ip_header.h"

enum {
	FRAME_MAX = 1400
};

/* ---- Chance ---------------------------------------------------------------------------- */

static struct rnd chance = { 1 };

static inline uint32_t any(void)
{
	return rnd_any(&chance);
}

static inline uint32_t below(uint32_t n)
{
	return rnd_below(&chance, n);
}

static inline bool one_in(uint32_t n)
{
	return below(n) == 0;
}

/* ---- Rules: small domains, so that they overlap ---------------------------------------- */

static const uint16_t values[FLOW_COMPONENTS + 1][8] = {
	[FLOW_PROTOCOL] = { 6, 17, 1, 58, 47, 0, 44, 51 },
	[FLOW_PORT] = { 53, 80, 0, 65535, 1024, 123, 255, 256 },
	[FLOW_DESTINATION_PORT] = { 53, 80, 0, 65535, 1024, 123, 255, 256 },
	[FLOW_SOURCE_PORT] = { 53, 80, 0, 65535, 1024, 123, 255, 256 },
	[FLOW_ICMP_TYPE] = { 8, 0, 3, 128, 129, 135, 255, 11 },
	[FLOW_ICMP_CODE] = { 0, 1, 4, 255, 3, 2, 10, 13 },
	[FLOW_PACKET_LENGTH] = { 40, 60, 20, 100, 65535, 0, 28, 61 },
	[FLOW_DSCP] = { 0, 10, 46, 63, 8, 1, 26, 34 },
	[FLOW_LABEL] = { 0, 1, 65535, 4096, 255, 256, 7, 9 },
};

/* What the rules of a set have in common. */
enum theme {
	THEME_ANY,
	THEME_ONE,    /* all for one destination */
	THEME_NONE,   /* without prefixes */
	THEME_NESTED, /* both prefixes, of one address each */
	THEMES
};

static enum theme theme;

static inline void make_address(uint8_t *out, size_t octets)
{
	static const uint8_t base[2][16] = {
		{ 0xc0, 0x00, 0x02, 0x01, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 1 },
		{ 0xc0, 0x00, 0x02, 0x81, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0x80, 0, 0, 2 },
	};

	memcpy(out, base[below(2)], octets);
	if ((theme == THEME_ONE || theme == THEME_NESTED) && !one_in(4))
		memset(out, 0x20, octets);
	if (one_in(3))
		out[below((uint32_t)octets)] ^= (uint8_t)(1u << below(8));
}

static inline void write_prefix(struct wr *w, enum flow_family family)
{
	uint8_t address[16];
	unsigned bits = family == FLOW_IPV4 ? 32 : 128, offset = 0;
	static const uint8_t lengths[] = { 0, 1, 7, 8, 9, 16, 24, 25, 31, 32 };
	unsigned len = one_in(4) ? below(bits + 1) : lengths[below(sizeof(lengths))];

	make_address(address, bits / 8);
	if (theme == THEME_ONE || theme == THEME_NESTED)
		memset(address, 0x20, sizeof(address));
	if (theme == THEME_ONE)
		len = bits;
	else if (family == FLOW_IPV6 && theme != THEME_NESTED) {
		if (one_in(3))
			len = 128 - below(9);
		if (len > 0 && one_in(2))
			offset = below(len);
	}
	write_pattern(w, family, address, len, offset, false);
}

static inline void write_numeric(struct wr *w, uint8_t type)
{
	unsigned count = 1 + (one_in(2) ? below(4) : 0);

	for (unsigned i = 0; i < count; i++) {
		uint32_t v = values[type][below(8)] + (one_in(4) ? below(3) : 0);
		uint8_t width = type == FLOW_DSCP ? 0 : v > 0xffff ? 2 : v > 0xff ? 1 : 0;
		uint8_t op = one_in(3) ? FLOW_OP_EQ : below(8);

		if (type != FLOW_DSCP && one_in(6))
			width = (uint8_t)(width + below(4 - width));
		if (one_in(2))
			op |= FLOW_OP_AND;
		if (one_in(20))
			op |= 0x08;
		if (i + 1 == count)
			op |= FLOW_OP_END;
		wr_u8(w, (uint8_t)(op | width << 4));
		wr_uint(w, (size_t)1 << width, v);
	}
}

static inline void write_bitmask(struct wr *w, uint8_t type)
{
	unsigned count = 1 + (one_in(2) ? below(3) : 0);

	for (unsigned i = 0; i < count; i++) {
		uint8_t width = type == FLOW_TCP_FLAGS && one_in(3);
		uint32_t v = type == FLOW_TCP_FLAGS ? (one_in(2) ? 1u << below(8) : below(64))
						    : below(one_in(20) ? 256 : 16);
		uint8_t op = (uint8_t)(below(4) | width << 4);

		if (width == 1 && one_in(2))
			v |= below(one_in(10) ? 256 : 16) << 8;
		if (one_in(3))
			op |= FLOW_OP_AND;
		if (i + 1 == count)
			op |= FLOW_OP_END;
		wr_u8(w, op);
		wr_uint(w, (size_t)1 << width, v);
	}
}

static inline bool has_type(uint8_t type, unsigned rare)
{
	bool prefix = type == FLOW_DESTINATION || type == FLOW_SOURCE;

	if (theme == THEME_ONE && prefix)
		return type == FLOW_DESTINATION;
	if (theme == THEME_NESTED && prefix)
		return !one_in(4);
	return one_in(rare) && !(theme == THEME_NONE && prefix);
}

/* False when chance made one that is none. */
static inline bool make_rule(uint8_t room[FLOW_NLRI_MAX], struct flow_nlri *ret)
{
	struct wr w = wr_over(room, FLOW_NLRI_MAX);
	enum flow_family family = below(2) ? FLOW_IPV6 : FLOW_IPV4;
	unsigned last = family == FLOW_IPV6 ? FLOW_LABEL : FLOW_FRAGMENT;
	unsigned rare = 3 + below(8);

	for (uint8_t type = 1; type <= last; type++) {
		if (!has_type(type, rare))
			continue;
		wr_u8(&w, type);
		switch (flow_comp_type(type, family)->kind) {
		case FLOW_PREFIX:
			write_prefix(&w, family);
			break;
		case FLOW_NUMERIC:
			write_numeric(&w, type);
			break;
		case FLOW_BITMASK:
			write_bitmask(&w, type);
			break;
		}
	}
	*ret = (struct flow_nlri){ .family = family, .octets = room, .len = wr_len(&w) };
	return wr_ok(&w) && ret->len > 0 && flow_nlri_check(ret, NULL);
}

/* ---- Frames ----------------------------------------------------------------------------- */

struct frame {
	uint8_t octets[FRAME_MAX];
	size_t len;
	size_t ip;    /* where the IP header is */
	bool is_ip;   /* what the link layer says is there is IP */
	uint8_t hint; /* the protocol that was aimed at */
};

static inline uint32_t near_value(uint8_t type)
{
	uint32_t v = one_in(8) ? any() : values[type][below(8)];

	return v + (one_in(4) ? below(3) - 1u : 0);
}

static inline void write_ethernet(struct wr *w, uint16_t type, struct frame *f)
{
	unsigned tags = one_in(3) ? 1 + below(2) : 0;

	f->is_ip = true;
	if (one_in(60)) {
		tags = 3; /* one too many */
		f->is_ip = false;
	}
	for (int i = 0; i < 12; i++)
		wr_u8(w, (uint8_t)any());
	for (; tags > 0; tags--) {
		wr_u16(w, one_in(2) ? 0x8100 : 0x88a8);
		wr_u16(w, (uint16_t)any());
	}
	wr_u16(w, type);
	f->ip = wr_len(w);
}

static inline void write_junk(struct wr *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wr_u8(w, (uint8_t)any());
}

/* A port, sometimes one that a default protects. */
static inline uint16_t make_port(void)
{
	static const uint16_t ports[] = { 179, 22, 646, 3784, 3785, 4784, 178, 23 };

	return one_in(4) ? ports[below(8)] : (uint16_t)near_value(FLOW_PORT);
}

static inline uint8_t make_icmp_type(void)
{
	static const uint8_t types[] = { 2, 3, 132, 133, 134, 136, 137, 138 };

	return one_in(3) ? types[below(8)] : (uint8_t)near_value(FLOW_ICMP_TYPE);
}

static inline void write_transport(struct wr *w, uint8_t protocol)
{
	switch (protocol) {
	case 6:
		wr_u16(w, make_port());
		wr_u16(w, make_port());
		write_junk(w, 8);
		wr_u8(w, (uint8_t)(0x50 | (one_in(3) ? below(16) : 0)));
		wr_u8(w, (uint8_t)(one_in(2) ? 1u << below(8) : below(64)));
		write_junk(w, 6);
		break;
	case 17:
		wr_u16(w, make_port());
		wr_u16(w, make_port());
		write_junk(w, 4);
		break;
	default:
		wr_u8(w, make_icmp_type());
		wr_u8(w, (uint8_t)near_value(FLOW_ICMP_CODE));
		write_junk(w, 6);
	}
	write_junk(w, one_in(2) ? below(60) : 0);
}

static inline uint8_t make_protocol(enum flow_family family)
{
	static const uint8_t usual[FLOW_FAMILIES][4] = {
		[FLOW_IPV4] = { 6, 17, 1, 6 },
		[FLOW_IPV6] = { 6, 17, 58, 6 },
	};

	if (one_in(20))
		return one_in(2) ? 89 : 112;
	return one_in(6) ? (uint8_t)near_value(FLOW_PROTOCOL) : usual[family][below(4)];
}

static inline uint16_t make_fragment(bool ipv6)
{
	static const uint16_t v4[] = { 0x4000, 0x2000, 0x0001, 0x2001, 0x1fff, 0x4001, 0x8000 };
	static const uint16_t v6[] = { 0x0001, 0x0008, 0x0009, 0xfff8, 0x0000, 0x0006, 0xfff9 };

	return ipv6 ? v6[below(7)] : v4[below(7)];
}

/* Sometimes a multicast group, of link scope or just beside. */
static inline void make_destination(uint8_t *out, size_t octets)
{
	make_address(out, octets);
	if (!one_in(12))
		return;
	if (octets == 4)
		memcpy(out, (const uint8_t[]){ 224, 0, (uint8_t)one_in(3), 5 }, 4);
	else
		memcpy(out, (const uint8_t[]){ 0xff, (uint8_t)(one_in(3) ? 5 : 2) }, 2);
}

static inline void write_ipv4(struct wr *w, struct frame *f)
{
	uint8_t ihl = one_in(5) ? (uint8_t)below(16) : one_in(4) ? 6 + (uint8_t)below(3) : 5;
	uint8_t version = one_in(50) ? (uint8_t)below(16) : 4, address[4];

	f->hint = make_protocol(FLOW_IPV4);
	wr_u8(w, (uint8_t)(version << 4 | ihl));
	wr_u8(w, (uint8_t)(near_value(FLOW_DSCP) << 2 | below(4)));
	wr_u16(w, 0); /* total length comes later */
	write_junk(w, 2);
	wr_u16(w, one_in(3) ? make_fragment(false) : 0);
	wr_u8(w, 64);
	wr_u8(w, f->hint);
	write_junk(w, 2);
	make_address(address, 4);
	wr_bytes(w, address, 4);
	make_destination(address, 4);
	wr_bytes(w, address, 4);
	if (ihl > 5)
		write_junk(w, (ihl - 5u) * 4);
	write_transport(w, f->hint);
}

/* Writes the header of this kind, whose next is next. */
static inline void write_extension(struct wr *w, uint8_t kind, uint8_t next)
{
	uint8_t len = (uint8_t)below(3);

	if (kind == 44) {
		wr_u8(w, next);
		wr_u8(w, (uint8_t)any());
		wr_u16(w, make_fragment(true));
		write_junk(w, 4);
		return;
	}
	wr_u8(w, next);
	wr_u8(w, one_in(30) ? (uint8_t)any() : len);
	write_junk(w, (kind == 51 ? (len + 2u) * 4 : (len + 1u) * 8) - 2);
}

static inline void write_ipv6(struct wr *w, struct frame *f)
{
	static const uint8_t kinds[] = { 0, 43, 44, 51, 60, 44 };
	uint8_t chain[12], address[16];
	unsigned n = one_in(2) ? below(4) : one_in(6) ? 7 + below(4) : 0;
	uint8_t version = one_in(50) ? (uint8_t)below(16) : 6;

	f->hint = make_protocol(FLOW_IPV6);
	for (unsigned i = 0; i < n; i++)
		chain[i] = kinds[below(sizeof(kinds))];
	chain[n] = f->hint;
	wr_u32(w, (uint32_t)version << 28 | (near_value(FLOW_DSCP) & 0x3f) << 22 | below(4) << 20 |
			  (near_value(FLOW_LABEL) & 0xfffff));
	wr_u16(w, 0);
	wr_u8(w, chain[0]);
	wr_u8(w, one_in(2) ? 255 : (uint8_t)(one_in(2) ? 254 : 64));
	make_address(address, 16);
	wr_bytes(w, address, 16);
	make_destination(address, 16);
	wr_bytes(w, address, 16);
	for (unsigned i = 0; i < n; i++)
		write_extension(w, chain[i], chain[i + 1]);
	write_transport(w, f->hint);
}

/* The length field: mostly true, sometimes edged, sometimes a lie. */
static inline uint32_t make_length(uint32_t there, uint32_t header)
{
	if (one_in(10))
		return below(there + 4);
	if (one_in(12))
		return near_value(FLOW_PACKET_LENGTH) - header;
	return there;
}

static inline void make_frame(struct frame *f)
{
	struct wr w = wr_over(f->octets, sizeof(f->octets));
	bool ipv6 = below(2);
	size_t len;

	write_ethernet(&w, ipv6 ? 0x86dd : 0x0800, f);
	if (ipv6)
		write_ipv6(&w, f);
	else
		write_ipv4(&w, f);
	len = wr_len(&w) - f->ip;
	if (ipv6)
		put_u16(f->octets + f->ip + 4, make_length((uint32_t)len - 40, 40));
	else
		put_u16(f->octets + f->ip + 2, make_length((uint32_t)len, 0));
	if (one_in(8))
		write_junk(&w, below(20)); /* as a link layer pads */
	f->len = wr_len(&w);
	if (one_in(8))
		f->len = 14 + below((uint32_t)f->len - 13);
}

static inline bool is_v6(const struct frame *f)
{
	return f->octets[f->ip - 2] == 0x86;
}

#endif
