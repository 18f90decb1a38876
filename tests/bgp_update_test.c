/* SPDX-License-Identifier: ISC */
/* bgp_update_test.c - UPDATE messages as ExaBGP sends them, broken ones, and routes packed and read
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "bgp/update.h"
#include "tests/flow_random.h"
#include "tests/hex.h"

static const struct bgp_terms internal = { .internal = true, .asn4 = true, .families = 0x3f };
static const struct bgp_terms external = { .asn4 = true, .families = 0x3f, .remote_as = 65002 };
static struct bgp_update update;
static uint8_t message[2 * BGP_MESSAGE_MAX];

/* body: withdrawn length, withdrawn, attribute length, attributes, NLRI. */
static bool read_hex(const char *body, const struct bgp_terms *t)
{
	return bgp_update_read(rd_over(message, hex_octets(body, message, sizeof(message))), t,
			       &update);
}

static unsigned count(enum bgp_part part)
{
	struct bgp_nlri_room room;
	struct bgp_nlri n;
	enum bgp_family f;
	struct rd r = bgp_update_part(&update, part, &f);
	unsigned got = 0;

	while (bgp_nlri_next(&r, f, &room, &n, NULL) == BGP_NLRI_ONE)
		got++;
	return got;
}

static void nlri_is(enum bgp_part part, const char *want)
{
	struct bgp_nlri_room room;
	struct bgp_nlri n;
	enum bgp_family f;
	struct rd r = bgp_update_part(&update, part, &f);
	char buf[512];
	struct str s = str_over(buf, sizeof(buf));

	assert_int_equal(bgp_nlri_next(&r, f, &room, &n, NULL), BGP_NLRI_ONE);
	bgp_nlri_print(&n, &s);
	assert_string_equal(buf, want);
}

#define IGP_EMPTY_100 "40010100 400200 40050400000064 "

static void an_update_of_exabgp_is_read(void **state)
{
	(void)state;
	assert_true(read_hex("0000 002a " IGP_EMPTY_100
			     "c01008 8006000000000000 800e0e 0001 85 00 00 08 0118c00002 038106",
			     &internal));
	assert_int_equal(update.attrs.cost, BGP_COST_NONE);
	nlri_is(BGP_PART_MP_REACH, "destination 192.0.2.0/24; protocol =tcp;");
	assert_int_equal(update.attrs.a.ext.len, 8);
	assert_int_equal(update.attrs.a.next_hop_len, 0);
	assert_false(update.end_of_rib);
}

static void attributes_without_a_route_say_nothing(void **state)
{
	(void)state;
	assert_true(read_hex("0000 000e " IGP_EMPTY_100, &internal));
	assert_int_equal(update.attrs.cost, BGP_COST_NONE);
	assert_false(update.end_of_rib);
	for (unsigned p = 0; p < BGP_PARTS; p++)
		assert_int_equal(count((enum bgp_part)p), 0);
}

static void a_withdrawal_may_carry_attributes(void **state)
{
	(void)state;
	assert_true(read_hex("0000 001d " IGP_EMPTY_100 "800f0c 0001 85 08 0118c00002 038106",
			     &internal));
	nlri_is(BGP_PART_MP_UNREACH, "destination 192.0.2.0/24; protocol =tcp;");
}

static void the_classic_fields_are_ipv4_unicast(void **state)
{
	(void)state;
	assert_true(read_hex("0005 08 0a 10 ac10 001b 40010100 400206 0201 0000fdea 400304 "
			     "c0000202 80040400000005"
			     "18 cb0071 19 c63364ff",
			     &external));
	assert_int_equal(count(BGP_PART_WITHDRAWN), 2);
	assert_int_equal(count(BGP_PART_NLRI), 2);
	nlri_is(BGP_PART_WITHDRAWN, "10.0.0.0/8");
	nlri_is(BGP_PART_NLRI, "203.0.113.0/24");
	const struct bgp_attrs *a = bgp_update_attrs(&update, BGP_PART_NLRI);
	assert_int_equal(a->next_hop_len, 4);
	assert_memory_equal(a->next_hop, "\xc0\x00\x02\x02", 4);
}

static void bits_behind_a_prefix_are_masked(void **state)
{
	struct bgp_nlri_room room;
	struct bgp_nlri n;
	uint8_t octets[] = { 25, 198, 51, 100, 0xff };
	struct rd r = rd_over(octets, sizeof(octets));

	(void)state;
	assert_int_equal(bgp_nlri_next(&r, BGP_IPV4_UNICAST, &room, &n, NULL), BGP_NLRI_ONE);
	assert_int_equal(n.len, 5);
	assert_int_equal(n.octets[4], 0x80);
}

static void end_of_rib_is_known_for_every_family(void **state)
{
	uint8_t buf[64];

	(void)state;
	for (unsigned f = 0; f < BGP_FAMILIES; f++) {
		struct wr w = wr_over(buf, sizeof(buf));

		bgp_end_of_rib_write(&w, (enum bgp_family)f);
		assert_int_equal(wr_len(&w), f == BGP_IPV4_UNICAST ? 23 : 30);
		struct rd r = rd_over(buf, wr_len(&w));
		rd_take(&r, BGP_HEADER);
		assert_true(bgp_update_read(r, &internal, &update));
		assert_true(update.end_of_rib);
		assert_int_equal(update.end_family, f);
	}
}

/* ---- Faults, RFC 7606 -------------------------------------------------------------------------
 */

#define PATH_65002 "40010100 400206 0201 0000fdea "
#define HOP        "400304 c0000202 "
#define V6HOP      "10 20010db8000000000000000000000002 00 "

/* clang-format off */
static const struct fault {
	const char *what, *body;
	enum bgp_cost cost;
	uint8_t subcode;
} faults[] = {
	{ "withdrawn length too large",   "0005 0000 0000", BGP_COST_RESET, 1 },
	{ "attribute length too large",   "0000 0001", BGP_COST_RESET, 1 },
	{ "no ORIGIN",                    "0000 0010 400206 0201 0000fdea " HOP "18 cb0071", BGP_COST_WITHDRAW, 3 },
	{ "no AS_PATH",                   "0000 000b 40010100 " HOP "18 cb0071", BGP_COST_WITHDRAW, 3 },
	{ "no NEXT_HOP",                  "0000 000d " PATH_65002 "18 cb0071", BGP_COST_WITHDRAW, 3 },
	{ "another AS in front",          "0000 0014 40010100 400206 0201 0000fdeb " HOP "18 cb0071", BGP_COST_WITHDRAW, 11 },
	{ "no AS in front",               "0000 000e 40010100 400200 " HOP "18 cb0071", BGP_COST_WITHDRAW, 11 },
	{ "prefix length 33",             "0000 0014 " PATH_65002 HOP "21 cb00710000", BGP_COST_RESET, 10 },
	{ "prefix cut short",             "0000 0014 " PATH_65002 HOP "18 cb00", BGP_COST_RESET, 10 },
	{ "withdrawn prefix length 33",   "0006 21 cb00710000 0000", BGP_COST_RESET, 10 },
	{ "IPv6 prefix length 129",       "0000 0028 " PATH_65002 "800e18 0002 01 " V6HOP "81 2001", BGP_COST_RESET, 9 },
	{ "IPv6 prefix cut short",        "0000 0027 " PATH_65002 "800e17 0002 01 " V6HOP "20 20", BGP_COST_RESET, 9 },
	{ "two next hops of which one lies", "0000 0018 " PATH_65002 "800e08 0001 85 07 00000000", BGP_COST_RESET, 9 },
	{ "flow rule of zero length",     "0000 0016 " PATH_65002 "800e06 0001 85 00 00 00", BGP_COST_WITHDRAW, 9 },
	{ "flow component unknown",       "0000 001a " PATH_65002 "800e0a 0001 85 00 00 04 0e810600", BGP_COST_WITHDRAW, 9 },
	{ "flow components descend",      "0000 001c " PATH_65002 "800e0c 0001 85 00 00 06 048150038106", BGP_COST_WITHDRAW, 9 },
	{ "flow IPv6 offset beyond length", "0000 001a " PATH_65002 "800e0a 0002 85 00 00 04 01202100", BGP_COST_WITHDRAW, 9 },
	{ "flow rule overruns",           "0000 0018 " PATH_65002 "800e08 0001 85 00 00 09 0381", BGP_COST_RESET, 9 },
	{ "withdrawn flow rule overruns", "0000 0008 800f05 0001 85 09 03", BGP_COST_RESET, 9 },
	{ "withdrawn flow rule malformed", "0000 0008 800f05 0001 85 01 03", BGP_COST_WITHDRAW, 9 },
	{ "5.2: a fault and no route",    "0000 0004 40010107", BGP_COST_RESET, 6 },
	{ "5.2: a fault, withdrawals only", "0002 08 0a 0004 40010107", BGP_COST_RESET, 6 },
	{ "5.2: a small fault and no route", "0000 0004 400601 00", BGP_COST_DISCARD, 5 },
	{ "attribute list cut short",     "0000 0016 " PATH_65002 HOP "8004 18 cb0071", BGP_COST_WITHDRAW, 1 },
	{ "IPv6 multicast next hop",      "0000 0028 " PATH_65002 "800e18 0002 01 10 ff020000000000000000000000000001 00 10 2001", BGP_COST_WITHDRAW, 9 },
};
/* clang-format on */

static void a_broken_update_costs_what_rfc_7606_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct fault *f = &faults[i];
		bool alive = read_hex(f->body, &external);

		if (update.attrs.cost != f->cost || update.attrs.fault.subcode != f->subcode ||
		    alive != (f->cost < BGP_COST_RESET))
			fail_msg("%s: cost %u, subcode %u, %s", f->what, update.attrs.cost,
				 update.attrs.fault.subcode, update.attrs.why);
	}
}

static void the_data_of_an_optional_attribute_error_is_the_attribute(void **state)
{
	(void)state;
	assert_false(read_hex("0000 0018 " PATH_65002 "800e08 0001 85 00 00 09 0381", &external));
	assert_int_equal(update.attrs.fault.len, 11);
	assert_memory_equal(update.attrs.fault.data, "\x80\x0e\x08\x00\x01\x85\x00\x00\x09\x03\x81",
			    11);
}

static void rules_beside_a_malformed_one_are_still_found(void **state)
{
	struct bgp_nlri_room room;
	struct bgp_nlri n;
	enum bgp_family f;

	(void)state;
	assert_true(read_hex("0000 001e " PATH_65002 "800e0e 0001 85 00 00 03 038106 00 03 038111",
			     &external));
	assert_int_equal(update.attrs.cost, BGP_COST_WITHDRAW);
	struct rd r = bgp_update_part(&update, BGP_PART_MP_REACH, &f);
	assert_int_equal(bgp_nlri_next(&r, f, &room, &n, NULL), BGP_NLRI_ONE);
	assert_int_equal(bgp_nlri_next(&r, f, &room, &n, NULL), BGP_NLRI_MALFORMED);
	assert_int_equal(bgp_nlri_next(&r, f, &room, &n, NULL), BGP_NLRI_ONE);
	assert_int_equal(bgp_nlri_next(&r, f, &room, &n, NULL), BGP_NLRI_END);
}

static void a_flow_path_may_begin_with_any_as(void **state)
{
	(void)state;
	assert_true(
		read_hex("0000 0019 40010100 400206 0201 0000fdeb 800e09 0001 85 00 00 03 038106",
			 &external));
	assert_int_equal(update.attrs.cost, BGP_COST_NONE);
}

static void families_that_were_not_agreed_on_are_passed_over(void **state)
{
	struct bgp_terms t = { .asn4 = true, .families = 1u << BGP_IPV4_FLOW, .remote_as = 65002 };

	(void)state;
	assert_true(read_hex("0000 0014 " PATH_65002 HOP "18 cb0071", &t));
	assert_true(update.unknown_family);
	assert_int_equal(count(BGP_PART_NLRI), 0);
	assert_true(read_hex("0000 001a " PATH_65002 "800e0a 0019 46 04 c0000201 00 0a", &t));
	assert_true(update.unknown_family);
	assert_int_equal(count(BGP_PART_MP_REACH), 0);
}

static void flow_next_hops_pass_unchanged(void **state)
{
	static const struct {
		const char *body;
		unsigned len;
	} hops[] = {
		{ "0000 0019 " PATH_65002 "800e09 0001 85 00 00 03 038106", 0 },
		{ "0000 001d " PATH_65002 "800e0d 0001 85 04 c0000201 00 03 038106", 4 },
		{ "0000 0029 " PATH_65002
		  "800e19 0001 85 10 20010db8000000000000000000000002 00 03 038106",
		  16 },
		{ "0000 0039 " PATH_65002 "800e29 0001 85 20 20010db8000000000000000000000002"
		  "fe800000000000000000000000000002 00 03 038106",
		  32 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hops) / sizeof(hops[0]); i++) {
		assert_true(read_hex(hops[i].body, &external));
		assert_int_equal(update.attrs.cost, BGP_COST_NONE);
		assert_int_equal(bgp_update_attrs(&update, BGP_PART_MP_REACH)->next_hop_len,
				 hops[i].len);
		assert_int_equal(count(BGP_PART_MP_REACH), 1);
	}
}

static void an_update_cut_anywhere_is_read_without_harm(void **state)
{
	static const char whole[] =
		"0002 08 0a 0039 " PATH_65002 HOP "c01008 8006000000000000"
		"800f07 0001 85 03 038111 800e0d 0001 85 04 c0000201 00 03 038106"
		"18 cb0071";
	uint8_t buf[256];
	size_t len = hex_octets(whole, buf, sizeof(buf));

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		uint8_t *exact = malloc(cut > 0 ? cut : 1);

		memcpy(exact, buf, cut);
		bgp_update_read(rd_over(exact, cut), &external, &update);
		for (unsigned p = 0; p < BGP_PARTS && update.attrs.cost < BGP_COST_RESET; p++)
			count((enum bgp_part)p);
		free(exact);
	}
	assert_int_equal(update.attrs.cost, BGP_COST_NONE); /* not cut at all */
}

/* ---- Packing ------------------------------------------------------------------------------------
 */

static struct bgp_pack pack;
static struct bgp_out got[5000];
static uint8_t got_octets[5000][RANDOM_NLRI_MAX];
static unsigned got_count;

/* Reads the message back and keeps its routes. */
static void read_back(size_t len, const struct bgp_terms *t)
{
	struct bgp_notification fault;
	struct bgp_header h;
	struct rd r = rd_over(pack.octets, len);

	assert_in_range(len, 23, BGP_MESSAGE_MAX);
	assert_int_equal(bgp_frame_read(pack.octets, len, &h, &fault), BGP_FRAME_WHOLE);
	assert_int_equal(h.len, len);
	rd_take(&r, BGP_HEADER);
	assert_true(bgp_update_read(r, t, &update));
	assert_int_equal(update.attrs.cost, BGP_COST_NONE);
	for (unsigned p = 0; p < BGP_PARTS; p++) {
		struct bgp_nlri_room room;
		struct bgp_nlri n;
		enum bgp_family f;
		struct rd part = bgp_update_part(&update, (enum bgp_part)p, &f);

		while (bgp_nlri_next(&part, f, &room, &n, NULL) == BGP_NLRI_ONE) {
			memcpy(got_octets[got_count], n.octets, n.len);
			got[got_count].kind = p == BGP_PART_NLRI || p == BGP_PART_MP_REACH
						      ? BGP_OUT_REACH
						      : BGP_OUT_UNREACH;
			got[got_count].nlri = (struct bgp_nlri){ f, got_octets[got_count], n.len };
			got_count++;
		}
	}
}

static void random_route(struct rnd *r, struct bgp_out *o, uint8_t *octets,
			 const struct bgp_attrs *attrs)
{
	enum bgp_family f = (enum bgp_family)rnd_below(r, BGP_FAMILIES);
	size_t len = 0;

	if (bgp_families[f].vpn) {
		memset(octets, 7, FLOW_RD_OCTETS);
		len = FLOW_RD_OCTETS;
	}
	if (bgp_families[f].flow) {
		len += random_nlri(r, bgp_families[f].flow_family, octets + len);
	} else {
		len = 1 + rnd_below(r, f == BGP_IPV6_UNICAST ? 17 : 5);
		octets[0] = (uint8_t)(8 * (len - 1));
		for (size_t i = 1; i < len; i++)
			octets[i] = (uint8_t)rnd_below(r, 256);
	}
	*o = (struct bgp_out){ rnd_one_in(r, 4) ? BGP_OUT_UNREACH : BGP_OUT_REACH,
			       { f, octets, len },
			       NULL };
	if (o->kind == BGP_OUT_REACH)
		o->attrs = &attrs[f == BGP_IPV4_UNICAST   ? 0
				  : f == BGP_IPV6_UNICAST ? 1
							  : 2 + rnd_below(r, 2)];
}

static void packed_routes_read_the_same(void **state)
{
	static const uint8_t ext[400] = { 0x80, 6 };
	static const struct bgp_attrs attrs[4] = {
		{ .next_hop_len = 4, .next_hop = { 192, 0, 2, 1 }, .has_local_pref = true },
		{ .next_hop_len = 16, .next_hop = { 0x20, 1 }, .has_local_pref = true },
		{ .ext = { ext, 8 } },
		{ .ext = { ext, 400 }, .next_hop_len = 4 },
	};
	static struct bgp_out sent[5000];
	static uint8_t octets[5000][RANDOM_NLRI_MAX];
	struct rnd r = { 77 };
	unsigned messages = 0;

	(void)state;
	got_count = 0;
	bgp_pack_init(&pack, &internal);
	for (unsigned i = 0; i < 5000; i++) {
		/* Runs of one kind, as a table has them. */
		if (i == 0 || rnd_one_in(&r, 10)) {
			random_route(&r, &sent[i], octets[i], attrs);
		} else {
			sent[i] = sent[i - 1];
			memcpy(octets[i], octets[i - 1], RANDOM_NLRI_MAX);
			sent[i].nlri.octets = octets[i];
		}
		enum bgp_packed p = bgp_pack_add(&pack, &sent[i]);
		if (p == BGP_PACK_FULL) {
			read_back(bgp_pack_close(&pack), &internal);
			messages++;
			p = bgp_pack_add(&pack, &sent[i]);
		}
		assert_int_equal(p, BGP_PACKED);
	}
	read_back(bgp_pack_close(&pack), &internal);
	assert_int_equal(bgp_pack_close(&pack), 0);
	assert_int_equal(got_count, 5000);
	assert_in_range(messages, 100, 1000);
	for (unsigned i = 0; i < 5000; i++) {
		assert_int_equal(got[i].kind, sent[i].kind);
		assert_int_equal(got[i].nlri.family, sent[i].nlri.family);
		assert_int_equal(got[i].nlri.len, sent[i].nlri.len);
		assert_memory_equal(got[i].nlri.octets, sent[i].nlri.octets, sent[i].nlri.len);
	}
}

static void a_message_is_filled_to_its_last_octet(void **state)
{
	static const struct bgp_attrs attrs = { .next_hop_len = 4, .next_hop = { 192, 0, 2, 1 } };
	struct bgp_out o = { BGP_OUT_REACH,
			     { BGP_IPV4_UNICAST, (const uint8_t *)"\x08\x0a", 2 },
			     &attrs };
	unsigned n = 0;

	(void)state;
	bgp_pack_init(&pack, &internal);
	while (bgp_pack_add(&pack, &o) == BGP_PACKED)
		n++;
	/* 19 + 2 + 2 + ORIGIN 4 + AS_PATH 3 + NEXT_HOP 7 = 37, then two octets a route */
	assert_int_equal(n, (4096 - 37) / 2);
	assert_int_equal(bgp_pack_close(&pack), 37 + 2 * n);
}

/* The largest flow rule has 4095 octets behind its length: with a header it fits into no message.
 */
static void a_rule_too_large_for_a_message_is_refused(void **state)
{
	static const struct bgp_attrs attrs = { .next_hop_len = 0 };
	static uint8_t octets[FLOW_NLRI_MAX];
	struct bgp_out o = { BGP_OUT_REACH, { BGP_IPV4_FLOW, octets, sizeof(octets) }, &attrs };
	size_t largest = 0;

	(void)state;
	bgp_pack_init(&pack, &internal);
	assert_int_equal(bgp_pack_add(&pack, &o), BGP_PACK_TOO_LARGE);
	assert_int_equal(bgp_pack_close(&pack), 0);
	for (size_t len = 4000; len <= FLOW_NLRI_MAX; len++) {
		o.nlri.len = len;
		if (bgp_pack_add(&pack, &o) == BGP_PACKED) {
			largest = len;
			assert_in_range(bgp_pack_close(&pack), 4000, 4096);
		}
	}
	/* 19 + 2 + 2 + MP_REACH 9 + length 2 + ORIGIN 4 + AS_PATH 3 */
	assert_int_equal(largest, 4096 - 41);
}

static void mp_reach_comes_first(void **state)
{
	static const struct bgp_attrs attrs = { .next_hop_len = 0,
						.has_local_pref = true,
						.local_pref = 100 };
	struct bgp_out o = { BGP_OUT_REACH,
			     { BGP_IPV4_FLOW, (const uint8_t *)"\x03\x81\x06", 3 },
			     &attrs };
	uint8_t want[256];
	size_t len = hex_octets("ffffffffffffffffffffffffffffffff 0032 02 0000 001b"
				"900e0009 0001 85 00 00 03 038106 40010100 400200 40050400000064",
				want, sizeof(want));

	(void)state;
	bgp_pack_init(&pack, &internal);
	assert_int_equal(bgp_pack_add(&pack, &o), BGP_PACKED);
	assert_int_equal(bgp_pack_close(&pack), len);
	assert_memory_equal(pack.octets, want, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_of_exabgp_is_read),
		cmocka_unit_test(attributes_without_a_route_say_nothing),
		cmocka_unit_test(a_withdrawal_may_carry_attributes),
		cmocka_unit_test(the_classic_fields_are_ipv4_unicast),
		cmocka_unit_test(bits_behind_a_prefix_are_masked),
		cmocka_unit_test(end_of_rib_is_known_for_every_family),
		cmocka_unit_test(a_broken_update_costs_what_rfc_7606_says),
		cmocka_unit_test(the_data_of_an_optional_attribute_error_is_the_attribute),
		cmocka_unit_test(rules_beside_a_malformed_one_are_still_found),
		cmocka_unit_test(a_flow_path_may_begin_with_any_as),
		cmocka_unit_test(families_that_were_not_agreed_on_are_passed_over),
		cmocka_unit_test(flow_next_hops_pass_unchanged),
		cmocka_unit_test(an_update_cut_anywhere_is_read_without_harm),
		cmocka_unit_test(packed_routes_read_the_same),
		cmocka_unit_test(a_message_is_filled_to_its_last_octet),
		cmocka_unit_test(a_rule_too_large_for_a_message_is_refused),
		cmocka_unit_test(mp_reach_comes_first),
	};

	return cmocka_run_group_tests_name("bgp_update", tests, NULL, NULL);
}
