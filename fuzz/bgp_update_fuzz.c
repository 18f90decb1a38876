/* SPDX-License-Identifier: ISC */
/* bgp_update_fuzz.c - what an UPDATE is read as, written again, reads as the same routes with the
 * same attributes.
 *
 * The first octet says on which terms: bit 0 internal, bit 1 AS numbers of 4 octets.
 */
#include <assert.h>
#include <stdlib.h>

#include "bgp/aspath.h"
#include "bgp/update.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bgp_terms terms;
static struct bgp_attr_table *table;

/* The only route of a message that was packed is this one. */
static void reads_as(const uint8_t *octets, size_t len, const struct bgp_out *o)
{
	static struct bgp_update u;
	struct bgp_notification fault;
	struct bgp_header h;
	struct rd r = rd_over(octets, len);
	unsigned seen = 0;

	assert(bgp_frame_read(octets, len, &h, &fault) == BGP_FRAME_WHOLE && h.len == len);
	rd_take(&r, BGP_HEADER);
	assert(bgp_update_read(r, &terms, &u) && u.attrs.cost == BGP_COST_NONE &&
	       !u.unknown_family);
	for (unsigned p = 0; p < BGP_PARTS; p++) {
		struct bgp_nlri_room room;
		struct bgp_nlri n;
		enum bgp_family f;
		struct rd part = bgp_update_part(&u, (enum bgp_part)p, &f);
		bool reach = p == BGP_PART_MP_REACH || p == BGP_PART_NLRI;

		while (bgp_nlri_next(&part, f, &room, &n, NULL) == BGP_NLRI_ONE) {
			seen++;
			assert(n.family == o->nlri.family && n.len == o->nlri.len);
			assert(memcmp(n.octets, o->nlri.octets, n.len) == 0);
			assert(reach == (o->kind == BGP_OUT_REACH));
			if (!reach)
				continue;
			struct bgp_attrs *a =
				bgp_attrs_intern(table, bgp_update_attrs(&u, (enum bgp_part)p));
			assert(a == o->attrs);
			bgp_attrs_unref(table, a);
		}
	}
	assert(seen == 1);
}

static void write_again(const struct bgp_out *o)
{
	static struct bgp_pack pack;

	bgp_pack_init(&pack, &terms);
	if (bgp_pack_add(&pack, o) != BGP_PACKED)
		return; /* too large with longer AS numbers or the longer form of a field */
	size_t len = bgp_pack_close(&pack);
	assert(len >= 23 && len <= BGP_MESSAGE_MAX);
	reads_as(pack.octets, len, o);
}

/* With AS numbers of 2 octets, confederation segments lose what AS4_PATH must not carry. */
static bool is_lossy(const struct bgp_attrs *a)
{
	struct rd r = as_path_reader(&a->as_path);
	struct as_segment s;

	while (!terms.asn4 && as_segment_next(&r, AS_WIDTH, &s))
		if (s.type != AS_SET && s.type != AS_SEQUENCE)
			return true;
	return false;
}

static void each_route(struct bgp_update *u, enum bgp_part part)
{
	bool reach = part == BGP_PART_MP_REACH || part == BGP_PART_NLRI;
	struct bgp_out o = { .kind = reach ? BGP_OUT_REACH : BGP_OUT_UNREACH };
	struct bgp_attrs *attrs = NULL;
	struct bgp_nlri_room room;
	enum bgp_family f;
	struct rd r = bgp_update_part(u, part, &f);
	enum bgp_nlri_read got;

	if (rd_left(&r) == 0)
		return;
	if (reach)
		attrs = bgp_attrs_intern(table, bgp_update_attrs(u, part));
	o.attrs = attrs;
	while ((got = bgp_nlri_next(&r, f, &room, &o.nlri, NULL)) != BGP_NLRI_END) {
		assert(got != BGP_NLRI_OVERRUN); /* it was checked */
		if (got == BGP_NLRI_ONE && (!reach || !is_lossy(attrs)))
			write_again(&o);
	}
	if (attrs != NULL)
		bgp_attrs_unref(table, attrs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bgp_update u;

	if (size < 1 || size > BGP_MESSAGE_MAX - BGP_HEADER)
		return 0;
	if (table == NULL)
		table = bgp_attr_table_new();
	terms = (struct bgp_terms){ .internal = (data[0] & 1) != 0,
				    .asn4 = (data[0] & 2) != 0,
				    .families = 0x3f };
	if (!bgp_update_read(rd_over(data + 1, size - 1), &terms, &u))
		return 0;
	for (unsigned p = 0; p < BGP_PARTS; p++) {
		bool reach = p == BGP_PART_MP_REACH || p == BGP_PART_NLRI;

		if (!reach || u.attrs.cost < BGP_COST_WITHDRAW)
			each_route(&u, (enum bgp_part)p);
	}
	return 0;
}
