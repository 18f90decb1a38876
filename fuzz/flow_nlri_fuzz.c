/* SPDX-License-Identifier: ISC */
/* flow_nlri_fuzz.c - any octets as NLRIs of one family, read as an UPDATE has them.
 *
 * Input: one octet (bit 0 IPv6, bit 1 with route distinguisher), then NLRIs.  Properties: reading
 * ends, an error has a reason and an offset inside what was read; a well formed NLRI is written
 * back to itself, its walk uses up its octets, it prints, and the print parses to an NLRI that
 * prints alike; order is antisymmetric and 0 only for equal octets.
 */
#include <stdlib.h>

#include "flow/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static void written_back(const struct flow_nlri *n)
{
	uint8_t wire[FLOW_NLRI_MAX + 2];
	struct wr w = wr_over(wire, sizeof(wire));
	struct flow_nlri again;
	struct rd r;

	flow_nlri_write(&w, n);
	must(wr_ok(&w));
	r = rd_over(wire, wr_len(&w));
	must(flow_nlri_read(&r, n->family, n->vpn, &again, NULL, NULL));
	must(rd_left(&r) == 0 && flow_nlri_equal(n, &again));
}

static void walked(const struct flow_nlri *n)
{
	struct rd r = flow_nlri_components(n);
	size_t seen = n->vpn ? FLOW_RD_OCTETS : 0;
	struct flow_comp c;

	while (flow_comp_next(&r, n->family, &c))
		seen += 1 + rd_left(&c.body);
	must(seen == n->len);
}

static void printed(const struct flow_nlri *n)
{
	static char text[FLOW_TEXT_MAX], again[FLOW_TEXT_MAX];
	static struct flow_rule r;
	struct str s = str_over(text, sizeof(text)), t = str_over(again, sizeof(again));
	struct flow_text_options o = { .family = n->family, .family_fixed = true, .strict = true };
	struct flow_nlri m;

	flow_text_print(NULL, n, NULL, &s);
	must(str_ok(&s));
	must(flow_text_rule(text, s.len, &o, &r, NULL));
	m = flow_rule_nlri(&r);
	must(m.len == n->len && m.family == n->family && m.vpn == n->vpn);
	must(flow_nlri_check(&m, NULL));
	flow_text_print(NULL, &m, NULL, &t);
	must(strcmp(text, again) == 0);
}

static void ordered(const struct flow_nlri *a, const struct flow_nlri *b)
{
	int c = flow_order(a, b), d = flow_order(b, a);

	must((c < 0) == (d > 0) && (c == 0) == (d == 0));
	must((c == 0) == flow_nlri_equal(a, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_over(data, size);
	uint8_t kind = rd_u8(&r);
	struct flow_nlri last, n;
	bool any = false, overrun = false;

	while (rd_left(&r) > 0 && !overrun) {
		size_t before = rd_left(&r);
		struct err e = { .col = UINT32_MAX };

		if (!flow_nlri_read(&r, (kind & 1) ? FLOW_IPV6 : FLOW_IPV4, (kind & 2) != 0, &n,
				    &overrun, &e)) {
			must(e.col <= size && e.text[0] != '\0' && overrun == !rd_ok(&r));
			must(overrun || rd_left(&r) < before);
			continue;
		}
		written_back(&n);
		walked(&n);
		printed(&n);
		ordered(&n, any ? &last : &n);
		last = n;
		any = true;
	}
	return 0;
}
