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
static int compare_prefixes(struct rd *a, struct rd *b, enum flow_family family)
{
	int a_len = rd_u8(a), b_len = rd_u8(b);
	int a_offset = family == FLOW_IPV6 ? rd_u8(a) : 0;
	int b_offset = family == FLOW_IPV6 ? rd_u8(b) : 0;
	const uint8_t *a_bits =
		rd_take(a, flow_pattern_octets((unsigned)a_len, (unsigned)a_offset));
	const uint8_t *b_bits =
		rd_take(b, flow_pattern_octets((unsigned)b_len, (unsigned)b_offset));
	int common = (a_len < b_len ? a_len : b_len) - a_offset, c = 0;

	if (a_offset != b_offset)
		return a_offset - b_offset;
	if (common > 0 && a_bits != NULL && b_bits != NULL)
		c = compare_bits(a_bits, b_bits, (unsigned)common);
	return c != 0 ? c : b_len - a_len;
}

/* memcmp; of two where one begins with the other the longer first.  No list begins with another
 * one: its last operator has the bit that ends it. */
static int compare_operators(struct rd *a, struct rd *b)
{
	uint8_t op;

	do {
		uint64_t a_value, b_value;
		uint8_t b_op = rd_u8(b);

		op = rd_u8(a);
		if (op != b_op)
			return (int)op - (int)b_op;
		a_value = rd_uint(a, flow_op_width(op));
		b_value = rd_uint(b, flow_op_width(op));
		if (a_value != b_value)
			return a_value < b_value ? -1 : 1;
	} while ((op & FLOW_OP_END) == 0 && rd_ok(a) && rd_ok(b));
	return 0;
}

static int compare_components(const struct flow_nlri *a, const struct flow_nlri *b)
{
	struct rd ra = flow_nlri_components(a), rb = flow_nlri_components(b);
	int c = 0;

	while (c == 0 && rd_left(&ra) > 0 && rd_left(&rb) > 0) {
		uint8_t type = rd_u8(&ra);

		c = (int)type - (int)rd_u8(&rb);
		if (c != 0)
			return c;
		c = type <= FLOW_SOURCE ? compare_prefixes(&ra, &rb, a->family)
					: compare_operators(&ra, &rb);
	}
	/* A component that is not there comes later. */
	return c != 0 ? c : (rd_left(&rb) > 0) - (rd_left(&ra) > 0);
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
