/* SPDX-License-Identifier: ISC */
/* attr.c - the attribute table: one row reads, writes and prints an attribute, and says what a
 * fault in it costs.
 *
 * RFC 4271 4.3 and 5, RFC 7606 (cost), RFC 1997, RFC 4360, RFC 4456, RFC 4760, RFC 5701, RFC 6793,
 * RFC 8092.
 *
 * Where we differ: an UPDATE from an internal neighbor without LOCAL_PREF is taken (RFC 4271 5.1.5
 * wants one there; the decision counts 100), and the partial bit of an attribute that we know is
 * not kept.
 */
#include "bgp/attr.h"

#include <stdarg.h>
#include <stdio.h>

#include "bgp/aspath.h"

/* The octets of an attribute as they came. */
struct raw {
	const uint8_t *at;
	size_t len, offset;
	uint8_t flags, type;
	struct rd value;
};

struct row {
	const char *name;
	uint8_t flags;      /* optional and transitive */
	uint8_t unit;       /* octets of the value; 0: the reader checks */
	bool many;          /* one or more units */
	bool internal_only; /* from and to an external neighbor: left out, RFC 7606 7.5, 7.9, 7.10
			     */
	enum bgp_cost cost; /* of a malformed value */
	enum bgp_cost flags_cost;
	uint8_t subcode; /* of a malformed value, should it come to a NOTIFICATION */
	size_t field;    /* the octets in struct bgp_attrs that are the value as it is, or 0 */
	bool (*read)(struct bgp_attr_draft *d, const struct raw *raw, const struct bgp_terms *t);
	void (*write)(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t);
	void (*print)(struct rd r, struct str *out); /* one unit of field */
};

bool bgp_attr_seen(const struct bgp_attr_draft *d, uint8_t type)
{
	return (d->seen[type / 8] >> type % 8 & 1) != 0;
}

void bgp_attr_fault(struct bgp_attr_draft *d, enum bgp_cost cost, size_t offset, uint8_t subcode,
		    const void *data, size_t len, const char *fmt, ...)
{
	va_list ap;

	if (cost <= d->cost)
		return;
	d->cost = cost;
	d->offset = offset;
	bgp_fault(&d->fault, BGP_UPDATE_ERROR, subcode, data, len);
	va_start(ap, fmt);
	vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
}

/* ---- Writing: the head ------------------------------------------------------------------ */

struct wr_hole bgp_attr_open(struct wr *w, uint8_t flags, uint8_t type)
{
	wr_u8(w, flags);
	wr_u8(w, type);
	return wr_open(w, (flags & BGP_ATTR_EXTENDED) != 0 ? 2 : 1);
}

static void write_value(struct wr *w, uint8_t flags, uint8_t type, const void *value, size_t len)
{
	struct wr_hole h =
		bgp_attr_open(w, len > UINT8_MAX ? flags | BGP_ATTR_EXTENDED : flags, type);

	wr_bytes(w, value, len);
	wr_close(w, h);
}

static void write_number(struct wr *w, uint8_t flags, uint8_t type, uint32_t v)
{
	struct wr_hole h = bgp_attr_open(w, flags, type);

	wr_u32(w, v);
	wr_close(w, h);
}

/* ---- The plain ones --------------------------------------------------------------------- */

static bool read_origin(struct bgp_attr_draft *d, const struct raw *raw, const struct bgp_terms *t)
{
	struct rd r = raw->value;
	uint8_t origin = rd_u8(&r);

	(void)t;
	d->a.origin = origin;
	return origin <= BGP_ORIGIN_INCOMPLETE;
}

static void write_origin(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	(void)t;
	write_value(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_ORIGIN, &a->origin, 1);
}

static bool read_med(struct bgp_attr_draft *d, const struct raw *raw, const struct bgp_terms *t)
{
	struct rd r = raw->value;

	(void)t;
	d->a.has_med = true;
	d->a.med = rd_u32(&r);
	return true;
}

static void write_med(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	(void)t;
	if (a->has_med)
		write_number(w, BGP_ATTR_OPTIONAL, BGP_ATTR_MED, a->med);
}

static bool read_local_pref(struct bgp_attr_draft *d, const struct raw *raw,
			    const struct bgp_terms *t)
{
	struct rd r = raw->value;

	(void)t;
	d->a.has_local_pref = true;
	d->a.local_pref = rd_u32(&r);
	return true;
}

static void write_local_pref(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	(void)t;
	if (a->has_local_pref)
		write_number(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_LOCAL_PREF, a->local_pref);
}

static bool read_atomic(struct bgp_attr_draft *d, const struct raw *raw, const struct bgp_terms *t)
{
	(void)t;
	d->a.atomic_aggregate = rd_left(&raw->value) == 0;
	return d->a.atomic_aggregate;
}

static void write_atomic(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	(void)t;
	if (a->atomic_aggregate)
		write_value(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_ATOMIC_AGGREGATE, NULL, 0);
}

static bool read_originator_id(struct bgp_attr_draft *d, const struct raw *raw,
			       const struct bgp_terms *t)
{
	(void)t;
	d->a.has_originator_id = true;
	memcpy(d->a.originator_id, raw->value.pos, 4);
	return true;
}

static void write_originator_id(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	(void)t;
	if (a->has_originator_id)
		write_value(w, BGP_ATTR_OPTIONAL, BGP_ATTR_ORIGINATOR_ID, a->originator_id, 4);
}

/* ---- AS numbers, RFC 6793 ------------------------------------------------------------------ */

/* Confederation segments from outside a confederation: malformed, RFC 5065 5. */
static bool read_as_path(struct bgp_attr_draft *d, const struct raw *raw, const struct bgp_terms *t)
{
	struct wr w = wr_over(d->path_buf, sizeof(d->path_buf));

	if (!as_path_widen(raw->value, t->asn4 ? 4 : 2, t->internal, &w))
		return false;
	d->a.as_path = (struct bgp_octets){ d->path_buf, (uint16_t)wr_len(&w) };
	return true;
}

static void write_as_path(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	uint8_t buf[2 * BGP_MESSAGE_MAX];
	struct wr narrow = wr_over(buf, sizeof(buf));

	if (t->asn4) {
		write_value(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_AS_PATH, a->as_path.at,
			    a->as_path.len);
		return;
	}
	as_path_narrow(a->as_path, &narrow);
	if (!wr_ok(&narrow))
		w->full = true;
	write_value(w, BGP_ATTR_TRANSITIVE, BGP_ATTR_AS_PATH, buf, wr_len(&narrow));
}

/* Between two 4-octet speakers it is left unread, RFC 6793 4.1. */
static bool read_as4_path(struct bgp_attr_draft *d, const struct raw *raw,
			  const struct bgp_terms *t)
{
	struct wr w = wr_over(d->path4_buf, sizeof(d->path4_buf));
	uint8_t buf[BGP_MESSAGE_MAX];
	struct wr all = wr_over(buf, sizeof(buf));

	if (t->asn4)
		return true;
	if (!as_path_widen(raw->value, 4, true, &all))
		return false;
	as_path_without_confed((struct bgp_octets){ buf, (uint16_t)wr_len(&all) }, &w);
	d->path4 = (struct bgp_octets){ d->path4_buf, (uint16_t)wr_len(&w) };
	return true;
}

static void write_as4_path(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	uint8_t buf[3 * BGP_MESSAGE_MAX];
	struct wr scratch = wr_over(buf, sizeof(buf));

	if (t->asn4 || !as_path_narrow(a->as_path, &scratch))
		return;
	scratch = wr_over(buf, sizeof(buf));
	as_path_without_confed(a->as_path, &scratch);
	if (!wr_ok(&scratch))
		w->full = true;
	write_value(w, BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, BGP_ATTR_AS4_PATH, buf,
		    wr_len(&scratch));
}

static bool read_aggregator_of(struct rd r, size_t width, uint8_t to[8])
{
	struct wr w = wr_over(to, 8);

	if (rd_left(&r) != width + 4)
		return false;
	uint32_t as = (uint32_t)rd_uint(&r, width);
	wr_u32(&w, as);
	wr_bytes(&w, r.pos, 4);
	return as != 0; /* RFC 7607 2 */
}

static bool read_aggregator(struct bgp_attr_draft *d, const struct raw *raw,
			    const struct bgp_terms *t)
{
	if (!read_aggregator_of(raw->value, t->asn4 ? 4 : 2, d->aggregator_buf))
		return false;
	d->a.aggregator = (struct bgp_octets){ d->aggregator_buf, 8 };
	return true;
}

static void write_aggregator(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	struct rd r = rd_over(a->aggregator.at, a->aggregator.len);
	uint8_t flags = BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE;

	if (a->aggregator.len != 8)
		return;
	uint32_t as = rd_u32(&r);
	struct wr_hole h = bgp_attr_open(w, flags, BGP_ATTR_AGGREGATOR);
	wr_uint(w, t->asn4 ? 4 : 2, t->asn4 || as <= UINT16_MAX ? as : BGP_AS_TRANS);
	wr_bytes(w, r.pos, 4);
	wr_close(w, h);
}

static bool read_as4_aggregator(struct bgp_attr_draft *d, const struct raw *raw,
				const struct bgp_terms *t)
{
	uint8_t buf[8];

	if (t->asn4)
		return true;
	if (!read_aggregator_of(raw->value, 4, buf))
		return false;
	d->aggregator4 = (struct bgp_octets){ raw->value.pos, 8 };
	return true;
}

static void write_as4_aggregator(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t)
{
	struct rd r = rd_over(a->aggregator.at, a->aggregator.len);

	if (!t->asn4 && a->aggregator.len == 8 && rd_u32(&r) > UINT16_MAX)
		write_value(w, BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE, BGP_ATTR_AS4_AGGREGATOR,
			    a->aggregator.at, a->aggregator.len);
}

/* RFC 6793 4.2.3, once all attributes are read. */
static void merge_as4(struct bgp_attr_draft *d)
{
	struct rd r = rd_over(d->a.aggregator.at, d->a.aggregator.len);
	struct wr w = wr_over(d->merge_buf, sizeof(d->merge_buf));

	if (d->a.aggregator.len > 0 && d->aggregator4.len > 0) {
		if (rd_u32(&r) != BGP_AS_TRANS)
			return;
		memcpy(d->aggregator_buf, d->aggregator4.at, 8);
	}
	if (d->path4.len == 0)
		return;
	as_path_merge(d->a.as_path, d->path4, &w);
	if (wr_ok(&w))
		d->a.as_path = (struct bgp_octets){ d->merge_buf, (uint16_t)wr_len(&w) };
}

/* ---- Next hops and multiprotocol, RFC 4760 -------------------------------------------------- */

/* RFC 4271 6.3: a host's address by its form.  Whether it can be reached is the RIB's to say, so a
 * loopback address is taken. */
static bool is_host4(const uint8_t a[4])
{
	return a[0] != 0 && a[0] < 224;
}

static bool is_host6(const uint8_t a[16])
{
	static const uint8_t zero[16] = { 0 };

	return a[0] != 0xff && memcmp(a, zero, sizeof(zero)) != 0;
}

static bool read_next_hop(struct bgp_attr_draft *d, const struct raw *raw,
			  const struct bgp_terms *t)
{
	(void)t;
	d->nlri_next_hop = (struct bgp_octets){ raw->value.pos, 4 };
	return is_host4(raw->value.pos);
}

/* Which lengths a next hop may have, and how much of it is a route distinguisher.  For flow rules
 * it should be 0 (RFC 8955 4); redirect drafts use an address there. */
static bool next_hop_fits(enum bgp_family f, size_t len, size_t *ret_rd)
{
	const struct bgp_family_type *t = &bgp_families[f];

	*ret_rd = 0;
	if (t->vpn && (len == 12 || len == 24)) {
		*ret_rd = FLOW_RD_OCTETS;
		return true;
	}
	if (t->flow)
		return len == 0 || len == 4 || len == 16 || len == 32;
	return t->flow_family == FLOW_IPV4 ? len == 4 : len == 16 || len == 32;
}

static void reset_for(struct bgp_attr_draft *d, const struct raw *raw, const char *why)
{
	bgp_attr_fault(d, BGP_COST_RESET, raw->offset, BGP_UPDATE_OPTIONAL, raw->at, raw->len, "%s",
		       why);
}

static void read_mp_family(struct rd *r, const struct raw *raw, const struct bgp_terms *t,
			   struct bgp_mp *mp)
{
	mp->present = true;
	mp->whole = (struct bgp_octets){ raw->at, (uint16_t)raw->len };
	mp->afi = rd_u16(r);
	mp->safi = rd_u8(r);
	mp->family = bgp_family_find(mp->afi, mp->safi);
	if (mp->family < BGP_FAMILIES && (t->families & 1u << mp->family) == 0)
		mp->family = BGP_FAMILIES;
}

static bool read_mp_reach(struct bgp_attr_draft *d, const struct raw *raw,
			  const struct bgp_terms *t)
{
	struct rd r = raw->value;
	struct bgp_mp *mp = &d->reach;
	size_t rd_octets;

	read_mp_family(&r, raw, t, mp);
	size_t len = rd_u8(&r);
	struct rd next_hop = rd_sub(&r, len);
	rd_u8(&r); /* reserved */
	mp->nlri = r;
	if (!rd_ok(&r))
		return false;
	/* How the next hop of a family that we do not speak should look is not ours to say. */
	if (mp->family == BGP_FAMILIES)
		return true;
	if (!next_hop_fits(mp->family, len, &rd_octets)) {
		reset_for(d, raw, "next hop of a wrong length in MP_REACH_NLRI");
		return true;
	}
	rd_take(&next_hop, rd_octets);
	d->a.next_hop_len = (uint8_t)rd_left(&next_hop);
	memcpy(d->a.next_hop, next_hop.pos, rd_left(&next_hop));
	if (bgp_families[mp->family].flow)
		return true;
	if (len == 4 ? !is_host4(d->a.next_hop) : !is_host6(d->a.next_hop))
		bgp_attr_fault(d, BGP_COST_WITHDRAW, raw->offset, BGP_UPDATE_OPTIONAL, raw->at,
			       raw->len, "next hop is no host's address");
	return true;
}

static bool read_mp_unreach(struct bgp_attr_draft *d, const struct raw *raw,
			    const struct bgp_terms *t)
{
	struct rd r = raw->value;

	read_mp_family(&r, raw, t, &d->unreach);
	d->unreach.nlri = r;
	return rd_ok(&r);
}

/* ---- One unit of a list as text ------------------------------------------------------------ */

static void print_community(struct rd r, struct str *out)
{
	unsigned high = rd_u16(&r);

	str_addf(out, "%u:%u", high, (unsigned)rd_u16(&r));
}

static void print_large(struct rd r, struct str *out)
{
	uint32_t a = rd_u32(&r), b = rd_u32(&r);

	str_addf(out, "%u:%u:%u", a, b, rd_u32(&r));
}

static void print_cluster(struct rd r, struct str *out)
{
	struct addr a = addr_ipv4(r.pos);
	char buf[ADDR_TEXT_MAX];

	str_add(out, addr_print(&a, buf));
}

static void print_ext(struct rd r, struct str *out)
{
	flow_ext_print(r.pos, NULL, out);
}

static void print_ext6(struct rd r, struct str *out)
{
	flow_ext6_print(r.pos, out);
}

/* ---- The table ----------------------------------------------------------------------------- */

#define WELL_KNOWN  BGP_ATTR_TRANSITIVE
#define OPTIONAL    BGP_ATTR_OPTIONAL
#define TRANSITIVE  (BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE)
#define DISCARD     BGP_COST_DISCARD
#define WITHDRAW    BGP_COST_WITHDRAW
#define RESET       BGP_COST_RESET
#define FIELD(name) offsetof(struct bgp_attrs, name)

/* clang-format off */
static const struct row rows[] = {
/*                            name                  flags     unit many internal value's cost, flags' cost, subcode */
[BGP_ATTR_ORIGIN]           = { "ORIGIN",           WELL_KNOWN, 1, false, false, WITHDRAW, WITHDRAW, BGP_UPDATE_ORIGIN,
				0, read_origin, write_origin, NULL },
[BGP_ATTR_AS_PATH]          = { "AS_PATH",          WELL_KNOWN, 0, false, false, WITHDRAW, WITHDRAW, BGP_UPDATE_AS_PATH,
				0, read_as_path, write_as_path, NULL },
[BGP_ATTR_NEXT_HOP]         = { "NEXT_HOP",         WELL_KNOWN, 4, false, false, WITHDRAW, WITHDRAW, BGP_UPDATE_NEXT_HOP,
				0, read_next_hop, NULL, NULL },
[BGP_ATTR_MED]              = { "MULTI_EXIT_DISC",  OPTIONAL,   4, false, false, WITHDRAW, WITHDRAW, BGP_UPDATE_OPTIONAL,
				0, read_med, write_med, NULL },
[BGP_ATTR_LOCAL_PREF]       = { "LOCAL_PREF",       WELL_KNOWN, 4, false, true,  WITHDRAW, WITHDRAW, BGP_UPDATE_LENGTH,
				0, read_local_pref, write_local_pref, NULL },
[BGP_ATTR_ATOMIC_AGGREGATE] = { "ATOMIC_AGGREGATE", WELL_KNOWN, 0, false, false, DISCARD,  WITHDRAW, BGP_UPDATE_LENGTH,
				0, read_atomic, write_atomic, NULL },
[BGP_ATTR_AGGREGATOR]       = { "AGGREGATOR",       TRANSITIVE, 0, false, false, DISCARD,  WITHDRAW, BGP_UPDATE_OPTIONAL,
				0, read_aggregator, write_aggregator, NULL },
[BGP_ATTR_COMMUNITIES]      = { "COMMUNITIES",      TRANSITIVE, 4, true,  false, WITHDRAW, WITHDRAW, BGP_UPDATE_OPTIONAL,
				FIELD(communities), NULL, NULL, print_community },
[BGP_ATTR_ORIGINATOR_ID]    = { "ORIGINATOR_ID",    OPTIONAL,   4, false, true,  WITHDRAW, WITHDRAW, BGP_UPDATE_OPTIONAL,
				0, read_originator_id, write_originator_id, NULL },
[BGP_ATTR_CLUSTER_LIST]     = { "CLUSTER_LIST",     OPTIONAL,   4, true,  true,  WITHDRAW, WITHDRAW, BGP_UPDATE_OPTIONAL,
				FIELD(cluster_list), NULL, NULL, print_cluster },
[BGP_ATTR_MP_REACH]         = { "MP_REACH_NLRI",    OPTIONAL,   0, false, false, RESET,    RESET,    BGP_UPDATE_OPTIONAL,
				0, read_mp_reach, NULL, NULL },
[BGP_ATTR_MP_UNREACH]       = { "MP_UNREACH_NLRI",  OPTIONAL,   0, false, false, RESET,    RESET,    BGP_UPDATE_OPTIONAL,
				0, read_mp_unreach, NULL, NULL },
[BGP_ATTR_EXT]              = { "EXTENDED COMMUNITIES", TRANSITIVE, 8, true, false, WITHDRAW, WITHDRAW, BGP_UPDATE_OPTIONAL,
				FIELD(ext), NULL, NULL, print_ext },
[BGP_ATTR_AS4_PATH]         = { "AS4_PATH",         TRANSITIVE, 0, false, false, DISCARD,  DISCARD,  BGP_UPDATE_OPTIONAL,
				0, read_as4_path, write_as4_path, NULL },
[BGP_ATTR_AS4_AGGREGATOR]   = { "AS4_AGGREGATOR",   TRANSITIVE, 0, false, false, DISCARD,  DISCARD,  BGP_UPDATE_OPTIONAL,
				0, read_as4_aggregator, write_as4_aggregator, NULL },
[BGP_ATTR_EXT6]             = { "IPV6 EXTENDED COMMUNITIES", TRANSITIVE, 20, true, false, WITHDRAW, WITHDRAW, BGP_UPDATE_OPTIONAL,
				FIELD(ext6), NULL, NULL, print_ext6 },
[BGP_ATTR_LARGE]            = { "LARGE COMMUNITIES", TRANSITIVE, 12, true, false, WITHDRAW, WITHDRAW, BGP_UPDATE_OPTIONAL,
				FIELD(large), NULL, NULL, print_large },
};
/* clang-format on */

enum {
	ROWS = sizeof(rows) / sizeof(rows[0])
};

static const struct row *row_of(unsigned type)
{
	return type < ROWS && rows[type].name != NULL ? &rows[type] : NULL;
}

/* ---- Reading ------------------------------------------------------------------------------- */

static bool length_fits(const struct row *row, const struct raw *raw)
{
	size_t len = rd_left(&raw->value);

	if (row->unit == 0)
		return true;
	return row->many ? len > 0 && len % row->unit == 0 : len == row->unit;
}

static bool next_raw(struct rd *r, struct raw *ret)
{
	ret->at = r->pos;
	ret->offset = rd_offset(r);
	ret->flags = rd_u8(r);
	ret->type = rd_u8(r);
	ret->value = rd_sub(r, (ret->flags & BGP_ATTR_EXTENDED) != 0 ? rd_u16(r) : rd_u8(r));
	ret->len = (size_t)(r->pos - ret->at);
	return rd_ok(r);
}

static void write_partial(struct wr *w, const struct raw *raw)
{
	write_value(w, TRANSITIVE | BGP_ATTR_PARTIAL, raw->type, raw->value.pos,
		    rd_left(&raw->value));
}

/* RFC 4271 9: what is transitive goes along, marked as not understood by all.  Its own head is
 * written again and its place is by its type, so that equal attributes have equal octets. */
static void keep_unknown(struct bgp_attr_draft *d, const struct raw *raw)
{
	uint8_t buf[BGP_MESSAGE_MAX];
	struct wr w = wr_over(buf, sizeof(buf));
	struct rd r = rd_over(d->a.unknown.at, d->a.unknown.len);
	struct raw kept;
	bool placed = false;

	while (rd_left(&r) > 0 && next_raw(&r, &kept)) {
		if (!placed && kept.type > raw->type) {
			write_partial(&w, raw);
			placed = true;
		}
		wr_bytes(&w, kept.at, kept.len);
	}
	if (!placed)
		write_partial(&w, raw);
	/* A message's attributes always fit: the head is never longer than it came. */
	if (!wr_ok(&w))
		return;
	memcpy(d->unknown_buf, buf, wr_len(&w));
	d->a.unknown = (struct bgp_octets){ d->unknown_buf, (uint16_t)wr_len(&w) };
}

static void read_unknown(struct bgp_attr_draft *d, const struct raw *raw)
{
	if ((raw->flags & BGP_ATTR_OPTIONAL) == 0)
		bgp_attr_fault(d, BGP_COST_RESET, raw->offset, BGP_UPDATE_UNKNOWN_WELL_KNOWN,
			       raw->at, raw->len, "unknown well-known attribute %u", raw->type);
	else if ((raw->flags & BGP_ATTR_TRANSITIVE) != 0)
		keep_unknown(d, raw);
}

static bool read_value(struct bgp_attr_draft *d, const struct row *row, const struct raw *raw,
		       const struct bgp_terms *t)
{
	if (row->read != NULL)
		return row->read(d, raw, t);
	struct bgp_octets *o = (struct bgp_octets *)((char *)&d->a + row->field);
	*o = (struct bgp_octets){ raw->value.pos, (uint16_t)rd_left(&raw->value) };
	return true;
}

static void read_known(struct bgp_attr_draft *d, const struct row *row, const struct raw *raw,
		       const struct bgp_terms *t)
{
	if (row->internal_only && !t->internal)
		return;
	if (((raw->flags ^ row->flags) & (BGP_ATTR_OPTIONAL | BGP_ATTR_TRANSITIVE)) != 0) {
		bool mp = row->flags_cost == BGP_COST_RESET;

		bgp_attr_fault(d, row->flags_cost, raw->offset,
			       mp ? BGP_UPDATE_OPTIONAL : BGP_UPDATE_FLAGS, raw->at, raw->len,
			       "wrong flags of %s", row->name);
	} else if (!length_fits(row, raw)) {
		bgp_attr_fault(d, row->cost, raw->offset, BGP_UPDATE_LENGTH, raw->at, raw->len,
			       "wrong length of %s", row->name);
	} else if (!read_value(d, row, raw, t)) {
		bgp_attr_fault(d, row->cost, raw->offset, row->subcode, raw->at, raw->len,
			       "malformed %s", row->name);
	}
}

/* RFC 7606 3 (g): of most attributes the first counts. */
static void read_twice(struct bgp_attr_draft *d, const struct raw *raw)
{
	bool mp = raw->type == BGP_ATTR_MP_REACH || raw->type == BGP_ATTR_MP_UNREACH;

	bgp_attr_fault(d, mp ? BGP_COST_RESET : BGP_COST_DISCARD, raw->offset, BGP_UPDATE_LIST,
		       NULL, 0, "attribute %u appears twice", raw->type);
}

void bgp_attrs_read(struct rd r, const struct bgp_terms *t, struct bgp_attr_draft *d)
{
	struct raw raw;

	memset(d, 0, offsetof(struct bgp_attr_draft, path_buf));
	while (rd_left(&r) > 0) {
		if (!next_raw(&r, &raw)) {
			/* RFC 7606 4. */
			bgp_attr_fault(d, BGP_COST_WITHDRAW, raw.offset, BGP_UPDATE_LIST, NULL, 0,
				       "attribute list is cut short");
			break;
		}
		const struct row *row = row_of(raw.type);
		if (bgp_attr_seen(d, raw.type)) {
			read_twice(d, &raw);
			continue;
		}
		d->seen[raw.type / 8] |= (uint8_t)(1 << raw.type % 8);
		if (row == NULL)
			read_unknown(d, &raw);
		else
			read_known(d, row, &raw, t);
	}
	merge_as4(d);
}

/* ---- Writing ------------------------------------------------------------------------------- */

static void write_unknown(struct wr *w, const struct bgp_attrs *a, uint8_t type)
{
	struct rd r = rd_over(a->unknown.at, a->unknown.len);
	struct raw raw;

	while (rd_left(&r) > 0 && next_raw(&r, &raw))
		if (raw.type == type)
			wr_bytes(w, raw.at, raw.len);
}

static void write_known(struct wr *w, const struct row *row, uint8_t type,
			const struct bgp_attrs *a, const struct bgp_terms *t)
{
	if (row->internal_only && !t->internal)
		return;
	if (row->write != NULL) {
		row->write(w, a, t);
	} else if (row->field != 0) {
		const struct bgp_octets *o =
			(const struct bgp_octets *)((const char *)a + row->field);

		if (o->len > 0)
			write_value(w, row->flags, type, o->at, o->len);
	}
}

void bgp_attrs_write(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t,
		     bool classic)
{
	unsigned last = a->unknown.len > 0 ? UINT8_MAX : ROWS - 1;

	for (unsigned type = 0; type <= last; type++) {
		const struct row *row = row_of(type);

		if (row == NULL && a->unknown.len > 0)
			write_unknown(w, a, (uint8_t)type);
		else if (type == BGP_ATTR_NEXT_HOP && classic)
			write_value(w, WELL_KNOWN, BGP_ATTR_NEXT_HOP, a->next_hop, 4);
		else if (row != NULL)
			write_known(w, row, (uint8_t)type, a, t);
	}
}

/* ---- For people ------------------------------------------------------------------------------ */

static void print_list(const struct row *row, const struct bgp_octets *o, struct str *out)
{
	struct rd r = rd_over(o->at, o->len);

	if (o->len == 0)
		return;
	str_addf(out, "  %s:", row->name);
	while (rd_left(&r) > 0) {
		struct rd unit = rd_sub(&r, row->unit);

		if (!rd_ok(&unit))
			break;
		str_add(out, unit.pos == o->at ? " " : ", ");
		row->print(unit, out);
	}
	str_add(out, "\n");
}

static void print_unknown(const struct bgp_attrs *a, struct str *out)
{
	struct rd r = rd_over(a->unknown.at, a->unknown.len);
	struct raw raw;

	while (rd_left(&r) > 0 && next_raw(&r, &raw)) {
		str_addf(out, "  attribute %u: ", raw.type);
		str_add_hex(out, raw.value.pos, rd_left(&raw.value));
		str_add(out, "\n");
	}
}

static void print_aggregator(const struct bgp_attrs *a, struct str *out)
{
	struct rd r = rd_over(a->aggregator.at, a->aggregator.len);
	char buf[ADDR_TEXT_MAX];

	if (a->aggregator.len != 8)
		return;
	uint32_t as = rd_u32(&r);
	struct addr addr = addr_ipv4(r.pos);
	str_addf(out, "  AGGREGATOR: %u %s\n", as, addr_print(&addr, buf));
}

void bgp_attrs_print(const struct bgp_attrs *a, struct str *out)
{
	static const char *const origins[] = { "igp", "egp", "incomplete" };
	char buf[ADDR_TEXT_MAX];

	str_addf(out, "  ORIGIN: %s\n  AS_PATH: ", origins[a->origin % 3]);
	bgp_as_path_print(a, out);
	str_add(out, "\n");
	if (a->has_med)
		str_addf(out, "  MULTI_EXIT_DISC: %u\n", a->med);
	if (a->has_local_pref)
		str_addf(out, "  LOCAL_PREF: %u\n", a->local_pref);
	if (a->atomic_aggregate)
		str_add(out, "  ATOMIC_AGGREGATE\n");
	print_aggregator(a, out);
	if (a->has_originator_id) {
		struct addr id = addr_ipv4(a->originator_id);

		str_addf(out, "  ORIGINATOR_ID: %s\n", addr_print(&id, buf));
	}
	for (unsigned type = 0; type < ROWS; type++)
		if (row_of(type) != NULL && rows[type].print != NULL)
			print_list(&rows[type],
				   (const struct bgp_octets *)((const char *)a + rows[type].field),
				   out);
	print_unknown(a, out);
}
