/* SPDX-License-Identifier: ISC */
/* bgp_attr_test.c - interned attributes, AS paths, and what each malformed attribute costs (RFC
 * 7606 7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bgp/attr.h"
#include "tests/flow_random.h"
#include "tests/hex.h"

static const struct bgp_terms internal = { .internal = true, .asn4 = true, .families = 0x3f };
static const struct bgp_terms external = { .asn4 = true, .families = 0x3f, .remote_as = 65002 };
static const struct bgp_terms external2 = { .families = 0x3f, .remote_as = 65002 };

static struct bgp_attr_draft draft;
static uint8_t message[BGP_MESSAGE_MAX];

static void read_hex(const char *hex, const struct bgp_terms *t)
{
	bgp_attrs_read(rd_over(message, hex_octets(hex, message, sizeof(message))), t, &draft);
}

/* ---- The cost of faults ------------------------------------------------------------------- */

#define N BGP_COST_NONE
#define D BGP_COST_DISCARD
#define W BGP_COST_WITHDRAW
#define R BGP_COST_RESET

/* clang-format off */
static const struct fault {
	const char *hex;
	enum bgp_cost internal, external;
	uint8_t subcode;
} faults[] = {
	{ "400101 00",                      N, N, 0 },  /* ORIGIN */
	{ "400101 03",                      W, W, 6 },
	{ "400100",                         W, W, 5 },
	{ "400102 0000",                    W, W, 5 },
	{ "c00101 00",                      W, W, 4 },  /* flags */
	{ "000101 00",                      W, W, 4 },
	{ "50010001 00",                    N, N, 0 },
	{ "400200",                         N, N, 0 },  /* AS_PATH */
	{ "400206 0201 0000fdea",           N, N, 0 },
	{ "400206 0201 00000000",           W, W, 11 }, /* AS 0 */
	{ "400202 0200",                    W, W, 11 }, /* an empty segment */
	{ "400206 0501 0000fdea",           W, W, 11 }, /* unknown segment */
	{ "400206 0001 0000fdea",           W, W, 11 },
	{ "400206 0202 0000fdea",           W, W, 11 }, /* overrun */
	{ "400207 0201 0000fdea 02",        W, W, 11 }, /* one octet left */
	{ "400206 0301 0000fdea",           N, W, 11 }, /* confederation */
	{ "400304 c0000201",                N, N, 0 },  /* NEXT_HOP */
	{ "400304 00000000",                W, W, 8 },
	{ "400304 e0000001",                W, W, 8 },
	{ "400303 c00002",                  W, W, 5 },
	{ "800404 00000001",                N, N, 0 },  /* MULTI_EXIT_DISC */
	{ "800403 000001",                  W, W, 5 },
	{ "400504 00000064",                N, N, 0 },  /* LOCAL_PREF */
	{ "400505 0000006400",              W, N, 5 },
	{ "c00504 00000064",                W, N, 4 },
	{ "400600",                         N, N, 0 },  /* ATOMIC_AGGREGATE */
	{ "400601 00",                      D, D, 5 },
	{ "c00708 0000fdea c0000201",       N, N, 0 },  /* AGGREGATOR */
	{ "c00706 fdea c0000201",           D, D, 9 },
	{ "c00708 00000000 c0000201",       D, D, 9 },
	{ "c00804 fdea0001",                N, N, 0 },  /* COMMUNITIES */
	{ "c00800",                         W, W, 5 },
	{ "c00803 fdea00",                  W, W, 5 },
	{ "800904 c0000201",                N, N, 0 },  /* ORIGINATOR_ID */
	{ "800903 c00002",                  W, N, 5 },
	{ "800a04 c0000201",                N, N, 0 },  /* CLUSTER_LIST */
	{ "800a00",                         W, N, 5 },
	{ "800a05 c000020100",              W, N, 5 },
	{ "800e05 0001 85 00 00",           N, N, 0 },  /* MP_REACH_NLRI */
	{ "800e04 0001 85 00",              R, R, 9 },
	{ "800e05 0001 85 04 00",           R, R, 9 },
	{ "c00e05 0001 85 00 00",           R, R, 9 },
	{ "800e06 0001 85 01 00 00",        R, R, 9 },  /* a next hop of one octet */
	{ "800e09 0002 01 04 c0000201 00",  R, R, 9 },  /* IPv6 unicast wants 16 or 32 */
	{ "800e05 0001 01 00 00",           R, R, 9 },
	{ "800e06 0019 41 01 00 00",        N, N, 0 },  /* a family that we do not speak */
	{ "800f03 0001 85",                 N, N, 0 },  /* MP_UNREACH_NLRI */
	{ "800f02 0001",                    R, R, 9 },
	{ "400f03 0001 85",                 R, R, 9 },
	{ "c01008 8006000000000000",        N, N, 0 },  /* EXTENDED COMMUNITIES */
	{ "c01000",                         W, W, 5 },
	{ "c01007 80060000000000",          W, W, 5 },
	{ "c01914 0000000000000000000000000000000000000000", N, N, 0 },
	{ "c01910 00000000000000000000000000000000", W, W, 5 },
	{ "c0200c 000000010000000200000003", N, N, 0 }, /* LARGE COMMUNITIES */
	{ "c02008 0000000100000002",        W, W, 5 },
	{ "c06304 01020304",                N, N, 0 },  /* unknown: transitive, not transitive, well-known */
	{ "806304 01020304",                N, N, 0 },
	{ "406304 01020304",                R, R, 2 },
	{ "400101 00 400101 01",            D, D, 1 },  /* twice */
	{ "800f03 0001 85 800f03 0002 85",  R, R, 1 },
	{ "800e05 0001 85 00 00 800e05 0002 85 00 00", R, R, 1 },
	{ "400102 00",                      W, W, 1 },  /* cut short */
	{ "4001",                           W, W, 1 },
	{ "40",                             W, W, 1 },
	{ "50010100 00",                    W, W, 1 },
};
/* clang-format on */

static void a_fault_costs_what_rfc_7606_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct fault *f = &faults[i];

		read_hex(f->hex, &internal);
		if (draft.cost != f->internal ||
		    (f->internal != N && draft.fault.subcode != f->subcode))
			fail_msg("%s: internal: cost %u, subcode %u", f->hex, draft.cost,
				 draft.fault.subcode);
		read_hex(f->hex, &external);
		if (draft.cost != f->external ||
		    (f->external != N && draft.fault.subcode != f->subcode))
			fail_msg("%s: external: cost %u, subcode %u", f->hex, draft.cost,
				 draft.fault.subcode);
	}
}

static void the_strongest_of_several_faults_counts(void **state)
{
	(void)state;
	read_hex("400601 00 400101 03 c00803 fdea00", &external);
	assert_int_equal(draft.cost, W);
	assert_int_equal(draft.fault.subcode, BGP_UPDATE_ORIGIN);
	assert_int_equal(draft.offset, 4);
	read_hex("400101 03 406304 01020304 400601 00", &external);
	assert_int_equal(draft.cost, R);
	assert_int_equal(draft.fault.len, 7);
	assert_memory_equal(draft.fault.data, "\x40\x63\x04\x01\x02\x03\x04", 7);
}

static void what_is_for_internal_neighbors_stays_there(void **state)
{
	uint8_t buf[256];
	struct wr w = wr_over(buf, sizeof(buf));

	(void)state;
	read_hex("400504 00000064 800904 c0000201 800a04 c0000201", &external);
	assert_false(draft.a.has_local_pref || draft.a.has_originator_id ||
		     draft.a.cluster_list.len > 0);
	read_hex("40010100 400200 400504 00000064 800904 c0000201 800a04 c0000201", &internal);
	assert_true(draft.a.has_local_pref && draft.a.has_originator_id &&
		    draft.a.cluster_list.len == 4);
	bgp_attrs_write(&w, &draft.a, &external, false);
	assert_int_equal(wr_len(&w), 7);
}

/* ---- AS paths of two widths, RFC 6793 4.2.3 -------------------------------------------------- */

static void path_is(const char *want)
{
	char buf[512];
	struct str s = str_over(buf, sizeof(buf));

	assert_int_equal(draft.cost, BGP_COST_NONE);
	bgp_as_path_print(&draft.a, &s);
	assert_string_equal(buf, want);
}

static void two_octet_paths_are_made_whole(void **state)
{
	(void)state;
	read_hex("400206 0202 fdea fde9", &external2);
	path_is("65002 65001");
	read_hex("400206 0202 fdea 5ba0 c01106 0201 fa56ea01", &external2);
	path_is("65002 4200000001");
	/* More in AS4_PATH than in AS_PATH: ignored. */
	read_hex("400204 0201 5ba0 c0110a 0202 fa56ea01 fa56ea02", &external2);
	path_is("23456");
	/* Confederation segments in AS4_PATH are left out. */
	read_hex("400206 0202 fdea 5ba0 c0110c 0301 0000fde9 0201 fa56ea01", &external2);
	path_is("65002 4200000001");
	/* From a 4-octet speaker AS4_PATH says nothing. */
	read_hex("400206 0201 0000fdea c01106 0201 fa56ea01", &external);
	path_is("65002");
	/* An aggregator that is no AS_TRANS: nobody with 4 octets came after. */
	read_hex("400206 0202 fdea 5ba0 c00706 fdeb c0000201 c01106 0201 fa56ea01 c01208 fa56ea01 "
		 "c0000202",
		 &external2);
	path_is("65002 23456");
	assert_memory_equal(draft.a.aggregator.at, "\x00\x00\xfd\xeb\xc0\x00\x02\x01", 8);
	read_hex("400206 0202 fdea 5ba0 c00706 5ba0 c0000201 c01106 0201 fa56ea01 c01208 fa56ea01 "
		 "c0000202",
		 &external2);
	path_is("65002 4200000001");
	assert_memory_equal(draft.a.aggregator.at, "\xfa\x56\xea\x01\xc0\x00\x02\x02", 8);
}

static void a_path_survives_a_two_octet_session(void **state)
{
	static const char *const paths[] = { "400206 0201 fa56ea01",
					     "40020a 0202 0000fdea fa56ea01",
					     "40020c 0201 fa56ea01 0101 0000fdea",
					     "400206 0201 0000fdea" };
	uint8_t buf[256], path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct wr w = wr_over(buf, sizeof(buf));

		read_hex(paths[i], &external);
		size_t len = draft.a.as_path.len;
		memcpy(path, draft.a.as_path.at, len);
		bgp_attrs_write(&w, &draft.a, &external2, false);
		bgp_attrs_read(rd_over(buf, wr_len(&w)), &external2, &draft);
		assert_int_equal(draft.cost, BGP_COST_NONE);
		assert_int_equal(draft.a.as_path.len, len);
		assert_memory_equal(draft.a.as_path.at, path, len);
	}
}

static void paths_are_counted_and_searched(void **state)
{
	uint8_t buf[256];
	struct wr w = wr_over(buf, sizeof(buf));

	(void)state;
	read_hex("400222 0301 0000fde8 0202 0000fdea 0000fdeb 0102 0000fdec 0000fded 0201 0000fdee",
		 &internal);
	assert_int_equal(draft.cost, BGP_COST_WITHDRAW); /* the length lies by four */
	read_hex("40021e 0301 0000fde8 0202 0000fdea 0000fdeb 0102 0000fdec 0000fded 0201 0000fdee",
		 &internal);
	assert_int_equal(draft.cost, BGP_COST_WITHDRAW);
	read_hex("400220 0301 0000fde8 0202 0000fdea 0000fdeb 0102 0000fdec 0000fded 0201 0000fdee",
		 &internal);
	path_is("(65000) 65002 65003 {65004 65005} 65006");
	assert_int_equal(bgp_as_path_length(&draft.a), 4);
	assert_true(bgp_as_path_has(&draft.a, 65005));
	assert_true(bgp_as_path_has(&draft.a, 65000));
	assert_false(bgp_as_path_has(&draft.a, 65007));
	assert_int_equal(bgp_as_path_first(&draft.a), 65002);
	assert_int_equal(bgp_as_path_origin(&draft.a), 65006);
	bgp_as_path_prepend(&draft.a, 65007, &w);
	struct bgp_attrs a = { .as_path = { buf, (uint16_t)wr_len(&w) } };
	assert_int_equal(bgp_as_path_first(&a), 65007);
	assert_int_equal(bgp_as_path_length(&a), 5);
	a.as_path.len = 0;
	assert_int_equal(bgp_as_path_length(&a), 0);
	assert_int_equal(bgp_as_path_first(&a), 0);
	assert_int_equal(bgp_as_path_origin(&a), 0);
}

static void a_full_segment_gets_a_new_one_in_front(void **state)
{
	uint8_t path[2 + 4 * 255] = { 2, 255 }, buf[2048];
	struct bgp_attrs a = { .as_path = { path, sizeof(path) } };
	struct wr w = wr_over(buf, sizeof(buf));

	(void)state;
	bgp_as_path_prepend(&a, 65001, &w);
	assert_int_equal(wr_len(&w), sizeof(path) + 6);
	a.as_path = (struct bgp_octets){ buf, (uint16_t)wr_len(&w) };
	assert_int_equal(bgp_as_path_length(&a), 256);
}

/* ---- Interning ------------------------------------------------------------------------------- */

static void equal_attributes_are_one_object(void **state)
{
	struct bgp_attr_table *t = bgp_attr_table_new();
	uint8_t ext[] = { 0x80, 6, 0, 0, 0, 0, 0, 0 }, twin[] = { 0x80, 6, 0, 0, 0, 0, 0, 0 };
	struct bgp_attrs d = { .has_med = true, .med = 5, .ext = { ext, 8 } }, e = d;

	(void)state;
	e.ext.at = twin;
	e.local_pref = 7; /* does not count without has_local_pref */
	struct bgp_attrs *a = bgp_attrs_intern(t, &d), *b = bgp_attrs_intern(t, &e);
	assert_ptr_equal(a, b);
	assert_int_equal(a->refs, 2);
	ext[1] = 7; /* the octets were copied */
	assert_int_equal(a->ext.at[1], 6);
	e.med = 6;
	struct bgp_attrs *c = bgp_attrs_intern(t, &e);
	assert_ptr_not_equal(a, c);
	bgp_attrs_unref(t, a);
	bgp_attrs_unref(t, bgp_attrs_ref(c));
	bgp_attrs_unref(t, c);
	bgp_attrs_unref(t, b);
	bgp_attr_table_free(t);
}

static void no_two_fields_are_taken_for_each_other(void **state)
{
	struct bgp_attr_table *t = bgp_attr_table_new();
	static const uint8_t octets[8] = { 2, 1, 0, 0, 0xfd, 0xea, 0, 0 };
	struct bgp_octets o = { octets, 8 };
	struct bgp_attrs d[] = {
		{ .as_path = o },
		{ .aggregator = o },
		{ .cluster_list = o },
		{ .communities = o },
		{ .ext = o },
		{ .ext6 = o },
		{ .large = o },
		{ .unknown = o },
		{ .origin = 1 },
		{ .has_med = true },
		{ .has_local_pref = true },
		{ .next_hop_len = 4 },
		{ .atomic_aggregate = true },
		{ .has_originator_id = true },
	};
	struct bgp_attrs *a[sizeof(d) / sizeof(d[0])];

	(void)state;
	for (size_t i = 0; i < sizeof(d) / sizeof(d[0]); i++) {
		a[i] = bgp_attrs_intern(t, &d[i]);
		assert_int_equal(a[i]->refs, 1);
	}
	for (size_t i = 0; i < sizeof(d) / sizeof(d[0]); i++)
		bgp_attrs_unref(t, a[i]);
	bgp_attr_table_free(t);
}

/* ---- Random attributes there and back
 * ------------------------------------------------------------ */

static uint8_t pool[4096];

static struct bgp_octets random_octets(struct rnd *r, unsigned unit, unsigned most)
{
	unsigned n = rnd_one_in(r, 2) ? 0 : rnd_below(r, most + 1);

	return (struct bgp_octets){ pool + rnd_below(r, 1024), (uint16_t)(n * unit) };
}

static void random_path(struct rnd *r, struct wr *w)
{
	for (unsigned s = rnd_below(r, 4); s > 0; s--) {
		unsigned n = 1 + rnd_below(r, 5);

		wr_u8(w, (uint8_t)(1 + rnd_below(r, 2)));
		wr_u8(w, (uint8_t)n);
		for (; n > 0; n--)
			wr_u32(w, rnd_one_in(r, 3) ? 4200000000 + rnd_below(r, 9)
						   : 1 + rnd_below(r, 65000));
	}
}

static void what_is_written_reads_the_same(void **state)
{
	struct rnd r = { 20260101 };
	struct bgp_attr_table *t = bgp_attr_table_new();
	uint8_t path[256], buf[BGP_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(pool); i++)
		pool[i] = (uint8_t)(1 + rnd_below(&r, 255));
	for (unsigned n = 0; n < 20000; n++) {
		struct bgp_terms terms = { .internal = true,
					   .asn4 = rnd_one_in(&r, 2),
					   .families = 0x3f };
		struct wr p = wr_over(path, sizeof(path)), w = wr_over(buf, sizeof(buf));
		struct bgp_attrs d = { .origin = (uint8_t)rnd_below(&r, 3),
				       .has_med = rnd_one_in(&r, 2),
				       .med = rnd_below(&r, 1000),
				       .has_local_pref = rnd_one_in(&r, 2),
				       .local_pref = rnd_below(&r, 1000),
				       .has_originator_id = rnd_one_in(&r, 2),
				       .originator_id = { 192, 0, 2, 1 },
				       .atomic_aggregate = rnd_one_in(&r, 2),
				       .cluster_list = random_octets(&r, 4, 5),
				       .communities = random_octets(&r, 4, 99),
				       .ext = random_octets(&r, 8, 50),
				       .ext6 = random_octets(&r, 20, 20),
				       .large = random_octets(&r, 12, 30) };

		random_path(&r, &p);
		d.as_path = (struct bgp_octets){ path, (uint16_t)wr_len(&p) };
		if (rnd_one_in(&r, 2))
			d.aggregator = (struct bgp_octets){ pool + rnd_below(&r, 99), 8 };
		bgp_attrs_write(&w, &d, &terms, false);
		assert_true(wr_ok(&w));
		bgp_attrs_read(rd_over(buf, wr_len(&w)), &terms, &draft);
		assert_int_equal(draft.cost, BGP_COST_NONE);
		struct bgp_attrs *a = bgp_attrs_intern(t, &d), *b = bgp_attrs_intern(t, &draft.a);
		assert_ptr_equal(a, b);
		bgp_attrs_unref(t, a);
		bgp_attrs_unref(t, b);
	}
	bgp_attr_table_free(t);
}

static void what_we_do_not_know_goes_along_with_the_partial_bit(void **state)
{
	uint8_t buf[256], want[256];
	struct wr w = wr_over(buf, sizeof(buf));
	size_t len = hex_octets("40010100 400200 e00b02 0102 c01008 8006000000000000 e06301 07",
				want, sizeof(want));

	(void)state;
	read_hex("c06301 07 40010100 400200 c00b02 0102 c01008 8006000000000000 806401 01",
		 &internal);
	bgp_attrs_write(&w, &draft.a, &internal, false);
	assert_int_equal(wr_len(&w), len);
	assert_memory_equal(buf, want, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fault_costs_what_rfc_7606_says),
		cmocka_unit_test(the_strongest_of_several_faults_counts),
		cmocka_unit_test(what_is_for_internal_neighbors_stays_there),
		cmocka_unit_test(two_octet_paths_are_made_whole),
		cmocka_unit_test(a_path_survives_a_two_octet_session),
		cmocka_unit_test(paths_are_counted_and_searched),
		cmocka_unit_test(a_full_segment_gets_a_new_one_in_front),
		cmocka_unit_test(equal_attributes_are_one_object),
		cmocka_unit_test(no_two_fields_are_taken_for_each_other),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(what_we_do_not_know_goes_along_with_the_partial_bit),
	};

	return cmocka_run_group_tests_name("bgp_attr", tests, NULL, NULL);
}
