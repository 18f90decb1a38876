/* SPDX-License-Identifier: ISC */
/* bgp_msg_test.c - frames, OPEN, NOTIFICATION and ROUTE-REFRESH: octets there and back, and what
 * each fault is answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "bgp/msg.h"
#include "tests/hex.h"

#define MARKER "ffffffffffffffffffffffffffffffff"

static void fault_is(const struct bgp_notification *n, uint8_t code, uint8_t subcode,
		     const char *data)
{
	uint8_t want[BGP_MESSAGE_MAX];
	size_t len = hex_octets(data, want, sizeof(want));

	assert_int_equal(n->code, code);
	assert_int_equal(n->subcode, subcode);
	assert_int_equal(n->len, len);
	assert_memory_equal(n->data, want, len);
}

static void header_faults_have_their_codes_and_data(void **state)
{
	/* clang-format off */
	static const struct {
		const char *hex;
		uint8_t code, subcode;
		const char *data;
	} faults[] = {
		{ "00",                                1, 1, "" },
		{ "fffffffffffffffffffffffffffffffe",  1, 1, "" },
		{ MARKER "0012 04",                    1, 2, "0012" },
		{ MARKER "0000 04",                    1, 2, "0000" },
		{ MARKER "1001 02",                    1, 2, "1001" },
		{ MARKER "ffff 02",                    1, 2, "ffff" },
		{ MARKER "001c 01",                    1, 2, "001c" },
		{ MARKER "0016 02",                    1, 2, "0016" },
		{ MARKER "0014 03",                    1, 2, "0014" },
		{ MARKER "0014 04",                    1, 2, "0014" },
		{ MARKER "0013 00",                    1, 3, "00" },
		{ MARKER "0013 06",                    1, 3, "06" },
		{ MARKER "0013 ff",                    1, 3, "ff" },
		{ MARKER "0018 05 0001000100",         7, 1, MARKER "0018050001000100" },
	};
	/* clang-format on */
	uint8_t buf[64];
	struct bgp_notification n;
	struct bgp_header h;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		size_t len = hex_octets(faults[i].hex, buf, sizeof(buf));

		assert_int_equal(bgp_frame_read(buf, len, &h, &n), BGP_FRAME_BAD);
		fault_is(&n, faults[i].code, faults[i].subcode, faults[i].data);
	}
}

static void a_message_in_parts_waits_for_the_rest(void **state)
{
	uint8_t buf[64];
	size_t len = hex_octets(MARKER "0017 02 0000 0000", buf, sizeof(buf));
	struct bgp_notification n;
	struct bgp_header h;

	(void)state;
	for (size_t part = 0; part < len; part++)
		assert_int_equal(bgp_frame_read(buf, part, &h, &n), BGP_FRAME_PART);
	assert_int_equal(bgp_frame_read(buf, len, &h, &n), BGP_FRAME_WHOLE);
	assert_int_equal(h.type, BGP_MSG_UPDATE);
	assert_int_equal(h.len, 23);
}

static struct bgp_peer_conf conf(void)
{
	struct bgp_peer_conf c = {
		.remote_as = 65002,
		.local_as = 4200000001,
		.router_id = { 192, 0, 2, 1 },
		.hold_time = 180,
		.asn4 = true,
		.route_refresh = true,
		.families = 1u << BGP_IPV4_FLOW | 1u << BGP_IPV6_UNICAST,
	};
	return c;
}

static void our_open_says_what_is_configured(void **state)
{
	struct bgp_peer_conf c = conf();
	uint8_t buf[BGP_MESSAGE_MAX], want[BGP_MESSAGE_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	(void)state;
	bgp_open_write(&w, &c);
	size_t len = hex_octets(MARKER "0033 01 04 5ba0 00b4 c0000201 16 02 14"
				       "0104 00020001 0104 00010085 0200 4104 fa56ea01",
				want, sizeof(want));
	assert_int_equal(wr_len(&w), len);
	assert_memory_equal(buf, want, len);
}

static void what_we_write_reads_the_same(void **state)
{
	struct bgp_peer_conf c = conf();
	uint8_t buf[BGP_MESSAGE_MAX];
	struct bgp_notification n;

	(void)state;
	for (unsigned families = 1; families < 1u << BGP_FAMILIES; families++)
		for (unsigned bits = 0; bits < 4; bits++) {
			struct wr w = wr_over(buf, sizeof(buf));
			struct bgp_open o;

			c.families = families;
			c.asn4 = (bits & 1) != 0;
			c.route_refresh = (bits & 2) != 0;
			bgp_open_write(&w, &c);
			struct rd r = rd_over(buf, wr_len(&w));
			rd_take(&r, BGP_HEADER);
			assert_true(bgp_open_read(r, &o, &n));
			assert_int_equal(o.as, c.asn4 ? c.local_as : BGP_AS_TRANS);
			assert_int_equal(o.hold_time, 180);
			assert_memory_equal(o.id, c.router_id, 4);
			assert_int_equal(o.families, families);
			assert_int_equal(o.route_refresh, c.route_refresh);
		}
}

static bool read_open(const char *hex, struct bgp_open *o, struct bgp_notification *n)
{
	uint8_t buf[512];

	return bgp_open_read(rd_over(buf, hex_octets(hex, buf, sizeof(buf))), o, n);
}

static void open_faults_have_their_codes_and_data(void **state)
{
	/* clang-format off */
	static const struct {
		const char *hex;
		uint8_t subcode;
		const char *data;
	} faults[] = {
		{ "03 fdea 005a c0000202 00",                   1, "0004" },       /* version 3 */
		{ "05 fdea 005a c0000202 00",                   1, "0004" },
		{ "04 fdea 005a c0000202 03 01 01 00",          4, "" },           /* authentication, long gone */
		{ "04 fdea 005a c0000202 02 03 00",             4, "" },
		{ "04 fdea 005a c0000202 05 02 01",             0, "" },           /* parameters cut short */
		{ "04 fdea 005a c0000202 02 02 06",             0, "" },
		{ "04 fdea 005a c0000202 04 02 02 01 04",       0, "" },           /* a capability cut short */
		{ "04 fdea 005a c0000202 00 00",                0, "" },           /* octets behind */
	};
	/* clang-format on */
	struct bgp_notification n;
	struct bgp_open o;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		assert_false(read_open(faults[i].hex, &o, &n));
		fault_is(&n, BGP_OPEN_ERROR, faults[i].subcode, faults[i].data);
	}
}

static void capabilities_may_come_in_several_parameters(void **state)
{
	struct bgp_notification n;
	struct bgp_open o;

	(void)state;
	assert_true(read_open(
		"04 fdea 005a c0000202 14 02 06 0104 00010085 02 02 0200 02 06 4104 0000fdea", &o,
		&n));
	assert_int_equal(o.families, 1u << BGP_IPV4_FLOW);
	assert_true(o.route_refresh && o.asn4);
}

static void long_parameters_are_read_too(void **state)
{
	struct bgp_notification n;
	struct bgp_open o;

	(void)state;
	assert_true(read_open("04 fdea 005a c0000202 ff ff 0009 02 0006 0104 00020085", &o, &n));
	assert_int_equal(o.families, 1u << BGP_IPV6_FLOW);
}

static void unknown_capabilities_and_families_are_ignored(void **state)
{
	struct bgp_notification n;
	struct bgp_open o;

	(void)state;
	assert_true(
		read_open("04 fdea 005a c0000202 0e 02 0c 4600 4002 99fe 0104 00190041", &o, &n));
	assert_int_equal(o.families, 0);
	assert_true(o.multiprotocol);
}

static void without_multiprotocol_it_is_ipv4_unicast(void **state)
{
	struct bgp_notification n;
	struct bgp_open o;

	(void)state;
	assert_true(read_open("04 fdea 005a c0000202 00", &o, &n));
	assert_int_equal(o.families, 1u << BGP_IPV4_UNICAST);
	assert_int_equal(o.as, 65002);
}

static void the_neighbor_must_be_the_one_configured(void **state)
{
	static const struct bgp_open good = { .as = 65002,
					      .as2 = 65002,
					      .hold_time = 90,
					      .id = { 192, 0, 2, 2 },
					      .asn4 = true,
					      .families = 1u << BGP_IPV4_FLOW };
	struct bgp_peer_conf c = conf();
	struct bgp_notification n;
	struct bgp_open o = good;

	(void)state;
	assert_true(bgp_open_check(&o, &c, &n));
	o.as = 65003;
	assert_false(bgp_open_check(&o, &c, &n));
	fault_is(&n, BGP_OPEN_ERROR, BGP_OPEN_AS, "");
	o = good;
	o.as = o.as2 = 0;
	assert_false(bgp_open_check(&o, &c, &n));
	fault_is(&n, BGP_OPEN_ERROR, BGP_OPEN_AS, "");
	o = good;
	memset(o.id, 0, 4);
	assert_false(bgp_open_check(&o, &c, &n));
	fault_is(&n, BGP_OPEN_ERROR, BGP_OPEN_ID, "");
	o = good;
	o.hold_time = 2;
	assert_false(bgp_open_check(&o, &c, &n));
	fault_is(&n, BGP_OPEN_ERROR, BGP_OPEN_HOLD_TIME, "");
	o.hold_time = 0;
	assert_true(bgp_open_check(&o, &c, &n));
	o = good;
	o.families = 1u << BGP_IPV4_UNICAST;
	assert_false(bgp_open_check(&o, &c, &n));
	fault_is(&n, BGP_OPEN_ERROR, BGP_OPEN_CAPABILITY, "0104 00020001 0104 00010085");
}

static void our_identifier_is_taken_within_an_as_only(void **state)
{
	struct bgp_peer_conf c = conf();
	struct bgp_notification n;
	struct bgp_open o = {
		.as = 65002, .as2 = 65002, .id = { 192, 0, 2, 1 }, .families = 1u << BGP_IPV4_FLOW
	};

	(void)state;
	assert_true(bgp_open_check(&o, &c, &n));
	c.local_as = 65002;
	assert_false(bgp_open_check(&o, &c, &n));
	fault_is(&n, BGP_OPEN_ERROR, BGP_OPEN_ID, "");
}

static void notification_prints(const char *hex, const char *want)
{
	uint8_t buf[512];
	char text[2048];
	struct bgp_notification n;
	struct str s = str_over(text, sizeof(text));

	bgp_notification_read(rd_over(buf, hex_octets(hex, buf, sizeof(buf))), &n);
	bgp_notification_print(&n, &s);
	assert_string_equal(text, want);
}

static void notifications_read_like_sentences(void **state)
{
	(void)state;
	notification_prints("0400", "hold timer expired");
	notification_prints("0301", "UPDATE message error/malformed attribute list");
	notification_prints("0602", "cease/administrative shutdown");
	notification_prints("0602 05 68656c6c6f", "cease/administrative shutdown: hello");
	notification_prints("0602 04 0a1b5b6d", "cease/administrative shutdown: \\x0a\\x1b[m");
	notification_prints("0602 09 6869", "cease/administrative shutdown, data 096869");
	notification_prints("0102 0012", "message header error/bad message length, data 0012");
	notification_prints("6337", "code 99/subcode 55");
}

static void a_refresh_is_written_and_read(void **state)
{
	uint8_t buf[64];

	(void)state;
	for (unsigned f = 0; f < BGP_FAMILIES; f++) {
		struct wr w = wr_over(buf, sizeof(buf));

		bgp_refresh_write(&w, (enum bgp_family)f);
		assert_int_equal(wr_len(&w), 23);
		struct rd r = rd_over(buf, wr_len(&w));
		rd_take(&r, BGP_HEADER);
		assert_int_equal(bgp_refresh_read(r).family, f);
		assert_int_equal(bgp_refresh_read(r).subtype, 0);
	}
}

static void families_are_found_by_number_and_word(void **state)
{
	(void)state;
	for (unsigned f = 0; f < BGP_FAMILIES; f++) {
		const struct bgp_family_type *t = &bgp_families[f];

		assert_int_equal(bgp_family_find(t->afi, t->safi), f);
		assert_int_equal(bgp_family_by_token(t->token), f);
		if (t->flow)
			assert_int_equal(bgp_family_of_flow(t->flow_family, t->vpn), f);
	}
	assert_int_equal(bgp_family_find(25, 65), BGP_FAMILIES);
	assert_int_equal(bgp_family_by_token("ipv4"), BGP_FAMILIES);
}

static void messages_print_for_people(void **state)
{
	static const struct {
		const char *hex, *want;
	} messages[] = {
		{ MARKER "0013 04", "KEEPALIVE, 19 octets\n" },
		{ MARKER "0017 02 0000 0000", "UPDATE, 23 octets\n  End-of-RIB ipv4 unicast\n" },
		{ MARKER "0017 05 0002 00 85", "ROUTE-REFRESH, 23 octets\n  ipv6 flow\n" },
		{ MARKER "0015 03 0602",
		  "NOTIFICATION, 21 octets\n  cease/administrative shutdown\n" },
		{ MARKER "0036 02 0000 0018 40010100 4002 06 0201 0000fdea 400304 c0000202 400504 "
			 "00000064 18 cb0071",
		  NULL },
		{ MARKER "0036 02 0000 001b 40010100 4002 06 0201 0000fdea 400304 c0000202 400504 "
			 "00000064 18 cb0071",
		  "UPDATE, 54 octets\n  ORIGIN: igp\n  AS_PATH: 65002\n  LOCAL_PREF: 100\n"
		  "  announced: ipv4 unicast, next hop 192.0.2.2\n    203.0.113.0/24\n" },
	};
	uint8_t buf[512];
	char text[4096];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		size_t len = hex_octets(messages[i].hex, buf, sizeof(buf));
		struct str s = str_over(text, sizeof(text));
		bool ok = bgp_message_print(buf, len, false, &s, &e);

		assert_int_equal(ok, messages[i].want != NULL);
		if (ok)
			assert_string_equal(text, messages[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_faults_have_their_codes_and_data),
		cmocka_unit_test(a_message_in_parts_waits_for_the_rest),
		cmocka_unit_test(our_open_says_what_is_configured),
		cmocka_unit_test(what_we_write_reads_the_same),
		cmocka_unit_test(open_faults_have_their_codes_and_data),
		cmocka_unit_test(capabilities_may_come_in_several_parameters),
		cmocka_unit_test(long_parameters_are_read_too),
		cmocka_unit_test(unknown_capabilities_and_families_are_ignored),
		cmocka_unit_test(without_multiprotocol_it_is_ipv4_unicast),
		cmocka_unit_test(the_neighbor_must_be_the_one_configured),
		cmocka_unit_test(our_identifier_is_taken_within_an_as_only),
		cmocka_unit_test(notifications_read_like_sentences),
		cmocka_unit_test(a_refresh_is_written_and_read),
		cmocka_unit_test(families_are_found_by_number_and_word),
		cmocka_unit_test(messages_print_for_people),
	};

	return cmocka_run_group_tests_name("bgp_msg", tests, NULL, NULL);
}
