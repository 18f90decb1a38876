/* SPDX-License-Identifier: ISC */
/* rib_decision_test.c - which path comes first: RFC 4271 9.1.2.2, RFC 4456 9.
 *
 * A row a rule of the RFC; then random sets of paths against the RFC's own pseudo-code, written
 * down plainly over values of the test's own.
 */
#include "tests/rib_net.h"

/* ---- One rule a row
 * ------------------------------------------------------------------------------ */

/* A path as the test knows it; from: the neighbor's number below. */
struct path {
	unsigned from;
	bool has_local_pref, has_med, has_originator_id;
	uint32_t local_pref, med;
	uint8_t origin;
	uint8_t as_path[10], as_path_len;
	uint8_t originator_id[4];
	uint8_t clusters;
};

static const struct {
	const char *address, *router_id;
	uint32_t as;
	enum rib_validate validate;
} neighbors[] = {
	{ "192.0.2.10", "10.0.0.9", NET_AS, RIB_VALIDATE_DEFAULT },
	{ "192.0.2.9", "10.0.0.10", NET_AS, RIB_VALIDATE_DEFAULT },
	{ "192.0.2.11", "10.0.0.9", NET_AS, RIB_VALIDATE_DEFAULT },
	{ "203.0.113.1", "10.0.0.200", 64500, RIB_VALIDATE_OFF },
	{ "203.0.113.2", "10.0.0.201", 64500, RIB_VALIDATE_OFF },
	{ "203.0.113.3", "10.0.0.1", 64501, RIB_VALIDATE_OFF },
	{ "203.0.113.4", "10.0.0.1", 64501, RIB_VALIDATE_DEFAULT }, /* its rules do not count */
};

enum {
	NEIGHBORS = sizeof(neighbors) / sizeof(neighbors[0]),
	INVALID = NEIGHBORS - 1,
	OURS_A = NEIGHBORS, /* paths of ours: origin "a", origin "b" */
	OURS_B,
	SENDERS
};

#define LOCAL_PREF(n) .has_local_pref = true, .local_pref = (n)
#define MED(n)        .has_med = true, .med = (n)
#define AS1           .as_path = { 2, 1, 0, 0, 0xfb, 0xf4 }, .as_path_len = 6
#define AS2           .as_path = { 2, 1, 0, 0, 0xfb, 0xf5 }, .as_path_len = 6
#define AS1_AS2       .as_path = { 2, 2, 0, 0, 0xfb, 0xf4, 0, 0, 0xfb, 0xf5 }, .as_path_len = 10
#define SET           .as_path = { 1, 2, 0, 0, 0xfb, 0xf4, 0, 0, 0xfb, 0xf5 }, .as_path_len = 10

/* clang-format off */
static const struct rule {
	const char *sentence;
	struct path first, second;
} rules[] = {
	{ "a path of ours comes before a learnt one",
	  { .from = OURS_B }, { .from = 0, LOCAL_PREF(500) } },
	{ "a path that does not count comes last",
	  { .from = 0, LOCAL_PREF(1) }, { .from = INVALID, LOCAL_PREF(500) } },
	{ "the higher local preference",
	  { .from = 1, LOCAL_PREF(101) }, { .from = 0, LOCAL_PREF(99) } },
	{ "without one it is 100: above 99",
	  { .from = 1 }, { .from = 0, LOCAL_PREF(99) } },
	{ "without one it is 100: below 101",
	  { .from = 1, LOCAL_PREF(101) }, { .from = 0 } },
	{ "local preference before the length of the path",
	  { .from = 1, LOCAL_PREF(101), AS1_AS2 }, { .from = 0 } },
	{ "the shorter path",
	  { .from = 1, AS1 },
	  { .from = 0, AS1_AS2 } },
	{ "a set counts as one",
	  { .from = 1, SET },
	  { .from = 0, AS1_AS2 } },
	{ "the length of the path before the origin",
	  { .from = 1, .origin = BGP_ORIGIN_INCOMPLETE }, { .from = 0, AS1 } },
	{ "the lower origin",
	  { .from = 1, .origin = BGP_ORIGIN_EGP }, { .from = 0, .origin = BGP_ORIGIN_INCOMPLETE } },
	{ "the lower MED of one neighboring AS",
	  { .from = 1, MED(5) }, { .from = 0, MED(6) } },
	{ "no MED is a MED of 0",
	  { .from = 1 }, { .from = 0, MED(1) } },
	{ "MED before external and internal",
	  { .from = 0, MED(5), AS1 },
	  { .from = 3, MED(6), AS1 } },
	{ "MED of two neighboring ASes says nothing",
	  { .from = 0, MED(9), AS1 },
	  { .from = 1, MED(6), AS2 } },
	{ "external before internal",
	  { .from = 3, AS1 },
	  { .from = 0, AS1 } },
	{ "the lower router-id",
	  { .from = 0 }, { .from = 1 } },
	{ "the originator id stands for the router-id",
	  { .from = 1, .has_originator_id = true, .originator_id = { 10, 0, 0, 8 } }, { .from = 0 } },
	{ "of one router the shorter cluster list",
	  { .from = 2, .clusters = 1 }, { .from = 0, .clusters = 2 } },
	{ "the router-id before the cluster list",
	  { .from = 0, .clusters = 2 }, { .from = 1 } },
	{ "at last the lower address",
	  { .from = 0 }, { .from = 2 } },
	{ "of two paths of ours the higher local preference",
	  { .from = OURS_B, LOCAL_PREF(200) }, { .from = OURS_A } },
	{ "of two alike of ours the lower name",
	  { .from = OURS_A }, { .from = OURS_B } },
};
/* clang-format on */

struct world {
	struct bgp_attr_table *attrs;
	struct rib *rib;
	struct bgp_peer *peers[NEIGHBORS];
	struct rib_origin *ours[2];
};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct rib_conf c = { .cluster_id = { 1, 2, 3, 4 } };

	w->attrs = bgp_attr_table_new();
	w->rib = rib_new(w->attrs, &c);
	for (size_t i = 0; i < NEIGHBORS; i++) {
		struct rib_peer_conf pc = { .validate = neighbors[i].validate };
		struct addr id = net_addr(neighbors[i].router_id);

		w->peers[i] = net_peer(w->rib, neighbors[i].address, neighbors[i].as, &pc);
		memcpy(w->peers[i]->info.remote_id, id.octets, 4);
		net_up(w->peers[i]);
	}
	w->ours[0] = rib_origin_local(w->rib, "a");
	w->ours[1] = rib_origin_local(w->rib, "b");
	return w;
}

static void world_free(struct world *w)
{
	rib_free(w->rib);
	for (size_t i = 0; i < NEIGHBORS; i++)
		free(w->peers[i]);
	bgp_attr_table_free(w->attrs);
	free(w);
}

static struct bgp_attrs *attrs_of(struct world *w, const struct path *p)
{
	static const uint8_t clusters[] = { 7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9 };
	struct bgp_attrs d = {
		.origin = p->origin,
		.has_local_pref = p->has_local_pref,
		.local_pref = p->local_pref,
		.has_med = p->has_med,
		.med = p->med,
		.has_originator_id = p->has_originator_id,
		.as_path = { p->as_path, p->as_path_len },
		.cluster_list = { clusters, (uint16_t)(p->clusters * 4) },
	};

	memcpy(d.originator_id, p->originator_id, 4);
	return net_attrs(w->attrs, 1, &d);
}

static void put(struct world *w, const struct path *p)
{
	struct bgp_attrs *a = attrs_of(w, p);

	if (p->from < NEIGHBORS)
		net_says(w->peers[p->from], net_flow(1), a);
	else
		rib_announce(w->rib, w->ours[p->from - OURS_A], NULL, NULL, net_flow(1), a);
	bgp_attrs_unref(w->attrs, a);
}

static void take(struct world *w, unsigned from)
{
	if (from < NEIGHBORS)
		net_says(w->peers[from], net_flow(1), NULL);
	else
		rib_withdraw(w->rib, w->ours[from - OURS_A], NULL, net_flow(1));
}

static const char *sender(unsigned from)
{
	static const char *const ours[] = { "a", "b" };

	return from < NEIGHBORS ? neighbors[from].address : ours[from - OURS_A];
}

static void expect_order(struct world *w, const struct path *first, const struct path *second)
{
	const struct rib_entry *e = rib_find(w->rib, net_flow(1));
	const struct rib_path *p = rib_entry_paths(e);

	assert_string_equal(rib_origin_name(p->origin), sender(first->from));
	assert_string_equal(rib_origin_name(p->next->origin), sender(second->from));
	assert_null(p->next->next);
	assert_ptr_equal(rib_entry_best(e), p);
}

/* Whichever came first. */
static void a_rule_holds(void **state)
{
	const struct rule *rule = *state;
	struct world *w = world_new();

	put(w, &rule->first);
	put(w, &rule->second);
	expect_order(w, &rule->first, &rule->second);
	take(w, rule->first.from);
	put(w, &rule->first);
	expect_order(w, &rule->first, &rule->second);
	world_free(w);
}

/* ---- Against the pseudo-code
 * ------------------------------------------------------------------------ */

struct set {
	struct path path[SENDERS];
	bool there[SENDERS]; /* by sender: one path each */
};

static uint32_t neighbor_as(const struct path *p)
{
	return p->as_path_len > 0 && p->as_path[0] == 2 ? p->as_path[5] : 0;
}

/* Each step as a number: the least stay. */
enum step {
	COUNTS,
	OURS,
	PREFERENCE,
	LENGTH,
	ORIGIN,
	BEFORE_MED,
	EXTERNAL = BEFORE_MED,
	ROUTER_ID,
	CLUSTERS,
	ADDRESS,
	STEPS
};

static uint64_t measure(const struct path *p, enum step s)
{
	struct addr id = { 0 }, address = { 0 };
	bool learnt = p->from < NEIGHBORS;

	if (learnt) {
		id = net_addr(neighbors[p->from].router_id);
		address = net_addr(neighbors[p->from].address);
	}
	if (p->has_originator_id)
		memcpy(id.octets, p->originator_id, 4);
	switch (s) {
	case COUNTS:
		return p->from == INVALID;
	case OURS:
		return learnt;
	case PREFERENCE:
		return UINT32_MAX - (p->has_local_pref ? p->local_pref : 100);
	case LENGTH:
		return p->as_path_len == 0 ? 0 : p->as_path[0] == 1 ? 1 : p->as_path[1];
	case ORIGIN:
		return p->origin;
	case EXTERNAL:
		return learnt && neighbors[p->from].as == NET_AS;
	case ROUTER_ID:
		return learnt ? (uint64_t)id.octets[3] : 0;
	case CLUSTERS:
		return learnt ? p->clusters : 0;
	default:
		return learnt ? (uint64_t)address.octets[0] << 8 | address.octets[3] : p->from;
	}
}

static void keep_least(const struct set *all, bool in[SENDERS], enum step s)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < SENDERS; i++)
		if (in[i] && measure(&all->path[i], s) < least)
			least = measure(&all->path[i], s);
	for (unsigned i = 0; i < SENDERS; i++)
		in[i] = in[i] && measure(&all->path[i], s) == least;
}

/* for m, for n: if neighborAS(m) == neighborAS(n) and MED(n) < MED(m), remove m */
static void compare_med(const struct set *all, bool in[SENDERS])
{
	bool out[SENDERS] = { false };

	for (unsigned m = 0; m < SENDERS; m++)
		for (unsigned n = 0; n < SENDERS; n++)
			if (in[m] && in[n] &&
			    neighbor_as(&all->path[m]) == neighbor_as(&all->path[n]) &&
			    (all->path[n].has_med ? all->path[n].med : 0) <
				    (all->path[m].has_med ? all->path[m].med : 0))
				out[m] = true;
	for (unsigned i = 0; i < SENDERS; i++)
		in[i] = in[i] && !out[i];
}

static unsigned best_of(const struct set *all, const bool from[SENDERS])
{
	bool in[SENDERS];

	memcpy(in, from, sizeof(in));
	for (int s = COUNTS; s < BEFORE_MED; s++)
		keep_least(all, in, (enum step)s);
	compare_med(all, in);
	for (int s = EXTERNAL; s < STEPS; s++)
		keep_least(all, in, (enum step)s);
	for (unsigned i = 0; i < SENDERS; i++)
		if (in[i])
			return i;
	return SENDERS;
}

/* The best, the best without it, and so on. */
static void expect_same_order(struct world *w, const struct set *all)
{
	const struct rib_entry *e = rib_find(w->rib, net_flow(1));
	const struct rib_path *p = e != NULL ? rib_entry_paths(e) : NULL;
	bool left[SENDERS];
	unsigned i;

	memcpy(left, all->there, sizeof(left));
	while ((i = best_of(all, left)) != SENDERS) {
		assert_non_null(p);
		if (p == NULL)
			return; /* never: for those who do not know the line above */
		assert_string_equal(rib_origin_name(p->origin), sender(i));
		left[i] = false;
		p = p->next;
	}
	assert_null(p);
}

static struct path random_path(uint64_t *rnd, unsigned from)
{
	static const struct path paths[] = {
		{ .as_path_len = 0 },
		{ AS1 },
		{ AS2 },
		{ .as_path = { 1, 1, 0, 0, 0xfb, 0xf4 }, .as_path_len = 6 },
		{ AS1_AS2 },
	};
	/* Most of the time a path of one AS, so that MED and the ties decide. */
	struct path p =
		paths[net_random(rnd, 4) != 0 ? 1 + net_random(rnd, 3) : net_random(rnd, 5)];

	p.from = from;
	p.has_local_pref = net_random(rnd, 8) == 0;
	p.local_pref = p.has_local_pref ? 99 + net_random(rnd, 3) : 0;
	p.has_med = net_random(rnd, 3) != 0;
	p.med = p.has_med ? net_random(rnd, 3) : 0;
	p.origin = (uint8_t)(net_random(rnd, 6) == 0);
	p.has_originator_id = from < NEIGHBORS && net_random(rnd, 3) == 0;
	if (p.has_originator_id)
		memcpy(p.originator_id, (uint8_t[]){ 10, 0, 0, (uint8_t)(8 + net_random(rnd, 3)) },
		       4);
	p.clusters = (uint8_t)net_random(rnd, 3);
	return p;
}

static void every_change_leaves_the_order_of_the_pseudo_code(void **state)
{
	struct world *w = world_new();
	struct set all = { 0 };
	uint64_t rnd = 0x9e3779b97f4a7c15;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		unsigned from = net_random(&rnd, SENDERS);

		all.there[from] = net_random(&rnd, 4) != 0;
		all.path[from] = random_path(&rnd, from);
		if (all.there[from])
			put(w, &all.path[from]);
		else
			take(w, from);
		expect_same_order(w, &all);
	}
	world_free(w);
}

static void the_order_is_the_same_whichever_came_first(void **state)
{
	uint64_t rnd = 0x2545f4914f6cdd1d;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct world *w = world_new();
		struct set all = { 0 };

		for (unsigned at = net_random(&rnd, SENDERS), n = 0; n < SENDERS; n++) {
			unsigned from = (at + n * 2) % SENDERS; /* SENDERS is odd */

			all.path[from] = random_path(&rnd, from);
			all.there[from] = true;
			put(w, &all.path[from]);
		}
		expect_same_order(w, &all);
		world_free(w);
	}
}

/* A beats B, B beats C, C beats A: no pair decides, the groups do. */
static void med_that_goes_in_a_circle_is_decided(void **state)
{
	static const struct path a = { .from = 0, MED(2), AS1 };
	static const struct path b = { .from = 2, MED(9), AS2 };
	static const struct path c = { .from = 1, MED(1), AS1 };
	static const struct path *const orders[][3] = { { &a, &b, &c }, { &a, &c, &b },
							{ &b, &a, &c }, { &b, &c, &a },
							{ &c, &a, &b }, { &c, &b, &a } };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct world *w = world_new();
		const struct rib_path *p;

		for (size_t n = 0; n < 3; n++)
			put(w, orders[i][n]);
		p = rib_entry_paths(rib_find(w->rib, net_flow(1)));
		assert_string_equal(rib_origin_name(p->origin), sender(b.from));
		assert_string_equal(rib_origin_name(p->next->origin), sender(c.from));
		assert_string_equal(rib_origin_name(p->next->next->origin), sender(a.from));
		world_free(w);
	}
}

int main(void)
{
	enum {
		RULES = sizeof(rules) / sizeof(rules[0])
	};
	struct CMUnitTest tests[RULES + 3] = { 0 };

	for (size_t i = 0; i < RULES; i++)
		tests[i] = (struct CMUnitTest){
			.name = rules[i].sentence,
			.test_func = a_rule_holds,
			.initial_state = (void *)&rules[i],
		};
	tests[RULES] = (struct CMUnitTest)cmocka_unit_test(med_that_goes_in_a_circle_is_decided);
	tests[RULES + 1] = (struct CMUnitTest)cmocka_unit_test(
		every_change_leaves_the_order_of_the_pseudo_code);
	tests[RULES + 2] =
		(struct CMUnitTest)cmocka_unit_test(the_order_is_the_same_whichever_came_first);
	return cmocka_run_group_tests_name("rib_decision", tests, NULL, NULL);
}
