/* SPDX-License-Identifier: ISC */
/* rib_test.c - keys, paths, what counts, and who hears of it. */
#include "tests/rib_net.h"

#include "rib/table.h"

struct world {
	struct bgp_attr_table *attrs;
	struct rib *rib;
	struct bgp_attrs *a[10]; /* told apart by their last octet, 1 to 9 */
	struct bgp_peer *peers[8];
	size_t peers_count;
	struct str heard; /* watchers: "best N/A", "path N/A", "gone N/A" */
	char text[4096];
	char event[512];
	unsigned events;
	msec now;
};

static uint8_t key(const struct rib_entry *e)
{
	struct bgp_nlri n = rib_entry_nlri(e);

	return n.octets[n.len - 1];
}

static void on_best(void *ctx, const struct rib_entry *e, const struct rib_path *best)
{
	struct world *w = ctx;

	if (best != NULL)
		str_addf(&w->heard, " best %u/%u", key(e), best->attrs->ext.at[7]);
	else
		str_addf(&w->heard, " no best %u", key(e));
}

static void on_path(void *ctx, const struct rib_path *p, bool gone)
{
	struct world *w = ctx;

	str_addf(&w->heard, " %s %u/%u", gone ? "gone" : "path", key(p->entry),
		 p->attrs->ext.at[7]);
}

static void on_event(void *ctx, const char *subject, const char *text)
{
	struct world *w = ctx;

	(void)snprintf(w->event, sizeof(w->event), "%s: %s", subject, text);
	w->events++;
}

/* What was heard since the last time is this. */
static void expect_heard(struct world *w, const char *what)
{
	assert_string_equal(w->text, what);
	w->heard = str_over(w->text, sizeof(w->text));
}

static msec clock_now(void *ctx)
{
	return ((struct world *)ctx)->now;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct rib_conf c = { .cluster_id = { 0 } };

	w->attrs = bgp_attr_table_new();
	w->rib = rib_new(w->attrs, &c);
	w->heard = str_over(w->text, sizeof(w->text));
	for (uint8_t i = 1; i < 10; i++)
		w->a[i] = net_attrs(w->attrs, i, NULL);
	rib_clock_set(w->rib, clock_now, w);
	assert_true(rib_watch_add(
		w->rib, &(struct rib_watch){
				.best = on_best, .path = on_path, .event = on_event, .ctx = w }));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	rib_free(w->rib);
	for (size_t i = 0; i < w->peers_count; i++)
		free(w->peers[i]);
	for (size_t i = 1; i < 10; i++)
		bgp_attrs_unref(w->attrs, w->a[i]);
	bgp_attr_table_free(w->attrs);
	free(w);
	return 0;
}

static struct bgp_peer *peer(struct world *w, const char *address, uint32_t as,
			     enum rib_validate validate)
{
	struct rib_peer_conf c = { .validate = validate };
	struct bgp_peer *p = net_peer(w->rib, address, as, &c);

	w->peers[w->peers_count++] = p;
	net_up(p);
	return p;
}

static void an_announcement_is_heard_once(void **state)
{
	struct world *w = *state;
	struct rib_origin *o = rib_origin_local(w->rib, "file");

	assert_int_equal(rib_announce(w->rib, o, NULL, "r", net_flow(1), w->a[1]), RIB_DONE);
	expect_heard(w, " path 1/1 best 1/1");
	assert_int_equal(rib_announce(w->rib, o, NULL, "r", net_flow(1), w->a[1]), RIB_SAME);
	expect_heard(w, "");
}

static void a_changed_action_replaces_the_path(void **state)
{
	struct world *w = *state;
	struct rib_origin *o = rib_origin_local(w->rib, "file");
	const struct rib_path *p;

	rib_announce(w->rib, o, NULL, NULL, net_flow(1), w->a[1]);
	w->now = 7;
	assert_int_equal(rib_announce(w->rib, o, NULL, NULL, net_flow(1), w->a[2]), RIB_DONE);
	expect_heard(w, " path 1/1 best 1/1 path 1/2 best 1/2");
	p = rib_entry_paths(rib_find(w->rib, net_flow(1)));
	assert_null(p->next);
	assert_int_equal(p->since, 7);
}

static void another_name_is_no_other_best(void **state)
{
	struct world *w = *state;
	struct rib_origin *o = rib_origin_local(w->rib, "file");

	rib_announce(w->rib, o, NULL, "old", net_flow(1), w->a[1]);
	expect_heard(w, " path 1/1 best 1/1");
	assert_int_equal(rib_announce(w->rib, o, NULL, "new", net_flow(1), w->a[1]), RIB_DONE);
	expect_heard(w, " path 1/1");
	assert_string_equal(rib_entry_paths(rib_find(w->rib, net_flow(1)))->name, "new");
}

static void of_two_origins_withdrawing_one_leaves_the_other(void **state)
{
	struct world *w = *state;
	struct rib_origin *file = rib_origin_local(w->rib, "file");
	struct rib_origin *person = rib_origin_local(w->rib, "uid 0");

	rib_announce(w->rib, file, NULL, NULL, net_flow(1), w->a[1]);
	rib_announce(w->rib, person, NULL, NULL, net_flow(1), w->a[2]);
	expect_heard(w, " path 1/1 best 1/1 path 1/2");
	assert_int_equal(rib_withdraw(w->rib, file, NULL, net_flow(1)), RIB_DONE);
	expect_heard(w, " gone 1/1 best 1/2");
	assert_int_equal(rib_withdraw(w->rib, file, NULL, net_flow(1)), RIB_SAME);
	assert_int_equal(rib_withdraw(w->rib, person, NULL, net_flow(1)), RIB_DONE);
	expect_heard(w, " gone 1/2 no best 1");
	assert_null(rib_find(w->rib, net_flow(1)));
}

static void all_of_an_origin_can_be_withdrawn(void **state)
{
	struct world *w = *state;
	struct rib_origin *file = rib_origin_local(w->rib, "file");
	struct rib_origin *person = rib_origin_local(w->rib, "uid 0");
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);

	rib_announce(w->rib, file, NULL, NULL, net_flow(1), w->a[1]);
	rib_announce(w->rib, file, p->user, NULL, net_flow(1), w->a[2]);
	rib_announce(w->rib, person, NULL, NULL, net_flow(2), w->a[1]);
	net_says(p, net_flow(3), w->a[3]);
	assert_int_equal(rib_withdraw_all(w->rib, file), 2);
	assert_null(rib_find(w->rib, net_flow(1)));
	assert_non_null(rib_find(w->rib, net_flow(2)));
	assert_int_equal(rib_withdraw_all(w->rib, NULL), 1);
	assert_non_null(rib_find(w->rib, net_flow(3)));
}

static void what_is_announced_between_two_steps_of_a_withdrawal_stays(void **state)
{
	struct world *w = *state;
	struct rib_origin *file = rib_origin_local(w->rib, "file");
	struct rib_origin *person = rib_origin_local(w->rib, "uid 0");
	uint64_t until;

	for (uint8_t n = 1; n < 4; n++)
		rib_announce(w->rib, file, NULL, NULL, net_flow(n), w->a[1]);
	rib_announce(w->rib, person, NULL, NULL, net_flow(4), w->a[1]);
	until = rib_said(w->rib);
	assert_int_equal(rib_withdraw_some(w->rib, NULL, until, 2), 2);
	rib_announce(w->rib, file, NULL, NULL, net_flow(2), w->a[1]); /* as it was */
	rib_announce(w->rib, person, NULL, NULL, net_flow(4), w->a[1]);
	assert_int_equal(rib_withdraw_some(w->rib, NULL, until, 2), 1);
	assert_null(rib_find(w->rib, net_flow(1)));
	assert_non_null(rib_find(w->rib, net_flow(2)));
	assert_null(rib_find(w->rib, net_flow(3)));
	assert_non_null(rib_find(w->rib, net_flow(4)));
}

static void a_path_for_one_neighbor_is_no_best_for_everyone(void **state)
{
	struct world *w = *state;
	struct rib_origin *o = rib_origin_local(w->rib, "file");
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);

	rib_announce(w->rib, o, p->user, NULL, net_flow(1), w->a[1]);
	expect_heard(w, " path 1/1");
	assert_null(rib_entry_best(rib_find(w->rib, net_flow(1))));
	rib_peer_free(p->user);
	expect_heard(w, " gone 1/1");
	assert_null(rib_find(w->rib, net_flow(1)));
}

static void a_rule_over_ebgp_is_kept_and_does_not_count(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "203.0.113.1", 64500, RIB_VALIDATE_DEFAULT);

	net_says(p, net_flow(1), w->a[1]);
	expect_heard(w, " path 1/1");
	assert_false(rib_entry_paths(rib_find(w->rib, net_flow(1)))->valid);
	assert_null(rib_entry_best(rib_find(w->rib, net_flow(1))));
	assert_int_equal(net_counts(p).family[BGP_IPV4_FLOW].received, 1);
	assert_int_equal(net_counts(p).family[BGP_IPV4_FLOW].accepted, 0);
}

static void a_unicast_route_over_ebgp_counts(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "203.0.113.1", 64500, RIB_VALIDATE_DEFAULT);

	net_says(p, net_unicast(1), w->a[1]);
	expect_heard(w, " path 1/1 best 1/1");
}

static void validate_off_makes_a_rule_count(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "203.0.113.1", 64500, RIB_VALIDATE_OFF);

	net_says(p, net_flow(1), w->a[1]);
	expect_heard(w, " path 1/1 best 1/1");
	assert_int_equal(w->events, 0);
}

static void validate_log_says_what_it_let_pass(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "203.0.113.1", 64500, RIB_VALIDATE_LOG);

	net_says(p, net_flow(1), w->a[1]);
	expect_heard(w, " path 1/1 best 1/1");
	assert_int_equal(w->events, 1);
	assert_non_null(strstr(w->event, "203.0.113.1: accepted without validation: "));
	assert_non_null(strstr(w->event, "192.0.2.1/32"));
}

static void a_rule_over_ibgp_counts_unless_validate_is_on(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);
	struct bgp_peer *q = peer(w, "192.0.2.2", NET_AS, RIB_VALIDATE_ON);

	net_says(p, net_flow(1), w->a[1]);
	expect_heard(w, " path 1/1 best 1/1");
	net_says(q, net_flow(2), w->a[1]);
	expect_heard(w, " path 2/1");
}

static void a_word_in_the_file_changes_what_counts(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "203.0.113.1", 64500, RIB_VALIDATE_DEFAULT);

	net_says(p, net_flow(1), w->a[1]);
	expect_heard(w, " path 1/1");
	rib_peer_change(p->user, &(struct rib_peer_conf){ .validate = RIB_VALIDATE_OFF }, &p->conf);
	expect_heard(w, " path 1/1 best 1/1");
	rib_peer_change(p->user, &(struct rib_peer_conf){ .validate = RIB_VALIDATE_ON }, &p->conf);
	expect_heard(w, " path 1/1 no best 1");
	assert_int_equal(net_counts(p).family[BGP_IPV4_FLOW].accepted, 0);
}

static void what_a_neighbor_sent_goes_with_its_session(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);

	net_says(p, net_flow(1), w->a[1]);
	net_says(p, net_unicast(2), w->a[2]);
	rib_bgp_handler.end_of_rib(w->rib, p, BGP_IPV4_FLOW);
	assert_true(net_counts(p).family[BGP_IPV4_FLOW].end_of_rib_in);
	expect_heard(w, " path 1/1 best 1/1 path 2/2 best 2/2");
	net_down(p);
	expect_heard(w, " gone 1/1 no best 1 gone 2/2 no best 2");
	assert_int_equal(net_counts(p).family[BGP_IPV4_FLOW].received, 0);
	assert_false(net_counts(p).family[BGP_IPV4_FLOW].end_of_rib_in);
}

static void what_a_neighbor_sent_goes_in_steps_that_start_with_the_oldest(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);

	for (uint8_t n = 1; n < 4; n++)
		net_says(p, net_flow(n), w->a[n]);
	net_says(p, net_flow(1), w->a[1]); /* again */
	expect_heard(w, " path 1/1 best 1/1 path 2/2 best 2/2 path 3/3 best 3/3");
	rib_bgp_handler.down(w->rib, p, "test");
	expect_heard(w, "");
	assert_int_equal(rib_prune(w->rib, 2), 2);
	expect_heard(w, " gone 2/2 no best 2 gone 3/3 no best 3");
	assert_int_equal(rib_prune(w->rib, 2), 1);
	expect_heard(w, " gone 1/1 no best 1");
	assert_int_equal(rib_prune(w->rib, 2), 0);
}

static void a_session_that_returns_finds_nothing_of_the_one_before(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);

	net_says(p, net_flow(1), w->a[1]);
	rib_bgp_handler.down(w->rib, p, "test");
	net_up(p);
	assert_null(rib_find(w->rib, net_flow(1)));
	net_says(p, net_flow(1), w->a[1]);
	assert_int_equal(rib_prune(w->rib, 2), 0);
}

/* A loop: the older path of that key goes, and is counted and told. */
static void expect_loop(struct world *w, const struct bgp_attrs *draft, const char *where)
{
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);
	struct bgp_attrs *bad = net_attrs(w->attrs, 9, draft);

	net_says(p, net_flow(1), w->a[1]);
	net_says(p, net_flow(1), bad);
	expect_heard(w, " path 1/1 best 1/1 gone 1/1 no best 1");
	assert_null(rib_find(w->rib, net_flow(1)));
	assert_int_equal(net_counts(p).loops, 1);
	assert_int_equal(w->events, 1);
	assert_non_null(strstr(w->event, where));
	net_says(p, net_flow(1), bad);
	assert_int_equal(net_counts(p).loops, 2);
	assert_int_equal(w->events, 1);
	bgp_attrs_unref(w->attrs, bad);
}

static void our_as_in_the_path_is_a_loop(void **state)
{
	static const uint8_t path[] = { 2, 2, 0, 0, 0xfb, 0xf4, 0, 0, 0xfd, 0xe8 };
	struct bgp_attrs d = { .as_path = { path, sizeof(path) } };

	expect_loop(*state, &d, "AS_PATH");
}

static void our_router_id_as_originator_is_a_loop(void **state)
{
	struct bgp_attrs d = { .has_originator_id = true, .originator_id = { 192, 0, 2, 254 } };

	expect_loop(*state, &d, "ORIGINATOR_ID");
}

static void our_router_id_in_the_cluster_list_is_a_loop(void **state)
{
	static const uint8_t list[] = { 1, 1, 1, 1, 192, 0, 2, 254 };
	struct bgp_attrs d = { .cluster_list = { list, sizeof(list) } };

	expect_loop(*state, &d, "CLUSTER_LIST");
}

static void our_cluster_id_in_the_cluster_list_is_a_loop(void **state)
{
	struct world *w = *state;
	static const uint8_t list[] = { 1, 1, 1, 1, 9, 9, 9, 9 };
	struct bgp_attrs d = { .cluster_list = { list, sizeof(list) } };

	rib_conf_set(w->rib, &(struct rib_conf){ .cluster_id = { 9, 9, 9, 9 } });
	expect_loop(w, &d, "CLUSTER_LIST");
}

static void a_full_table_refuses_and_says_so_once(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);
	struct rib_origin *o = rib_origin_local(w->rib, "file");

	w->rib->paths_max = 2;
	net_says(p, net_flow(1), w->a[1]);
	net_says(p, net_flow(2), w->a[1]);
	for (uint8_t i = 3; i < 8; i++)
		net_says(p, net_flow(i), w->a[1]);
	assert_int_equal(net_counts(p).refused, 5);
	assert_int_equal(w->events, 1);
	assert_null(rib_find(w->rib, net_flow(3)));
	assert_int_equal(rib_announce(w->rib, o, NULL, NULL, net_flow(9), w->a[1]), RIB_REFUSED);
	assert_int_equal(w->events, 2);
	expect_heard(w, " path 1/1 best 1/1 path 2/1 best 2/1");
	net_says(p, net_flow(2), w->a[2]);
	expect_heard(w, " path 2/2 best 2/2");
	net_says(p, net_flow(1), NULL);
	assert_int_equal(rib_announce(w->rib, o, NULL, NULL, net_flow(9), w->a[1]), RIB_DONE);
}

static void origins_of_ours_have_a_cap(void **state)
{
	struct world *w = *state;
	char name[RIB_ORIGIN_NAME_MAX + 1];

	for (int i = 0; i < RIB_ORIGINS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "uid %d", i);
		assert_non_null(rib_origin_local(w->rib, name));
	}
	assert_null(rib_origin_local(w->rib, "one more"));
	assert_ptr_equal(rib_origin_local(w->rib, "uid 5"), rib_origin_local(w->rib, "uid 5"));
	memset(name, 'x', RIB_ORIGIN_NAME_MAX);
	name[RIB_ORIGIN_NAME_MAX] = '\0';
	assert_null(rib_origin_local(w->rib, name));
}

struct seen {
	char text[256];
	struct str s;
	unsigned most;
};

static bool see(void *ctx, const struct rib_entry *e)
{
	struct seen *seen = ctx;
	struct bgp_nlri n = rib_entry_nlri(e);

	str_addf(&seen->s, " ");
	str_add_hex(&seen->s, n.octets, n.len);
	return --seen->most > 0;
}

static const char *each(struct world *w, enum bgp_family f, struct seen *seen, unsigned most)
{
	seen->s = str_over(seen->text, sizeof(seen->text));
	seen->most = most;
	rib_each(w->rib, f, see, seen);
	return seen->text;
}

static const char *in_order(struct world *w, enum bgp_family first, enum bgp_family last)
{
	static struct seen seen;
	const struct rib_entry *e;
	struct rib_cursor c;

	seen.s = str_over(seen.text, sizeof(seen.text));
	seen.text[0] = '\0';
	seen.most = 99;
	rib_cursor_init(&c, first, last);
	while ((e = rib_next(w->rib, &c)) != NULL)
		(void)see(&seen, e);
	return seen.text;
}

static void announce_hex(struct world *w, enum bgp_family f, const char *hex)
{
	uint8_t octets[32];
	struct bgp_nlri n = { .family = f, .octets = octets };

	assert_true(hex_parse(hex, strlen(hex), octets, sizeof(octets), &n.len));
	rib_announce(w->rib, rib_origin_local(w->rib, "file"), NULL, NULL, &n, w->a[1]);
}

static void entries_are_visited_in_order(void **state)
{
	struct world *w = *state;
	struct seen seen;

	announce_hex(w, BGP_IPV4_FLOW, "03810602811e");
	announce_hex(w, BGP_IPV4_FLOW, "0118c00002");
	announce_hex(w, BGP_IPV4_FLOW, "0120c0000201");
	announce_hex(w, BGP_IPV4_UNICAST, "180a0001");
	announce_hex(w, BGP_IPV4_UNICAST, "080a");
	announce_hex(w, BGP_IPV4_UNICAST, "100a00");
	announce_hex(w, BGP_IPV4_UNICAST, "00");
	assert_string_equal(each(w, BGP_IPV4_UNICAST, &seen, 99), " 180a0001 080a 100a00 00");
	assert_string_equal(each(w, BGP_FAMILIES, &seen, 2), " 03810602811e 0118c00002");
	assert_string_equal(in_order(w, BGP_IPV4_UNICAST, BGP_IPV4_UNICAST),
			    " 00 080a 100a00 180a0001");
	assert_string_equal(in_order(w, BGP_IPV6_UNICAST, BGP_IPV4_FLOW),
			    " 0120c0000201 0118c00002 03810602811e");
	assert_string_equal(in_order(w, BGP_IPV4_UNICAST, BGP_IPV6_FLOW_VPN),
			    " 00 080a 100a00 180a0001 0120c0000201 0118c00002 03810602811e");
	assert_string_equal(in_order(w, BGP_IPV6_FLOW, BGP_IPV6_FLOW_VPN), "");
}

/* ---- A walk and changes ------------------------------------------------------------------- */

enum {
	WALK_KEYS = 4000,
	WALK_STAY = 3 /* one in so many is not touched while the walk is under way */
};

/* destination 10.x.y.0/24: numbers that follow one another are scattered over the order. */
static struct bgp_nlri walk_key(unsigned n, uint8_t octets[5])
{
	unsigned mixed = n * 40503 & 0xffff;

	memcpy(octets, (uint8_t[]){ 1, 24, 10, (uint8_t)(mixed >> 8), (uint8_t)mixed }, 5);
	return (struct bgp_nlri){ .family = BGP_IPV4_FLOW, .octets = octets, .len = 5 };
}

static unsigned walk_number(const struct rib_entry *e)
{
	struct bgp_nlri n = rib_entry_nlri(e);
	uint8_t octets[5];

	for (unsigned k = 0; k < WALK_KEYS; k++) {
		(void)walk_key(k, octets);
		if (memcmp(octets, n.octets, n.len) == 0)
			return k;
	}
	fail_msg("a key that nobody announced");
	return 0;
}

static void walk_toggle(struct world *w, unsigned k)
{
	struct rib_origin *o = rib_origin_local(w->rib, "file");
	uint8_t octets[5];
	struct bgp_nlri n = walk_key(k, octets);

	if (rib_find(w->rib, &n) == NULL)
		assert_int_equal(rib_announce(w->rib, o, NULL, NULL, &n, w->a[1]), RIB_DONE);
	else
		assert_int_equal(rib_withdraw(w->rib, o, NULL, &n), RIB_DONE);
	w->heard = str_over(w->text, sizeof(w->text));
}

static void a_walk_meets_what_stays_once_though_the_rest_changes(void **state)
{
	struct world *w = *state;
	uint32_t dice = 1;
	unsigned met[WALK_KEYS] = { 0 };
	uint8_t before[5];
	struct bgp_nlri last = { .family = BGP_IPV4_FLOW, .octets = before };
	const struct rib_entry *e;
	struct rib_cursor c;

	for (unsigned k = 0; k < WALK_KEYS; k++)
		walk_toggle(w, k);
	rib_cursor_init(&c, BGP_IPV4_UNICAST, BGP_IPV6_FLOW_VPN);
	while ((e = rib_next(w->rib, &c)) != NULL) {
		struct bgp_nlri n = rib_entry_nlri(e);
		struct flow_nlri a = bgp_flow_nlri(&last), b = bgp_flow_nlri(&n);

		assert_true(last.len == 0 || flow_order(&a, &b) < 0);
		assert_true(rib_cursor_passed(&c, &n));
		assert_true(last.len == 0 || rib_cursor_passed(&c, &last));
		met[walk_number(e)]++;
		last.len = n.len;
		memcpy(before, n.octets, n.len);
		for (int i = 0; i < 3; i++) {
			unsigned k = (dice = dice * 1103515245 + 12345) >> 16 & 0xfff;

			if (k % WALK_STAY != 0 && k < WALK_KEYS)
				walk_toggle(w, k); /* it may be the one just met */
		}
	}
	for (unsigned k = 0; k < WALK_KEYS; k++)
		assert_true(k % WALK_STAY == 0 ? met[k] == 1 : met[k] <= 1);
}

static void a_withdrawn_entry_is_not_found_though_a_neighbor_still_has_it(void **state)
{
	struct world *w = *state;
	struct bgp_peer *p = peer(w, "192.0.2.1", NET_AS, RIB_VALIDATE_DEFAULT);
	struct rib_origin *o = rib_origin_local(w->rib, "file");
	struct seen seen;

	rib_announce(w->rib, o, NULL, NULL, net_flow(1), w->a[1]);
	(void)net_told(p);
	rib_withdraw(w->rib, o, NULL, net_flow(1));
	assert_null(rib_find(w->rib, net_flow(1)));
	assert_string_equal(each(w, BGP_FAMILIES, &seen, 99), "");
	assert_int_equal(w->rib->entries.count, 1);
	assert_string_equal(net_told(p), "-1");
	assert_int_equal(w->rib->entries.count, 0);
}

static void one_key_in_two_families_is_two_entries(void **state)
{
	struct world *w = *state;

	announce_hex(w, BGP_IPV4_FLOW, "0118c00002");
	announce_hex(w, BGP_IPV4_FLOW_VPN, "0118c00002");
	assert_int_equal(w->rib->entries.count, 2);
}

static void a_typed_rule_keeps_its_communities_in_their_order(void **state)
{
	struct world *w = *state;
	struct flow_then *t = calloc(1, sizeof(*t));
	struct bgp_attrs *a;

	t->ext_count = 2;
	memcpy(t->ext[0], ((uint8_t[]){ 0x80, 9, 0, 0, 0, 0, 0, 10 }), 8);
	memcpy(t->ext[1], ((uint8_t[]){ 0x80, 6, 0, 0, 0, 0, 0, 0 }), 8);
	t->ext6_count = 1;
	t->ext6[0][1] = 0x0d;
	t->community_count = 2;
	t->community[0] = 0xfde80002;
	t->community[1] = 0xfde80001;
	t->large_count = 1;
	t->large[0][0] = 65000;
	t->large[0][2] = 7;
	t->next_hop = net_addr("2001:db8::1");
	a = rib_flow_attrs(w->rib, t);
	assert_non_null(a);
	assert_int_equal(a->origin, BGP_ORIGIN_IGP);
	assert_int_equal(a->as_path.len, 0);
	assert_false(a->has_local_pref || a->has_med || a->has_originator_id);
	assert_int_equal(a->ext.len, 16);
	assert_memory_equal(a->ext.at, t->ext, 16);
	assert_int_equal(a->ext6.len, 20);
	assert_memory_equal(a->ext6.at, t->ext6, 20);
	assert_int_equal(a->communities.len, 8);
	assert_memory_equal(a->communities.at, "\xfd\xe8\0\2\xfd\xe8\0\1", 8);
	assert_int_equal(a->large.len, 12);
	assert_memory_equal(a->large.at, "\0\0\xfd\xe8\0\0\0\0\0\0\0\7", 12);
	assert_int_equal(a->next_hop_len, 16);
	assert_memory_equal(a->next_hop, t->next_hop.octets, 16);
	bgp_attrs_unref(w->attrs, a);
	free(t);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_announcement_is_heard_once),
		CASE(a_changed_action_replaces_the_path),
		CASE(another_name_is_no_other_best),
		CASE(of_two_origins_withdrawing_one_leaves_the_other),
		CASE(all_of_an_origin_can_be_withdrawn),
		CASE(what_is_announced_between_two_steps_of_a_withdrawal_stays),
		CASE(a_path_for_one_neighbor_is_no_best_for_everyone),
		CASE(a_rule_over_ebgp_is_kept_and_does_not_count),
		CASE(a_unicast_route_over_ebgp_counts),
		CASE(validate_off_makes_a_rule_count),
		CASE(validate_log_says_what_it_let_pass),
		CASE(a_rule_over_ibgp_counts_unless_validate_is_on),
		CASE(a_word_in_the_file_changes_what_counts),
		CASE(what_a_neighbor_sent_goes_with_its_session),
		CASE(what_a_neighbor_sent_goes_in_steps_that_start_with_the_oldest),
		CASE(a_session_that_returns_finds_nothing_of_the_one_before),
		CASE(our_as_in_the_path_is_a_loop),
		CASE(our_router_id_as_originator_is_a_loop),
		CASE(our_router_id_in_the_cluster_list_is_a_loop),
		CASE(our_cluster_id_in_the_cluster_list_is_a_loop),
		CASE(a_full_table_refuses_and_says_so_once),
		CASE(origins_of_ours_have_a_cap),
		CASE(entries_are_visited_in_order),
		CASE(a_walk_meets_what_stays_once_though_the_rest_changes),
		CASE(a_withdrawn_entry_is_not_found_though_a_neighbor_still_has_it),
		CASE(one_key_in_two_families_is_two_entries),
		CASE(a_typed_rule_keeps_its_communities_in_their_order),
	};

	return cmocka_run_group_tests_name("rib", tests, NULL, NULL);
}
