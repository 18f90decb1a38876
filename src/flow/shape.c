/* SPDX-License-Identifier: ISC */
/* shape.c - every packet that can exist, as a table of kinds.
 *
 * RFC 791, RFC 8200, RFC 8955 4.2.2, RFC 8956 3.  What counts as a packet, and what does not:
 *
 *  1. It is whole: it has the octets that its length says.  A packet cut short by a sampler is a
 *     view of another one, and so is padding behind it.
 *  2. Its IP header is good: IPv4 total length is that of the header (20, 24, ... 60) or more, IPv6
 *     length is 40 or more; at most 65535 and 65575.  No jumbograms.
 *  3. Behind the IP header a sender may put anything: a TCP segment that ends within its header, a
 *     tiny first fragment, a chain of extension headers that ends nowhere, a fragment whose octets
 *     are no multiple of 8.  Attackers do, and a rule matches or misses such a packet too.
 *  4. Fragment bits come from one offset and one M bit: IPv4 none, FF, IsF, IsF and LF, each with
 * or without DF; IPv6 the same without DF.  FF and IsF, or LF without IsF, exist in no packet.
 *
 * A kind is a product: its fields vary apart from each other.  Only the length is tied to which
 * transport octets are there, and that is what tells most rows apart: a TCP packet without its
 * ports has 3 transport octets at most, so that it is short, or (IPv6) full of extension headers.
 *
 * The octets H of IPv6 extension headers: at most 8, each a multiple of 8 up to 2048, but
 * authentication (AH) a multiple of 4 from 8 to 1028 and fragment 8.  So H is 0 or a multiple of 4
 * from 8; up to 15364 (7 * 2048 + 1028) all of these, then of 8 up to 16384.  One of them being a
 * fragment header: 8, 16, 20, 24 ... 13324 (8 + 6 * 2048 + 1028), then by 8 up to 14344.
 */
#include "flow/algebra.h"

#define LANES(lanes)                                                                               \
	{                                                                                          \
		(lanes), sizeof(lanes) / sizeof((lanes)[0])                                        \
	}
/* lo..hi; and every step-th of lo..last with the width values behind it. */
#define RUN(lo, hi)                                                                                \
	{                                                                                          \
		(lo), (lo), 1, (hi) - (lo)                                                         \
	}
#define EVERY(step, lo, last, width)                                                               \
	{                                                                                          \
		(lo), (last), (step), (width)                                                      \
	}

/* clang-format off */
static const struct flow_lane
	tcp[] = { RUN(6, 6) },
	udp[] = { RUN(17, 17) },
	icmp[] = { RUN(1, 1) },
	icmp6[] = { RUN(58, 58) },
	all[] = { RUN(0, 255) },
	other[] = { RUN(0, 0), RUN(2, 5), RUN(7, 16), RUN(18, 255) },
	/* what no IPv6 extension header is */
	upper[] = { RUN(1, 42), RUN(45, 50), RUN(52, 59), RUN(61, 255) },
	upper_other[] = { RUN(1, 5), RUN(7, 16), RUN(18, 42), RUN(45, 50), RUN(52, 57), RUN(59, 59), RUN(61, 255) };

#if FLOW_FAULT == 5
#define AT_LEAST(n, longest) { RUN(0, longest) }
#else
#define AT_LEAST(n, longest) { RUN(n, longest) }
#endif

/* Lengths by name: v4 or v6, f for "with a fragment header", and the transport octets there. */
static const struct flow_lane
	v4_0[] = { EVERY(4, 20, 60, 0) },
	v4_1[] = { EVERY(4, 21, 61, 0) },
	v4_0_3[] = { RUN(20, 63) },
	v4_4_13[] = { RUN(24, 73) },
	v4_any[] = AT_LEAST(20, 65535),
	v4_2_up[] = AT_LEAST(22, 65535),
	v4_4_up[] = AT_LEAST(24, 65535),
	v4_14_up[] = AT_LEAST(34, 65535);

static const struct flow_lane
	v6_0[] = { RUN(40, 40), EVERY(4, 48, 15404, 0), EVERY(8, 15408, 16424, 0) },
	v6_1[] = { RUN(41, 41), EVERY(4, 49, 15405, 0), EVERY(8, 15409, 16425, 0) },
	v6_0_3[] = { RUN(40, 43), RUN(48, 15407), EVERY(8, 15408, 16424, 3) },
	v6_4_13[] = { RUN(44, 16437) },
	v6_any[] = AT_LEAST(40, 65575),
	v6_2_up[] = AT_LEAST(42, 65575),
	v6_4_up[] = AT_LEAST(44, 65575),
	v6_14_up[] = AT_LEAST(54, 65575);

static const struct flow_lane
	v6f_0[] = { RUN(48, 48), EVERY(4, 56, 13364, 0), EVERY(8, 13368, 14384, 0) },
	v6f_1[] = { RUN(49, 49), EVERY(4, 57, 13365, 0), EVERY(8, 13369, 14385, 0) },
	v6f_0_3[] = { RUN(48, 51), RUN(56, 13367), EVERY(8, 13368, 14384, 3) },
	v6f_4_13[] = { RUN(52, 14397) },
	v6f_any[] = AT_LEAST(48, 65575),
	v6f_2_up[] = AT_LEAST(50, 65575),
	v6f_4_up[] = AT_LEAST(52, 65575),
	v6f_14_up[] = AT_LEAST(62, 65575),
	v6ff_any[] = AT_LEAST(56, 65575);

enum {
	HEADER = 1 << FLOW_DESTINATION | 1 << FLOW_SOURCE | 1 << FLOW_PACKET_LENGTH |
		 1 << FLOW_DSCP | 1 << FLOW_LABEL,
	FRAGMENT = HEADER | 1 << FLOW_FRAGMENT,
	PROTOCOL = FRAGMENT | 1 << FLOW_PROTOCOL,
	TYPE = PROTOCOL | 1 << FLOW_ICMP_TYPE,
	TYPE_CODE = TYPE | 1 << FLOW_ICMP_CODE,
	PORTS = PROTOCOL | 1 << FLOW_PORT | 1 << FLOW_SOURCE_PORT | 1 << FLOW_DESTINATION_PORT,
	PORTS_FLAGS = PORTS | 1 << FLOW_TCP_FLAGS,
#if FLOW_FAULT == 1
	NO_PORTS = PORTS,
#else
	NO_PORTS = PROTOCOL,
#endif
	ALL_OCTETS = UINT16_MAX,
	/* fragment values as bits: offset 0 without and with M, with DF in IPv4; an offset */
	WHOLE_FIRST = 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5,
	LATER = 1 << 2 | 1 << 3 | 1 << 10 | 1 << 11,
	WHOLE6 = 1 << 0,
	FIRST6 = 1 << 4,
	LATER6 = 1 << 2 | 1 << 10
};

#define ROW4(form, has, fragments, protocols, lengths, least, most, natural) \
	{ FLOW_IPV4, FLOW_FORM_##form, has, fragments, LANES(protocols), LANES(lengths), least, most, natural }
#define ROW6(form, has, fragments, protocols, lengths, least, most, natural) \
	{ FLOW_IPV6, FLOW_FORM_##form, has, fragments, LANES(protocols), LANES(lengths), least, most, natural }

static const struct flow_shape ipv4[] = {
	ROW4(TRANSPORT, PORTS_FLAGS, WHOLE_FIRST, tcp,   v4_14_up, 14, ALL_OCTETS, 40),
	ROW4(TRANSPORT, PORTS,       WHOLE_FIRST, udp,   v4_4_up,  4,  ALL_OCTETS, 28),
	ROW4(TRANSPORT, TYPE_CODE,   WHOLE_FIRST, icmp,  v4_2_up,  2,  ALL_OCTETS, 28),
	ROW4(TRANSPORT, NO_PORTS,    WHOLE_FIRST, other, v4_any,   0,  ALL_OCTETS, 28),
	ROW4(LATER,     PROTOCOL,    LATER,       all,   v4_any,   0,  ALL_OCTETS, 28),
	ROW4(TRANSPORT, PORTS,       WHOLE_FIRST, tcp,   v4_4_13,  4,  13,         28),
	ROW4(TRANSPORT, PROTOCOL,    WHOLE_FIRST, tcp,   v4_0_3,   0,  3,          20),
	ROW4(TRANSPORT, PROTOCOL,    WHOLE_FIRST, udp,   v4_0_3,   0,  3,          20),
	ROW4(TRANSPORT, TYPE,        WHOLE_FIRST, icmp,  v4_1,     1,  1,          21),
	ROW4(TRANSPORT, PROTOCOL,    WHOLE_FIRST, icmp,  v4_0,     0,  0,          20),
};

static const struct flow_shape ipv6[] = {
	ROW6(TRANSPORT,    PORTS_FLAGS, WHOLE6, tcp,         v6_14_up,  14, ALL_OCTETS, 60),
	ROW6(TRANSPORT,    PORTS,       WHOLE6, udp,         v6_4_up,   4,  ALL_OCTETS, 48),
	ROW6(TRANSPORT,    TYPE_CODE,   WHOLE6, icmp6,       v6_2_up,   2,  ALL_OCTETS, 48),
	ROW6(TRANSPORT,    NO_PORTS,    WHOLE6, upper_other, v6_any,    0,  ALL_OCTETS, 48),
	ROW6(TRANSPORT,    PORTS_FLAGS, FIRST6, tcp,         v6f_14_up, 14, ALL_OCTETS, 72),
	ROW6(TRANSPORT,    PORTS,       FIRST6, udp,         v6f_4_up,  4,  ALL_OCTETS, 56),
	ROW6(TRANSPORT,    TYPE_CODE,   FIRST6, icmp6,       v6f_2_up,  2,  ALL_OCTETS, 56),
	ROW6(TRANSPORT,    NO_PORTS,    FIRST6, upper_other, v6f_any,   0,  ALL_OCTETS, 56),
	ROW6(LATER,        PROTOCOL,    LATER6, upper,       v6f_any,   0,  ALL_OCTETS, 56),
	ROW6(TRANSPORT,    PORTS,       WHOLE6, tcp,         v6_4_13,   4,  13,         48),
	ROW6(TRANSPORT,    PROTOCOL,    WHOLE6, tcp,         v6_0_3,    0,  3,          40),
	ROW6(TRANSPORT,    PROTOCOL,    WHOLE6, udp,         v6_0_3,    0,  3,          40),
	ROW6(TRANSPORT,    TYPE,        WHOLE6, icmp6,       v6_1,      1,  1,          41),
	ROW6(TRANSPORT,    PROTOCOL,    WHOLE6, icmp6,       v6_0,      0,  0,          40),
	ROW6(TRANSPORT,    PORTS,       FIRST6, tcp,         v6f_4_13,  4,  13,         56),
	ROW6(TRANSPORT,    PROTOCOL,    FIRST6, tcp,         v6f_0_3,   0,  3,          48),
	ROW6(TRANSPORT,    PROTOCOL,    FIRST6, udp,         v6f_0_3,   0,  3,          48),
	ROW6(TRANSPORT,    TYPE,        FIRST6, icmp6,       v6f_1,     1,  1,          49),
	ROW6(TRANSPORT,    PROTOCOL,    FIRST6, icmp6,       v6f_0,     0,  0,          48),
	/* an atomic or first fragment, and in it a later one: what follows is no header */
	ROW6(TWO_FRAGMENT, PROTOCOL,    WHOLE6 | FIRST6, upper, v6ff_any, 0, ALL_OCTETS, 64),
	/* no protocol can be told: a header that is not there as a whole, or a ninth */
	ROW6(BROKEN,       FRAGMENT,    WHOLE6 | FIRST6 | LATER6, all, v6f_any, 0, ALL_OCTETS, 120),
	ROW6(BROKEN,       HEADER,      WHOLE6, all,         v6_any,    0,  ALL_OCTETS, 120),
};
/* clang-format on */

const struct flow_shape *flow_shapes(enum flow_family family, size_t *ret_count)
{
	*ret_count = family == FLOW_IPV6 ? sizeof(ipv6) / sizeof(ipv6[0])
					 : sizeof(ipv4) / sizeof(ipv4[0]);
	return family == FLOW_IPV6 ? ipv6 : ipv4;
}
