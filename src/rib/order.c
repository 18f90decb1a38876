/* SPDX-License-Identifier: ISC */
/* order.c - the entries that have paths, in order: flow families as RFC 8955 5.1 and RFC 8956 4
 * rank them, unicast by prefix.
 *
 * A treap: by key a search tree, by the hash of the key a heap.  The hash is keyed (map.h), so that
 * nobody who announces rules can make it deep.  Nothing is rebalanced, and an entry is found again
 * by its key, so that a walk may stop behind any entry and go on when that one is long gone.
 */
#include <string.h>

#include "rib/table.h"

/* ---- Keys ---------------------------------------------------------------------------------- */

/* The address with the octets that are not written zero; returns the length in bits. */
static int prefix(const struct bgp_nlri *n, uint8_t ret[16])
{
	struct rd r = rd_over(n->octets, n->len);
	int bits = rd_u8(&r);
	size_t left = rd_left(&r) < 16 ? rd_left(&r) : 16;

	memset(ret, 0, 16);
	if (left > 0)
		memcpy(ret, rd_take(&r, left), left);
	return bits;
}

/* By address, then the shorter first. */
static int by_prefix(const struct bgp_nlri *a, const struct bgp_nlri *b)
{
	uint8_t pa[16], pb[16];
	int bits_a = prefix(a, pa), bits_b = prefix(b, pb);
	int c = memcmp(pa, pb, sizeof(pa));

	return c != 0 ? c : bits_a - bits_b;
}

/* 0 for the same octets and nothing else: rules that rank alike stay apart. */
static int compare(const struct bgp_nlri *a, const struct bgp_nlri *b)
{
	struct flow_nlri fa, fb;
	int c;

	if (a->family != b->family)
		return (int)a->family - (int)b->family;
	if (bgp_families[a->family].flow) {
		fa = bgp_flow_nlri(a);
		fb = bgp_flow_nlri(b);
		c = flow_order(&fa, &fb);
	} else {
		c = by_prefix(a, b);
	}
	if (c == 0)
		c = memcmp(a->octets, b->octets, a->len < b->len ? a->len : b->len);
	return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

static int compare_entry(const struct rib_entry *e, const struct bgp_nlri *n)
{
	struct bgp_nlri own = rib_entry_nlri(e);

	return compare(&own, n);
}

/* ---- The tree ------------------------------------------------------------------------------ */

/* What is before n, and what is behind it; n itself is not in t. */
static void split(struct rib_entry *t, const struct bgp_nlri *n, struct rib_entry **before,
		  struct rib_entry **behind)
{
	while (t != NULL) {
		if (compare_entry(t, n) < 0) {
			*before = t;
			before = &t->right;
			t = t->right;
		} else {
			*behind = t;
			behind = &t->left;
			t = t->left;
		}
	}
	*before = *behind = NULL;
}

void rib_order_insert(struct rib *r, struct rib_entry *e)
{
	struct bgp_nlri n = rib_entry_nlri(e);
	struct rib_entry **at = &r->root;

	while (*at != NULL && (*at)->node.hash > e->node.hash)
		at = compare_entry(*at, &n) < 0 ? &(*at)->right : &(*at)->left;
	split(*at, &n, &e->left, &e->right);
	*at = e;
}

void rib_order_remove(struct rib *r, struct rib_entry *e)
{
	struct bgp_nlri n = rib_entry_nlri(e);
	struct rib_entry **at = &r->root, *a = e->left, *b = e->right;

	while (*at != e)
		at = compare_entry(*at, &n) < 0 ? &(*at)->right : &(*at)->left;
	while (a != NULL && b != NULL) {
		if (a->node.hash > b->node.hash) {
			*at = a;
			at = &a->right;
			a = a->right;
		} else {
			*at = b;
			at = &b->left;
			b = b->left;
		}
	}
	*at = a != NULL ? a : b;
	e->left = e->right = NULL;
}

/* ---- Walks --------------------------------------------------------------------------------- */

static const struct rib_entry *first_of(const struct rib_entry *t, enum bgp_family f)
{
	const struct rib_entry *found = NULL;

	while (t != NULL)
		if (t->family < (int)f) {
			t = t->right;
		} else {
			found = t;
			t = t->left;
		}
	return found;
}

static const struct rib_entry *first_behind(const struct rib_entry *t, const struct bgp_nlri *n)
{
	const struct rib_entry *found = NULL;

	while (t != NULL)
		if (compare_entry(t, n) <= 0) {
			t = t->right;
		} else {
			found = t;
			t = t->left;
		}
	return found;
}

static struct bgp_nlri place(const struct rib_cursor *c)
{
	return (struct bgp_nlri){ .family = c->family, .octets = c->octets, .len = c->len };
}

void rib_cursor_init(struct rib_cursor *c, enum bgp_family first, enum bgp_family last)
{
	c->family = first;
	c->last = last;
	c->begun = false;
	c->len = 0;
}

const struct rib_entry *rib_next(const struct rib *r, struct rib_cursor *c)
{
	struct bgp_nlri n = place(c);
	const struct rib_entry *e =
		c->begun ? first_behind(r->root, &n) : first_of(r->root, c->family);

	if (e == NULL || e->family > (int)c->last)
		return NULL;
	n = rib_entry_nlri(e);
	c->begun = true;
	c->family = n.family;
	c->len = n.len;
	if (n.len > 0)
		memcpy(c->octets, n.octets, n.len);
	return e;
}

bool rib_cursor_passed(const struct rib_cursor *c, const struct bgp_nlri *n)
{
	struct bgp_nlri at = place(c);

	return c->begun && compare(n, &at) <= 0;
}
