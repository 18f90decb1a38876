/* SPDX-License-Identifier: ISC */
/* The nftables backend against the reference matcher, with real frames.
 *
 * Random rules and random frames (flow_random.h) over a veth pair, in a network namespace of this
 * program's own.  Each frame has a number in its source address; what comes out behind the hook,
 * and every rule's counters, must be what the first rule in order that flow_match names asks for.
 * HEADGATE_SEED repeats a run, HEADGATE_COMPARISONS makes it longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "nft/nft.h"
#include "nft/nft_protect.h"
#include "nft/nft_rule.h"
#include "nft/nft_run.h"
#include "tests/flow_random.h"
#include "tests/ip_header.h"
#include "tests/nft_wire.h"
#include "tests/protected_flows.h"
#include "tests/random_run.h"

enum {
	COMPARISONS = 30000,
	FAULT_COMPARISONS = 10000, /* so many must be enough to see a planted fault */
	SET_RULES = 24,
	SET_RULES_MANY = 300, /* of one set in so many: */
	SET_MANY_ONE_IN = 8,
	SET_BATCHES = 6, /* between them the rules change */
	BATCH = 100
};

static struct rnd chance = { 1 };

/* ---- What is claimed -------------------------------------------------------------------- */

/* IPv6: no AH, no more than eight extension headers, none that is cut, one fragment header at most,
 * and behind extension headers no padding. */
static bool chain_is_claimed(const uint8_t *packet, size_t len, bool padded)
{
	uint8_t next = packet[6], kind;
	size_t at = 40, octets;

	for (int walked = 0, fragments = 0;; walked++) {
		kind = next;
		if (kind != 0 && kind != 43 && kind != 44 && kind != 51 && kind != 60)
			return true;
		fragments += kind == 44;
		if (padded || kind == 51 || walked == 8 || fragments > 1)
			return false;
		if (at + 2 > len)
			return true;
		octets = kind == 44 ? 8 : ((size_t)packet[at + 1] + 1) * 8;
		if (at + octets > len)
			return false;
		if (kind == 44 && (packet[at + 2] != 0 || packet[at + 3] > 7))
			return true; /* a later fragment */
		next = packet[at];
		at += octets;
	}
}

/* The octets of the packet that count for the reference; 0: nothing is claimed for it.  A frame
 * that is shorter than its IPv4 header says has no transport header here. */
static size_t claimed(const struct frame *f)
{
	const uint8_t *p = f->octets + f->ip;
	size_t len = f->len - f->ip, says;

	if (f->family == FLOW_IPV4) {
		if (len < 20)
			return len;
		says = (size_t)p[2] << 8 | p[3];
		return says > len && (size_t)(p[0] & 15u) * 4 <= len ? (size_t)(p[0] & 15u) * 4
								     : len;
	}
	if (len < 40)
		return len;
	says = ((size_t)p[4] << 8 | p[5]) + 40;
	return says <= len && chain_is_claimed(p, len, says < len) ? len : 0;
}

/* Sometimes a length that ends within the transport header, with padding behind it, or one that
 * ends a chain of IPv6 headers where the octets do. */
static void make_edge(struct frame *f)
{
	uint8_t *p = f->octets + f->ip;
	size_t len = f->len - f->ip, at = f->family == FLOW_IPV4 ? 2 : 4, says;

	if (len < (f->family == FLOW_IPV4 ? 20u : 40u) || !rnd_one_in(&chance, 3))
		return;
	says = rnd_below(&chance, 20);
	if (f->family == FLOW_IPV4)
		says += (size_t)(p[0] & 15u) * 4;
	else if (rnd_one_in(&chance, 2))
		says = len - 40;
	put_u16(p + at, (uint32_t)says);
}

static struct protection protection;

/* Sometimes what a default protects, or nearly. */
static void make_protected(struct frame *f)
{
	static const uint8_t protocols[FLOW_FAMILIES][6] = { { 6, 17, 89, 112, 1, 1 },
							     { 6, 17, 89, 112, 58, 58 } };
	static const uint16_t ports[] = { 179, 22, 646, 3784, 3785, 4784 },
			      types[] = { 0x0304, 0x0200, 0x8500, 0x8900 };
	bool v6 = f->family == FLOW_IPV6;
	uint8_t *p = f->octets + f->ip, *to = p + (v6 ? 24 : 16);
	size_t len = f->len - f->ip;
	struct xdp_local l = { .family = v6 ? XDP_IPV6 : XDP_IPV4,
			       .address = { v6 ? 0xff02ULL << 48 : 0xe0000005, 5 } };
	struct wr w;

	if (len < 60 || !rnd_one_in(&chance, 3))
		return;
	if (protection.local_count > 0 && !rnd_one_in(&chance, 4))
		l = protection.local[rnd_below(&chance, (uint32_t)protection.local_count)];
	if ((l.family == XDP_IPV6) == v6) {
		w = wr_over(to, v6 ? 16 : 4);
		wr_uint(&w, v6 ? 8 : 4, l.address[0]);
		wr_uint(&w, v6 ? 8 : 0, l.address[1]);
	}
	if (!v6)
		p[9] = RND_OF(&chance, protocols[FLOW_IPV4]);
	else if (!memchr((const uint8_t[]){ 0, 43, 44, 51, 60 }, p[6], 5))
		p[6] = RND_OF(&chance, protocols[FLOW_IPV6]);
	if (v6 && rnd_one_in(&chance, 2))
		p[7] = 255;
	w = wr_over(p + len - 20, 4); /* the transport header, if the frame is whole */
	wr_u16(&w, rnd_one_in(&chance, 2) ? RND_OF(&chance, ports) : RND_OF(&chance, types));
	if (rnd_one_in(&chance, 2))
		wr_u16(&w, RND_OF(&chance, ports));
}

static void make_frame(struct frame *f, uint32_t number)
{
	uint8_t packet[RANDOM_PACKET_MAX];
	size_t len;

	f->family = rnd_one_in(&chance, 2) ? FLOW_IPV4 : FLOW_IPV6;
	write_ethernet(f, number, f->family == FLOW_IPV4 ? ETH_P_IP : ETH_P_IPV6,
		       rnd_one_in(&chance, 5));
	do {
		len = random_packet(&chance, f->family, packet);
		memcpy(f->octets + f->ip, packet, len);
		f->len = f->ip + len;
		make_protected(f);
		make_edge(f);
		/* The kernel takes no tag with less than two octets behind it. */
	} while (len < 2 || claimed(f) == 0);
}

/* ---- The comparison --------------------------------------------------------------------- */

struct set {
	struct ruleset rules;
	struct rule **list; /* in force, in order */
	size_t count;
};

struct outcome {
	uint64_t compared, matched, marked, saved, different;
	uint64_t rules, refused, changes;
};

static bool stale; /* the kernel is not told of changes */

static void random_action(struct rule *r)
{
	struct flow_actions a = { .has_rate_bytes = rnd_one_in(&chance, 2) };

	if (!a.has_rate_bytes && rnd_one_in(&chance, 2)) {
		a.has_mark = true;
		a.mark = (uint8_t)rnd_below(&chance, 64);
	}
	rule_set_then(r, &a);
}

static void add_rule(struct set *s)
{
	uint8_t room[RANDOM_NLRI_MAX];
	struct flow_nlri n = { .family = rnd_one_in(&chance, 2) ? FLOW_IPV4 : FLOW_IPV6,
			       .octets = room };
	struct rule *r;

	n.len = random_nlri(&chance, n.family, room);
	assert_true(flow_nlri_check(&n, NULL));
	r = ruleset_need(&s->rules, &n);
	assert_non_null(r);
	random_action(r);
	r->wanted = true;
	ruleset_touch(&s->rules, r);
}

static void count_refused(struct rule *r, void *ctx)
{
	struct outcome *o = ctx;

	o->refused += !r->match_ok;
}

static void set_list(struct set *s, struct outcome *o)
{
	size_t kept = 0;

	free(s->list);
	s->list = ruleset_in_order(&s->rules, &s->count);
	assert_non_null(s->list);
	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i]->slot >= 0)
			s->list[kept++] = s->list[i];
		else
			assert_true(stale);
	}
	s->count = kept;
	o->rules += s->rules.map.count;
	ruleset_each(&s->rules, count_refused, o);
}

static void unwant_some(struct rule *r, void *ctx)
{
	struct ruleset *rs = ctx;

	if (!rnd_one_in(&chance, 8))
		return;
	r->wanted = false;
	ruleset_touch(rs, r);
}

/* Some go, some come, some do something else. */
static void set_change(struct set *s, struct nft *t, struct outcome *o)
{
	ruleset_each(&s->rules, unwant_some, &s->rules);
	for (uint32_t comes = 1 + rnd_below(&chance, 4); comes > 0; comes--)
		add_rule(s);
	if (s->count > 0) {
		struct rule *r = s->list[rnd_below(&chance, (uint32_t)s->count)];

		random_action(r);
		ruleset_touch(&s->rules, r);
	}
	if (!stale)
		apply(t, &s->rules);
	set_list(s, o);
	o->changes++;
}

/* Plain: the first in order that matches. */
static struct rule *reference(const struct set *s, const struct frame *f)
{
	size_t len = claimed(f);

	for (size_t i = 0; i < s->count; i++)
		if (s->list[i]->nlri.family == f->family &&
		    flow_match(&s->list[i]->nlri, f->octets + f->ip, len))
			return s->list[i];
	return NULL;
}

/* The entry that saves the frame from that rule; -1: none. */
static int saved_from(const struct rule *r, const struct frame *f)
{
	if (r == NULL || (r->then.kind == XDP_THEN_ACCEPT && !r->then.marks))
		return -1;
	return protected_by(&protection, f->family, f->octets + f->ip, claimed(f));
}

static bool drops(const struct rule *r, const struct frame *f)
{
	return r != NULL && r->then.kind == XDP_THEN_DISCARD && saved_from(r, f) < 0;
}

/* Is what came out what was sent, but for the mark that it should have? */
static bool came_as_it_should(const struct rule *r, const struct frame *sent,
			      const struct frame *came)
{
	size_t len = sent->len - sent->ip;
	bool marked = r != NULL && r->then.marks && saved_from(r, sent) < 0;

	return came->len - came->ip == len &&
	       only_marked(sent->octets + sent->ip, came->octets + came->ip, len,
			   marked ? r->then.dscp : -1);
}

/* The checksum as it should be. */
static void make_checksum(struct frame *f)
{
	uint8_t *p = f->octets + f->ip;

	if (f->family == FLOW_IPV6 || f->len - f->ip < (size_t)(p[0] & 15u) * 4 ||
	    (p[0] & 15u) < 5 || rnd_one_in(&chance, 4))
		return;
	put_u16(p + 10, 0);
	put_u16(p + 10, ~header_sum(p));
}

static struct frame frames[BATCH];

/* What a rule's counter should say is kept in reported_counters.packets. */
static void compare_batch(const struct set *s, struct outcome *o, bool explain)
{
	struct rule *first[BATCH];
	bool came[BATCH] = { false };

	for (uint32_t i = 0; i < BATCH; i++) {
		make_frame(&frames[i], i);
		make_checksum(&frames[i]);
		first[i] = reference(s, &frames[i]);
		if (first[i] != NULL)
			first[i]->reported_counters.packets++;
		if (drops(first[i], &frames[i]))
			first[i]->reported_counters.dropped_packets++;
		if (saved_from(first[i], &frames[i]) >= 0) {
			protection.saved[saved_from(first[i], &frames[i])]++;
			o->saved++;
		}
		send_frame(&frames[i]);
	}
	receive_batch(came, BATCH);
	for (uint32_t i = 0; i < BATCH; i++) {
		const struct frame *f = &frames[i];

		o->compared++;
		o->matched += first[i] != NULL;
		o->marked += came[i] && first[i] != NULL && first[i]->then.marks;
		if (came[i] != drops(first[i], f) &&
		    (!came[i] || came_as_it_should(first[i], f, &received[i])))
			continue;
		if (explain && o->different == 0) {
			print_hex(came[i] ? "came" : "was dropped", f->octets, f->len);
			if (first[i] != NULL)
				print_hex("first match", first[i]->nlri.octets, first[i]->nlri.len);
		}
		o->different++;
	}
}

static uint64_t count_of(struct nft *t, const struct rule *r)
{
	struct err e = { 0 };

	if (!nft_counters(t, &e))
		fail_msg("%s", e.text);
	return r != NULL ? r->now.packets : 0;
}

/* Sends the batch again, one by one, to name the frame. */
static void find_miscounted(struct nft *t, const struct set *s)
{
	bool came[BATCH];

	for (uint32_t i = 0; i < BATCH; i++) {
		struct rule *first = reference(s, &frames[i]);
		uint64_t before = count_of(t, first);

		send_frame(&frames[i]);
		receive_batch(came, BATCH);
		if (first == NULL || count_of(t, first) == before + 1)
			continue;
		print_hex("miscounted", frames[i].octets, frames[i].len);
		print_hex("first match", first->nlri.octets, first->nlri.len);
		return;
	}
}

/* Every counter says what it should. */
static void compare_counters(struct nft *t, const struct set *s, struct outcome *o, bool explain)
{
	uint64_t before = o->different;

	(void)count_of(t, NULL);
	for (size_t i = 0; i < s->count; i++)
		o->different += s->list[i]->now.packets != s->list[i]->reported_counters.packets ||
				s->list[i]->now.dropped_packets !=
					s->list[i]->reported_counters.dropped_packets;
	o->different += wrongly_saved(&protection, nft_saved(t), explain, &(uint64_t){ 0 });
	if (explain && o->different > before)
		find_miscounted(t, s);
}

static struct xdp_local make_local(void)
{
	uint8_t a[16];

	rnd_address(&chance, a);
	return local_at(rnd_one_in(&chance, 2) ? XDP_IPV6 : XDP_IPV4, a);
}

static int compare_locals(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct xdp_local));
}

/* Other flows are protected, of a machine with other addresses. */
static void protect(void)
{
	struct protection *p = &protection;

	memset(p->saved, 0, sizeof(p->saved));
	p->what = (struct enforce_protect){ .statements = p->statement };
	if (rnd_one_in(&chance, 3))
		p->what.defaults_off =
			rnd_one_in(&chance, 2) ? UINT32_MAX : rnd_below(&chance, 1 << 9);
	for (unsigned want = rnd_below(&chance, STATEMENTS + 1); want > 0; want--) {
		struct enforce_protect_statement *s = &p->statement[p->what.count];

		s->name = "any";
		s->nlri = (struct flow_nlri){ .family = rnd_one_in(&chance, 2) ? FLOW_IPV4
									       : FLOW_IPV6,
					      .octets = p->octets[p->what.count] };
		s->nlri.len = random_nlri(&chance, s->nlri.family, p->octets[p->what.count]);
		p->what.count += nft_match_fits(&s->nlri, NULL);
	}
	p->local_count = rnd_below(&chance, LOCALS + 1);
	for (size_t i = 0; i < p->local_count; i++)
		p->local[i] = make_local();
	qsort(p->local, p->local_count, sizeof(p->local[0]), compare_locals);
}

/* The enforcer starts anew over the table that is there. */
static struct nft *reopen(struct nft *t, struct ruleset *rs)
{
	struct locals locals = { .list = protection.local };
	struct nft_script s;
	struct err e = { 0 };

	nft_free(t);
	protect();
	locals.count = protection.local_count;
	options.protect = protection.what;
	t = open_or_fail(rs);
	nft_script_open(&s);
	nft_protect_print_locals(&locals, s.to);
	if (!nft_script_run(&s, &e))
		fail_msg("%s", e.text);
	return t;
}

/* It knows nothing of the addresses that the test has put there. */
static void flush_locals(void)
{
	struct err e = { 0 };

	if (!nft_run("flush set " NFT_TABLE " ipv4-locals\nflush set " NFT_TABLE " ipv6-locals\n",
		     &e))
		fail_msg("%s", e.text);
}

static void oracle_set(struct nft *t, struct ruleset *rs, struct outcome *o, bool explain)
{
	struct set s = { .rules = *rs };
	uint32_t want = 1 + rnd_below(&chance, rnd_one_in(&chance, SET_MANY_ONE_IN) ? SET_RULES_MANY
										    : SET_RULES);

	while (want-- > 0)
		add_rule(&s);
	apply(t, &s.rules);
	set_list(&s, o);
	for (int batch = 0; batch < SET_BATCHES && o->different == 0; batch++) {
		if (batch > 0)
			set_change(&s, t, o);
		compare_batch(&s, o, explain);
		if (!stale)
			compare_counters(t, &s, o, explain);
	}
	if (explain && o->different == 0) {
		flush_locals();
		o->different += (uint64_t)differences(t, &s.rules, true);
	}
	ruleset_each(&s.rules, unwant, &s.rules);
	apply(t, &s.rules);
	free(s.list);
	*rs = s.rules;
}

/* Stops at the first difference. */
static struct outcome oracle(void (*plant)(void), uint64_t comparisons, uint64_t seed, bool explain)
{
	struct outcome o = { 0 };
	struct ruleset rs;
	struct nft *t;

	ruleset_start(&rs);
	t = open_or_fail(&rs);
	chance.state = seed;
	while (o.compared < comparisons && o.different == 0) {
		t = reopen(t, &rs);
		if (plant != NULL)
			plant();
		oracle_set(t, &rs, &o, explain);
	}
	ruleset_done(&rs);
	close_all(t);
	options.protect = (struct enforce_protect){ 0 };
	return o;
}

static void test_agrees_with_reference(void **state)
{
	uint64_t n = env_number("HEADGATE_COMPARISONS", COMPARISONS);
	struct outcome o = oracle(NULL, n, run_seed(), true);

	(void)state;
	printf("# %llu frames, %llu matched, %llu marked, %llu saved, %llu different\n",
	       (unsigned long long)o.compared, (unsigned long long)o.matched,
	       (unsigned long long)o.marked, (unsigned long long)o.saved,
	       (unsigned long long)o.different);
	printf("# %llu rules, %llu refused, %llu changes\n", (unsigned long long)o.rules,
	       (unsigned long long)o.refused, (unsigned long long)o.changes);
	assert_int_equal(o.different, 0);
	assert_true(o.compared >= n);
	assert_true(o.matched * 3 >= o.compared);
	assert_true(o.saved * 20 >= o.compared);
	assert_true(o.marked * 20 >= o.compared);
	assert_true(o.refused * 10 <= o.rules);
}

/* ---- Planted faults --------------------------------------------------------------------- */

/* Takes out the first rule of the chain. */
static void delete_first(const char *chain)
{
	char command[160];
	struct err e = { 0 };
	json_t *list, *o;
	json_int_t handle = 0;
	size_t i;

	(void)snprintf(command, sizeof(command), "list chain " NFT_TABLE " %s\n", chain);
	list = nft_list(command, &e);
	if (list == NULL)
		fail_msg("%s", e.text);
	json_array_foreach(list, i, o)
	{
		const json_t *rule = json_object_get(o, "rule");

		if (rule != NULL && handle == 0)
			handle = json_integer_value(json_object_get(rule, "handle"));
	}
	json_decref(list);
	(void)snprintf(command, sizeof(command), "delete rule " NFT_TABLE " %s handle %lld\n",
		       chain, (long long)handle);
	if (!nft_run(command, &e))
		fail_msg("%s", e.text);
}

static void no_fragment_guard(void)
{
	delete_first("ipv4");
}

static void no_header_length(void)
{
	delete_first("ipv4-header");
}

static void no_protection(void)
{
	struct err e = { 0 };

	if (!nft_run("flush chain " NFT_TABLE " ipv4-protected\nflush chain " NFT_TABLE
		     " ipv6-protected\n",
		     &e))
		fail_msg("%s", e.text);
}

static void finds(void (*plant)(void))
{
	struct outcome o = oracle(plant, FAULT_COMPARISONS, run_seed() ^ 0x5555, false);

	printf("# found after %llu frames\n", (unsigned long long)o.compared);
	assert_true(o.different > 0);
}

static void test_finds_missing_fragment_guard(void **state)
{
	(void)state;
	finds(no_fragment_guard);
}

static void test_finds_missing_header_length(void **state)
{
	(void)state;
	finds(no_header_length);
}

static void test_finds_ignored_protection(void **state)
{
	(void)state;
	finds(no_protection);
}

static void test_finds_stale_rules(void **state)
{
	(void)state;
	stale = true;
	finds(NULL);
	stale = false;
}

static int start(void **state)
{
	defaults_read();
	return make_wire(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_reference),
		cmocka_unit_test(test_finds_missing_fragment_guard),
		cmocka_unit_test(test_finds_missing_header_length),
		cmocka_unit_test(test_finds_ignored_protection),
		cmocka_unit_test(test_finds_stale_rules),
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	/* Planted faults need not be found on each kernel, and not each verifier takes them. */
	cmocka_set_skip_filter(getenv("HEADGATE_SKIP"));
	return cmocka_run_group_tests(tests, start, NULL);
}
