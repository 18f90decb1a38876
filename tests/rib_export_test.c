/* SPDX-License-Identifier: ISC */
/* rib_export_test.c - what a neighbor is told: RFC 4456 6 and 8, RFC 4724 2, RFC 2918.
 *
 * Sentences first; at the end random operations on a table that neighbors fetch bit by bit, against
 * what a plain recomputation from all paths says they should have.
 */
#include "tests/rib_net.h"

#include "rib/table.h"

struct world {
	struct bgp_attr_table *attrs;
	struct rib *rib;
	struct rib_origin *file, *person;
	struct bgp_attrs *a[10];
	struct bgp_peer *c1, *c2, *c3; /* clients */
	struct bgp_peer *plain;        /* internal, no client */
	struct bgp_peer *external;     /* external, its rules count */
};

static int setup(void **state)
{
	static const struct rib_peer_conf client = { .route_reflector_client = true };
	static const struct rib_peer_conf none = { .validate = RIB_VALIDATE_OFF };
	struct world *w = calloc(1, sizeof(*w));
	struct rib_conf c = { .cluster_id = { 0 } };

	w->attrs = bgp_attr_table_new();
	w->rib = rib_new(w->attrs, &c);
	w->file = rib_origin_local(w->rib, "file");
	w->person = rib_origin_local(w->rib, "uid 0");
	for (uint8_t i = 1; i < 10; i++)
		w->a[i] = net_attrs(w->attrs, i, NULL);
	w->c1 = net_peer(w->rib, "192.0.2.1", NET_AS, &client);
	w->c2 = net_peer(w->rib, "192.0.2.2", NET_AS, &client);
	w->c3 = net_peer(w->rib, "192.0.2.3", NET_AS, &client);
	w->plain = net_peer(w->rib, "192.0.2.4", NET_AS, &none);
	w->external = net_peer(w->rib, "203.0.113.1", 64500, &none);
	*state = w;
	return 0;
}

static int setup_up(void **state)
{
	struct world *w;

	(void)setup(state);
	w = *state;
	struct bgp_peer *all[] = { w->c1, w->c2, w->c3, w->plain, w->external };
	for (size_t i = 0; i < 5; i++) {
		net_up(all[i]);
		assert_string_equal(net_told(all[i]), "end ipv4-unicast end ipv4-flow");
	}
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct bgp_peer *all[] = { w->c1, w->c2, w->c3, w->plain, w->external };

	rib_free(w->rib);
	for (size_t i = 0; i < 5; i++)
		free(all[i]);
	for (size_t i = 1; i < 10; i++)
		bgp_attrs_unref(w->attrs, w->a[i]);
	bgp_attr_table_free(w->attrs);
	free(w);
	return 0;
}

/* ---- Paths of ours
 * ------------------------------------------------------------------------------------ */

static void announce(struct world *w, struct bgp_peer *only, uint8_t n, uint8_t a)
{
	assert_int_equal(rib_announce(w->rib, w->file, only != NULL ? only->user : NULL, NULL,
				      net_flow(n), w->a[a]),
			 RIB_DONE);
}

static void withdraw(struct world *w, struct bgp_peer *only, uint8_t n)
{
	assert_int_equal(
		rib_withdraw(w->rib, w->file, only != NULL ? only->user : NULL, net_flow(n)),
		RIB_DONE);
}

static void a_changed_action_is_one_announcement(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	assert_string_equal(net_told(w->c1), "+1/1");
	announce(w, NULL, 1, 2);
	assert_string_equal(net_told(w->c1), "+1/2");
	assert_string_equal(net_told(w->c1), "");
}

static void what_changed_twice_goes_out_once(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	announce(w, NULL, 1, 2);
	announce(w, NULL, 1, 3);
	assert_int_equal(net_counts(w->c1).queued, 1);
	assert_string_equal(net_told(w->c1), "+1/3");
}

static void what_changed_back_does_not_go_out(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	(void)net_told(w->c1);
	announce(w, NULL, 1, 2);
	announce(w, NULL, 1, 1);
	assert_string_equal(net_told(w->c1), "");
	announce(w, NULL, 2, 1);
	withdraw(w, NULL, 2);
	assert_string_equal(net_told(w->c1), "");
	assert_int_equal(w->rib->entries.count, 2); /* the others have not looked at it yet */
	(void)net_told(w->c2), (void)net_told(w->c3);
	(void)net_told(w->plain), (void)net_told(w->external);
	assert_int_equal(w->rib->entries.count, 1);
}

static void withdrawn_and_announced_anew_is_one_announcement(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	(void)net_told(w->c1);
	withdraw(w, NULL, 1);
	announce(w, NULL, 1, 2);
	assert_string_equal(net_told(w->c1), "+1/2");
}

static void additions_queued_before_removals_go_out_before_them(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	(void)net_told(w->c1);
	announce(w, NULL, 2, 2);
	announce(w, NULL, 3, 3);
	withdraw(w, NULL, 1);
	assert_string_equal(net_told(w->c1), "+2/2 +3/3 -1");
}

static void a_rule_for_a_alone_is_not_told_to_b(void **state)
{
	struct world *w = *state;

	announce(w, w->c1, 1, 1);
	assert_string_equal(net_told(w->c2), "");
	assert_string_equal(net_told(w->c1), "+1/1");
	withdraw(w, w->c1, 1);
	assert_string_equal(net_told(w->c2), "");
	assert_string_equal(net_told(w->c1), "-1");
}

static void one_match_may_have_an_action_for_each_neighbor(void **state)
{
	struct world *w = *state;

	announce(w, w->c1, 1, 1);
	announce(w, w->c2, 1, 2);
	assert_string_equal(net_told(w->c1), "+1/1");
	assert_string_equal(net_told(w->c2), "+1/2");
	assert_string_equal(net_told(w->c3), "");
	announce(w, w->c2, 1, 4);
	assert_string_equal(net_told(w->c1), "");
	assert_string_equal(net_told(w->c2), "+1/4");
}

static void a_rule_for_it_alone_comes_before_one_for_everyone(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	announce(w, w->c1, 1, 2);
	assert_string_equal(net_told(w->c1), "+1/2");
	assert_string_equal(net_told(w->c2), "+1/1");
	withdraw(w, w->c1, 1);
	assert_string_equal(net_told(w->c1), "+1/1");
	assert_string_equal(net_told(w->c2), "");
}

static void of_two_origins_one_leaves_and_nothing_is_said(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	rib_announce(w->rib, w->person, NULL, NULL, net_flow(1), w->a[1]);
	assert_string_equal(net_told(w->c1), "+1/1");
	withdraw(w, NULL, 1);
	assert_string_equal(net_told(w->c1), "");
	rib_withdraw(w->rib, w->person, NULL, net_flow(1));
	assert_string_equal(net_told(w->c1), "-1");
}

static void a_rule_for_a_neighbor_waits_for_its_session(void **state)
{
	struct world *w = *state;

	announce(w, w->c1, 1, 1);
	announce(w, NULL, 2, 2);
	assert_string_equal(net_told(w->c1), "");
	net_up(w->c1);
	assert_string_equal(net_told(w->c1), "+1/1 +2/2 end ipv4-unicast end ipv4-flow");
	assert_true(net_counts(w->c1).family[BGP_IPV4_FLOW].end_of_rib_out);
	assert_int_equal(net_counts(w->c1).family[BGP_IPV4_FLOW].advertised, 2);
	net_down(w->c1);
	assert_int_equal(net_counts(w->c1).family[BGP_IPV4_FLOW].advertised, 0);
	assert_string_equal(net_told(w->c1), "");
	net_up(w->c1);
	assert_string_equal(net_told(w->c1), "+1/1 +2/2 end ipv4-unicast end ipv4-flow");
}

static void a_family_that_was_not_negotiated_is_not_told(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	w->c1->info.families = 1 << BGP_IPV6_FLOW;
	net_up(w->c1);
	assert_string_equal(net_told(w->c1), "end ipv6-flow");
	announce(w, NULL, 2, 2);
	assert_string_equal(net_told(w->c1), "");
}

/* The attributes that p is told next; checked to be for rule 1. */
static const struct bgp_attrs *told_attrs(struct bgp_peer *p)
{
	struct bgp_out o;

	assert_true(net_next(p, &o));
	assert_int_equal(o.kind, BGP_OUT_REACH);
	return o.attrs;
}

static void an_internal_neighbor_is_told_local_pref_100_and_an_empty_path(void **state)
{
	struct world *w = *state;
	const struct bgp_attrs *a;

	announce(w, NULL, 1, 1);
	a = told_attrs(w->plain);
	assert_true(a->has_local_pref);
	assert_int_equal(a->local_pref, 100);
	assert_int_equal(a->as_path.len, 0);
	assert_int_equal(a->next_hop_len, 0);
	assert_false(a->has_originator_id);
	assert_int_equal(a->cluster_list.len, 0);
}

static void a_local_pref_that_was_set_stays(void **state)
{
	struct world *w = *state;
	struct bgp_attrs d = { .has_local_pref = true, .local_pref = 7 };
	struct bgp_attrs *a = net_attrs(w->attrs, 1, &d);

	rib_announce(w->rib, w->file, NULL, NULL, net_flow(1), a);
	assert_int_equal(told_attrs(w->plain)->local_pref, 7);
	assert_false(told_attrs(w->external)->has_local_pref);
	bgp_attrs_unref(w->attrs, a);
}

static void an_external_neighbor_is_told_our_as_and_no_local_pref(void **state)
{
	struct world *w = *state;
	const struct bgp_attrs *a;

	announce(w, NULL, 1, 1);
	a = told_attrs(w->external);
	assert_false(a->has_local_pref || a->has_med);
	assert_int_equal(bgp_as_path_length(a), 1);
	assert_int_equal(bgp_as_path_first(a), NET_AS);
}

static void next_hop_self_is_the_address_of_the_session(void **state)
{
	struct world *w = *state;
	struct flow_then *t = calloc(1, sizeof(*t));
	struct bgp_attrs *a;
	const struct bgp_attrs *told;

	t->next_hop_self = true;
	a = rib_flow_attrs(w->rib, t);
	w->c2->info.local = net_addr("2001:db8::254");
	net_down(w->c2), net_up(w->c2), (void)net_told(w->c2);
	rib_announce(w->rib, w->file, NULL, NULL, net_flow(1), a);
	told = told_attrs(w->c1);
	assert_int_equal(told->next_hop_len, 4);
	assert_memory_equal(told->next_hop, ((uint8_t[]){ 192, 0, 2, 254 }), 4);
	told = told_attrs(w->c2);
	assert_int_equal(told->next_hop_len, 16);
	assert_memory_equal(told->next_hop, w->c2->info.local.octets, 16);
	bgp_attrs_unref(w->attrs, a);
	free(t);
}

/* ---- Reflection
 * ------------------------------------------------------------------------------------------ */

static void a_client_gets_what_another_client_sent_and_nobody_else_does(void **state)
{
	struct world *w = *state;

	net_says(w->c1, net_flow(1), w->a[1]);
	net_says(w->c1, net_unicast(2), w->a[2]);
	assert_string_equal(net_told(w->c2), "+1/1 +2/2");
	assert_string_equal(net_told(w->c3), "+1/1 +2/2");
	assert_string_equal(net_told(w->c1), "");
	assert_string_equal(net_told(w->plain), "");
	assert_string_equal(net_told(w->external), "");
}

static void what_a_neighbor_without_the_word_sent_goes_to_nobody(void **state)
{
	struct world *w = *state;

	net_says(w->plain, net_flow(1), w->a[1]);
	net_says(w->external, net_flow(2), w->a[2]);
	net_says(w->external, net_unicast(3), w->a[3]);
	assert_non_null(rib_entry_best(rib_find(w->rib, net_flow(2))));
	assert_string_equal(net_told(w->c1), "");
	assert_string_equal(net_told(w->plain), "");
	assert_string_equal(net_told(w->external), "");
}

static void the_word_does_not_open_an_external_neighbor(void **state)
{
	struct world *w = *state;
	struct rib_peer_conf c = { .route_reflector_client = true, .validate = RIB_VALIDATE_OFF };

	rib_peer_change(w->external->user, &c, &w->external->conf);
	net_says(w->external, net_flow(1), w->a[1]);
	net_says(w->c1, net_flow(2), w->a[2]);
	assert_string_equal(net_told(w->c2), "+2/2");
	assert_string_equal(net_told(w->external), "");
}

static void a_rule_that_does_not_count_is_not_reflected(void **state)
{
	struct world *w = *state;
	struct rib_peer_conf c = { .route_reflector_client = true, .validate = RIB_VALIDATE_ON };

	rib_peer_change(w->c1->user, &c, &w->c1->conf);
	net_says(w->c1, net_flow(1), w->a[1]);
	assert_string_equal(net_told(w->c2), "");
	c.validate = RIB_VALIDATE_OFF;
	rib_peer_change(w->c1->user, &c, &w->c1->conf);
	assert_string_equal(net_told(w->c2), "+1/1");
}

static void a_better_path_of_a_neighbor_without_the_word_hides_nothing(void **state)
{
	struct world *w = *state;
	struct bgp_attrs d = { .has_local_pref = true, .local_pref = 500 };
	struct bgp_attrs *high = net_attrs(w->attrs, 9, &d);

	net_says(w->c1, net_flow(1), w->a[1]);
	net_says(w->plain, net_flow(1), high);
	assert_string_equal(net_told(w->c2), "+1/1");
	bgp_attrs_unref(w->attrs, high);
}

static void the_sender_of_the_best_path_gets_the_other_clients(void **state)
{
	struct world *w = *state;

	net_says(w->c1, net_flow(1), w->a[1]);
	net_says(w->c2, net_flow(1), w->a[2]);
	assert_string_equal(net_told(w->c3), "+1/1");
	assert_string_equal(net_told(w->c2), "+1/1");
	assert_string_equal(net_told(w->c1), "+1/2");
	net_says(w->c1, net_flow(1), NULL);
	assert_string_equal(net_told(w->c3), "+1/2");
	assert_string_equal(net_told(w->c2), "-1");
	assert_string_equal(net_told(w->c1), "");
}

static void a_session_that_ends_takes_its_rules_from_the_others(void **state)
{
	struct world *w = *state;

	net_says(w->c1, net_flow(1), w->a[1]);
	net_says(w->c1, net_flow(2), w->a[2]);
	(void)net_told(w->c2);
	net_down(w->c1);
	assert_string_equal(net_told(w->c2), "-1 -2");
}

static void reflection_adds_originator_and_cluster_and_nothing_else(void **state)
{
	struct world *w = *state;
	static const uint8_t path[] = { 2, 1, 0, 0, 0xfb, 0xf4 };
	struct bgp_attrs d = {
		.has_med = true,
		.med = 5,
		.has_local_pref = true,
		.local_pref = 50,
		.as_path = { path, sizeof(path) },
		.next_hop_len = 4,
		.next_hop = { 203, 0, 113, 9 },
	};
	struct bgp_attrs *in = net_attrs(w->attrs, 1, &d);
	const struct bgp_attrs *a;

	net_says(w->c1, net_unicast(1), in);
	a = told_attrs(w->c2);
	assert_true(a->has_originator_id);
	assert_memory_equal(a->originator_id, ((uint8_t[]){ 192, 0, 2, 1 }), 4);
	assert_int_equal(a->cluster_list.len, 4);
	assert_memory_equal(a->cluster_list.at, ((uint8_t[]){ 192, 0, 2, 254 }), 4);
	assert_int_equal(a->local_pref, 50);
	assert_true(a->has_med);
	assert_int_equal(a->med, 5);
	assert_int_equal(a->as_path.len, sizeof(path));
	assert_memory_equal(a->as_path.at, path, sizeof(path));
	assert_int_equal(a->next_hop_len, 4);
	assert_memory_equal(a->next_hop, d.next_hop, 4);
	assert_int_equal(a->ext.len, 8);
	bgp_attrs_unref(w->attrs, in);
}

static void an_originator_that_is_there_stays_and_the_cluster_goes_in_front(void **state)
{
	struct world *w = *state;
	static const uint8_t list[] = { 7, 7, 7, 7 };
	struct bgp_attrs d = {
		.has_originator_id = true,
		.originator_id = { 10, 0, 0, 1 },
		.cluster_list = { list, sizeof(list) },
	};
	struct bgp_attrs *in = net_attrs(w->attrs, 1, &d);
	const struct bgp_attrs *a;

	rib_conf_set(w->rib, &(struct rib_conf){ .cluster_id = { 9, 9, 9, 9 } });
	net_says(w->c1, net_flow(1), in);
	a = told_attrs(w->c2);
	assert_memory_equal(a->originator_id, d.originator_id, 4);
	assert_int_equal(a->cluster_list.len, 8);
	assert_memory_equal(a->cluster_list.at, ((uint8_t[]){ 9, 9, 9, 9, 7, 7, 7, 7 }), 8);
	bgp_attrs_unref(w->attrs, in);
}

static void another_cluster_id_is_told(void **state)
{
	struct world *w = *state;

	net_says(w->c1, net_flow(1), w->a[1]);
	(void)net_told(w->c2);
	rib_conf_set(w->rib, &(struct rib_conf){ .cluster_id = { 9, 9, 9, 9 } });
	assert_memory_equal(told_attrs(w->c2)->cluster_list.at, ((uint8_t[]){ 9, 9, 9, 9 }), 4);
	assert_string_equal(net_told(w->c2), "");
}

static void a_flow_next_hop_passes_unchanged(struct world *w, uint8_t len)
{
	struct bgp_attrs d = { .next_hop_len = len };
	struct bgp_attrs *in;
	const struct bgp_attrs *a;

	memset(d.next_hop, 0,
	       sizeof(d.next_hop)); /* all zero too: "self" is a word of ours alone */
	for (int i = 0; i < 2; i++) {
		in = net_attrs(w->attrs, 1, &d);
		net_says(w->c1, net_flow(1), in);
		if (i == 0 || len > 0) {
			a = told_attrs(w->c2);
			assert_int_equal(a->next_hop_len, len);
			assert_memory_equal(a->next_hop, d.next_hop, sizeof(d.next_hop));
		}
		bgp_attrs_unref(w->attrs, in);
		memset(d.next_hop, 0xab, len);
	}
}

static void a_flow_next_hop_of_0_octets_passes_unchanged(void **state)
{
	a_flow_next_hop_passes_unchanged(*state, 0);
}

static void a_flow_next_hop_of_4_octets_passes_unchanged(void **state)
{
	a_flow_next_hop_passes_unchanged(*state, 4);
}

static void a_flow_next_hop_of_16_octets_passes_unchanged(void **state)
{
	a_flow_next_hop_passes_unchanged(*state, 16);
}

static void a_route_does_not_go_back_to_the_router_that_made_it(void **state)
{
	struct world *w = *state;
	struct bgp_attrs d = { .has_originator_id = true, .originator_id = { 192, 0, 2, 2 } };
	struct bgp_attrs *in = net_attrs(w->attrs, 1, &d);

	net_says(w->c1, net_flow(1), in);
	assert_string_equal(net_told(w->c1), "");
	assert_string_equal(net_told(w->c2), "");
	assert_string_equal(net_told(w->c3), "+1/1");
	bgp_attrs_unref(w->attrs, in);
}

static void what_a_router_said_does_not_go_to_its_second_session(void **state)
{
	struct world *w = *state;

	net_down(w->c2);
	memcpy(w->c2->info.remote_id, w->c1->info.remote_id, 4);
	net_up(w->c2);
	(void)net_told(w->c2);
	net_says(w->c1, net_flow(1), w->a[1]);
	assert_string_equal(net_told(w->c2), "");
	assert_string_equal(net_told(w->c3), "+1/1");
}

static void no_advertise_is_not_reflected(void **state)
{
	struct world *w = *state;
	static const uint8_t list[] = { 0, 1, 0, 2, 0xff, 0xff, 0xff, 0x02 };
	struct bgp_attrs d = { .communities = { list, sizeof(list) } };
	struct bgp_attrs *in = net_attrs(w->attrs, 1, &d);

	net_says(w->c1, net_flow(1), in);
	assert_string_equal(net_told(w->c2), "");
	bgp_attrs_unref(w->attrs, in);
}

static void a_loop_withdraws_what_was_reflected(void **state)
{
	struct world *w = *state;
	static const uint8_t list[] = { 192, 0, 2, 254 };
	struct bgp_attrs d = { .cluster_list = { list, sizeof(list) } };
	struct bgp_attrs *bad = net_attrs(w->attrs, 2, &d);

	net_says(w->c1, net_flow(1), w->a[1]);
	assert_string_equal(net_told(w->c2), "+1/1");
	net_says(w->c1, net_flow(1), bad);
	assert_string_equal(net_told(w->c2), "-1");
	bgp_attrs_unref(w->attrs, bad);
}

static void a_neighbor_that_becomes_a_client_gets_and_gives(void **state)
{
	struct world *w = *state;
	struct rib_peer_conf client = { .route_reflector_client = true }, none = { 0 };

	net_says(w->c1, net_flow(1), w->a[1]);
	net_says(w->plain, net_flow(2), w->a[2]);
	(void)net_told(w->c2);
	rib_peer_change(w->plain->user, &client, &w->plain->conf);
	assert_string_equal(net_told(w->plain), "+1/1");
	assert_string_equal(net_told(w->c2), "+2/2");
	rib_peer_change(w->plain->user, &none, &w->plain->conf);
	assert_string_equal(net_told(w->plain), "-1");
	assert_string_equal(net_told(w->c2), "-2");
}

/* ---- Walk, refresh
 * ------------------------------------------------------------------------------------------ */

static void route_refresh_tells_one_family_again_without_end_of_rib(void **state)
{
	struct world *w = *state;

	announce(w, NULL, 1, 1);
	announce(w, NULL, 2, 2);
	rib_announce(w->rib, w->file, NULL, NULL, net_unicast(3), w->a[3]);
	(void)net_told(w->c1);
	withdraw(w, NULL, 2);
	announce(w, NULL, 4, 4);
	rib_bgp_handler.refresh(w->rib, w->c1, BGP_IPV4_FLOW);
	assert_string_equal(net_told(w->c1), "-2 +4/4 +1/1");
	assert_string_equal(net_told(w->c1), "");
}

static void changes_during_the_first_table_are_not_lost(void **state)
{
	struct world *w = *state;
	struct bgp_out o;

	for (uint8_t i = 1; i < 6; i++)
		announce(w, NULL, i, 1);
	net_up(w->c1);
	for (int i = 0; i < 2; i++)
		assert_true(net_next(w->c1, &o)); /* 1 and 2 */
	announce(w, NULL, 1, 2);                  /* behind the cursor */
	announce(w, NULL, 5, 2);                  /* before it */
	announce(w, NULL, 6, 2);                  /* new */
	withdraw(w, NULL, 2);                     /* told */
	withdraw(w, NULL, 3);                     /* where the cursor stands; not told */
	assert_string_equal(net_told(w->c1),
			    "+1/2 +5/2 +6/2 -2 +4/1 end ipv4-unicast end ipv4-flow");
}

static void a_change_wakes_who_has_something_to_hear(void **state)
{
	struct world *w = *state;

	rib_peer_attach(w->c1->user, (struct bgp_speaker *)w, w->c1); /* only looked at for NULL */
	rib_peer_attach(w->c2->user, (struct bgp_speaker *)w, w->c2);
	announce(w, w->c1, 1, 1);
	assert_int_equal(w->c1->kicks, 1);
	assert_int_equal(w->c2->kicks, 0);
}

/* ---- Random operations against a recomputation
 * ------------------------------------------------------------------ */

enum {
	KEYS = 12, /* half of them rules, half unicast */
	PEERS = 5,
	ORIGINS = 2, /* of ours */
	ONLYS = PEERS + 1
};

struct said {
	uint8_t action; /* 0: nothing */
	unsigned when;
};

/* What was said, by plain arrays; and what each neighbor has heard. */
struct model {
	struct world *w;
	struct bgp_peer *peers[PEERS];
	uint64_t rnd;
	bool up[PEERS], client[PEERS];
	struct said learnt[KEYS][PEERS];
	struct said ours[KEYS][ORIGINS][ONLYS]; /* only: a peer's number, or PEERS: everyone */
	unsigned now;                           /* announcements so far */
	unsigned going, until; /* a withdrawal in steps: 1 << origin, and up to where */
	uint64_t rib_until;
	unsigned heard[PEERS][KEYS]; /* the action; 256 times the last octet of the originator */
	bool end_of_rib[PEERS], refreshed[PEERS];
};

static const struct bgp_nlri *key(unsigned k)
{
	return k < KEYS / 2 ? net_flow((uint8_t)k) : net_unicast((uint8_t)k);
}

/* Of one key and neighbor: what it should have, as in heard; 0: none.  Lower origin first, then
 * lower neighbor; the actions carry nothing else that would decide. */
static unsigned should_have(const struct model *m, unsigned to, unsigned k)
{
	for (unsigned o = 0; o < ORIGINS; o++)
		if (m->ours[k][o][to].action != 0)
			return m->ours[k][o][to].action;
	for (unsigned o = 0; o < ORIGINS; o++)
		if (m->ours[k][o][PEERS].action != 0)
			return m->ours[k][o][PEERS].action;
	/* 4 is external. */
	for (unsigned from = 0; from < 4 && to < 4 && m->client[to]; from++)
		if (from != to && m->client[from] && m->learnt[k][from].action != 0)
			return m->learnt[k][from].action + (from + 1) * 256;
	return 0;
}

/* Every message must make a difference, unless a refresh asked for it. */
static bool hear(struct model *m, unsigned p)
{
	struct bgp_out o;
	unsigned k, heard;

	if (!net_next(m->peers[p], &o))
		return false;
	assert_true(m->up[p]);
	if (o.kind == BGP_OUT_END_OF_RIB) {
		m->end_of_rib[p] = true;
		return true;
	}
	k = o.nlri.octets[o.nlri.len - 1];
	assert_int_equal(o.nlri.family, key(k)->family);
	if (o.kind == BGP_OUT_UNREACH) {
		assert_int_not_equal(m->heard[p][k], 0);
		m->heard[p][k] = 0;
		return true;
	}
	heard = o.attrs->ext.at[7] + o.attrs->originator_id[3] * 256U;
	assert_true(m->refreshed[p] || m->heard[p][k] != heard);
	m->heard[p][k] = heard;
	return true;
}

static struct said say(struct model *m, uint8_t action)
{
	return (struct said){ action, ++m->now };
}

static struct rib_origin *origin_of(const struct model *m, unsigned o)
{
	return o == 0 ? m->w->file : m->w->person;
}

static void op_ours(struct model *m)
{
	unsigned k = net_random(&m->rnd, KEYS), o = net_random(&m->rnd, ORIGINS);
	unsigned only = net_random(&m->rnd, 2) == 0 ? PEERS : net_random(&m->rnd, PEERS);
	uint8_t a = (uint8_t)net_random(&m->rnd, 4);
	struct rib_origin *origin = origin_of(m, o);
	struct rib_peer *to = only < PEERS ? m->peers[only]->user : NULL;

	m->ours[k][o][only] = say(m, a);
	if (a != 0)
		rib_announce(m->w->rib, origin, to, NULL, key(k), m->w->a[a]);
	else
		rib_withdraw(m->w->rib, origin, to, key(k));
}

static void op_learnt(struct model *m)
{
	unsigned k = net_random(&m->rnd, KEYS), p = net_random(&m->rnd, PEERS);
	uint8_t a = net_random(&m->rnd, 3) == 0 ? 0 : (uint8_t)(4 + net_random(&m->rnd, 5));

	if (!m->up[p])
		return;
	m->learnt[k][p] = say(m, a);
	net_says(m->peers[p], key(k), a != 0 ? m->w->a[a] : NULL);
}

static void op_session(struct model *m)
{
	unsigned p = net_random(&m->rnd, PEERS);

	m->up[p] = !m->up[p];
	memset(m->heard[p], 0, sizeof(m->heard[p]));
	m->end_of_rib[p] = m->refreshed[p] = false;
	if (m->up[p]) {
		for (unsigned k = 0; k < KEYS; k++)
			m->learnt[k][p].action = 0;
		net_up(m->peers[p]);
	} else {
		rib_bgp_handler.down(m->w->rib, m->peers[p], "what it sent goes by and by");
	}
}

static struct said *older(struct said *a, struct said *b)
{
	if (a->action == 0 || (b != NULL && b->when < a->when))
		return b;
	return a;
}

/* What a neighbor sent; what an origin of ours announced. */
static struct said *oldest_learnt(struct model *m, unsigned p)
{
	struct said *found = NULL;

	for (unsigned k = 0; k < KEYS; k++)
		found = older(&m->learnt[k][p], found);
	return found;
}

static struct said *oldest_of_ours(struct model *m, unsigned o)
{
	struct said *found = NULL;

	for (unsigned i = 0; i < KEYS * ONLYS; i++)
		found = older(&m->ours[i / ONLYS][o][i % ONLYS], found);
	return found;
}

/* Those that came last are first in their list: neighbors and origins too. */
static void op_prune(struct model *m)
{
	size_t most = net_random(&m->rnd, 5), n = 0;
	struct said *s;

	for (unsigned p = PEERS; p-- > 0;)
		for (; n < most && !m->up[p] && (s = oldest_learnt(m, p)) != NULL; n++)
			s->action = 0;
	assert_int_equal(rib_prune(m->w->rib, most), n);
}

static void op_withdraw_some(struct model *m)
{
	size_t most = net_random(&m->rnd, 5), n = 0;
	struct rib_origin *origin;
	struct said *s;

	if (m->going == 0) {
		m->going = 1 + net_random(&m->rnd, 3);
		m->until = m->now;
		m->rib_until = rib_said(m->w->rib);
	}
	origin = m->going == 3 ? NULL : origin_of(m, m->going - 1);
	for (unsigned o = ORIGINS; o-- > 0;)
		for (; n < most && (m->going & 1U << o) != 0 &&
		       (s = oldest_of_ours(m, o)) != NULL && s->when <= m->until;
		     n++)
			s->action = 0;
	assert_int_equal(rib_withdraw_some(m->w->rib, origin, m->rib_until, most), n);
	if (n < most)
		m->going = 0;
}

static void op_client(struct model *m)
{
	unsigned p = net_random(&m->rnd, 4);
	struct rib_peer_conf c = { .route_reflector_client = !m->client[p] };

	m->client[p] = !m->client[p];
	rib_peer_change(m->peers[p]->user, &c, &m->peers[p]->conf);
}

static void op_refresh(struct model *m)
{
	unsigned p = net_random(&m->rnd, PEERS);

	m->refreshed[p] = true;
	rib_bgp_handler.refresh(m->w->rib, m->peers[p],
				net_random(&m->rnd, 2) == 0 ? BGP_IPV4_FLOW : BGP_IPV4_UNICAST);
}

static void op_withdraw_all(struct model *m)
{
	unsigned o = net_random(&m->rnd, ORIGINS);

	for (unsigned k = 0; k < KEYS; k++)
		memset(m->ours[k][o], 0, sizeof(m->ours[k][o]));
	rib_withdraw_all(m->w->rib, origin_of(m, o));
}

static void op_hear(struct model *m)
{
	unsigned p = net_random(&m->rnd, PEERS);

	for (uint32_t n = net_random(&m->rnd, 4); n > 0 && hear(m, p); n--)
		continue;
}

static void op_some(struct model *m)
{
	static const struct {
		unsigned weight;
		void (*op)(struct model *m);
	} ops[] = {
		{ 30, op_ours },        { 30, op_learnt }, { 25, op_hear },
		{ 2, op_session },      { 2, op_client },  { 2, op_refresh },
		{ 1, op_withdraw_all }, { 2, op_prune },   { 3, op_withdraw_some },
	};
	unsigned n = net_random(&m->rnd, 97);
	size_t i = 0;

	while (n >= ops[i].weight)
		n -= ops[i++].weight;
	ops[i].op(m);
}

static void expect_all_heard(struct model *m)
{
	for (unsigned p = 0; p < PEERS; p++) {
		size_t advertised = 0;

		while (hear(m, p))
			continue;
		m->refreshed[p] = false;
		for (unsigned k = 0; k < KEYS; k++) {
			assert_int_equal(m->heard[p][k], m->up[p] ? should_have(m, p, k) : 0);
			advertised += m->heard[p][k] != 0;
		}
		assert_int_equal(m->end_of_rib[p], m->up[p]);
		assert_int_equal(net_counts(m->peers[p]).queued, 0);
		assert_int_equal(
			net_counts(m->peers[p]).family[BGP_IPV4_FLOW].advertised +
				net_counts(m->peers[p]).family[BGP_IPV4_UNICAST].advertised,
			advertised);
	}
}

/* Entries without paths that nobody has are gone. */
static void expect_no_waste(const struct model *m)
{
	size_t paths = 0, entries = 0;

	for (unsigned k = 0; k < KEYS; k++) {
		size_t n = 0;

		for (unsigned p = 0; p < PEERS; p++)
			n += m->learnt[k][p].action != 0;
		for (unsigned i = 0; i < ORIGINS * ONLYS; i++)
			n += m->ours[k][i / ONLYS][i % ONLYS].action != 0;
		paths += n;
		entries += n > 0;
	}
	assert_int_equal(m->w->rib->paths, paths);
	assert_int_equal(m->w->rib->entries.count, entries);
}

static void everyone_hears_what_a_recomputation_says(void **state)
{
	struct world *w = *state;
	struct model m = {
		.w = w,
		.peers = { w->c1, w->c2, w->c3, w->plain, w->external },
		.client = { true, true, true, false, false },
		.rnd = 0x853c49e6748fea9b,
	};

	for (int round = 0; round < 3000; round++) {
		for (uint32_t n = net_random(&m.rnd, 30); n > 0; n--)
			op_some(&m);
		expect_all_heard(&m);
		expect_no_waste(&m);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup_up, teardown)
#define DOWN(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_changed_action_is_one_announcement),
		CASE(what_changed_twice_goes_out_once),
		CASE(what_changed_back_does_not_go_out),
		CASE(withdrawn_and_announced_anew_is_one_announcement),
		CASE(additions_queued_before_removals_go_out_before_them),
		CASE(a_rule_for_a_alone_is_not_told_to_b),
		CASE(one_match_may_have_an_action_for_each_neighbor),
		CASE(a_rule_for_it_alone_comes_before_one_for_everyone),
		CASE(of_two_origins_one_leaves_and_nothing_is_said),
		DOWN(a_rule_for_a_neighbor_waits_for_its_session),
		DOWN(a_family_that_was_not_negotiated_is_not_told),
		CASE(an_internal_neighbor_is_told_local_pref_100_and_an_empty_path),
		CASE(a_local_pref_that_was_set_stays),
		CASE(an_external_neighbor_is_told_our_as_and_no_local_pref),
		CASE(next_hop_self_is_the_address_of_the_session),
		CASE(a_client_gets_what_another_client_sent_and_nobody_else_does),
		CASE(what_a_neighbor_without_the_word_sent_goes_to_nobody),
		CASE(the_word_does_not_open_an_external_neighbor),
		CASE(a_rule_that_does_not_count_is_not_reflected),
		CASE(a_better_path_of_a_neighbor_without_the_word_hides_nothing),
		CASE(the_sender_of_the_best_path_gets_the_other_clients),
		CASE(a_session_that_ends_takes_its_rules_from_the_others),
		CASE(reflection_adds_originator_and_cluster_and_nothing_else),
		CASE(an_originator_that_is_there_stays_and_the_cluster_goes_in_front),
		CASE(another_cluster_id_is_told),
		CASE(a_flow_next_hop_of_0_octets_passes_unchanged),
		CASE(a_flow_next_hop_of_4_octets_passes_unchanged),
		CASE(a_flow_next_hop_of_16_octets_passes_unchanged),
		CASE(a_route_does_not_go_back_to_the_router_that_made_it),
		CASE(what_a_router_said_does_not_go_to_its_second_session),
		CASE(no_advertise_is_not_reflected),
		CASE(a_loop_withdraws_what_was_reflected),
		CASE(a_neighbor_that_becomes_a_client_gets_and_gives),
		CASE(route_refresh_tells_one_family_again_without_end_of_rib),
		DOWN(changes_during_the_first_table_are_not_lost),
		CASE(a_change_wakes_who_has_something_to_hear),
		DOWN(everyone_hears_what_a_recomputation_says),
	};

	return cmocka_run_group_tests_name("rib_export", tests, NULL, NULL);
}
