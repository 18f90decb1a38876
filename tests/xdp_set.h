/* SPDX-License-Identifier: ISC */
/* xdp_set.h - random sets of rules with all that decides whether one counts, in the kernel, and the
 * plain reference for them. */
#ifndef TESTS_XDP_SET_H
#define TESTS_XDP_SET_H

#include <stdlib.h>
#include <string.h>

#include "enforce/locals.h"
#include "enforce/protect.h"
#include "enforce/ruleset.h"
#include "enforce/vrf.h"
#include "enforce/xdp.h"
#include "tests/protected_flows.h"
#include "tests/xdp_draw.h"
#include "tests/xdp_kernel.h"

enum {
	GROUPS = 4 /* of interfaces, that rules name; one more is nobody's */
};

/* ---- Protected flows ---------------------------------------------------------------------- */

static inline struct xdp_local make_local(void)
{
	uint32_t family = below(2) ? XDP_IPV6 : XDP_IPV4;
	uint8_t a[16];

	make_address(a, family == XDP_IPV6 ? 16 : 4);
	return local_at(family, a);
}

static inline void protect_locals(struct protection *p, struct locals *in_kernel, struct xdp *x)
{
	struct xdp_local *list = calloc(LOCALS, sizeof(*list));
	size_t n = below(LOCALS + 1);

	assert_non_null(list);
	for (size_t i = 0; i < n; i++)
		p->local[i] = list[i] = make_local();
	p->local_count = n;
	in_kernel->bring = protect_bring_locals;
	in_kernel->ctx = x;
	assert_true(locals_change(in_kernel, list, n, NULL));
}

static inline void protect_make(struct protection *p, struct locals *in_kernel, struct xdp *x)
{
	struct err e = { 0 };

	memset(p->saved, 0, sizeof(p->saved));
	p->what = (struct enforce_protect){ .statements = p->statement };
	p->what.defaults_off = one_in(3) ? any() & any() : one_in(3) ? UINT32_MAX : 0;
	for (unsigned want = one_in(2) ? below(STATEMENTS + 1) : 0; want > 0; want--) {
		struct enforce_protect_statement *s = &p->statement[p->what.count];
		struct xdp_rule room;

		s->name = "any";
		if (make_rule(p->octets[p->what.count], &s->nlri) &&
		    protect_statement_make(s, &room, NULL))
			p->what.count++;
	}
	if (!protect_set(x, &p->what, &e))
		fail_msg("%s", e.text);
	protect_locals(p, in_kernel, x);
}

/* ---- Sets of rules -------------------------------------------------------------------- */

/* Of eight rules of a set so many say to go on. */
static unsigned going_on;

struct set {
	struct ruleset rules;
	struct rule **list; /* in force, in order */
	size_t count;
	struct protection protection;
	struct locals in_kernel;  /* of this machine, that are protected */
	bool global;              /* there are no VRFs */
	unsigned vrf[INTERFACES]; /* which they belong to */
};

struct outcome {
	uint64_t compared, matched, matched_more, matched_most, saved, different;
	uint64_t rules, refused, changes;
};

/* Set: the kernel is not told of changes. */
static bool stale;

static struct groups groups;
static unsigned groups_of[INTERFACES]; /* bit g: it is in the g-th of the file */

static inline void groups_change(struct xdp *x)
{
	unsigned i = below(INTERFACES);

	groups_of[i] = below(1 << GROUPS);
	assert_true(xdp_groups_interface(x, ifindex[i], groups_of_file(&groups, groups_of[i])));
}

static inline void groups_start(struct xdp *x)
{
	struct enforce_group list[GROUPS];
	struct err e = { 0 };

	for (unsigned g = 0; g < GROUPS; g++)
		list[g] = (struct enforce_group){ .as = 65000 + g / 2, .group = g % 2 ? 16383 : 0 };
	if (!xdp_groups_set(x, &groups, list, GROUPS, &e))
		fail_msg("%s", e.text);
	memset(groups_of, 0, sizeof(groups_of));
	groups_change(x);
}

/* The rule's input groups, as the test sees them, are kept in `source`. */
static inline int make_scope(struct flow_actions *a)
{
	int input = 0;

	for (unsigned n = below(4); n > 0; n--) {
		struct flow_interface_set *s = &a->interface_set[a->interface_sets++];
		unsigned g = below(GROUPS + 1);

		*s = (struct flow_interface_set){ .as = 65000 + g / 2,
						  .group = g % 2 ? 16383 : 0,
						  .input = !one_in(4),
						  .output = one_in(2) };
		if (s->input && g < GROUPS)
			input |= 1 << g;
	}
	return input;
}

static inline bool is_here(const struct rule *r, int interface)
{
	return r->source <= 0 || (r->source & (int)groups_of[interface]) != 0;
}

static inline struct flow_actions make_actions(void)
{
	return (struct flow_actions){ .has_rate_bytes = !one_in(4),
				      .has_mark = one_in(2),
				      .mark = (uint8_t)below(64),
				      .more = below(8) < going_on,
				      .sample = one_in(3) };
}

static inline void set_then(struct set *s, struct rule *r)
{
	struct flow_actions a = make_actions();

	r->source = one_in(3) ? make_scope(&a) : 0;
	rule_set_then(r, &a);
	ruleset_touch(&s->rules, r);
}

static const unsigned vrfs[] = { 0, 1, 2, XDP_VRFS - 1 };

enum {
	VRFS = sizeof(vrfs) / sizeof(vrfs[0])
};

static inline void join_vrf(struct set *s, struct xdp *x, int interface)
{
	s->vrf[interface] = s->global ? 0 : vrfs[below(VRFS)];
	assert_true(vrf_interface(x, ifindex[interface], s->vrf[interface]));
}

/* One of two distinguishers, so that rules differ in nothing else. */
static inline void distinguish(uint8_t room[FLOW_NLRI_MAX], struct flow_nlri *n)
{
	assert_true(n->len + FLOW_RD_OCTETS <= FLOW_NLRI_MAX);
	memmove(room + FLOW_RD_OCTETS, room, n->len);
	memset(room, 0, FLOW_RD_OCTETS);
	room[FLOW_RD_OCTETS - 1] = (uint8_t)below(2);
	n->len += FLOW_RD_OCTETS;
	n->vpn = true;
}

static inline void add_in(struct set *s, const struct flow_nlri *n, unsigned vrf)
{
	struct rule *r = ruleset_need_in(&s->rules, n, vrf);

	assert_non_null(r);
	r->wanted = true;
	set_then(s, r);
}

static inline void add_rule(struct set *s)
{
	uint8_t room[FLOW_NLRI_MAX];
	struct flow_nlri n;

	if (!make_rule(room, &n))
		return;
	if (s->global || one_in(3)) {
		add_in(s, &n, 0);
		return;
	}
	distinguish(room, &n);
	for (int i = 1; i < VRFS; i++)
		if (one_in(2))
			add_in(s, &n, vrfs[i]);
}

/* Those that the tables refuse are not there. */
static inline void set_list(struct set *s, struct outcome *o)
{
	size_t kept = 0;

	free(s->list);
	s->list = ruleset_in_order(&s->rules, &s->count);
	assert_non_null(s->list);
	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i]->slot >= 0)
			s->list[kept++] = s->list[i];
		else
			o->refused++;
	}
	o->rules += s->count;
	s->count = kept;
}

static inline void set_make(struct set *s, struct xdp *x, unsigned want, struct outcome *o)
{
	ruleset_init(&s->rules, 1);
	s->rules.groups = &groups;
	theme = one_in(2) ? below(THEMES) : THEME_ANY;
	going_on = one_in(4) ? 7 : below(4);
	protect_make(&s->protection, &s->in_kernel, x);
	s->global = one_in(2);
	for (int i = 0; i < INTERFACES; i++)
		join_vrf(s, x, i);
	while (want-- > 0)
		add_rule(s);
	apply(x, &s->rules);
	set_list(s, o);
}

static inline void unwant_some(struct rule *r, void *ctx)
{
	if (one_in(8))
		unwant(r, ctx);
}

/* Some go, some come, some do something else. */
static inline void set_change(struct set *s, struct xdp *x, struct outcome *o)
{
	unsigned comes = 1 + below(4);

	ruleset_each(&s->rules, unwant_some, &s->rules);
	if (one_in(3))
		join_vrf(s, x, (int)below(INTERFACES));
	while (comes-- > 0)
		add_rule(s);
	if (s->count > 0 && one_in(2)) {
		struct rule *r = s->list[below((uint32_t)s->count)];

		if (r->wanted)
			set_then(s, r);
	}
	if (!stale)
		apply(x, &s->rules);
	set_list(s, o);
	o->changes++;
}

static inline void set_done(struct set *s, struct xdp *x)
{
	ruleset_each(&s->rules, unwant, &s->rules);
	apply(x, &s->rules);
	free(s->list);
	s->list = NULL;
	ruleset_done(&s->rules);
}

/* The rules whose actions a packet meets, in order. */
struct matched {
	size_t count;
	struct rule *rule[MATCHED_MAX];
};

/* Plain: those of the VRF that the frame came in by that match, up to the first that does not say
 * to go on. */
static inline void reference(const struct set *s, const struct frame *f, int interface,
			     struct matched *ret)
{
	bool more = f->is_ip && f->len >= f->ip;

	ret->count = 0;
	for (size_t i = 0; i < s->count && more && ret->count < MATCHED_MAX; i++) {
		if (s->list[i]->vrf != s->vrf[interface] || !is_here(s->list[i], interface) ||
		    is_v6(f) != (s->list[i]->nlri.family == FLOW_IPV6) ||
		    !flow_match(&s->list[i]->nlri, f->octets + f->ip, f->len - f->ip))
			continue;
		ret->rule[ret->count++] = s->list[i];
		more = s->list[i]->then.more;
	}
}

static inline struct rule *first_that(const struct matched *m, bool (*asks)(const struct rule *r))
{
	for (size_t i = 0; i < m->count; i++)
		if (asks(m->rule[i]))
			return m->rule[i];
	return NULL;
}

static inline bool discards(const struct rule *r)
{
	return r->then.kind == XDP_THEN_DISCARD;
}

static inline bool marks(const struct rule *r)
{
	return r->then.marks;
}

static inline bool samples(const struct rule *r)
{
	return r->then.sample;
}

#endif
