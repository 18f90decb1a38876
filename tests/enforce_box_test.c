/* SPDX-License-Identifier: ISC */
/* Rules as records, against their normal form: random rules, random values of a packet's fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "enforce/box.h"

enum {
	RULES = 20000,
	PACKETS = 40, /* of each */
	ABSENT = UINT32_MAX
};

struct packet {
	uint32_t value[FLOW_COMPONENTS + 1]; /* by component; ABSENT: it has no such field */
};

static uint32_t state = 1;

static uint32_t below(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(state >> 8) * n >> 24);
}

/* Values that rules and packets share, and their neighbours. */
static uint32_t value_of(uint8_t type)
{
	static const uint32_t usual[FLOW_COMPONENTS + 1][4] = {
		[FLOW_PROTOCOL] = { 1, 6, 17, 58 },
		[FLOW_PORT] = { 0, 53, 1024, 65535 },
		[FLOW_DESTINATION_PORT] = { 0, 53, 1024, 65535 },
		[FLOW_SOURCE_PORT] = { 0, 53, 1024, 65535 },
		[FLOW_ICMP_TYPE] = { 0, 3, 8, 255 },
		[FLOW_ICMP_CODE] = { 0, 1, 4, 255 },
		[FLOW_TCP_FLAGS] = { 0x02, 0x12, 0x10, 0x04 },
		[FLOW_PACKET_LENGTH] = { 40, 60, 1500, 65535 },
		[FLOW_DSCP] = { 0, 10, 46, 63 },
		[FLOW_FRAGMENT] = { 1, 2, 4, 8 },
		[FLOW_LABEL] = { 0, 5, 1000, 0xfffff },
	};
	static const uint32_t max[FLOW_COMPONENTS + 1] = {
		[FLOW_PROTOCOL] = 255,
		[FLOW_PORT] = 65535,
		[FLOW_DESTINATION_PORT] = 65535,
		[FLOW_SOURCE_PORT] = 65535,
		[FLOW_ICMP_TYPE] = 255,
		[FLOW_ICMP_CODE] = 255,
		[FLOW_TCP_FLAGS] = 0xfff,
		[FLOW_PACKET_LENGTH] = 65535,
		[FLOW_DSCP] = 63,
		[FLOW_FRAGMENT] = 15,
		[FLOW_LABEL] = 0xfffff,
	};
	uint32_t v = usual[type][below(4)] + below(3) - 1;

	return v <= max[type] ? v : usual[type][below(4)];
}

/* ---- Rules ---------------------------------------------------------------------------------- */

static void write_component(struct wr *w, uint8_t type)
{
	unsigned count = 1 + (below(2) ? below(4) : 0);
	bool mask = type == FLOW_TCP_FLAGS || type == FLOW_FRAGMENT;

	wr_u8(w, type);
	for (unsigned i = 0; i < count; i++) {
		uint32_t v = value_of(type);
		uint8_t width = type == FLOW_DSCP || type == FLOW_FRAGMENT ? 0
				: v > 0xffff                               ? 2
				: v > 0xff                                 ? 1
									   : 0;
		uint8_t op = mask ? (uint8_t)below(4) : below(3) ? FLOW_OP_EQ : (uint8_t)below(8);

		if (i > 0 && below(2))
			op |= FLOW_OP_AND;
		if (i + 1 == count)
			op |= FLOW_OP_END;
		wr_u8(w, (uint8_t)(op | width << 4));
		wr_uint(w, (size_t)1 << width, v);
	}
}

static void write_rule(struct wr *w, enum flow_family family)
{
	unsigned one_in = 2 + below(4);

	for (uint8_t type = FLOW_PROTOCOL; type <= FLOW_COMPONENTS; type++)
		if (below(one_in) == 0 && (type != FLOW_LABEL || family == FLOW_IPV6))
			write_component(w, type);
	if (wr_len(w) == 0)
		write_component(w, FLOW_PROTOCOL);
}

/* ---- Packets -------------------------------------------------------------------------------- */

static struct packet make_packet(enum flow_family family)
{
	unsigned kind = below(4); /* 0: nothing behind the IP header that we know */
	struct packet p;

	memset(&p, 0xff, sizeof(p));
	p.value[FLOW_PROTOCOL] = below(20) ? value_of(FLOW_PROTOCOL) : ABSENT;
	p.value[FLOW_PACKET_LENGTH] = value_of(FLOW_PACKET_LENGTH);
	p.value[FLOW_DSCP] = value_of(FLOW_DSCP);
	p.value[FLOW_FRAGMENT] = below(10) ? value_of(FLOW_FRAGMENT) : ABSENT;
	if (family == FLOW_IPV6)
		p.value[FLOW_LABEL] = value_of(FLOW_LABEL);
	if (kind == 1) {
		p.value[FLOW_ICMP_TYPE] = value_of(FLOW_ICMP_TYPE);
		p.value[FLOW_ICMP_CODE] = value_of(FLOW_ICMP_CODE);
	} else if (kind > 1) {
		p.value[FLOW_SOURCE_PORT] = value_of(FLOW_SOURCE_PORT);
		p.value[FLOW_DESTINATION_PORT] = value_of(FLOW_DESTINATION_PORT);
	}
	if (kind == 2)
		p.value[FLOW_TCP_FLAGS] = value_of(FLOW_TCP_FLAGS);
	return p;
}

/* ---- The two answers ------------------------------------------------------------------------ */

static bool in_spans(const struct flow_normal *n, uint8_t type, uint32_t v)
{
	for (unsigned i = 0; i < n->numeric[type].count; i++) {
		struct flow_span s = n->spans[n->numeric[type].first + i];

		if (v != ABSENT && v >= s.lo && v <= s.hi)
			return true;
	}
	return false;
}

static bool normal_matches(const struct flow_normal *n, const struct packet *p)
{
	uint32_t flags = p->value[FLOW_TCP_FLAGS], fragment = p->value[FLOW_FRAGMENT];

	for (uint8_t t = 1; t <= FLOW_COMPONENTS; t++) {
		bool in = t == FLOW_PORT ? in_spans(n, t, p->value[FLOW_SOURCE_PORT]) ||
						   in_spans(n, t, p->value[FLOW_DESTINATION_PORT])
					 : in_spans(n, t, p->value[t]);

		if (n->numeric[t].present && !in)
			return false;
	}
	if (n->has_tcp_flags && (flags == ABSENT || !(n->tcp_flags[flags / 64] >> flags % 64 & 1)))
		return false;
	return !n->has_fragment || (fragment != ABSENT && n->fragment >> fragment & 1);
}

static uint32_t lane(uint32_t port, uint32_t icmp)
{
	return port != ABSENT ? port : icmp != ABSENT ? XDP_PORT_ICMP + icmp : XDP_PORT_NOTHING;
}

static uint32_t protocol_of(const struct packet *p)
{
	return p->value[FLOW_PROTOCOL] == ABSENT ? XDP_PROTOCOL_UNKNOWN : p->value[FLOW_PROTOCOL];
}

static bool extra_matches(const struct xdp_extra *x, const struct packet *p)
{
	uint32_t source = p->value[FLOW_SOURCE_PORT], to = p->value[FLOW_DESTINATION_PORT];
	uint32_t label = p->value[FLOW_LABEL];

	return (x->dscp >> p->value[FLOW_DSCP] & 1) && label >= x->label_lo &&
	       label <= x->label_hi &&
	       (!x->asks_port || (source >= x->port_lo && source <= x->port_hi) ||
		(to >= x->port_lo && to <= x->port_hi));
}

static bool box_matches(const struct box *b, const struct packet *p)
{
	uint32_t values[XDP_LANES_OF_BLOCK] = {
		protocol_of(p), p->value[FLOW_PACKET_LENGTH],
		lane(p->value[FLOW_DESTINATION_PORT], p->value[FLOW_ICMP_CODE]),
		lane(p->value[FLOW_SOURCE_PORT], p->value[FLOW_ICMP_TYPE])
	};
	uint32_t flags = p->value[FLOW_TCP_FLAGS], fragment = p->value[FLOW_FRAGMENT];

	for (unsigned i = 0; i < XDP_LANES_OF_BLOCK; i++)
		if (values[i] < xdp_lane(b->record.lo, i) || values[i] > xdp_lane(b->record.hi, i))
			return false;
	flags = flags == ABSENT ? XDP_FLAGS_NOTHING : flags;
	fragment = fragment == ABSENT ? XDP_FRAGMENT_UNKNOWN : fragment;
	return (flags & b->record.flag_mask) == b->record.flag_value &&
	       (b->record.fragments >> fragment & 1) &&
	       (!b->has_extra || extra_matches(&b->extra, p));
}

static bool rule_matches(const struct box_rule *r, const struct packet *p)
{
	for (unsigned i = 0; i < r->count; i++)
		if (box_matches(&r->box[i], p))
			return true;
	return false;
}

/* ---- Cases ---------------------------------------------------------------------------------- */

static void test_records_match_what_the_rule_does(void **unused)
{
	static struct flow_normal normal;
	static struct box_rule boxes;
	unsigned matched = 0, full = 0, compared = 0;

	(void)unused;
	for (unsigned i = 0; i < RULES; i++) {
		enum flow_family family = below(2) ? FLOW_IPV6 : FLOW_IPV4;
		uint8_t octets[256];
		struct wr w = wr_over(octets, sizeof(octets));
		struct flow_nlri n = { .family = family, .octets = octets };

		write_rule(&w, family);
		n.len = wr_len(&w);
		if (!flow_nlri_check(&n, NULL) || !flow_normal_make(&n, &normal, NULL))
			continue;
		assert_true(box_make(&n, &boxes, NULL));
		assert_int_equal(boxes.ipv6, family == FLOW_IPV6);
		assert_true(boxes.count <= BOX_MAX);
		full += boxes.full;
		for (unsigned k = 0; k < PACKETS; k++) {
			struct packet p = make_packet(family);
			bool expected = normal_matches(&normal, &p);
			uint32_t source = lane(p.value[FLOW_SOURCE_PORT], p.value[FLOW_ICMP_TYPE]);
			uint32_t to = lane(p.value[FLOW_DESTINATION_PORT], p.value[FLOW_ICMP_CODE]);
			uint64_t bits = xdp_filter_bits(protocol_of(&p), source, to);

			/* Around a full test the box may be too large, never too small. */
			if (!boxes.full || expected)
				assert_int_equal(rule_matches(&boxes, &p), expected);
			if (expected)
				assert_int_equal(boxes.filter & bits, bits);
			matched += expected;
			compared++;
		}
	}
	printf("# %u packets, %u matched, %u rules with a full test\n", compared, matched, full);
	assert_true(matched > compared / 50 && full > 0);
}

static void test_a_mask_is_the_bits_between_offset_and_length(void **unused)
{
	(void)unused;
	for (unsigned offset = 0; offset <= 128; offset++)
		for (unsigned length = offset; length <= 128; length++) {
			unsigned number = XDP_MASK_IPV6 + XDP_MASK_LENGTHS * offset + length;
			uint64_t mask[2];

			assert_int_equal(box_mask_offset(number), offset);
			assert_int_equal(box_mask_length(number), length);
			box_mask(number, mask);
			for (unsigned bit = 0; bit < 128; bit++)
				assert_int_equal(mask[bit / 64] >> (63 - bit % 64) & 1,
						 bit >= offset && bit < length);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_match_what_the_rule_does),
		cmocka_unit_test(test_a_mask_is_the_bits_between_offset_and_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
