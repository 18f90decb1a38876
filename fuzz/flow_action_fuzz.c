/* SPDX-License-Identifier: ISC */
/* flow_action_fuzz.c - any communities.
 *
 * Input: one octet (bits 0 and 1: how many of 20 octets come first), then communities of 8 octets.
 * Properties: what is read keeps its bounds and does not hang on the order of the communities;
 * each prints, and the print parses to the same octets in the same order.
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

static bool same_rate(bool has_a, float a, bool has_b, float b)
{
	if (has_a != has_b)
		return false;
	return !has_a || a == b || (a != a && b != b);
}

static void same(const struct flow_actions *a, const struct flow_actions *b)
{
	must(same_rate(a->has_rate_bytes, a->rate_bytes, b->has_rate_bytes, b->rate_bytes));
	must(same_rate(a->has_rate_packets, a->rate_packets, b->has_rate_packets, b->rate_packets));
	must(a->sample == b->sample && a->more == b->more);
	must(a->has_mark == b->has_mark && a->mark == b->mark);
	must(a->redirect == b->redirect && a->copy == b->copy);
	must(addr_equal(&a->redirect_to, &b->redirect_to));
	must(a->route_target_len == b->route_target_len);
	must(memcmp(a->route_target, b->route_target, a->route_target_len) == 0);
	must(a->interface_sets == b->interface_sets && a->unknown == b->unknown);
}

static void bounds(const struct flow_actions *a)
{
	must(!a->has_rate_bytes || !(a->rate_bytes < 0));
	must(!a->has_rate_packets || !(a->rate_packets < 0));
	must(a->mark < 64);
	must(a->redirect != FLOW_REDIRECT_RT || a->route_target_len == 8 ||
	     a->route_target_len == 20);
	must(a->redirect != FLOW_REDIRECT_IP || a->redirect_to.family != ADDR_NONE);
}

static void read_both_ways(const struct flow_then *t, const struct addr *next_hop)
{
	static uint8_t turned[FLOW_EXT_MAX][8], turned6[FLOW_EXT_MAX][20];
	struct flow_actions a, b;

	for (size_t i = 0; i < t->ext_count; i++)
		memcpy(turned[t->ext_count - 1 - i], t->ext[i], 8);
	for (size_t i = 0; i < t->ext6_count; i++)
		memcpy(turned6[t->ext6_count - 1 - i], t->ext6[i], 20);
	flow_actions_read(t->ext[0], t->ext_count, t->ext6[0], t->ext6_count, next_hop, &a);
	flow_actions_read(turned[0], t->ext_count, turned6[0], t->ext6_count, next_hop, &b);
	bounds(&a);
	same(&a, &b);
}

static void print_and_parse(const struct flow_then *t)
{
	static const uint8_t tcp[] = { 0x03, 0x81, 0x06 };
	static char text[FLOW_TEXT_MAX];
	static struct flow_rule r;
	struct flow_nlri n = { .octets = tcp, .len = sizeof(tcp) };
	struct str s = str_over(text, sizeof(text));

	flow_text_print(NULL, &n, t, &s);
	must(str_ok(&s));
	must(flow_text_rule(text, s.len, NULL, &r, NULL));
	must(r.then.ext_count == t->ext_count && r.then.ext6_count == t->ext6_count);
	must(memcmp(r.then.ext, t->ext, t->ext_count * sizeof(t->ext[0])) == 0);
	must(memcmp(r.then.ext6, t->ext6, t->ext6_count * sizeof(t->ext6[0])) == 0);
	must(addr_equal(&r.then.next_hop, &t->next_hop));
	s = str_over(text, sizeof(text));
	flow_actions_print(t->ext[0], t->ext_count, t->ext6[0], t->ext6_count, &t->next_hop, &s);
	must(str_ok(&s) && s.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t octets[4] = { 192, 0, 2, 1 };
	static struct flow_then t;
	struct rd r = rd_over(data, size);
	uint8_t kind = rd_u8(&r);

	memset(&t, 0, sizeof(t));
	if ((kind & 4) != 0)
		t.next_hop = addr_ipv4(octets);
	while (t.ext6_count < (kind & 3) && rd_left(&r) >= 20)
		memcpy(t.ext6[t.ext6_count++], rd_take(&r, 20), 20);
	while (t.ext_count < FLOW_EXT_MAX && rd_left(&r) >= 8)
		memcpy(t.ext[t.ext_count++], rd_take(&r, 8), 8);
	read_both_ways(&t, &t.next_hop);
	print_and_parse(&t);
	return 0;
}
