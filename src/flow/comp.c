/* SPDX-License-Identifier: ISC */
/* comp.c - the table of components and the walk over them: RFC 8955 4.2, RFC 8956 3.
 *
 * The width column holds what the RFCs say with MUST: one octet for DSCP and fragment, one or two
 * for TCP flags.  Where they say SHOULD (all other numeric types) any of 1, 2, 4 and 8 octets is
 * well formed.  The walkers are for checked NLRIs; over anything else they end early and never
 * leave the octets they were given.
 */
#include "flow/flow.h"

#include "flow/comp.h"

/* clang-format off */
const struct flow_comp_type flow_comp_types[FLOW_COMPONENTS + 1] = {
	/*                          name: IPv4            IPv6                kind         width max: IPv4   IPv6 */
	[FLOW_DESTINATION]      = { { "destination",      "destination" },      FLOW_PREFIX,  0, {     32,     128 } },
	[FLOW_SOURCE]           = { { "source",           "source" },           FLOW_PREFIX,  0, {     32,     128 } },
	[FLOW_PROTOCOL]         = { { "protocol",         "next-header" },      FLOW_NUMERIC, 8, {    255,     255 } },
	[FLOW_PORT]             = { { "port",             "port" },             FLOW_NUMERIC, 8, {  65535,   65535 } },
	[FLOW_DESTINATION_PORT] = { { "destination-port", "destination-port" }, FLOW_NUMERIC, 8, {  65535,   65535 } },
	[FLOW_SOURCE_PORT]      = { { "source-port",      "source-port" },      FLOW_NUMERIC, 8, {  65535,   65535 } },
	[FLOW_ICMP_TYPE]        = { { "icmp-type",        "icmp-type" },        FLOW_NUMERIC, 8, {    255,     255 } },
	[FLOW_ICMP_CODE]        = { { "icmp-code",        "icmp-code" },        FLOW_NUMERIC, 8, {    255,     255 } },
	[FLOW_TCP_FLAGS]        = { { "tcp-flags",        "tcp-flags" },        FLOW_BITMASK, 2, { 0x0fff,  0x0fff } },
	[FLOW_PACKET_LENGTH]    = { { "packet-length",    "packet-length" },    FLOW_NUMERIC, 8, {  65535,   65535 } },
	[FLOW_DSCP]             = { { "dscp",             "traffic-class" },    FLOW_NUMERIC, 1, {     63,      63 } },
	[FLOW_FRAGMENT]         = { { "fragment",         "fragment" },         FLOW_BITMASK, 1, {   0x0f,    0x0e } },
	[FLOW_LABEL]            = { { NULL,               "flow-label" },       FLOW_NUMERIC, 8, {      0, 0xfffff } },
};
/* clang-format on */

const struct flow_comp_type *flow_comp_type(uint8_t type, enum flow_family family)
{
	return flow_comp_row(type, family);
}

static void skip_prefix(struct rd *r, enum flow_family family)
{
	unsigned len = rd_u8(r);
	unsigned offset = family == FLOW_IPV6 ? rd_u8(r) : 0;

	(void)rd_take(r, flow_pattern_octets(len, offset));
}

static void skip_operators(struct rd *r)
{
	uint8_t op;

	do {
		op = rd_u8(r);
		(void)rd_take(r, flow_op_width(op));
	} while (rd_ok(r) && (op & FLOW_OP_END) == 0);
}

bool flow_comp_next(struct rd *r, enum flow_family family, struct flow_comp *ret)
{
	const struct flow_comp_type *t;
	struct flow_comp c;

	if (rd_left(r) == 0)
		return false;
	c.type = rd_u8(r);
	c.body = *r;
	t = flow_comp_row(c.type, family);
	if (t == NULL)
		return false;
	if (t->kind == FLOW_PREFIX)
		skip_prefix(r, family);
	else
		skip_operators(r);
	if (!rd_ok(r))
		return false;
	c.body.end = r->pos;
	*ret = c;
	return true;
}

bool flow_op_next(struct rd *body, struct flow_op *ret)
{
	struct flow_op o;

	if (rd_left(body) == 0)
		return false;
	o.op = rd_u8(body);
	o.width = (uint8_t)flow_op_width(o.op);
	o.value = rd_uint(body, o.width);
	if (!rd_ok(body))
		return false;
	*ret = o;
	return true;
}
