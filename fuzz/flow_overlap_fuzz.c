/* SPDX-License-Identifier: ISC */
/* flow_overlap_fuzz.c - any octets as two rules and a packet.
 *
 * Input: one octet (bit 0 IPv6), two octets of the first NLRI's length, the NLRI; the same for the
 * second without the first octet; the packet, whose length field is set right.  Properties: a
 * witness matches what it should and not what it should not; the packet is no counterexample;
 * overlap is symmetric; a rule covers itself; the sentence and the oddities end.
 */
#include <stdlib.h>

#include "flow/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PACKET_MAX = 2048,
	TEXT_MAX = 65536
};

struct side {
	struct flow_nlri nlri;
	struct flow_normal normal;
};

static bool read_side(struct rd *r, enum flow_family family, struct side *ret)
{
	size_t len = rd_u16(r);
	struct rd body = rd_sub(r, len < rd_left(r) ? len : rd_left(r));

	ret->nlri =
		(struct flow_nlri){ .family = family, .octets = body.pos, .len = rd_left(&body) };
	return rd_ok(r) && flow_nlri_check(&ret->nlri, NULL) &&
	       flow_normal_make(&ret->nlri, &ret->normal, NULL);
}

static void hold(bool holds)
{
	if (!holds)
		abort();
}

/* The packet as if it were whole: its octets are those that its header tells. */
static size_t make_whole(enum flow_family family, struct rd *r, uint8_t *packet)
{
	size_t least = family == FLOW_IPV6 ? 40 : 20,
	       len = rd_left(r) < PACKET_MAX ? rd_left(r) : PACKET_MAX;

	if (len < least)
		return 0;
	memcpy(packet, rd_take(r, len), len);
	packet[0] = (uint8_t)((family == FLOW_IPV6 ? 0x60 : 0x40) | (packet[0] & 15));
	packet[family == FLOW_IPV6 ? 4 : 2] =
		(uint8_t)((family == FLOW_IPV6 ? len - 40 : len) >> 8);
	packet[family == FLOW_IPV6 ? 5 : 3] = (uint8_t)(family == FLOW_IPV6 ? len - 40 : len);
	return len;
}

static void hold_answers(const struct side *a, const struct side *b, const uint8_t *packet,
			 size_t len)
{
	static uint8_t octets[FLOW_PACKET_MAX];
	struct flow_witness w = { .octets = octets, .size = sizeof(octets) };
	bool in_a = flow_match(&a->nlri, packet, len), in_b = flow_match(&b->nlri, packet, len),
	     overlap = flow_overlap(&a->normal, &b->normal, &w);

	hold(!overlap ||
	     (flow_match(&a->nlri, octets, w.len) && flow_match(&b->nlri, octets, w.len)));
	hold(overlap || !(in_a && in_b));
	hold(flow_overlap(&b->normal, &a->normal, NULL) == overlap);
	bool covers = flow_covers(&a->normal, &b->normal, &w);

	hold(covers ||
	     (!flow_match(&a->nlri, octets, w.len) && flow_match(&b->nlri, octets, w.len)));
	hold(!covers || in_a || !in_b);
	hold(flow_covers(&a->normal, &a->normal, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct side a, b;
	static uint8_t packet[PACKET_MAX];
	static char text[TEXT_MAX];
	struct rd r = rd_over(data, size);
	enum flow_family family = rd_u8(&r) & 1 ? FLOW_IPV6 : FLOW_IPV4;
	struct str s = str_over(text, sizeof(text));

	if (!read_side(&r, family, &a) || !read_side(&r, family, &b))
		return 0;
	size_t len = make_whole(family, &r, packet);

	hold_answers(&a, &b, packet, len);
	flow_explain(&a.nlri, NULL, &s);
	hold(s.len > 0);
	(void)flow_oddities(&a.nlri, NULL, NULL, NULL);
	return 0;
}
