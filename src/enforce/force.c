/* SPDX-License-Identifier: ISC */
/* force.c - rules into force and out of it, by the invariants of xdp_maps.h.
 *
 * A rule that comes is written into a free slot (store, verdict, counters), then into the tables,
 * and is marked in the store before packets find it; one that goes is marked after packets find it
 * no more.  So whatever kills us, the store has all rules that did not change, and the hub settles
 * the rest.  Slots, actions and pieces of the store leave, and are free after a grace period.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "enforce/xdp_inner.h"

enum {
	ACTION_ACCEPT = 0,
	ACTION_DISCARD = 1, /* those that need nothing else are shared */
	ACTION_FIRST = 2,
	STORE_CHUNKS = XDP_STORE - XDP_SLOTS,
	FREE_SLOTS_MIN = 1024 /* with fewer a grace period is due */
};

/* ---- Waiting ---------------------------------------------------------------------------- */

static bool wait_for_packets(void *ctx, struct err *e)
{
	const struct xdp *x = ctx;
	uint32_t zero = 0;

	if (bpf_map_update_elem(x->wait_outer, &zero, &x->wait_inner, BPF_ANY) < 0)
		return err_at(e, 0, 0, "cannot wait for packets under way: %s", strerror(errno));
	return true;
}

bool xdp_grace(struct xdp *x, struct err *e)
{
	if (!wait_for_packets(x, e))
		return false;
	index_grace(x->index);
	saved_grace(x);
	space_grace(&x->slots);
	space_grace(&x->thens);
	space_grace(&x->chunks);
	return true;
}

static size_t slots_free(const struct xdp *x)
{
	return x->slots.available;
}

/* ---- The store -------------------------------------------------------------------------- */

static void store_release(struct xdp *x, uint32_t slot, bool seen)
{
	uint32_t next = x->store[slot].next;

	__atomic_store_n(&x->store[slot].in_force, 0, __ATOMIC_RELEASE);
	for (uint32_t n = 0; next > XDP_SLOTS && next < XDP_STORE && n < XDP_NLRI_MAX; n++) {
		if (seen)
			space_leave(&x->chunks, next - XDP_SLOTS, 1);
		else
			space_give_back(&x->chunks, next - XDP_SLOTS, 1);
		next = x->store[next].next;
	}
}

static bool store_write(struct xdp *x, uint32_t slot, const struct flow_nlri *n, unsigned vrf)
{
	struct xdp_store *s = &x->store[slot];
	size_t at = 0;

	*s = (struct xdp_store){ .len = (__u16)n->len,
				 .family = n->family == FLOW_IPV6 ? XDP_IPV6 : XDP_IPV4,
				 .vrf = (__u8)vrf };
	for (;;) {
		size_t left = n->len - at, some = left < XDP_STORE_OCTETS ? left : XDP_STORE_OCTETS;
		uint32_t chunk;

		memcpy(s->octets, n->octets + at, some);
		at += some;
		if (at == n->len)
			return true;
		chunk = space_take(&x->chunks, 1);
		if (chunk == 0)
			return false;
		s->next = XDP_SLOTS + chunk;
		s = &x->store[s->next];
		*s = (struct xdp_store){ 0 };
	}
}

/* The octets of the rule in this slot; used: chunks that belong to it.  0: damaged. */
static size_t store_read(const struct xdp *x, uint32_t slot, uint8_t octets[XDP_NLRI_MAX],
			 uint8_t *used)
{
	const struct xdp_store *s = &x->store[slot];
	size_t len = s->len, at = 0;

	while (len <= XDP_NLRI_MAX) {
		size_t left = len - at, some = left < XDP_STORE_OCTETS ? left : XDP_STORE_OCTETS;

		memcpy(octets + at, s->octets, some);
		at += some;
		if (at == len)
			return len;
		if (s->next <= XDP_SLOTS || s->next >= XDP_STORE || used[s->next - XDP_SLOTS]++)
			return 0;
		s = &x->store[s->next];
	}
	return 0;
}

/* ---- Actions ---------------------------------------------------------------------------- */

static bool then_write(struct xdp *x, uint32_t action, const struct plan_then *t, struct err *e)
{
	struct xdp_then then;

	plan_then_write(t, &then);
	if (t->send != XDP_SEND_NOWHERE && getrandom(&then.id, sizeof(then.id), 0) < 0)
		return err_at(e, 0, 0, "getrandom: %s", strerror(errno));
	if (bpf_map_update_elem(x->map[XDP_MAP_THENS], &action, &then, BPF_ANY) == 0)
		return true;
	return err_at(e, 0, 0, "%s[%u]: %s", xdp_map_names[XDP_MAP_THENS], action, strerror(errno));
}

/* An entry that says this; -1 when there is none. */
static int then_take(struct xdp *x, const struct plan_then *t, struct err *e)
{
	uint32_t action;

	if (t->kind != XDP_THEN_RATE && !t->marks && t->groups == 0 && t->send == XDP_SEND_NOWHERE)
		return t->kind == XDP_THEN_ACCEPT ? ACTION_ACCEPT : ACTION_DISCARD;
	action = space_take(&x->thens, 1);
	if (action == 0 && x->thens.leaving.count > 0 && xdp_grace(x, NULL))
		action = space_take(&x->thens, 1);
	if (action == 0) {
		(void)err_at(e, 0, 0, "table full: no room for another action");
		return -1;
	}
	if (then_write(x, action, t, e))
		return (int)action;
	space_give_back(&x->thens, action, 1);
	return -1;
}

static void then_leave(struct xdp *x, int action)
{
	if (action >= ACTION_FIRST)
		space_leave(&x->thens, (uint32_t)action, 1);
}

/* ---- One rule --------------------------------------------------------------------------- */

static void refuse(struct rule *r, const struct err *e)
{
	free(r->why_table);
	r->why_table = strdup(e->text);
}

static void accept(struct rule *r)
{
	free(r->why_table);
	r->why_table = NULL;
}

static void clear_counters(struct xdp *x, uint32_t slot)
{
	for (int c = 0; c < x->cpus; c++)
		x->counters[(size_t)c * XDP_SLOTS + slot] = (struct xdp_counters){ 0 };
}

static void drop_slot(struct xdp *x, struct rule *r, bool seen)
{
	uint32_t slot = (uint32_t)r->slot;

	x->by_slot[slot] = NULL;
	store_release(x, slot, seen);
	then_leave(x, r->action);
	if (seen)
		space_leave(&x->slots, slot, 1);
	else
		space_give_back(&x->slots, slot, 1);
	r->slot = r->action = -1;
}

static bool fill_slot(struct xdp *x, struct rule *r, struct err *e)
{
	uint32_t slot = (uint32_t)r->slot;

	if (!store_write(x, slot, &r->nlri, r->vrf))
		return err_at(e, 0, 0, "table full: no room for another long rule");
	clear_counters(x, slot);
	r->action = then_take(x, &r->then, e);
	if (r->action < 0)
		return false;
	x->verdict[slot] = plan_then_verdict(&r->then, (uint32_t)r->action);
	r->entry = index_add(x->index, &r->nlri, r->vrf, slot, e);
	return r->entry != NULL;
}

/* Into a slot and the tables; found by packets with the next commit. */
static void bring(struct xdp *x, struct rule *r)
{
	struct err e = { 0 };

	if (x->in_force >= XDP_RULES_MAX) {
		(void)err_at(&e, 0, 0, "table full: more than %d rules", XDP_RULES_MAX);
		refuse(r, &e);
		return;
	}
	r->slot = (int)space_take(&x->slots, 1);
	if (r->slot == 0) {
		(void)err_at(&e, 0, 0, "table full");
		r->slot = -1;
		refuse(r, &e);
		return;
	}
	if (!fill_slot(x, r, &e)) {
		drop_slot(x, r, false);
		refuse(r, &e);
		return;
	}
	accept(r);
	r->installed = r->then;
	x->in_force++;
	x->sends[r->installed.send]++;
	x->by_slot[r->slot] = r;
	__atomic_store_n(&x->store[r->slot].in_force, r->origin, __ATOMIC_RELEASE);
}

static void change_then(struct xdp *x, struct rule *r)
{
	struct err e = { 0 };
	int action = then_take(x, &r->then, &e), before = r->action;

	if (action < 0) { /* then not the old one either */
		index_remove(x->index, r->entry);
		r->entry = NULL;
		refuse(r, &e);
		return;
	}
	accept(r);
	__atomic_store_n(&x->verdict[r->slot], plan_then_verdict(&r->then, (uint32_t)action),
			 __ATOMIC_RELEASE);
	r->action = action;
	x->sends[r->installed.send]--;
	x->sends[r->then.send]++;
	r->installed = r->then;
	then_leave(x, before);
}

/* Packets find it no more. */
static void settle_gone(struct xdp *x, struct rule *r)
{
	struct xdp_counters *b = &r->before;

	if (xdp_counters(x, r->slot, &r->now)) {
		b->packets += r->now.packets;
		b->octets += r->now.octets;
		b->dropped_packets += r->now.dropped_packets;
		b->dropped_octets += r->now.dropped_octets;
	}
	r->now = (struct xdp_counters){ 0 };
	saved_leave(x, (uint32_t)r->slot);
	drop_slot(x, r, true);
	x->in_force--;
	x->sends[r->installed.send]--;
}

/* ---- A change --------------------------------------------------------------------------- */

/* Takes those out of the tables that are not wanted any more; how many others need a slot. */
static size_t take_out(struct xdp *x, struct rule *const *list, size_t n)
{
	size_t coming = 0;

	for (size_t i = 0; i < n; i++) {
		struct rule *r = list[i];

		coming += r->slot < 0 && rule_wanted(r);
		if (r->slot < 0 || rule_wanted(r) || r->entry == NULL)
			continue;
		index_remove(x->index, r->entry);
		r->entry = NULL;
	}
	return coming;
}

static void settle_all_gone(struct xdp *x, struct rule *const *list, size_t n)
{
	bool read = false;

	for (size_t i = 0; i < n; i++) {
		if (list[i]->slot < 0 || list[i]->entry != NULL)
			continue;
		if (!read)
			saved_read(x);
		read = true;
		settle_gone(x, list[i]);
	}
}

static void bring_in(struct xdp *x, struct rule *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct rule *r = list[i];

		if (!rule_wanted(r))
			continue;
		if (r->slot >= 0)
			__atomic_store_n(&x->store[r->slot].in_force, r->origin, __ATOMIC_RELEASE);
		if (r->slot < 0)
			bring(x, r);
		else if (!plan_then_equal(&r->then, &r->installed))
			change_then(x, r);
	}
}

/* Of what was committed, some the tables may not have taken. */
static void settle_failed(struct xdp *x, struct rule *const *list, size_t n, const struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct rule *r = list[i];

		if (r->entry == NULL || !index_failed(r->entry))
			continue;
		index_remove(x->index, r->entry);
		r->entry = NULL;
		refuse(r, e);
	}
}

static void commit(struct xdp *x, struct rule *const *list, size_t n)
{
	struct err e = { 0 };

	if (!index_commit(x->index, &e)) {
		settle_failed(x, list, n, &e);
		(void)index_commit(x->index, &e);
	}
	settle_all_gone(x, list, n);
}

bool xdp_change(struct xdp *x, struct rule *const *list, size_t n, struct err *e)
{
	size_t coming = take_out(x, list, n);

	/* More than there is room for before others have left. */
	if (coming > slots_free(x)) {
		commit(x, list, n);
		if (!xdp_grace(x, e))
			return false;
	}
	bring_in(x, list, n);
	commit(x, list, n);
	if (index_pending(x->index) > INDEX_PENDING_MAX || slots_free(x) < FREE_SLOTS_MIN)
		return xdp_grace(x, e);
	return true;
}

size_t xdp_in_force(const struct xdp *x)
{
	return x->in_force;
}

size_t xdp_sends(const struct xdp *x, enum xdp_send send)
{
	return x->sends[send];
}

static bool is_listed(const struct addr *list, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&list[i], a))
			return true;
	return false;
}

size_t xdp_copies(const struct xdp *x, struct addr *list, size_t room)
{
	size_t n = 0, left = x->sends[XDP_SEND_COPY];

	for (uint32_t slot = 0; left > 0 && n < room && slot < XDP_SLOTS; slot++) {
		const struct rule *r = x->by_slot[slot];

		if (r == NULL || r->installed.send != XDP_SEND_COPY)
			continue;
		left--;
		if (!is_listed(list, n, &r->installed.to))
			list[n++] = r->installed.to;
	}
	return n;
}

static bool spaces_init(struct xdp *x)
{
	return space_init(&x->slots, XDP_SLOTS) && space_init(&x->thens, XDP_ACTIONS) &&
	       space_init(&x->chunks, STORE_CHUNKS) && space_take(&x->thens, 1) == ACTION_DISCARD;
}

static void spaces_done(struct xdp *x)
{
	space_done(&x->slots);
	space_done(&x->thens);
	space_done(&x->chunks);
}

/* ---- What is there ---------------------------------------------------------------------- */

struct restoring {
	uint8_t *slots, *thens, *chunks; /* in use */
	uint8_t octets[XDP_NLRI_MAX];
};

static bool restore_rule(struct xdp *x, uint32_t slot, struct restoring *at, struct ruleset *rs,
			 struct err *e)
{
	uint32_t action = (uint32_t)x->verdict[slot];
	unsigned vrf = x->store[slot].vrf;
	struct flow_nlri n = { .family = x->store[slot].family == XDP_IPV6 ? FLOW_IPV6 : FLOW_IPV4,
			       .vpn = vrf != 0,
			       .octets = at->octets };
	struct xdp_then then;
	struct rule *r;

	n.len = store_read(x, slot, at->octets, at->chunks);
	if (n.len == 0 || !flow_nlri_check(&n, NULL) || vrf >= XDP_VRFS || action >= XDP_ACTIONS)
		return err_at(e, 0, 0, "the pinned rule in slot %u is damaged", slot);
	if (bpf_map_lookup_elem(x->map[XDP_MAP_THENS], &action, &then) < 0)
		return err_at(e, 0, 0, "%s[%u]: %s", xdp_map_names[XDP_MAP_THENS], action,
			      strerror(errno));
	r = ruleset_need_in(rs, &n, vrf);
	if (r == NULL || r->slot >= 0)
		return err_at(e, 0, 0, "the pinned rule in slot %u cannot be had", slot);
	r->entry = index_add(x->index, &r->nlri, r->vrf, slot, e);
	if (r->entry == NULL)
		return false;
	r->slot = (int)slot;
	r->action = (int)action;
	r->origin = x->store[slot].in_force;
	r->wanted = r->then_ok = true;
	r->state = x->control->monitor ? RULE_MONITOR : RULE_ENFORCED;
	plan_then_read(&then, x->verdict[slot], &r->installed);
	if (r->installed.send >= XDP_SENDS || r->installed.place >= XDP_PLACES)
		return err_at(e, 0, 0, "the pinned action %u is damaged", action);
	r->then = r->installed;
	x->sends[r->installed.send]++;
	at->slots[slot] = at->thens[action] = 1;
	x->in_force++;
	x->by_slot[slot] = r;
	return true;
}

static bool restore_all(struct xdp *x, struct restoring *at, struct ruleset *rs, struct err *e)
{
	for (uint32_t slot = 1; slot < XDP_SLOTS; slot++)
		if (x->store[slot].in_force && !restore_rule(x, slot, at, rs, e))
			return false;
	at->thens[ACTION_DISCARD] = 1;
	spaces_done(x);
	if (!space_init_used(&x->slots, at->slots, XDP_SLOTS) ||
	    !space_init_used(&x->thens, at->thens, XDP_ACTIONS) ||
	    !space_init_used(&x->chunks, at->chunks, STORE_CHUNKS))
		return err_at(e, 0, 0, "out of memory");
	return index_commit(x->index, e);
}

bool xdp_restore(struct xdp *x, struct ruleset *rs, struct err *e)
{
	struct restoring at = { .slots = calloc(XDP_SLOTS, 1),
				.thens = calloc(XDP_ACTIONS, 1),
				.chunks = calloc(STORE_CHUNKS, 1) };
	bool ok = at.slots != NULL && at.thens != NULL && at.chunks != NULL
			  ? restore_all(x, &at, rs, e)
			  : err_at(e, 0, 0, "out of memory");

	free(at.slots);
	free(at.thens);
	free(at.chunks);
	return ok && xdp_grace(x, e);
}

/* ---- Start and end ---------------------------------------------------------------------- */

static bool write_full(void *ctx, uint32_t number, const struct flow_nlri *n, struct err *e)
{
	const struct xdp *x = ctx;
	struct xdp_rule rule;

	if (!plan_rule_make(n, &rule, e))
		return false;
	if (bpf_map_update_elem(x->map[XDP_MAP_FULL], &number, &rule, BPF_ANY) == 0)
		return true;
	return err_at(e, 0, 0, "%s[%u]: %s", xdp_map_names[XDP_MAP_FULL], number, strerror(errno));
}

bool force_init(struct xdp *x, struct err *e)
{
	struct index_kernel kernel = { .ctx = x,
				       .write_full = write_full,
				       .grace = wait_for_packets };
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		return err_at(e, 0, 0, "getrandom: %s", strerror(errno));
	x->index = index_new(x->tables, seed, &kernel);
	x->by_slot = calloc(XDP_SLOTS, sizeof(struct rule *));
	if (x->index == NULL || x->by_slot == NULL || !saved_init(&x->saved) || !spaces_init(x))
		return err_at(e, 0, 0, "out of memory");
	return then_write(x, ACTION_ACCEPT, &(struct plan_then){ .kind = XDP_THEN_ACCEPT }, e) &&
	       then_write(x, ACTION_DISCARD, &(struct plan_then){ .kind = XDP_THEN_DISCARD }, e);
}

void force_done(struct xdp *x)
{
	index_free(x->index);
	free(x->by_slot);
	saved_done(&x->saved);
	spaces_done(x);
}
