/* SPDX-License-Identifier: ISC */
/* The feed: what is wanted after which lines, above all when a hub has started anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "enforce/feed.h"
#include "enforce/ruleset.h"

#define HELLO(epoch, settled)                                                                      \
	"{\"event\":\"hello\",\"epoch\":\"" epoch "\",\"settled\":" settled "}"
#define BEGIN(snapshot) "{\"event\":\"begin\",\"seq\":1,\"snapshot\":" snapshot "}"
#define COMMIT          "{\"event\":\"commit\",\"seq\":1}"
#define SETTLED(epoch)  "{\"event\":\"settled\",\"epoch\":\"" epoch "\"}"
#define RULE(op, nlri, ext)                                                                        \
	"{\"event\":\"rule\",\"seq\":1,\"op\":\"" op                                               \
	"\",\"family\":\"ipv4-flow\",\"nlri\":\"" nlri "\",\"ext\":\"" ext "\",\"ext6\":\"\"}"
#define RULE_FROM(nlri, origin)                                                                    \
	"{\"event\":\"rule\",\"seq\":1,\"op\":\"add\",\"family\":\"ipv4-flow\",\"nlri\":\"" nlri   \
	"\",\"ext\":\"" DISCARD "\",\"ext6\":\"\",\"origin\":\"" origin "\"}"
#define RULE_VPN(op, ext) RULE_VPN6(op, ext, "")
#define RULE_VPN6(op, ext, ext6)                                                                   \
	"{\"event\":\"rule\",\"seq\":1,\"op\":\"" op                                               \
	"\",\"family\":\"ipv4-flow-vpn\",\"nlri\":\"0b0000fde80000000101080a\",\"ext\":\"" ext     \
	"\",\"ext6\":\"" ext6 "\"}"
#define DISCARD "8006000000000000"
#define RED     "0002fde800000009" /* target:65000:9 */
#define BLUE    "0002fde80000000a"
#define GREEN   "0002fde800000009000000000000000000000009" /* target:[fde8:0:9::]:9 */
#define OTHER   "0002fde800000009000000000000000000000008"
#define A       "0301080a" /* destination 10.0.0.0/8 */
#define B       "0301080b"

struct play {
	struct ruleset rules;
	struct feed feed;
	const char *kernel_epoch;
};

static int begin_play(void **state)
{
	static struct play p;

	memset(&p, 0, sizeof(p));
	ruleset_init(&p.rules, 1);
	p.feed.rules = &p.rules;
	p.kernel_epoch = "";
	*state = &p;
	return 0;
}

static int end_play(void **state)
{
	struct play *p = *state;

	ruleset_done(&p->rules);
	return 0;
}

static void say(struct play *p, const char *line)
{
	struct err e = { 0 };

	if (!feed_line(&p->feed, line, p->kernel_epoch, &e))
		fail_msg("%s: %s", line, e.text);
}

static void refuses(struct play *p, const char *line)
{
	uint64_t before = p->feed.unreadable;

	assert_false(feed_line(&p->feed, line, p->kernel_epoch, NULL));
	assert_int_equal(p->feed.unreadable, before + 1);
}

static struct rule *rule_for(struct play *p, uint8_t octet)
{
	const uint8_t octets[] = { 1, 8, octet };
	struct flow_nlri n = { .family = FLOW_IPV4, .octets = octets, .len = 3 };

	return ruleset_find(&p->rules, &n);
}

static bool wanted(struct play *p, uint8_t octet)
{
	struct rule *r = rule_for(p, octet);

	return r != NULL && r->wanted;
}

/* As if an enforcer before us had left this rule in the kernel. */
static void left_in_kernel(struct play *p, uint8_t octet)
{
	const uint8_t octets[] = { 1, 8, octet };
	struct flow_nlri n = { .family = FLOW_IPV4, .octets = octets, .len = 3 };
	struct rule *r = ruleset_need(&p->rules, &n);

	assert_non_null(r);
	r->slot = r->action = octet;
	r->wanted = r->then_ok = true;
}

static void snapshot(struct play *p, const char *hello, const char *rule)
{
	feed_restart(&p->feed);
	say(p, hello);
	say(p, BEGIN("true"));
	if (rule != NULL)
		say(p, rule);
	say(p, COMMIT);
}

static void test_a_snapshot_is_wanted_when_it_is_whole(void **state)
{
	struct play *p = *state;

	say(p, "{\"ok\":true}");
	say(p, HELLO("e1", "true"));
	say(p, BEGIN("true"));
	say(p, RULE("add", A, DISCARD));
	assert_false(feed_ready(&p->feed));
	say(p, COMMIT);
	assert_true(feed_ready(&p->feed));
	assert_true(wanted(p, 10));
	assert_int_equal(rule_for(p, 10)->then.kind, XDP_THEN_DISCARD);
}

static void test_a_change_waits_for_its_commit(void **state)
{
	struct play *p = *state;

	snapshot(p, HELLO("e1", "true"), NULL);
	say(p, BEGIN("false"));
	assert_false(feed_ready(&p->feed));
	say(p, RULE("add", A, DISCARD));
	say(p, RULE("add", B, DISCARD));
	say(p, COMMIT);
	assert_true(feed_ready(&p->feed));
	assert_true(wanted(p, 10) && wanted(p, 11));
	say(p, BEGIN("false"));
	say(p, RULE("remove", A, ""));
	say(p, COMMIT);
	assert_false(wanted(p, 10));
	assert_true(wanted(p, 11));
}

static void test_adding_again_replaces_the_action(void **state)
{
	struct play *p = *state;

	snapshot(p, HELLO("e1", "true"), RULE("add", A, DISCARD));
	say(p, BEGIN("false"));
	say(p, RULE("add", A, ""));
	say(p, RULE("add", A, ""));
	say(p, COMMIT);
	assert_int_equal(rule_for(p, 10)->then.kind, XDP_THEN_ACCEPT);
	assert_int_equal(p->rules.map.count, 1);
}

static void test_rules_of_the_same_epoch_go_with_the_snapshot(void **state)
{
	struct play *p = *state;

	left_in_kernel(p, 10);
	p->kernel_epoch = "e1";
	snapshot(p, HELLO("e1", "false"), RULE("add", B, DISCARD));
	assert_false(wanted(p, 10));
	assert_true(wanted(p, 11));
}

static void test_rules_of_an_older_epoch_stay_until_settled(void **state)
{
	struct play *p = *state;

	left_in_kernel(p, 10);
	p->kernel_epoch = "e1";
	snapshot(p, HELLO("e2", "false"), RULE("add", B, DISCARD));
	assert_true(wanted(p, 10) && wanted(p, 11));
	say(p, SETTLED("e2"));
	assert_false(wanted(p, 10));
	assert_true(wanted(p, 11));
}

static void test_a_question_is_kept_until_it_is_answered(void **state)
{
	struct play *p = *state;

	snapshot(p, HELLO("e1", "true"), RULE("add", B, DISCARD));
	assert_int_equal(p->feed.question.id, 0);
	say(p, "{\"event\":\"verify\",\"id\":3,\"rules\":1204,\"digest\":\"9d2c5a7be1f00418\"}");
	assert_int_equal(p->feed.question.id, 3);
	assert_int_equal(p->feed.question.rules, 1204);
	assert_int_equal(p->feed.question.digest, 0x9d2c5a7be1f00418);
	feed_restart(&p->feed); /* who asked has gone with the connection */
	assert_int_equal(p->feed.question.id, 0);
}

static void test_a_settled_hub_is_believed_at_once(void **state)
{
	struct play *p = *state;

	left_in_kernel(p, 10);
	p->kernel_epoch = "e1";
	snapshot(p, HELLO("e2", "true"), NULL);
	assert_false(wanted(p, 10));
}

static void test_settled_before_the_snapshot_takes_nothing_yet(void **state)
{
	struct play *p = *state;

	left_in_kernel(p, 10);
	p->kernel_epoch = "e1";
	say(p, HELLO("e2", "false"));
	say(p, SETTLED("e2"));
	assert_true(wanted(p, 10));
	say(p, BEGIN("true"));
	say(p, COMMIT);
	assert_false(wanted(p, 10));
}

static void test_settled_of_another_epoch_is_refused(void **state)
{
	struct play *p = *state;

	left_in_kernel(p, 10);
	snapshot(p, HELLO("e2", "false"), NULL);
	refuses(p, SETTLED("e1"));
	assert_true(wanted(p, 10));
}

static void test_what_a_new_epoch_named_goes_with_its_next_snapshot(void **state)
{
	struct play *p = *state;

	left_in_kernel(p, 10);
	p->kernel_epoch = "e1";
	snapshot(p, HELLO("e2", "false"), RULE("add", B, DISCARD));
	rule_for(p, 11)->slot = 11;
	snapshot(p, HELLO("e2", "false"), NULL);
	assert_true(wanted(p, 10));
	assert_false(wanted(p, 11));
}

static void test_two_hubs_in_a_row_that_do_not_settle_take_nothing(void **state)
{
	struct play *p = *state;

	left_in_kernel(p, 10);
	p->kernel_epoch = "e1";
	snapshot(p, HELLO("e2", "false"), RULE("add", B, DISCARD));
	rule_for(p, 11)->slot = 11;
	snapshot(p, HELLO("e3", "false"), NULL);
	assert_true(wanted(p, 10) && wanted(p, 11));
}

static void test_a_change_that_breaks_off_is_undone(void **state)
{
	struct play *p = *state;

	snapshot(p, HELLO("e1", "true"), RULE("add", A, DISCARD));
	rule_for(p, 10)->slot = 10;
	rule_for(p, 10)->installed = rule_for(p, 10)->then;
	say(p, BEGIN("false"));
	say(p, RULE("add", B, DISCARD));
	say(p, RULE("add", A, "80070000000000ff"));
	say(p, RULE("remove", A, ""));
	feed_restart(&p->feed);
	assert_false(feed_ready(&p->feed));
	snapshot(p, HELLO("e2", "false"), NULL);
	assert_true(wanted(p, 10));
	assert_true(rule_for(p, 10)->then_ok);
	assert_int_equal(rule_for(p, 10)->then.kind, XDP_THEN_DISCARD);
	assert_false(wanted(p, 11));
}

static void test_lines_without_sense_change_nothing(void **state)
{
	static const char *const lines[] = {
		"",
		"{",
		"{\"event\":\"hello\"}",
		"{\"event\":\"rule\",\"op\":\"add\",\"family\":\"ipv5-flow\",\"nlri\":\"" A "\"}",
		RULE("add", "0301080", DISCARD),
		RULE("add", "zz", DISCARD),
		RULE("add", "", DISCARD),
		RULE("add", "00", DISCARD),
		RULE("add", "0401080a", DISCARD),
		RULE("add", A "00", DISCARD),
		RULE("add", A, "8006"),
		RULE("swap", A, DISCARD),
		"{\"event\":\"rule\",\"op\":\"add\",\"family\":\"ipv4-flow\",\"nlri\":\"" A
		"\",\"ext\":\"\",\"ext6\":\"\",\"next-hop\":\"nowhere\"}",
		"{\"ok\":false,\"error\":\"no\"}",
	};
	struct play *p = *state;

	snapshot(p, HELLO("e1", "true"), NULL);
	say(p, BEGIN("false"));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refuses(p, lines[i]);
	assert_int_equal(p->rules.map.count, 0);
}

static void test_removing_what_is_not_there_is_no_fault(void **state)
{
	struct play *p = *state;

	snapshot(p, HELLO("e1", "true"), RULE("add", A, DISCARD));
	say(p, BEGIN("false"));
	say(p, RULE("remove", B, ""));
	say(p, COMMIT);
	assert_true(wanted(p, 10));
	assert_int_equal(p->rules.map.count, 1);
}

static void test_a_rule_outside_of_a_change_is_refused(void **state)
{
	struct play *p = *state;

	snapshot(p, HELLO("e1", "true"), RULE("add", A, DISCARD));
	refuses(p, RULE("add", B, DISCARD));
	refuses(p, RULE("remove", A, ""));
	refuses(p, COMMIT);
	assert_true(wanted(p, 10));
	assert_false(wanted(p, 11));
}

static void test_a_begin_inside_a_change_puts_nothing_in_force(void **state)
{
	struct play *p = *state;

	snapshot(p, HELLO("e1", "true"), RULE("add", A, DISCARD));
	say(p, BEGIN("false"));
	say(p, RULE("add", B, DISCARD));
	refuses(p, BEGIN("false"));
	say(p, COMMIT);
	assert_true(p->feed.broken);
	assert_false(feed_ready(&p->feed));
	snapshot(p, HELLO("e1", "true"), RULE("add", A, DISCARD));
	assert_true(feed_ready(&p->feed));
	assert_true(wanted(p, 10));
	assert_false(wanted(p, 11));
}

static void test_a_monitored_source_is_told_to_accept(void **state)
{
	static const struct enforce_source sources[] = {
		{ "192.0.2.1", false, ENFORCE_AWAY_KEEP },
		{ "user:root", true, ENFORCE_AWAY_KEEP },
	};
	struct play *p = *state;
	uint32_t origin;

	p->feed.source_count = 2;
	p->feed.sources = sources;
	snapshot(p, HELLO("e1", "true"), RULE_FROM(A, "user:root"));
	assert_int_equal(rule_for(p, 10)->source, 1);
	assert_true(rule_for(p, 10)->monitor);
	assert_int_equal(rule_for(p, 10)->then.kind, XDP_THEN_ACCEPT);
	origin = rule_for(p, 10)->origin;
	snapshot(p, HELLO("e1", "true"), RULE_FROM(A, "192.0.2.1"));
	assert_int_equal(rule_for(p, 10)->source, 0);
	assert_false(rule_for(p, 10)->monitor);
	assert_int_equal(rule_for(p, 10)->then.kind, XDP_THEN_DISCARD);
	snapshot(p, HELLO("e1", "true"), RULE_FROM(A, "192.0.2.3"));
	assert_int_equal(rule_for(p, 10)->source, -1);
	rule_for(p, 10)->origin = origin; /* as the kernel has kept it */
	feed_found(&p->feed);
	assert_int_equal(rule_for(p, 10)->source, 1);
}

static const struct flow_target red_and_blue[] = { { 8, { 0, 2, 0xfd, 0xe8, 0, 0, 0, 9 } },
						   { 8, { 0, 2, 0xfd, 0xe8, 0, 0, 0, 10 } } };
/* The first eight octets of an IPv6 target are those of red. */
static const struct flow_target green[] = { { 20, { 0, 2, 0xfd, 0xe8, 0, 0, 0, 9, [19] = 9 } } };

/* As the options have them; in the kernel their numbers are 3, 7, 9 and 4.  The third has no
 * interface. */
static const struct enforce_vrf vrfs[] = {
	{ .name = "red", .import_count = 1, .imports = red_and_blue, .interface_count = 1 },
	{ .name = "both", .import_count = 2, .imports = red_and_blue, .interface_count = 1 },
	{ .name = "elsewhere", .import_count = 2, .imports = red_and_blue },
	{ .name = "green", .import_count = 1, .imports = green, .interface_count = 1 },
};

static void with_vrfs(struct play *p)
{
	p->feed.vrf_count = 4;
	p->feed.vrfs = vrfs;
	p->rules.vrf[0] = 3;
	p->rules.vrf[1] = 7;
	p->rules.vrf[2] = 9;
	p->rules.vrf[3] = 4;
}

/* Bit v: VRF v wants the rule; bit 0: no VRF does. */
static unsigned wanted_in(const struct play *p)
{
	static const uint8_t octets[] = { 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 1, 8, 10 };
	struct flow_nlri n = { .vpn = true, .octets = octets, .len = sizeof(octets) };
	struct rule *any = ruleset_find_any(&p->rules, &n), *r = any;
	unsigned ret = 0;

	do {
		if (r != NULL && r->wanted)
			ret |= 1U << r->vrf;
		r = r != NULL ? r->sibling : NULL;
	} while (r != any);
	return ret;
}

static void test_a_vpn_rule_is_for_the_vrfs_that_import_it(void **state)
{
	struct play *p = *state;

	with_vrfs(p);
	snapshot(p, HELLO("e1", "true"), RULE_VPN("add", DISCARD RED));
	assert_int_equal(wanted_in(p), 1 << 3 | 1 << 7);
	say(p, BEGIN("false"));
	say(p, RULE_VPN("add", DISCARD BLUE));
	assert_int_equal(wanted_in(p), 1 << 7);
	say(p, RULE_VPN("add", DISCARD));
	assert_int_equal(wanted_in(p), 1);
	say(p, RULE_VPN("add", DISCARD BLUE RED));
	assert_int_equal(wanted_in(p), 1 << 3 | 1 << 7);
	say(p, RULE_VPN("remove", ""));
	assert_int_equal(wanted_in(p), 0);
}

/* RFC 5701: in an attribute of their own. */
static void test_a_target_of_20_octets_is_a_target(void **state)
{
	struct play *p = *state;

	with_vrfs(p);
	snapshot(p, HELLO("e1", "true"), RULE_VPN6("add", DISCARD, GREEN));
	assert_int_equal(wanted_in(p), 1 << 4);
	say(p, BEGIN("false"));
	say(p, RULE_VPN6("add", DISCARD, OTHER GREEN));
	assert_int_equal(wanted_in(p), 1 << 4);
	say(p, RULE_VPN6("add", DISCARD BLUE, GREEN));
	assert_int_equal(wanted_in(p), 1 << 4 | 1 << 7);
	say(p, RULE_VPN6("add", DISCARD, OTHER));
	assert_int_equal(wanted_in(p), 1);
}

static void test_targets_mean_nothing_without_vrfs(void **state)
{
	struct play *p = *state;

	with_vrfs(p);
	memset(p->rules.vrf, 0, sizeof(p->rules.vrf)); /* a backend that has none */
	snapshot(p, HELLO("e1", "true"), RULE_VPN("add", DISCARD RED));
	assert_int_equal(wanted_in(p), 1);
	say(p, BEGIN("false"));
	say(p, RULE("add", A, DISCARD RED));
	assert_true(wanted(p, 10));
	assert_int_equal(rule_for(p, 10)->vrf, 0);
}

static void test_an_unknown_event_is_passed_over(void **state)
{
	say(*state, "{\"event\":\"peer-up\",\"peer\":\"192.0.2.1\"}");
}

#define PLAY(test) cmocka_unit_test_setup_teardown(test, begin_play, end_play)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAY(test_a_snapshot_is_wanted_when_it_is_whole),
		PLAY(test_a_change_waits_for_its_commit),
		PLAY(test_adding_again_replaces_the_action),
		PLAY(test_rules_of_the_same_epoch_go_with_the_snapshot),
		PLAY(test_rules_of_an_older_epoch_stay_until_settled),
		PLAY(test_a_question_is_kept_until_it_is_answered),
		PLAY(test_a_settled_hub_is_believed_at_once),
		PLAY(test_settled_before_the_snapshot_takes_nothing_yet),
		PLAY(test_settled_of_another_epoch_is_refused),
		PLAY(test_what_a_new_epoch_named_goes_with_its_next_snapshot),
		PLAY(test_two_hubs_in_a_row_that_do_not_settle_take_nothing),
		PLAY(test_a_change_that_breaks_off_is_undone),
		PLAY(test_lines_without_sense_change_nothing),
		PLAY(test_removing_what_is_not_there_is_no_fault),
		PLAY(test_a_rule_outside_of_a_change_is_refused),
		PLAY(test_a_begin_inside_a_change_puts_nothing_in_force),
		PLAY(test_a_monitored_source_is_told_to_accept),
		PLAY(test_a_vpn_rule_is_for_the_vrfs_that_import_it),
		PLAY(test_a_target_of_20_octets_is_a_target),
		PLAY(test_targets_mean_nothing_without_vrfs),
		PLAY(test_an_unknown_event_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
