/* SPDX-License-Identifier: ISC */
/* witness.c - a packet of given fields, as octets from its IP header.
 *
 * As well formed as its kind and length allow: checksums, UDP length, padding in options; a TCP
 * header of which only a part fits is that part.  What lies behind the headers is zero.
 */
#include "flow/algebra.h"

enum {
	TCP = 6,
	UDP = 17,
	ICMP = 1,
	ICMPV6 = 58,
	FRAGMENT = 44,
	AH = 51,
	DESTINATION_OPTIONS = 60,
	ISF = 2,
	FF = 4,
	LF = 8,
	IPV6_HEADER = 40,
	EXTENSION_MAX = 2048,
	AH_MAX = 1028,
	BROKEN_CHAIN = 9 * 8, /* nine headers, one more than is walked */
	TRANSPORT_MAX = 20
};

static uint32_t sum_octets(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	return sum;
}

static uint16_t checksum(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_u16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* ---- Transport ------------------------------------------------------------------------------ */

/* Up to 20 octets into `to`; returns where the checksum is, 0: there is none. */
static size_t transport_header(const struct flow_point *p, size_t octets, uint8_t to[TRANSPORT_MAX])
{
	struct wr w = wr_over(to, TRANSPORT_MAX);

	memset(to, 0, TRANSPORT_MAX);
	if (p->protocol == TCP || p->protocol == UDP) {
		wr_u16(&w, (uint16_t)p->source_port);
		wr_u16(&w, (uint16_t)p->destination_port);
	}
	if (p->protocol == TCP) {
		wr_uint(&w, 8, 0);
		wr_u16(&w, (uint16_t)(0x5000 | p->tcp_flags));
		wr_u16(&w, 0xffff);
		return 16;
	}
	if (p->protocol == UDP) {
		wr_u16(&w, (uint16_t)(p->fragment & FF ? octets + 8 : octets));
		return 6;
	}
	if (p->protocol != (p->shape->family == FLOW_IPV6 ? ICMPV6 : ICMP))
		return 0;
	wr_u8(&w, (uint8_t)p->icmp_type);
	wr_u8(&w, (uint8_t)p->icmp_code);
	return 2;
}

static void add_transport(struct wr *w, const struct flow_point *p, size_t octets)
{
	uint8_t header[TRANSPORT_MAX], addresses[2 * 16];
	struct wr a = wr_over(addresses, sizeof(addresses));
	size_t at = transport_header(p, octets, header),
	       each = p->shape->family == FLOW_IPV6 ? 16 : 4;
	size_t n = octets < TRANSPORT_MAX ? octets : TRANSPORT_MAX;
	uint32_t sum = 0;

	for (unsigned side = 0; side < 2; side++) {
		wr_uint(&a, 8, p->address[side][0]);
		wr_uint(&a, 8, p->address[side][1]);
	}
	if (p->protocol != ICMP) /* the pseudo header */
		sum = sum_octets(sum_octets((uint32_t)octets + p->protocol, addresses, each),
				 addresses + 16, each);
	if (at != 0 && at + 2 <= n && p->shape->form == FLOW_FORM_TRANSPORT && !(p->fragment & FF))
		put_u16(header + at, checksum(sum_octets(sum, header, n)));
	if (p->shape->form == FLOW_FORM_TRANSPORT)
		wr_bytes(w, header, n);
}

/* With h octets of options or extension headers, is the rest as much transport as the kind has? */
static bool fits(const struct flow_point *p, uint32_t fixed, uint32_t h)
{
	uint32_t rest = p->length - fixed;

	return rest >= h && rest - h >= p->shape->least && rest - h <= p->shape->most;
}

/* ---- IPv4 ----------------------------------------------------------------------------------- */

static void write_ipv4(struct wr *w, const struct flow_point *p)
{
	uint8_t ip[60] = { 0 };
	struct wr h = wr_over(ip, sizeof(ip));
	uint32_t options = 0, f = p->fragment;
	uint16_t offset = f & ISF ? 1 : 0;

	while (options < 40 && !fits(p, 20, options))
		options += 4;
	wr_u8(&h, (uint8_t)(0x45 + options / 4));
	wr_u8(&h, (uint8_t)(p->dscp << 2));
	wr_u16(&h, (uint16_t)p->length);
	wr_u16(&h, 1);
	if ((f & ISF && !(f & LF)) || f & FF)
		offset |= 0x2000;
	wr_u16(&h, (uint16_t)(offset | (f & 1) << 14));
	wr_u8(&h, 64);
	wr_u8(&h, (uint8_t)p->protocol);
	wr_u16(&h, 0);
	wr_u32(&h, (uint32_t)(p->address[FLOW_FROM][0] >> 32));
	wr_u32(&h, (uint32_t)(p->address[FLOW_TO][0] >> 32));
	memset(ip + 20, 1, options); /* no operation */
	put_u16(ip + 10, checksum(sum_octets(0, ip, 20 + options)));
	wr_bytes(w, ip, 20 + options);
	add_transport(w, p, p->length - 20 - options);
}

/* ---- IPv6 ----------------------------------------------------------------------------------- */

/* One header of options, or an AH, of so many octets, and what follows it. */
static void add_extension(struct wr *w, uint8_t kind, uint8_t next, uint32_t octets)
{
	uint32_t left = octets - 2;

	wr_u8(w, next);
	wr_u8(w, (uint8_t)(kind == AH ? octets / 4 - 2 : octets / 8 - 1));
	if (kind == AH) {
		wr_u16(w, 0);
		left -= 2;
	}
	while (left > 0) { /* PadN, at most 257 octets; zero is Pad1, and AH's fields are zero */
		uint32_t n = left < 255 ? left : 255;

		if (kind != AH && left > 1) {
			wr_u8(w, 1);
			wr_u8(w, (uint8_t)(n - 2));
			left -= 2;
			n -= 2;
		}
		for (uint32_t i = 0; i < n; i++)
			wr_u8(w, 0);
		left -= n;
	}
}

static void add_fragment(struct wr *w, uint8_t next, bool offset, bool more)
{
	wr_u8(w, next);
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)((offset ? 8 : 0) | more));
	wr_u32(w, 1);
}

struct chain {
	unsigned count;
	struct {
		uint8_t kind;
		uint16_t octets;
		bool offset, more; /* of a fragment header */
	} header[10];
};

static void chain_add(struct chain *c, uint8_t kind, uint32_t octets)
{
	c->header[c->count].kind = kind;
	c->header[c->count++].octets = (uint16_t)octets;
}

static void chain_add_fragment(struct chain *c, bool offset, bool more)
{
	c->header[c->count].offset = offset;
	c->header[c->count].more = more;
	chain_add(c, FRAGMENT, 8);
}

/* Fills `octets` with AH, if they are no multiple of 8, and destination options. */
static void chain_fill(struct chain *c, uint32_t octets)
{
	if (octets % 8 != 0) {
		uint32_t ah = octets < AH_MAX ? octets : AH_MAX;

		chain_add(c, AH, ah);
		octets -= ah;
	}
	for (; octets > 0; octets -= c->header[c->count - 1].octets)
		chain_add(c, DESTINATION_OPTIONS, octets < EXTENSION_MAX ? octets : EXTENSION_MAX);
}

/* Headers before the transport, as few octets as will do, so that what remains is what the kind
 * wants.  Which sums there are: shape.c. */
static void chain_transport(struct chain *c, const struct flow_point *p)
{
	uint32_t fixed = IPV6_HEADER, octets = 0, by_4 = 7 * EXTENSION_MAX + AH_MAX;

	if (p->fragment & FF) {
		chain_add_fragment(c, false, true);
		fixed += 8;
		by_4 -= EXTENSION_MAX;
	}
	if (!fits(p, fixed, 0)) {
		octets = (p->length - fixed - p->shape->most + 3) / 4 * 4;
		if (octets < 8)
			octets = 8;
		if (octets > by_4)
			octets = (octets + 7) / 8 * 8;
	}
	chain_fill(c, octets);
}

static void write_chain(struct wr *w, const struct chain *c, uint8_t last)
{
	for (unsigned i = 0; i < c->count; i++) {
		uint8_t kind = c->header[i].kind,
			next = i + 1 < c->count ? c->header[i + 1].kind : last;

		if (kind == FRAGMENT)
			add_fragment(w, next, c->header[i].offset, c->header[i].more);
		else
			add_extension(w, kind, next, c->header[i].octets);
	}
}

/* A chain that is not walked to its end: one header too many, or one that is longer than the rest.
 */
static uint8_t write_broken(struct wr *w, const struct flow_point *p, bool fragment)
{
	struct chain c = { .count = 0 };
	uint32_t rest = p->length - IPV6_HEADER;

	if (fragment)
		chain_add_fragment(&c, p->fragment & ISF,
				   p->fragment & FF || (p->fragment & ISF && !(p->fragment & LF)));
	if (!(fragment && p->fragment & ISF)) {
		for (uint32_t at = 8 * c.count; rest >= BROKEN_CHAIN && at < BROKEN_CHAIN; at += 8)
			chain_add(&c, DESTINATION_OPTIONS, 8);
	}
	write_chain(w, &c, DESTINATION_OPTIONS);
	if (rest < BROKEN_CHAIN && rest > 8 * c.count) {
		wr_u8(w, 59);
		if (rest - 8 * c.count > 1)
			wr_u8(w, 255);
	}
	return c.count > 0 ? c.header[0].kind : DESTINATION_OPTIONS;
}

static void make_chain(struct chain *c, const struct flow_point *p)
{
	bool more = p->fragment & FF || (p->fragment & ISF && !(p->fragment & LF));

	switch (p->shape->form) {
	case FLOW_FORM_LATER:
		chain_add_fragment(c, true, more);
		break;
	case FLOW_FORM_TWO_FRAGMENT:
		chain_add_fragment(c, false, more);
		chain_add_fragment(c, true, false);
		break;
	default:
		chain_transport(c, p);
	}
}

static void write_ipv6(struct wr *w, const struct flow_point *p)
{
	struct chain c = { .count = 0 };
	bool broken = p->shape->form == FLOW_FORM_BROKEN;
	struct wr_hole first;
	uint32_t octets = p->length - IPV6_HEADER;

	wr_u32(w, 6U << 28 | p->dscp << 22 | p->label);
	wr_u16(w, (uint16_t)octets);
	first = wr_open(w, 1);
	wr_u8(w, 64);
	for (unsigned side = 2; side-- > 0;) { /* FLOW_FROM first */
		wr_uint(w, 8, p->address[side][0]);
		wr_uint(w, 8, p->address[side][1]);
	}
	if (!wr_ok(w))
		return;
	if (broken) {
		w->base[first.at] = write_broken(w, p, p->shape->has >> FLOW_FRAGMENT & 1);
		return;
	}
	make_chain(&c, p);
	w->base[first.at] = c.count > 0 ? c.header[0].kind : (uint8_t)p->protocol;
	write_chain(w, &c, (uint8_t)p->protocol);
	for (unsigned i = 0; i < c.count; i++)
		octets -= c.header[i].octets;
	add_transport(w, p, octets);
}

void flow_witness_write(const struct flow_point *p, struct flow_witness *w)
{
	if (w == NULL)
		return;
	size_t n = p->length < w->size ? p->length : w->size;
	struct wr to = wr_over(w->octets, n);

	w->len = p->length;
	(p->shape->family == FLOW_IPV6 ? write_ipv6 : write_ipv4)(&to, p);
	if (n > wr_len(&to))
		memset(w->octets + wr_len(&to), 0, n - wr_len(&to));
}
