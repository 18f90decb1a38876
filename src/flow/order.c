/* SPDX-License-Identifier: ISC */
/* order.c - which rule is tried first: RFC 8955 5.1 and RFC 8956 4.
 *
 * The RFCs' algorithm gives no order to rules that differ only in bits that say nothing (a prefix'
 * padding), in their route distinguisher or family.  These are compared last, octet by octet, so
 * that the order is total and every speaker of these octets sorts alike.
 */
#include "flow/comp.h"
#include "flow/flow.h"

/* By the first of n bits that differ; 0 when none does. */
static int compare_bits(const uint8_t *a, const uint8_t *b, unsigned n)
{
	int c = memcmp(a, b, n / 8);
	unsigned mask;

	if (c != 0 || n % 8 == 0)
		return c;
	mask = 0xff00U >> n % 8 & 0xff;
	return (int)(a[n / 8] & mask) - (int)(b[n / 8] & mask);
}

/* The lower offset first; of two that overlap the longer; else the lower address. */
static int compare_prefixes(struct rd a, struct rd b, enum flow_family family)
{
	int a_len = rd_u8(&a), b_len = rd_u8(&b);
	int a_offset = family == FLOW_IPV6 ? rd_u8(&a) : 0;
	int b_offset = family == FLOW_IPV6 ? rd_u8(&b) : 0;
	int common = (a_len < b_len ? a_len : b_len) - a_offset, c;

	if (a_offset != b_offset)
		return a_offset - b_offset;
	c = common > 0 ? compare_bits(a.pos, b.pos, (unsigned)common) : 0;
	return c != 0 ? c : b_len - a_len;
}

/* memcmp; of two where one begins with the other the longer first. */
static int compare_octets(const struct rd *a, const struct rd *b)
{
	size_t a_len = rd_left(a), b_len = rd_left(b);
	int c = memcmp(a->pos, b->pos, a_len < b_len ? a_len : b_len);

	if (c != 0 || a_len == b_len)
		return c;
	return a_len > b_len ? -1 : 1;
}

static int compare_components(const struct flow_nlri *a, const struct flow_nlri *b)
{
	struct rd ra = flow_nlri_components(a), rb = flow_nlri_components(b);

	for (;;) {
		struct flow_comp ca, cb;
		bool more_a = flow_comp_next(&ra, a->family, &ca);
		bool more_b = flow_comp_next(&rb, b->family, &cb);
		int c;

		/* A component that is not there comes later. */
		if (!more_a || !more_b)
			return (int)more_b - (int)more_a;
		if (ca.type != cb.type)
			return (int)ca.type - (int)cb.type;
		if (ca.type == FLOW_DESTINATION || ca.type == FLOW_SOURCE)
			c = compare_prefixes(ca.body, cb.body, a->family);
		else
			c = compare_octets(&ca.body, &cb.body);
		if (c != 0)
			return c;
	}
}

/* What the RFCs leave equal: all octets behind each other, the route distinguisher first. */
static int compare_rest(const struct flow_nlri *a, const struct flow_nlri *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int c;

	if (a->vpn != b->vpn)
		return (int)a->vpn - (int)b->vpn;
	c = len > 0 ? memcmp(a->octets, b->octets, len) : 0;
	if (c != 0 || a->len == b->len)
		return c;
	return a->len < b->len ? -1 : 1;
}

int flow_order(const struct flow_nlri *a, const struct flow_nlri *b)
{
	int c;

	if (a->family != b->family)
		return (int)a->family - (int)b->family;
	c = compare_components(a, b);
	return c != 0 ? c : compare_rest(a, b);
}
