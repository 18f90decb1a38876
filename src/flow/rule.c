/* SPDX-License-Identifier: ISC */
/* rule.c - an NLRI as octets: RFC 8955 4.1, 4.2 and 8, RFC 8956 3.
 *
 * Malformed is exactly what these sections make so: no component at all, a type the family does
 * not have, types that do not ascend, an operand wider than a MUST allows, a prefix longer than
 * an address, an IPv6 offset that is not below the length (unless both are 0), a list of operators
 * without its end, a route distinguisher cut short.  Bits that "MUST be ignored", a set AND bit in
 * a first operator and padding bits of a prefix are no fault.
 *
 * RFC 8955 4.1: a length below 240 "can be encoded as a single octet", so one in two octets is
 * read as well; it is never written.
 */
#include "flow/comp.h"
#include "flow/flow.h"

enum {
	LENGTH_LONG = 0xf0 /* from here on the length has two octets */
};

static bool check_prefix(struct rd *r, const struct flow_comp_type *t, enum flow_family family,
			 struct err *e)
{
	size_t at = rd_offset(r);
	uint8_t len = rd_u8(r);
	uint8_t offset = family == FLOW_IPV6 ? rd_u8(r) : 0;

	if (!rd_ok(r))
		return err_at(e, 0, at, "%s is cut short", t->name[family]);
	if (len > t->max[family])
		return err_at(e, 0, at, "%s of length %u", t->name[family], len);
	if (offset >= len && (len | offset) != 0)
		return err_at(e, 0, at + 1, "%s with offset %u and length %u", t->name[family],
			      offset, len);
	if (rd_take(r, flow_pattern_octets(len, offset)) == NULL)
		return err_at(e, 0, at, "%s is cut short", t->name[family]);
	return true;
}

static bool check_operators(struct rd *r, const struct flow_comp_type *t, enum flow_family family,
			    struct err *e)
{
	uint8_t op;

	do {
		size_t at = rd_offset(r);

		if (rd_left(r) == 0)
			return err_at(e, 0, at, "%s has no end of list", t->name[family]);
		op = rd_u8(r);
		if (flow_op_width(op) > t->width)
			return err_at(e, 0, at, "%s with an operand of %zu octets", t->name[family],
				      flow_op_width(op));
		if (rd_take(r, flow_op_width(op)) == NULL)
			return err_at(e, 0, at, "%s is cut short", t->name[family]);
	} while ((op & FLOW_OP_END) == 0);
	return true;
}

/* r holds the NLRI's value and nothing else. */
static bool check_value(struct rd *r, enum flow_family family, bool vpn, struct err *e)
{
	size_t at = rd_offset(r);
	uint8_t type, last = 0;

	if (vpn && rd_take(r, FLOW_RD_OCTETS) == NULL)
		return err_at(e, 0, at, "route distinguisher is cut short");
	if (rd_left(r) == 0)
		return err_at(e, 0, rd_offset(r), "an NLRI without components");
	while (rd_left(r) > 0) {
		const struct flow_comp_type *t;
		bool good;

		at = rd_offset(r);
		type = rd_u8(r);
		t = flow_comp_row(type, family);
		if (t == NULL)
			return err_at(e, 0, at, "unknown component type %u", type);
		if (type <= last)
			return err_at(e, 0, at, "component type %u after type %u", type, last);
		last = type;
		good = t->kind == FLOW_PREFIX ? check_prefix(r, t, family, e)
					      : check_operators(r, t, family, e);
		if (!good)
			return false;
	}
	return true;
}

bool flow_nlri_read(struct rd *r, enum flow_family family, bool vpn, struct flow_nlri *ret,
		    bool *ret_overrun, struct err *e)
{
	size_t at = rd_offset(r), len = rd_u8(r);
	struct flow_nlri n = { .family = family, .vpn = vpn };
	struct rd body;

	if (len >= LENGTH_LONG)
		len = (len & 0x0f) << 8 | rd_u8(r);
	body = rd_sub(r, len);
	if (ret_overrun != NULL)
		*ret_overrun = !rd_ok(r);
	if (!rd_ok(r))
		return err_at(e, 0, at, "the NLRI's length %zu runs past the end", len);
	n.octets = body.pos;
	n.len = len;
	if (!check_value(&body, family, vpn, e))
		return false;
	*ret = n;
	return true;
}

bool flow_nlri_check(const struct flow_nlri *n, struct err *e)
{
	struct rd r = rd_over(n->octets, n->len);

	if (n->len > FLOW_NLRI_MAX)
		return err_at(e, 0, FLOW_NLRI_MAX, "an NLRI of more than %d octets", FLOW_NLRI_MAX);
	return check_value(&r, n->family, n->vpn, e);
}

void flow_nlri_write(struct wr *w, const struct flow_nlri *n)
{
	if (n->len > FLOW_NLRI_MAX) {
		w->full = true;
		return;
	}
	if (n->len < LENGTH_LONG)
		wr_u8(w, (uint8_t)n->len);
	else
		wr_u16(w, (uint16_t)(LENGTH_LONG << 8 | n->len));
	wr_bytes(w, n->octets, n->len);
}

bool flow_nlri_equal(const struct flow_nlri *a, const struct flow_nlri *b)
{
	return a->family == b->family && a->vpn == b->vpn && a->len == b->len &&
	       (a->len == 0 || memcmp(a->octets, b->octets, a->len) == 0);
}

struct rd flow_nlri_components(const struct flow_nlri *n)
{
	struct rd r = rd_over(n->octets, n->len);

	if (n->vpn)
		(void)rd_take(&r, FLOW_RD_OCTETS);
	return r;
}
