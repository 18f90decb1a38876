/* SPDX-License-Identifier: ISC */
/* index.c - see index.h; how packets walk the tables is in xdp_lookup.h.
 *
 * For each node in the table there is a place here, with its rules sorted by RFC 8955 5.1.  A
 * commit visits the places that changed: those of sources first, then those of destinations.
 *
 * Invariants
 * 1. A node's filter has the bits of all rules that a packet may find in its list; while that is
 *    being replaced, those of both lists.
 * 2. A node is written as a whole before its mask, which makes it one; the mask is taken away when
 *    its list is empty and nothing leads to it.
 * 3. What is replaced leaves (space.h) after it was replaced.
 */
#include "enforce/index.h"

#include <stdlib.h>
#include <string.h>

#include "enforce/block.h"
#include "enforce/box.h"
#include "enforce/reach.h"
#include "enforce/sets.h"
#include "enforce/space.h"

struct index_rule {
	const struct flow_nlri *nlri;
	struct place *place;
	uint64_t filter;
	uint32_t full; /* number of its full test; 0: none */
	bool added;    /* since the last commit */
	bool failed;
	unsigned count;
	struct xdp_record record[];
};

enum node_state {
	NODE_FREE, /* packets stop here */
	NODE_TAKEN,
	NODE_GONE,  /* packets may still be at it */
	NODE_STONE, /* free, but packets have to go on */
};

struct place {
	uint32_t number; /* of its node */
	uint16_t mask;   /* with XDP_MASK_SOURCE when it is a source's; 0: no destination */
	uint64_t address[2];
	struct place *parent; /* a source's destination */
	uint32_t above;       /* number of the node above: the parent's, or the VRF's root */
	bool ipv6;
	struct index_rule **rules;
	uint32_t count, room, records;
	bool visible, dirty;
	bool inside_used;           /* the record in the node is in force */
	uint64_t inside_since;      /* grace periods until it may be written again */
	uint32_t block, block_size; /* of the list's records; 0: none */
	struct chain *chain;        /* of a long list; NULL: there never was one */
	uint64_t filter;            /* over its own rules, as in force */
	uint64_t filter_most;       /* and with those that came since */
	/* Of a destination only: */
	struct sets_uses sources;
	uint32_t set, below; /* set of source masks in force; how many sources there are */
	uint32_t probes;     /* source masks, as counted in index.probes */
};

struct index {
	struct xdp_tables *t;
	struct index_kernel kernel;
	struct space records, extras, full;
	struct sets sets;
	struct blocks blocks;
	struct reach reach;
	struct place *place[XDP_NODES];
	uint8_t state[XDP_NODES]; /* enum node_state */
	uint32_t *gone;           /* nodes that leave */
	size_t gone_count, gone_room, nodes;
	uint64_t graces;                 /* grace periods so far */
	struct place *root[XDP_VRFS][2]; /* IPv4, IPv6 */
	struct sets_uses rest;
	/* How many nodes of a destination mask have so many source masks, made when needed. */
	uint32_t *probes[XDP_MASKS];
	uint16_t probes_most[XDP_MASKS];
	unsigned probes_sum[2];
	struct place **dirty;
	size_t dirty_count, dirty_room;
	struct index_rule **removed; /* to be freed by the commit */
	size_t removed_count, removed_room;
};

/* One more in a list of pointers or numbers; false when memory is out. */
static bool grow(void *list, size_t count, size_t *room, size_t size)
{
	void **at = list;
	void *bigger;

	if (count < *room)
		return true;
	bigger = realloc(*at, (*room > 0 ? 2 * *room : 4) * size);
	if (bigger == NULL)
		return false;
	*at = bigger;
	*room = *room > 0 ? 2 * *room : 4;
	return true;
}

static bool is_source(const struct place *p)
{
	return p->mask & XDP_MASK_SOURCE;
}

static struct xdp_node *node_of(const struct index *ix, const struct place *p)
{
	return &ix->t->node[p->number];
}

/* ---- Nodes ---------------------------------------------------------------------------- */

static uint64_t place_hash(const struct index *ix, uint16_t mask, const uint64_t address[2],
			   uint32_t parent)
{
	return xdp_hash(address[0], address[1], mask, parent, ix->t->seed);
}

static struct place *find_place(const struct index *ix, uint16_t mask, const uint64_t address[2],
				const struct place *above)
{
	uint64_t hash = place_hash(ix, mask, address, above->number);

	for (uint32_t i = 0; i < XDP_NEIGHBOURS; i++) {
		uint32_t number = ((uint32_t)hash + i) & ix->t->node_mask;
		struct place *p = ix->place[number];

		if (ix->state[number] == NODE_FREE)
			return NULL;
		if (p != NULL && p->mask == mask && p->above == above->number &&
		    p->address[0] == address[0] && p->address[1] == address[1])
			return p;
	}
	return NULL;
}

/* A free node near where this key is looked for; 0: there is none. */
static uint32_t find_node(const struct index *ix, uint64_t hash)
{
	for (uint32_t i = 0; i < XDP_NEIGHBOURS; i++) {
		uint32_t number = ((uint32_t)hash + i) & ix->t->node_mask;

		if (ix->state[number] == NODE_FREE || ix->state[number] == NODE_STONE)
			return number;
	}
	return 0;
}

static void place_free(struct place *p)
{
	free(p->rules);
	free(p->sources.list);
	free(p->chain);
	free(p);
}

static struct place *place_new(struct index *ix, uint16_t mask, const uint64_t address[2],
			       struct place *above, struct err *e)
{
	uint64_t hash = place_hash(ix, mask, address, above->number);
	uint32_t number = find_node(ix, hash);
	struct place *p;

	if (number == 0 || ix->nodes >= (size_t)ix->t->node_mask / 4 * 3) {
		(void)err_at(e, 0, 0, "table full: no room for another pair of prefixes");
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		(void)err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	p->number = number;
	p->mask = mask;
	p->address[0] = address[0];
	p->address[1] = address[1];
	p->parent = is_source(p) ? above : NULL;
	p->above = above->number;
	p->ipv6 = above->ipv6;
	ix->place[number] = p;
	ix->state[number] = NODE_TAKEN;
	ix->nodes++;
	return p;
}

/* Stones before a free node hold up nobody: they become free as well. */
static void sweep_stones(struct index *ix, uint32_t number)
{
	while (ix->state[number] == NODE_STONE &&
	       ix->state[(number + 1) & ix->t->node_mask] == NODE_FREE) {
		ix->state[number] = NODE_FREE;
		__atomic_store_n(&ix->t->node[number].mask, 0, __ATOMIC_RELEASE);
		number = (number - 1) & ix->t->node_mask;
	}
}

/* Of a place that no packet can find any more. */
static void node_leave(struct index *ix, struct place *p)
{
	ix->place[p->number] = NULL;
	ix->nodes--;
	if (!p->visible) {
		/* Others may have been put behind it meanwhile, so packets must not stop here. */
		ix->state[p->number] = NODE_STONE;
		__atomic_store_n(&node_of(ix, p)->mask, XDP_MASK_GONE, __ATOMIC_RELEASE);
		sweep_stones(ix, p->number);
	} else {
		ix->state[p->number] = NODE_GONE;
		__atomic_store_n(&node_of(ix, p)->mask, XDP_MASK_GONE, __ATOMIC_RELEASE);
		if (grow(&ix->gone, ix->gone_count, &ix->gone_room, sizeof(*ix->gone)))
			ix->gone[ix->gone_count++] = p->number;
	}
	place_free(p);
}

/* ---- The budget of probes --------------------------------------------------------------- */

/* Roots have numbers that no mask has. */
static unsigned budget_mask(const struct place *p)
{
	return p->mask != 0 ? p->mask : p->ipv6 ? XDP_MASKS - 1 : 0;
}

static void budget_most(struct index *ix, const struct place *p)
{
	unsigned mask = budget_mask(p), most = XDP_SET_MAX;

	while (most > 0 && ix->probes[mask][most] == 0)
		most--;
	ix->probes_sum[p->ipv6] += most;
	ix->probes_sum[p->ipv6] -= ix->probes_most[mask];
	ix->probes_most[mask] = (uint16_t)most;
}

/* This destination has so many source masks from now on. */
static void budget_move(struct index *ix, struct place *p, uint32_t probes)
{
	uint32_t *of_mask = ix->probes[budget_mask(p)];

	if (probes == p->probes)
		return;
	if (p->probes > 0)
		of_mask[p->probes]--;
	if (probes > 0)
		of_mask[probes]++;
	p->probes = probes;
	budget_most(ix, p);
}

static bool budget_allows(struct index *ix, const struct place *p, uint32_t probes, struct err *e)
{
	unsigned mask = budget_mask(p), sum = ix->probes_sum[p->ipv6];

	if (ix->probes[mask] == NULL)
		ix->probes[mask] = calloc(XDP_SET_MAX + 1, sizeof(uint32_t));
	if (ix->probes[mask] == NULL)
		return err_at(e, 0, 0, "out of memory");
	if (probes > ix->probes_most[mask])
		sum += probes - ix->probes_most[mask];
	if (sum > INDEX_PROBES_MAX || probes > XDP_SET_MAX)
		return err_at(e, 0, 0,
			      "nested prefixes: a packet would have to try more than %d sources",
			      INDEX_PROBES_MAX);
	return true;
}

/* ---- Finding and making places ---------------------------------------------------------- */

static bool destination_takes_source(struct index *ix, struct place *d, uint16_t mask,
				     struct err *e)
{
	uint32_t probes = d->sources.count + (sets_used(&d->sources, mask) == 0);

	return budget_allows(ix, d, probes, e);
}

static struct place *need_source(struct index *ix, struct place *d, const struct box_prefix *w,
				 struct err *e)
{
	uint16_t mask = (uint16_t)(w->mask | XDP_MASK_SOURCE);
	struct place *p = find_place(ix, mask, w->address, d);

	if (p != NULL)
		return p;
	if (!destination_takes_source(ix, d, w->mask, e))
		return NULL;
	p = place_new(ix, mask, w->address, d, e);
	if (p == NULL)
		return NULL;
	if (!sets_use(&d->sources, w->mask)) {
		node_leave(ix, p);
		(void)err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	d->below++;
	budget_move(ix, d, d->sources.count);
	return p;
}

/* Of the masks that no cell knows. */
static bool takes_rest(struct index *ix, uint16_t mask, struct err *e)
{
	if (sets_used(&ix->rest, mask) == 0 && ix->rest.count == XDP_SET_MAX)
		return err_at(e, 0, 0, "more than %d pairs of length and offset", XDP_SET_MAX);
	return sets_use(&ix->rest, mask) || err_at(e, 0, 0, "out of memory");
}

static struct place *need_destination(struct index *ix, struct place *root,
				      const struct box_prefix *w, struct err *e)
{
	bool rest = !reach_has_cell(w->mask);
	struct place *p;

	if (w->mask == 0)
		return root;
	p = find_place(ix, w->mask, w->address, root);
	if (p != NULL || (rest && !takes_rest(ix, w->mask, e)))
		return p;
	p = place_new(ix, w->mask, w->address, root, e);
	if (p == NULL && rest)
		sets_unuse(&ix->rest, w->mask);
	return p;
}

static bool is_empty(const struct place *p)
{
	return p->count == 0 && p->below == 0 && p->mask != 0;
}

static void collect_one(struct index *ix, struct place *p)
{
	struct place *parent = p->parent;

	if (is_source(p)) {
		if (p->visible)
			reach_remove_source(&ix->reach, p->mask, p->address);
		parent->below--;
		sets_unuse(&parent->sources, (uint16_t)(p->mask & ~XDP_MASK_SOURCE));
		budget_move(ix, parent, parent->sources.count);
	} else {
		if (p->visible)
			reach_remove(&ix->reach, p->mask, p->address);
		if (!reach_has_cell(p->mask))
			sets_unuse(&ix->rest, p->mask);
		sets_drop(&ix->sets, p->set);
	}
	node_leave(ix, p);
}

/* A place that has no rules and no sources goes; its destination may go with it. */
static void collect(struct index *ix, struct place *p)
{
	while (p != NULL && is_empty(p)) {
		struct place *parent = p->parent;

		collect_one(ix, p);
		p = parent != NULL && !parent->dirty ? parent : NULL;
	}
}

static struct place *need_place(struct index *ix, const struct box_rule *b, unsigned vrf,
				struct err *e)
{
	struct place *root = ix->root[vrf][b->ipv6];
	struct place *d = need_destination(ix, root, &b->destination, e), *p = d;

	if (d != NULL && b->source.mask != 0) {
		p = need_source(ix, d, &b->source, e);
		if (p == NULL && !d->dirty)
			collect(ix, d);
	}
	return p;
}

/* ---- Rules ------------------------------------------------------------------------------ */

static void release_extras(struct index *ix, const struct index_rule *r, bool seen)
{
	void (*release)(struct space *, uint32_t, uint32_t) = seen ? space_leave : space_give_back;

	for (unsigned i = 0; i < r->count; i++)
		if (r->record[i].extra != 0)
			release(&ix->extras, r->record[i].extra, 1);
	if (r->full != 0)
		release(&ix->full, r->full, 1);
}

/* Waits, so that what has left can be had again. */
static bool wait_for_room(struct index *ix)
{
	if (index_pending(ix) == 0 || !ix->kernel.grace(ix->kernel.ctx, NULL))
		return false;
	index_grace(ix);
	return true;
}

static uint32_t take(struct index *ix, struct space *s, uint32_t n)
{
	uint32_t first = space_take(s, n);

	return first != 0 || !wait_for_room(ix) ? first : space_take(s, n);
}

static bool take_extras(struct index *ix, const struct box_rule *b, struct index_rule *r,
			struct err *e)
{
	if (b->full) {
		r->full = take(ix, &ix->full, 1);
		if (r->full == 0)
			return err_at(e, 0, 0,
				      "table full: no room for another rule with long lists");
		if (!ix->kernel.write_full(ix->kernel.ctx, r->full, r->nlri, e))
			return false;
	}
	for (unsigned i = 0; i < r->count; i++) {
		if (!b->box[i].has_extra)
			continue;
		r->record[i].extra = take(ix, &ix->extras, 1);
		if (r->record[i].extra == 0)
			return err_at(e, 0, 0, "table full: no room for DSCP, label or port");
		ix->t->extra[r->record[i].extra] = b->box[i].extra;
		ix->t->extra[r->record[i].extra].full = r->full;
	}
	return true;
}

static struct index_rule *rule_make(struct index *ix, const struct box_rule *b,
				    const struct flow_nlri *nlri, uint32_t slot, struct err *e)
{
	struct index_rule *r = calloc(1, sizeof(*r) + b->count * sizeof(r->record[0]));

	if (r == NULL) {
		(void)err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	r->nlri = nlri;
	r->filter = b->filter;
	r->count = b->count;
	r->added = true;
	for (unsigned i = 0; i < b->count; i++) {
		r->record[i] = b->box[i].record;
		r->record[i].slot = slot;
	}
	if (take_extras(ix, b, r, e))
		return r;
	release_extras(ix, r, false);
	free(r);
	return NULL;
}

/* The first of the place's rules that is not tried before n. */
static uint32_t rule_position(const struct place *p, const struct flow_nlri *n)
{
	uint32_t lo = 0, hi = p->count;

	while (lo < hi) {
		uint32_t middle = (lo + hi) / 2;

		if (flow_order(p->rules[middle]->nlri, n) < 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

static bool make_dirty(struct index *ix, struct place *p)
{
	if (p->dirty)
		return true;
	if (!grow(&ix->dirty, ix->dirty_count, &ix->dirty_room, sizeof(struct place *)))
		return false;
	ix->dirty[ix->dirty_count++] = p;
	p->dirty = true;
	return true;
}

static bool place_insert(struct index *ix, struct place *p, struct index_rule *r, struct err *e)
{
	size_t room = p->room;
	uint32_t at;

	if (p->records + r->count > INDEX_LIST_MAX)
		return err_at(e, 0, 0, "table full: more than %d records for one pair of prefixes",
			      INDEX_LIST_MAX);
	if (!grow(&p->rules, p->count, &room, sizeof(struct index_rule *)) || !make_dirty(ix, p) ||
	    (p->parent != NULL && !make_dirty(ix, p->parent)))
		return err_at(e, 0, 0, "out of memory");
	p->room = (uint32_t)room;
	at = rule_position(p, r->nlri);
	memmove(p->rules + at + 1, p->rules + at, (p->count - at) * sizeof(struct index_rule *));
	p->rules[at] = r;
	p->count++;
	p->filter_most |= r->filter;
	p->records += r->count;
	r->place = p;
	return true;
}

struct index_rule *index_add(struct index *ix, const struct flow_nlri *nlri, unsigned vrf,
			     uint32_t slot, struct err *e)
{
	struct box_rule b;
	struct index_rule *r;
	struct place *p;

	if (!box_make(nlri, &b, e))
		return NULL;
	r = rule_make(ix, &b, nlri, slot, e);
	if (r == NULL)
		return NULL;
	p = need_place(ix, &b, vrf, e);
	if (p != NULL && place_insert(ix, p, r, e))
		return r;
	if (p != NULL && !p->dirty)
		collect(ix, p);
	release_extras(ix, r, false);
	free(r);
	return NULL;
}

/* Out of its place; what it held in the tables is released by the commit. */
static void rule_take_out(struct index *ix, struct index_rule *r)
{
	struct place *p = r->place;
	uint32_t at = rule_position(p, r->nlri);

	if (at == p->count || p->rules[at] != r)
		return;
	p->count--;
	p->records -= r->count;
	memmove(p->rules + at, p->rules + at + 1, (p->count - at) * sizeof(struct index_rule *));
	(void)make_dirty(ix, p);
	if (p->parent != NULL)
		(void)make_dirty(ix, p->parent);
}

void index_remove(struct index *ix, struct index_rule *r)
{
	if (!r->failed)
		rule_take_out(ix, r);
	if (grow(&ix->removed, ix->removed_count, &ix->removed_room, sizeof(struct index_rule *)))
		ix->removed[ix->removed_count++] = r;
}

bool index_failed(const struct index_rule *r)
{
	return r->failed;
}

/* ---- Commit ------------------------------------------------------------------------------ */

static uint64_t list_word(unsigned kind, uint32_t count, uint32_t first)
{
	return (uint64_t)kind << XDP_LIST_KIND | (uint64_t)count << XDP_LIST_COUNT | first;
}

/* Over its rules.  Of many few are looked at: most have all bits that there may be. */
static uint64_t own_filter(const struct place *p)
{
	uint64_t filter = 0;

	for (uint32_t i = 0; i < p->count && filter != p->filter_most; i++)
		filter |= p->rules[i]->filter;
	return filter;
}

/* The place's records one behind the other, from the given one on. */
static void copy_records(const struct place *p, uint32_t skip, struct xdp_record *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->count; i++)
		for (unsigned k = 0; k < p->rules[i]->count; k++, n++)
			if (n >= skip)
				*to++ = p->rules[i]->record[k];
}

static const struct xdp_record *first_record(const struct place *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->rules[i]->count > 0)
			return &p->rules[i]->record[0];
	return NULL;
}

/* May the first record be inside the node?  It may be written there when no packet looks at it. */
static bool take_inside(const struct index *ix, const struct place *p)
{
	const struct xdp_record *first = first_record(p);
	struct xdp_node *n = node_of(ix, p);

	if (first == NULL || p->ipv6)
		return false;
	if (p->inside_used)
		return memcmp(&n->inside, first, sizeof(*first)) == 0;
	if (ix->graces < p->inside_since)
		return false;
	n->inside = *first;
	return true;
}

/* A list that is written and that no packet sees yet. */
struct draft_list {
	uint64_t word;
	uint32_t block, size; /* of records; 0: none */
	bool inside;
	bool chained;
	struct chain chain;
	__u32 *link; /* where to store next; NULL: the node's word leads to it */
	uint32_t next;
};

/* Into fresh storage.  False: there is none. */
static bool list_write(struct index *ix, struct place *p, struct draft_list *ret)
{
	uint32_t outside;

	ret->inside = take_inside(ix, p);
	outside = ret->size = p->records - ret->inside;
	ret->block = 0;
	ret->chained = false;
	ret->link = NULL;
	if (p->records > XDP_RUN * XDP_RUNS_MAX)
		return false;
	if (outside > 0) {
		ret->block = take(ix, &ix->records, outside);
		if (ret->block == 0)
			return false;
		copy_records(p, ret->inside, &ix->t->record[ret->block]);
	}
	ret->word = list_word(p->records == 0 ? XDP_LIST_NONE
			      : ret->inside   ? XDP_LIST_INSIDE
					      : XDP_LIST_RECORDS,
			      p->records, ret->block);
	return true;
}

static bool try_chain(struct index *ix, const struct place *p, const struct xdp_record *records,
		      struct draft_list *ret)
{
	static const struct chain none;

	return chain_build(&ix->blocks, p->chain != NULL ? p->chain : &none, records, p->records,
			   &ret->chain, &ret->link, &ret->next);
}

/* The same as a chain of blocks, which long lists are if there is room. */
static bool chain_write(struct index *ix, struct place *p, struct draft_list *ret)
{
	struct xdp_record *records = malloc(p->records * sizeof(*records));
	bool ok = records != NULL;

	if (p->chain == NULL)
		p->chain = calloc(1, sizeof(*p->chain));
	ok = ok && p->chain != NULL;
	if (ok) {
		copy_records(p, 0, records);
		ok = try_chain(ix, p, records, ret) ||
		     (wait_for_room(ix) && try_chain(ix, p, records, ret));
	}
	free(records);
	ret->block = ret->size = 0;
	ret->inside = false;
	ret->chained = true;
	if (ok && ret->link == NULL)
		ret->word = list_word(XDP_LIST_BLOCKS, 0, ret->next);
	return ok;
}

/* What the list was in leaves, now that packets see the other. */
static void list_leave(struct index *ix, struct place *p, const struct draft_list *now)
{
	static const struct chain none;

	if (p->block != 0)
		space_leave(&ix->records, p->block, p->block_size);
	p->block = now->block;
	p->block_size = now->size;
	if (p->inside_used && !now->inside)
		p->inside_since = ix->graces + 1;
	p->inside_used = now->inside;
	if (p->chain == NULL)
		return;
	chain_leave(&ix->blocks, p->chain, now->chained ? &now->chain : &none);
	*p->chain = now->chained ? now->chain : none;
}

static void node_widen(struct index *ix, struct place *p, uint64_t filter)
{
	struct xdp_node *n = node_of(ix, p);

	if (p->visible && (filter & ~n->filter) != 0)
		__atomic_store_n(&n->filter, n->filter | filter, __ATOMIC_RELEASE);
}

/* A node that no packet has seen, with all that it says. */
static void node_show(struct index *ix, struct place *p, uint64_t list)
{
	struct xdp_node *n = node_of(ix, p);

	n->parent = p->above;
	n->sources = (__u16)p->set;
	n->filter = p->filter;
	n->list = list;
	if (p->ipv6) {
		n->key = (__u32)(place_hash(ix, p->mask, p->address, n->parent) >> 32);
		n->address[0] = p->address[0];
		n->address[1] = p->address[1];
	} else {
		n->key = (__u32)p->address[0];
	}
	__atomic_store_n(&n->mask, p->mask, __ATOMIC_RELEASE);
	p->visible = true;
	if (is_source(p))
		reach_add_source(&ix->reach, p->mask, p->address);
	else
		reach_add(&ix->reach, p->mask, p->address);
}

static void list_show(struct index *ix, struct place *p, const struct draft_list *list)
{
	struct xdp_node *n = node_of(ix, p);

	if (list->link != NULL)
		__atomic_store_n(list->link, list->next, __ATOMIC_RELEASE);
	else
		__atomic_store_n(&n->list, list->word, __ATOMIC_RELEASE);
	__atomic_store_n(&n->filter, p->filter, __ATOMIC_RELEASE);
}

/* The place's list and filters, as its rules are now. */
static bool publish(struct index *ix, struct place *p)
{
	struct draft_list list;
	uint64_t filter = own_filter(p);

	if (!(p->records > INDEX_PLAIN_MAX && chain_write(ix, p, &list)) &&
	    !list_write(ix, p, &list))
		return false;
	node_widen(ix, p, filter);
	p->filter = p->filter_most = filter;
	if (p->visible)
		list_show(ix, p, &list);
	else
		node_show(ix, p, list.word);
	list_leave(ix, p, &list);
	return true;
}

/* The tables had no room for what was added here: without it they have. */
static bool publish_without_added(struct index *ix, struct place *p)
{
	bool ok;

	for (uint32_t i = p->count; i-- > 0;) {
		struct index_rule *r = p->rules[i];

		if (!r->added)
			continue;
		rule_take_out(ix, r);
		r->failed = true;
	}
	ix->records.may_use_reserve = true;
	ok = publish(ix, p);
	ix->records.may_use_reserve = false;
	return ok;
}

/* What is removed must go, so there is a reserve of records for the lists without it. */
static bool publish_place(struct index *ix, struct place *p, struct err *e)
{
	if (publish(ix, p))
		return true;
	(void)publish_without_added(ix, p);
	return err_at(e, 0, 0, "table full: no room for another record");
}

/* Which sources packets try at this destination. */
static bool publish_sources(struct index *ix, struct place *d, struct err *e)
{
	uint32_t number, before = d->set;

	if (!sets_need(&ix->sets, &d->sources, &number) &&
	    (!wait_for_room(ix) || !sets_need(&ix->sets, &d->sources, &number)))
		return err_at(e, 0, 0, "table full: no room for another set of source lengths");
	d->set = number;
	if (d->visible)
		__atomic_store_n(&node_of(ix, d)->sources, (__u16)number, __ATOMIC_RELEASE);
	sets_drop(&ix->sets, before);
	return true;
}

static bool publish_rest(struct index *ix, struct err *e)
{
	uint32_t number, before = ix->t->ipv6_rest;

	if (!sets_need(&ix->sets, &ix->rest, &number) &&
	    (!wait_for_room(ix) || !sets_need(&ix->sets, &ix->rest, &number)))
		return err_at(e, 0, 0, "table full: no room for another set of offsets");
	__atomic_store_n(&ix->t->ipv6_rest, number, __ATOMIC_RELEASE);
	sets_drop(&ix->sets, before);
	return true;
}

/* All dirty places of one kind.  Destinations come last, when their sources are there. */
static bool publish_all(struct index *ix, bool sources, struct err *e)
{
	bool ok = true;

	for (size_t i = 0; i < ix->dirty_count; i++) {
		struct place *p = ix->dirty[i];

		if (is_source(p) != sources)
			continue;
		if (!sources)
			ok &= publish_sources(ix, p, e);
		ok &= publish_place(ix, p, e);
	}
	return ok;
}

/* The change is made at the places of one kind; those that are empty go. */
static void forget_dirty(struct index *ix, bool sources)
{
	size_t kept = 0;

	for (size_t i = 0; i < ix->dirty_count; i++) {
		struct place *p = ix->dirty[i];

		if (is_source(p) != sources) {
			ix->dirty[kept++] = p;
			continue;
		}
		for (uint32_t k = 0; k < p->count; k++)
			p->rules[k]->added = false;
		p->dirty = false;
		collect(ix, p);
	}
	ix->dirty_count = kept;
}

static void free_removed(struct index *ix)
{
	for (size_t i = 0; i < ix->removed_count; i++) {
		release_extras(ix, ix->removed[i], true);
		free(ix->removed[i]);
	}
	ix->removed_count = 0;
}

bool index_commit(struct index *ix, struct err *e)
{
	bool ok = publish_all(ix, true, e);

	forget_dirty(ix, true);
	ok &= publish_all(ix, false, e);
	ok &= publish_rest(ix, e);
	forget_dirty(ix, false);
	free_removed(ix);
	return ok;
}

/* ---- The whole --------------------------------------------------------------------------- */

static void mask_fill(struct xdp_tables *t, unsigned number)
{
	uint64_t words[2];

	box_mask(number, words);
	t->mask[number].word[0] = words[0];
	t->mask[number].word[1] = words[1];
}

static void fill_masks(struct xdp_tables *t)
{
	for (unsigned length = 0; length <= 32; length++)
		mask_fill(t, XDP_MASK_IPV4 + length);
	for (unsigned offset = 0; offset <= 128; offset++)
		for (unsigned length = offset; length <= 128; length++)
			mask_fill(t, XDP_MASK_IPV6 + XDP_MASK_LENGTHS * offset + length);
}

/* Packets look for no other node here, and go on. */
static void take_node(struct index *ix, uint32_t number)
{
	ix->state[number] = NODE_TAKEN;
	ix->t->node[number].mask = XDP_MASK_GONE;
}

static bool make_roots(struct index *ix)
{
	take_node(ix, 0);
	for (unsigned i = 0; i < 2 * XDP_VRFS; i++) {
		struct place *root = calloc(1, sizeof(*root));

		if (root == NULL)
			return false;
		root->ipv6 = i & 1;
		root->number = xdp_root(i / 2, root->ipv6 ? XDP_IPV6 : XDP_IPV4);
		root->visible = true;
		take_node(ix, root->number);
		ix->root[i / 2][root->ipv6] = root;
	}
	return true;
}

static bool spaces_init(struct index *ix)
{
	bool ok = space_init(&ix->records, XDP_RECORDS) && space_init(&ix->extras, XDP_EXTRAS) &&
		  space_init(&ix->full, XDP_FULL);

	ix->records.reserve = 4 * XDP_RUN * XDP_RUNS_MAX;
	return ok;
}

struct index *index_new(struct xdp_tables *t, uint64_t seed, const struct index_kernel *k)
{
	struct index *ix = calloc(1, sizeof(*ix));

	if (ix == NULL)
		return NULL;
	ix->t = t;
	ix->kernel = *k;
	t->seed = seed;
	t->node_mask = XDP_NODES - 1;
	fill_masks(t);
	if (spaces_init(ix) && sets_init(&ix->sets, t->set) &&
	    blocks_init(&ix->blocks, t, &ix->records) && reach_init(&ix->reach, t) &&
	    make_roots(ix))
		return ix;
	index_free(ix);
	return NULL;
}

static void free_place(struct place *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; i < p->count; i++)
		free(p->rules[i]);
	place_free(p);
}

void index_free(struct index *ix)
{
	if (ix == NULL)
		return;
	for (size_t i = 0; i < ix->removed_count; i++)
		free(ix->removed[i]);
	for (uint32_t i = 0; i < XDP_NODES; i++)
		free_place(ix->place[i]);
	for (unsigned i = 0; i < XDP_VRFS; i++) {
		free_place(ix->root[i][0]);
		free_place(ix->root[i][1]);
	}
	for (unsigned i = 0; i < XDP_MASKS; i++)
		free(ix->probes[i]);
	space_done(&ix->records);
	space_done(&ix->extras);
	space_done(&ix->full);
	sets_done(&ix->sets);
	blocks_done(&ix->blocks);
	reach_done(&ix->reach);
	free(ix->rest.list);
	free(ix->gone);
	free(ix->dirty);
	free(ix->removed);
	free(ix);
}

size_t index_pending(const struct index *ix)
{
	return ix->records.leaving.count + ix->extras.leaving.count + ix->full.leaving.count +
	       ix->blocks.blocks.leaving.count + ix->sets.space.leaving.count +
	       ix->reach.blocks.leaving.count + ix->gone_count;
}

void index_grace(struct index *ix)
{
	space_grace(&ix->records);
	space_grace(&ix->extras);
	space_grace(&ix->full);
	sets_grace(&ix->sets);
	blocks_grace(&ix->blocks);
	reach_grace(&ix->reach);
	for (size_t i = 0; i < ix->gone_count; i++) {
		ix->state[ix->gone[i]] = NODE_STONE;
		sweep_stones(ix, ix->gone[i]);
	}
	ix->gone_count = 0;
	ix->graces++;
}
