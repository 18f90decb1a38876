/* SPDX-License-Identifier: ISC */
/* match.c - the reference matcher: does a rule match a packet?
 *
 * RFC 8955 4.2 and RFC 8956 3, by the letter.  Plain and slow on purpose: one packet reader, one
 * walk over the operators on the wire, bit by bit where bits are compared.  What decides in
 * earnest (the normal form, the data plane) is checked against this file and so shares nothing
 * with it but the numbers of types and operator bits.
 *
 * A rule matches when all its components do (4.2).  A component that asks for a field the packet
 * has not got does not match, whatever its operators say, `!=` and `true` included.  Where the RFCs
 * leave something open, or where it is easily missed, this is what holds:
 *
 *  1. The packet begins at its IP header.  Another version than the rule's family, IHL below 5, a
 *     header (IPv4: with its options) that is not there as a whole, or an IPv4 total length below
 *     the header's: malformed, no rule matches, not even 0.0.0.0/0.
 *  2. The packet ends with its length (IPv4 total length, IPv6 payload length + 40) or with the
 *     octets at hand, whichever comes first: what the link layer padded is not a header.
 *  3. Packet length (4.2.2.10) is the length of the IP header, 0..65535, for IPv6 payload length
 *     + 40, 40..65575; not what is at hand.  Jumbograms (RFC 2675) are packets of length 40 here.
 *  4. IPv4 protocol (4.2.2.3) is the header's octet; AH and ESP are protocols and end the matter.
 *  5. IPv6 upper-layer protocol (RFC 8956 3.3) is the first next header value that is none of
 *     hop-by-hop options 0, routing 43, fragment 44, AH 51, destination options 60.  ESP 50 hides
 *     what follows and no next header 59 says that nothing does: both are the value.  So are 135,
 *     139, 140, 253 and 254, which RFC 8200 4 does not name.
 *  6. Each extension header must be in the packet as a whole, and at most 8 are walked.  Else the
 *     upper-layer protocol is unknown and there is no transport header; types 3 to 9 do not match.
 *  7. A fragment header with an offset other than 0 ends the walk: what follows is data.  Its next
 *     header value is the protocol, unless that names an extension header: then it is unknown.
 *  8. Fragment (4.2.2.12): IPv4 from the header: DF; IsF offset not 0; FF offset 0 and MF; LF
 * offset not 0 and no MF.  IPv6 (RFC 8956 3.6) from the first fragment header; DF is never set.
 * Without a fragment header, and in an atomic fragment (offset 0, M 0), no bit is set.  If the walk
 * fails before a fragment header was seen, there may be one: the component does not match.
 *  9. Ports (4.2.2.4 to 6) only for TCP and UDP, not in a fragment other than the first, and only
 * if all four octets of both ports are there.  An atomic fragment has its ports.
 * 10. Port (4.2.2.4) matches when the whole list of operators holds for the source port or the
 * whole list holds for the destination port; the two never share the terms of an AND.  So `!=80`
 *     matches unless both are 80.
 * 11. ICMP type and code (4.2.2.7, 8) only for protocol 1 in IPv4 and 58 in IPv6, not in a fragment
 *     other than the first; the type needs one octet, the code two.
 * 12. TCP flags (4.2.2.9) only for TCP, not in a fragment other than the first, with 14 octets of
 * the header.  The data offset reads as 0 ("always treated as 0"); the operand stays as it is, so
 *     that 0xf002 as a match (m) is never true.
 * 13. Operands of DSCP and fragment lose their reserved bits before they are compared (upper two,
 * upper four; for IPv6 fragments DF as well).  An operand of 0 then is true with m and false
 * without. Nothing is masked in other numeric operands: 0x0150 is never a protocol.
 * 14. The AND bit of a first operator and the reserved bits of operators are ignored.  AND binds
 *     tighter than OR.  lt, gt and eq all clear is false, all set is true (of a field that is
 * there).
 * 15. DSCP (type 11) is the upper six bits of TOS and of the traffic class.
 * 16. A prefix compares bits offset..length-1; the pattern's padding is ignored.  0/0 matches
 * always.
 *
 * Does not look at a route distinguisher, checksums or link layer headers, nor reassemble.  Of
 * octets that are no checked NLRI it says `no match` and stays within them.
 */
#include "flow/flow.h"

enum {
	IPV6_HEADER = 40,
	EXTENSIONS_MAX = 8,
	HOP_BY_HOP = 0,
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	ROUTING = 43,
	FRAGMENT = 44,
	AH = 51,
	ICMPV6 = 58,
	DESTINATION_OPTIONS = 60
};

enum fragment_bit {
	DF = 1,
	ISF = 2,
	FF = 4,
	LF = 8
};

/* A field that rules ask for, if the packet has it. */
struct field {
	bool there;
	uint32_t value;
};

struct packet {
	uint8_t address_bits;
	const uint8_t *destination, *source;
	struct field protocol, length, dscp, label, fragment;
	struct field source_port, destination_port, icmp_type, icmp_code;
	struct field tcp_flags; /* octets 13 and 14 of the TCP header, data offset 0 */
};

static struct field value(uint32_t v)
{
	return (struct field){ .there = true, .value = v };
}

static struct field fragment_value(unsigned offset, bool more, bool df)
{
	return value((df ? DF : 0) | (offset != 0 ? ISF : 0) | (offset == 0 && more ? FF : 0) |
		     (offset != 0 && !more ? LF : 0));
}

static void read_ports(struct rd r, struct packet *p)
{
	uint16_t source = rd_u16(&r), destination = rd_u16(&r);

	if (!rd_ok(&r))
		return;
	p->source_port = value(source);
	p->destination_port = value(destination);
}

static void read_tcp_flags(struct rd r, struct packet *p)
{
	uint16_t octets_13_14;

	(void)rd_take(&r, 12);
	octets_13_14 = rd_u16(&r);
	if (rd_ok(&r))
		p->tcp_flags = value(octets_13_14 & 0x0fff);
}

static void read_icmp(struct rd r, struct packet *p)
{
	uint8_t type = rd_u8(&r);

	if (!rd_ok(&r))
		return;
	p->icmp_type = value(type);
	uint8_t code = rd_u8(&r);
	if (rd_ok(&r))
		p->icmp_code = value(code);
}

/* r stands at the transport header of an unfragmented packet or a first fragment. */
static void read_transport(struct rd r, uint8_t icmp, struct packet *p)
{
	if (p->protocol.value == TCP || p->protocol.value == UDP)
		read_ports(r, p);
	if (p->protocol.value == TCP)
		read_tcp_flags(r, p);
	if (p->protocol.value == icmp)
		read_icmp(r, p);
}

static bool read_ipv4(const uint8_t *octets, size_t len, struct packet *p)
{
	struct rd r = rd_over(octets, len);
	uint8_t version_ihl = rd_u8(&r), tos = rd_u8(&r);
	uint16_t total = rd_u16(&r);
	(void)rd_u16(&r); /* identification */
	uint16_t flags_offset = rd_u16(&r);
	(void)rd_u8(&r); /* time to live */
	uint8_t protocol = rd_u8(&r);
	(void)rd_u16(&r); /* checksum */
	p->source = rd_take(&r, 4);
	p->destination = rd_take(&r, 4);
	size_t header = (size_t)(version_ihl & 0x0f) * 4;

	if (!rd_ok(&r) || version_ihl >> 4 != 4 || header < 20 || header > len || total < header)
		return false;
	unsigned offset = flags_offset & 0x1fff;
	bool df = flags_offset & 0x4000, more = flags_offset & 0x2000;

	p->address_bits = 32;
	p->length = value(total);
	p->dscp = value(tos >> 2);
	p->protocol = value(protocol);
	p->fragment = fragment_value(offset, more, df);
	if (offset == 0) {
		r = rd_over(octets, total < len ? total : len);
		(void)rd_take(&r, header);
		read_transport(r, ICMP, p);
	}
	return true;
}

static bool is_extension(uint8_t next)
{
	return next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == AH ||
	       next == DESTINATION_OPTIONS;
}

/* Steps over the extension header at r, which is of kind *next; *next is then what follows.
 * False if it is not there as a whole. *ret_data: what follows is no header (point 7). */
static bool read_extension(struct rd *r, uint8_t *next, struct packet *p, bool *ret_data)
{
	uint8_t kind = *next, following = rd_u8(r), len = rd_u8(r);
	size_t octets = kind == AH ? ((size_t)len + 2) * 4 : ((size_t)len + 1) * 8;

	if (kind == FRAGMENT) {
		uint16_t offset_more = rd_u16(r);
		(void)rd_u32(r); /* identification */
		if (!rd_ok(r))
			return false;
		if (!p->fragment.there)
			p->fragment = fragment_value(offset_more >> 3, offset_more & 1, false);
		*ret_data = offset_more >> 3 != 0;
	} else {
		(void)rd_take(r, octets - 2);
	}
	*next = following;
	return rd_ok(r);
}

static void read_chain(struct rd r, uint8_t next, struct packet *p)
{
	bool data = false;

	for (unsigned walked = 0; is_extension(next) && !data; walked++)
		if (walked == EXTENSIONS_MAX || !read_extension(&r, &next, p, &data))
			return;
	if (!p->fragment.there)
		p->fragment = fragment_value(0, false, false);
	if (is_extension(next))
		return;
	p->protocol = value(next);
	if (!data)
		read_transport(r, ICMPV6, p);
}

static bool read_ipv6(const uint8_t *octets, size_t len, struct packet *p)
{
	struct rd r = rd_over(octets, len);
	uint32_t version_class_label = rd_u32(&r);
	uint16_t payload = rd_u16(&r);
	uint8_t next = rd_u8(&r);
	(void)rd_u8(&r); /* hop limit */
	p->source = rd_take(&r, 16);
	p->destination = rd_take(&r, 16);
	uint32_t total = payload + (uint32_t)IPV6_HEADER;

	if (!rd_ok(&r) || version_class_label >> 28 != 6)
		return false;
	p->address_bits = 128;
	p->length = value(total);
	p->dscp = value(version_class_label >> 22 & 0x3f);
	p->label = value(version_class_label & 0xfffff);
	r = rd_over(octets, total < len ? total : len);
	(void)rd_take(&r, IPV6_HEADER);
	read_chain(r, next, p);
	return true;
}

static bool bit(const uint8_t *octets, unsigned i)
{
	return octets[i / 8] >> (7 - i % 8) & 1;
}

static bool match_prefix(struct rd *r, bool has_offset, const uint8_t *address, unsigned bits)
{
	unsigned len = rd_u8(r), offset = has_offset ? rd_u8(r) : 0;

	if (!rd_ok(r) || len > bits || offset > len)
		return false;
	const uint8_t *pattern = rd_take(r, (len - offset + 7) / 8);
	if (pattern == NULL)
		return false;
	for (unsigned i = offset; i < len; i++)
		if (bit(address, i) != bit(pattern, i - offset))
			return false;
	return true;
}

static bool numeric_holds(uint8_t op, uint64_t data, uint64_t operand)
{
	return ((op & FLOW_OP_LT) && data < operand) || ((op & FLOW_OP_GT) && data > operand) ||
	       ((op & FLOW_OP_EQ) && data == operand);
}

static bool bitmask_holds(uint8_t op, uint64_t data, uint64_t operand)
{
	bool holds = op & FLOW_OP_MATCH ? (data & operand) == operand : (data & operand) != 0;

	return op & FLOW_OP_NOT ? !holds : holds;
}

typedef bool operator_holds(uint8_t op, uint64_t data, uint64_t operand);

/* The list at r for one value.  operand_bits: what is not reserved in an operand. */
static bool match_list(struct rd *r, operator_holds *holds, uint64_t operand_bits, uint64_t data)
{
	bool any = false, term = false, first = true;
	uint8_t op;

	do {
		op = rd_u8(r);
		uint64_t operand = rd_uint(r, (size_t)1 << (op >> 4 & 3)) & operand_bits;
		bool hit = holds(op, data, operand);

		if (!rd_ok(r))
			return false;
		if ((op & FLOW_OP_AND) && !first) {
			term = term && hit;
		} else {
			any = any || term;
			term = hit;
		}
		first = false;
	} while (!(op & FLOW_OP_END));
	return any || term;
}

/* The list at r holds for a, or it holds for b; r stands behind it. */
static bool match_either(struct rd *r, operator_holds *holds, uint64_t operand_bits, struct field a,
			 struct field b)
{
	struct rd again = *r;
	bool hit_a = match_list(r, holds, operand_bits, a.value);
	bool hit_b = match_list(&again, holds, operand_bits, b.value);

	return (a.there && hit_a) || (b.there && hit_b);
}

static bool match_field(struct rd *r, operator_holds *holds, uint64_t operand_bits, struct field f)
{
	return match_list(r, holds, operand_bits, f.value) && f.there;
}

/* Matches the component at r, which is stepped over if it does. */
static bool match_component(struct rd *r, enum flow_family family, const struct packet *p)
{
	const uint64_t all = UINT64_MAX;
	bool ipv6 = family == FLOW_IPV6;

	switch (rd_u8(r)) {
	case FLOW_DESTINATION:
		return match_prefix(r, ipv6, p->destination, p->address_bits);
	case FLOW_SOURCE:
		return match_prefix(r, ipv6, p->source, p->address_bits);
	case FLOW_PROTOCOL:
		return match_field(r, numeric_holds, all, p->protocol);
	case FLOW_PORT:
		return match_either(r, numeric_holds, all, p->source_port, p->destination_port);
	case FLOW_DESTINATION_PORT:
		return match_field(r, numeric_holds, all, p->destination_port);
	case FLOW_SOURCE_PORT:
		return match_field(r, numeric_holds, all, p->source_port);
	case FLOW_ICMP_TYPE:
		return match_field(r, numeric_holds, all, p->icmp_type);
	case FLOW_ICMP_CODE:
		return match_field(r, numeric_holds, all, p->icmp_code);
	case FLOW_TCP_FLAGS:
		return match_field(r, bitmask_holds, all, p->tcp_flags);
	case FLOW_PACKET_LENGTH:
		return match_field(r, numeric_holds, all, p->length);
	case FLOW_DSCP:
		return match_field(r, numeric_holds, 0x3f, p->dscp);
	case FLOW_FRAGMENT:
		return match_field(r, bitmask_holds, ipv6 ? 0x0e : 0x0f, p->fragment);
	case FLOW_LABEL: /* an IPv4 packet has none */
		return match_field(r, numeric_holds, all, p->label);
	}
	return false;
}

bool flow_match(const struct flow_nlri *n, const uint8_t *packet, size_t len)
{
	struct packet p = { .address_bits = 0 };
	struct rd r = rd_over(n->octets, n->len);

	if (!(n->family == FLOW_IPV6 ? read_ipv6 : read_ipv4)(packet, len, &p))
		return false;
	if (n->vpn)
		(void)rd_take(&r, FLOW_RD_OCTETS);
	if (rd_left(&r) == 0)
		return false;
	while (rd_left(&r) > 0)
		if (!match_component(&r, n->family, &p))
			return false;
	return true;
}
