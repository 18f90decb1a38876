/* SPDX-License-Identifier: ISC */
/* saved.c - see saved.h.
 *
 * A cell of the kernel's knows a rule by its slot, a row by its NLRI: when a rule leaves its slot
 * the row keeps what was counted, and goes on when the rule comes back.  A cell whose slot no rule
 * has is freed after a grace period, so that the next rule in that slot inherits nothing.
 */
#include "enforce/saved.h"

#include <stdlib.h>
#include <string.h>

#include "enforce/xdp_inner.h"

bool saved_init(struct saved *s)
{
	s->marked = calloc(XDP_SLOTS, sizeof(*s->marked));
	return s->marked != NULL;
}

static void drop_rows(struct saved *s)
{
	for (size_t i = 0; i < s->count; i++) {
		s->marked[s->row[i].slot] = false;
		free(s->row[i].octets);
	}
	s->count = 0;
}

void saved_done(struct saved *s)
{
	drop_rows(s);
	free(s->marked);
}

void saved_forget(struct xdp *x)
{
	drop_rows(&x->saved);
	for (int c = 0; c < x->cpus; c++)
		memset(&x->saved_cells[c], 0, sizeof(x->saved_cells[c]));
}

static bool any_cell(const struct xdp *x)
{
	for (int c = 0; c < x->cpus; c++)
		if (__atomic_load_n(&x->saved_cells[c].taken, __ATOMIC_RELAXED) != 0)
			return true;
	return false;
}

/* Calls visit for each cell that is taken. */
static void each_cell(struct xdp *x, void (*visit)(struct xdp *x, struct xdp_saved *cell,
						   uint32_t entry, uint32_t slot))
{
	if (!any_cell(x))
		return;
	for (int c = 0; c < x->cpus; c++)
		for (size_t i = 0; i < XDP_SAVED; i++) {
			struct xdp_saved *cell = &x->saved_cells[c].cell[i];
			uint64_t key = __atomic_load_n(&cell->key, __ATOMIC_ACQUIRE);
			uint32_t entry = (uint32_t)(key >> 32) - 1, slot = (uint32_t)key;

			if (key != 0 && entry < XDP_ENTRIES && slot < XDP_SLOTS)
				visit(x, cell, entry, slot);
		}
}

static struct saved_row *new_row(struct saved *s, uint32_t entry, const struct flow_nlri *n)
{
	struct saved_row *r = &s->row[s->count];

	if (s->count == SAVED_ROWS)
		return NULL;
	*r = (struct saved_row){ .entry = entry, .nlri = *n, .octets = malloc(n->len) };
	if (r->octets == NULL)
		return NULL;
	memcpy(r->octets, n->octets, n->len);
	r->nlri.octets = r->octets;
	s->count++;
	return r;
}

static struct saved_row *row_of(struct saved *s, uint32_t entry, uint32_t slot,
				const struct flow_nlri *n)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->row[i].entry == entry &&
		    (s->row[i].slot == slot ||
		     (s->row[i].slot == 0 && flow_nlri_equal(&s->row[i].nlri, n))))
			return &s->row[i];
	return new_row(s, entry, n);
}

static void add_cell(struct xdp *x, struct xdp_saved *cell, uint32_t entry, uint32_t slot)
{
	const struct rule *rule = x->by_slot[slot];
	struct saved_row *r = rule != NULL ? row_of(&x->saved, entry, slot, &rule->nlri) : NULL;

	if (r == NULL) {
		x->saved.lost += rule != NULL ? cell->packets : 0;
		return;
	}
	r->slot = slot;
	x->saved.marked[slot] = true;
	r->now.packets += cell->packets;
	r->now.octets += cell->octets;
}

void saved_read(struct xdp *x)
{
	struct saved *s = &x->saved;

	for (size_t i = 0; i < s->count; i++)
		s->row[i].now = (struct saved_count){ 0 };
	s->lost = 0;
	for (int c = 0; c < x->cpus; c++)
		s->lost += x->saved_cells[c].lost;
	each_cell(x, add_cell);
}

void saved_leave(struct xdp *x, uint32_t slot)
{
	struct saved *s = &x->saved;

	if (!s->marked[slot])
		return;
	s->marked[slot] = false;
	for (size_t i = 0; i < s->count; i++) {
		struct saved_row *r = &s->row[i];

		if (r->slot != slot)
			continue;
		r->before.packets += r->now.packets;
		r->before.octets += r->now.octets;
		r->now = (struct saved_count){ 0 };
		r->slot = 0;
	}
}

static void free_cell(struct xdp *x, struct xdp_saved *cell, uint32_t entry, uint32_t slot)
{
	(void)entry;
	if (x->by_slot[slot] == NULL)
		__atomic_store_n(&cell->key, 0, __ATOMIC_RELEASE);
}

void saved_grace(struct xdp *x)
{
	each_cell(x, free_cell);
}
