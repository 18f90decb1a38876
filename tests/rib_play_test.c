/* SPDX-License-Identifier: ISC */
/* rib_play_test.c - several hubs in one process: a controller, reflectors and their clients.
 *
 * A link is a neighbor at either end; what next() of one end yields goes into route() of the other
 * until nobody has anything to say.
 */
#include "tests/rib_net.h"

enum {
	HUBS_MAX = 4,
	LINKS_MAX = 6,
	CONTROLLER = 0,
	REFLECTOR,
	A,
	B
};

struct play {
	struct bgp_attr_table *attrs;
	struct rib *hubs[HUBS_MAX];
	struct rib_origin *file[HUBS_MAX];
	struct bgp_attrs *a[10];
	struct {
		unsigned hub[2];
		struct bgp_peer *end[2];
		bool up;
	} links[LINKS_MAX];
	unsigned links_count;
	unsigned messages[HUBS_MAX]; /* that came to it, End-of-RIB apart */
};

static const char *const addresses[HUBS_MAX] = { "192.0.2.1", "192.0.2.2", "192.0.2.3",
						 "192.0.2.4" };

static struct play *play_new(void)
{
	struct play *y = calloc(1, sizeof(*y));
	struct rib_conf c = { .cluster_id = { 0 } };

	y->attrs = bgp_attr_table_new();
	for (unsigned i = 0; i < HUBS_MAX; i++) {
		y->hubs[i] = rib_new(y->attrs, &c);
		y->file[i] = rib_origin_local(y->hubs[i], "file");
	}
	for (uint8_t i = 1; i < 10; i++)
		y->a[i] = net_attrs(y->attrs, i, NULL);
	return y;
}

static void play_free(struct play *y)
{
	for (unsigned i = 0; i < HUBS_MAX; i++)
		rib_free(y->hubs[i]);
	for (unsigned i = 0; i < y->links_count; i++) {
		free(y->links[i].end[0]);
		free(y->links[i].end[1]);
	}
	for (unsigned i = 1; i < 10; i++)
		bgp_attrs_unref(y->attrs, y->a[i]);
	bgp_attr_table_free(y->attrs);
	free(y);
}

static void link_set(struct play *y, unsigned l, bool up)
{
	y->links[l].up = up;
	for (int i = 0; i < 2; i++)
		(up ? net_up : net_down)(y->links[l].end[i]);
}

/* from reflects what to sends, and the other way round when both_reflect. */
static unsigned link_add(struct play *y, unsigned from, unsigned to, bool both_reflect)
{
	struct rib_peer_conf client = { .route_reflector_client = true };
	struct rib_peer_conf back = { .route_reflector_client = both_reflect };
	unsigned l = y->links_count++;

	y->links[l].hub[0] = from;
	y->links[l].hub[1] = to;
	y->links[l].end[0] =
		net_peer_at(y->hubs[from], addresses[from], addresses[to], NET_AS, &client);
	y->links[l].end[1] =
		net_peer_at(y->hubs[to], addresses[to], addresses[from], NET_AS, &back);
	link_set(y, l, true);
	return l;
}

/* One message over a link; false: there is none. */
static bool carry(struct play *y, unsigned l, int from)
{
	struct bgp_peer *to = y->links[l].end[1 - from];
	struct bgp_attrs *attrs = NULL;
	struct bgp_out o;

	if (!y->links[l].up || !net_next(y->links[l].end[from], &o))
		return false;
	if (o.kind == BGP_OUT_END_OF_RIB) {
		rib_bgp_handler.end_of_rib(to->rib, to, o.nlri.family);
		return true;
	}
	y->messages[y->links[l].hub[1 - from]]++;
	if (o.kind == BGP_OUT_REACH)
		attrs = bgp_attrs_intern(y->attrs, o.attrs);
	net_says(to, &o.nlri, attrs);
	if (attrs != NULL)
		bgp_attrs_unref(y->attrs, attrs);
	return true;
}

static bool carry_one_each(struct play *y)
{
	bool any = false;

	for (unsigned l = 0; l < y->links_count; l++) {
		any |= carry(y, l, 0);
		any |= carry(y, l, 1);
	}
	return any;
}

/* Until it is quiet; it has to become quiet. */
static void settle(struct play *y)
{
	unsigned rounds = 0;

	memset(y->messages, 0, sizeof(y->messages));
	while (carry_one_each(y))
		assert_true(++rounds < 1000);
}

static const struct rib_path *best_at(struct play *y, unsigned hub, uint8_t n)
{
	const struct rib_entry *e = rib_find(y->hubs[hub], net_flow(n));

	return e != NULL ? rib_entry_best(e) : NULL;
}

/* The action of rule n at a hub; 0: it has none. */
static unsigned action_at(struct play *y, unsigned hub, uint8_t n)
{
	const struct rib_path *p = best_at(y, hub, n);

	return p != NULL ? p->attrs->ext.at[7] : 0;
}

static void announce(struct play *y, unsigned hub, uint8_t n, uint8_t a)
{
	rib_announce(y->hubs[hub], y->file[hub], NULL, NULL, net_flow(n), y->a[a]);
}

static struct play *star(void)
{
	struct play *y = play_new();

	for (unsigned hub = 0; hub < HUBS_MAX; hub++)
		if (hub != REFLECTOR)
			link_add(y, REFLECTOR, hub, false);
	settle(y);
	return y;
}

static void a_rule_of_the_controller_reaches_both_clients(void **state)
{
	struct play *y = star();
	const struct bgp_attrs *a;

	(void)state;
	announce(y, CONTROLLER, 1, 5);
	settle(y);
	assert_int_equal(action_at(y, REFLECTOR, 1), 5);
	assert_int_equal(action_at(y, A, 1), 5);
	assert_int_equal(action_at(y, B, 1), 5);
	assert_int_equal(y->messages[CONTROLLER], 0);
	a = best_at(y, A, 1)->attrs;
	assert_memory_equal(a->originator_id, ((uint8_t[]){ 192, 0, 2, 1 }), 4);
	assert_int_equal(a->cluster_list.len, 4);
	assert_memory_equal(a->cluster_list.at, ((uint8_t[]){ 192, 0, 2, 2 }), 4);
	assert_int_equal(a->local_pref, 100);
	assert_int_equal(a->as_path.len, 0);
	play_free(y);
}

static void a_changed_action_is_one_message_to_each(void **state)
{
	struct play *y = star();

	(void)state;
	announce(y, CONTROLLER, 1, 5);
	settle(y);
	announce(y, CONTROLLER, 1, 6);
	settle(y);
	assert_int_equal(y->messages[REFLECTOR], 1);
	assert_int_equal(y->messages[A], 1);
	assert_int_equal(y->messages[B], 1);
	assert_int_equal(action_at(y, A, 1), 6);
	play_free(y);
}

static void a_controller_that_goes_takes_its_rules_and_brings_them_again(void **state)
{
	struct play *y = star();

	(void)state;
	announce(y, CONTROLLER, 1, 5);
	settle(y);
	link_set(y, 0, false);
	settle(y);
	assert_int_equal(action_at(y, A, 1), 0);
	assert_int_equal(action_at(y, B, 1), 0);
	link_set(y, 0, true);
	settle(y);
	assert_int_equal(action_at(y, A, 1), 5);
	assert_int_equal(action_at(y, B, 1), 5);
	play_free(y);
}

static void a_client_that_comes_late_gets_all_and_end_of_rib(void **state)
{
	struct play *y = star();

	(void)state;
	link_set(y, 2, false);
	for (uint8_t n = 1; n < 6; n++)
		announce(y, CONTROLLER, n, n);
	settle(y);
	link_set(y, 2, true);
	settle(y);
	for (uint8_t n = 1; n < 6; n++)
		assert_int_equal(action_at(y, B, n), n);
	assert_int_equal(y->messages[B], 5);
	assert_true(net_counts(y->links[2].end[1]).family[BGP_IPV4_FLOW].end_of_rib_in);
	play_free(y);
}

static void a_ring_of_reflectors_becomes_quiet(void **state)
{
	struct play *y = play_new();
	uint64_t loops = 0;

	(void)state;
	link_add(y, REFLECTOR, CONTROLLER, false);
	link_add(y, REFLECTOR, A, true);
	link_add(y, A, B, true);
	link_add(y, B, REFLECTOR, true);
	announce(y, CONTROLLER, 1, 5);
	settle(y);
	assert_int_equal(action_at(y, A, 1), 5);
	assert_int_equal(action_at(y, B, 1), 5);
	for (unsigned l = 1; l < y->links_count; l++)
		loops +=
			net_counts(y->links[l].end[0]).loops + net_counts(y->links[l].end[1]).loops;
	assert_true(loops > 0);
	rib_withdraw_all(y->hubs[CONTROLLER], NULL);
	settle(y);
	for (unsigned hub = 0; hub < HUBS_MAX; hub++)
		assert_null(rib_find(y->hubs[hub], net_flow(1)));
	play_free(y);
}

/* Every hub has rules of its own; the links go down and come up; then all have what the links
 * allow. */
static void after_any_commotion_all_hubs_agree(void **state)
{
	struct play *y = star();
	uint8_t said[HUBS_MAX][4] = { 0 };
	uint64_t rnd = 0xda3e39cb94b95bdb;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		unsigned hub = net_random(&rnd, HUBS_MAX), n = net_random(&rnd, 4);
		uint8_t key = (uint8_t)(hub * 4 + n), a = (uint8_t)net_random(&rnd, 5);

		said[hub][n] = a;
		if (a != 0)
			announce(y, hub, key, a);
		else
			rib_withdraw(y->hubs[hub], y->file[hub], NULL, net_flow(key));
		if (net_random(&rnd, 20) == 0) {
			unsigned l = net_random(&rnd, y->links_count);

			link_set(y, l, false);
			link_set(y, l, true);
		}
		for (uint32_t steps = net_random(&rnd, 4); steps > 0; steps--)
			(void)carry_one_each(y);
		if (i % 50 != 0)
			continue;
		settle(y);
		for (unsigned k = 0; k < HUBS_MAX * 4; k++)
			for (unsigned at = 0; at < HUBS_MAX; at++)
				assert_int_equal(action_at(y, at, (uint8_t)k), said[k / 4][k % 4]);
	}
	play_free(y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_of_the_controller_reaches_both_clients),
		cmocka_unit_test(a_changed_action_is_one_message_to_each),
		cmocka_unit_test(a_controller_that_goes_takes_its_rules_and_brings_them_again),
		cmocka_unit_test(a_client_that_comes_late_gets_all_and_end_of_rib),
		cmocka_unit_test(a_ring_of_reflectors_becomes_quiet),
		cmocka_unit_test(after_any_commotion_all_hubs_agree),
	};

	return cmocka_run_group_tests_name("rib_play", tests, NULL, NULL);
}
