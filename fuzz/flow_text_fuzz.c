/* SPDX-License-Identifier: ISC */
/* flow_text_fuzz.c - any text as a rule.
 *
 * Properties: an error has a reason and a place in the text, and leaves the result alone; a rule
 * that parses is well formed, and its print parses, in strict mode and without a warning about
 * bits or brackets, to the same octets and communities and prints alike.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static void same_then(const struct flow_then *a, const struct flow_then *b)
{
	must(a->ext_count == b->ext_count && a->ext6_count == b->ext6_count);
	must(a->community_count == b->community_count && a->large_count == b->large_count);
	must(memcmp(a->ext, b->ext, a->ext_count * sizeof(a->ext[0])) == 0);
	must(memcmp(a->ext6, b->ext6, a->ext6_count * sizeof(a->ext6[0])) == 0);
	must(memcmp(a->community, b->community, a->community_count * sizeof(a->community[0])) == 0);
	must(memcmp(a->large, b->large, a->large_count * sizeof(a->large[0])) == 0);
	must(addr_equal(&a->next_hop, &b->next_hop) && a->next_hop_self == b->next_hop_self);
}

static size_t print(const struct flow_rule *r, char *to, size_t size)
{
	struct str s = str_over(to, size);
	struct flow_nlri n = flow_rule_nlri(r);

	must(flow_nlri_check(&n, NULL));
	flow_text_print(r->name, &n, r->has_then ? &r->then : NULL, &s);
	must(str_ok(&s));
	return s.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[FLOW_TEXT_MAX], again[FLOW_TEXT_MAX];
	static struct flow_rule r, back;
	struct flow_text_options loose = { 0 }, strict = { .strict = true, .family_fixed = true };
	struct err e = { .col = 0 };
	size_t len;

	r.nlri_len = UINT16_MAX;
	if (!flow_text_rule((const char *)data, size, &loose, &r, &e)) {
		must(e.text[0] != '\0' && e.line >= 1 && e.col >= 1 && e.col <= size + 1);
		must(r.nlri_len == UINT16_MAX);
		return 0;
	}
	len = print(&r, text, sizeof(text));
	strict.family = r.family;
	must(flow_text_rule(text, len, &strict, &back, NULL));
	must(back.family == r.family && back.vpn == r.vpn && back.has_then == r.has_then);
	must(back.nlri_len == r.nlri_len && memcmp(back.nlri, r.nlri, r.nlri_len) == 0);
	must(strcmp(back.name, r.name) == 0);
	if (r.has_then)
		same_then(&r.then, &back.then);
	(void)print(&back, again, sizeof(again));
	must(strcmp(text, again) == 0);
	return 0;
}
