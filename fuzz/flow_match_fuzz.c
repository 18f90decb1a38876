/* SPDX-License-Identifier: ISC */
/* flow_match_fuzz.c - any octets as a rule and a packet.
 *
 * Input: one octet (bit 0 IPv6, bit 1 with route distinguisher), two octets of the NLRI's length,
 * the NLRI, the packet.  Properties: the matcher stays within both, whatever they are; of a checked
 * NLRI the normal form says the same as the matcher; its spans are sorted and apart.
 */
#include <stdlib.h>

#include "flow/flow.h"
#include "tests/flow_eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block of exactly n octets, so that the sanitizer sees a step past the end. */
static uint8_t *exact(struct rd *r, size_t n)
{
	const uint8_t *from = rd_take(r, n);
	uint8_t *block = malloc(n > 0 ? n : 1);

	if (block == NULL || from == NULL)
		abort();
	memcpy(block, from, n);
	return block;
}

static void check_spans(const struct flow_normal *n)
{
	for (int t = 0; t <= FLOW_COMPONENTS; t++) {
		const struct flow_span *s = n->spans + n->numeric[t].first;

		for (unsigned i = 0; i < n->numeric[t].count; i++)
			if (s[i].lo > s[i].hi || (i > 0 && s[i].lo <= s[i - 1].hi + 1))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct flow_normal normal;
	struct rd r = rd_over(data, size);
	uint8_t kind = rd_u8(&r);
	size_t len = rd_u16(&r);

	if (!rd_ok(&r))
		return 0;
	if (len > rd_left(&r))
		len = rd_left(&r);
	size_t packet_len = rd_left(&r) - len;
	uint8_t *octets = exact(&r, len), *packet = exact(&r, packet_len);
	struct flow_nlri n = {
		.family = kind & 1 ? FLOW_IPV6 : FLOW_IPV4,
		.vpn = kind & 2,
		.octets = octets,
		.len = len,
	};
	bool match = flow_match(&n, packet, packet_len);

	if (flow_nlri_check(&n, NULL) && flow_normal_make(&n, &normal, NULL)) {
		check_spans(&normal);
		if (flow_eval(&normal, packet, packet_len) != match)
			abort();
	}
	free(octets);
	free(packet);
	return 0;
}
