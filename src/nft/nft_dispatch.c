/* SPDX-License-Identifier: ISC */
/* nft_dispatch.c - see nft_dispatch.h.
 *
 * A change writes anew the chains of the destinations that it touches, and no others.  To say where
 * among others a rule goes, libnftables would need the kernel's number of its neighbour, and what
 * 1.0.6 does then with rules that have sets ends in a crash.
 */
#include "nft/nft_dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "nft/nft_rule.h"

/* The rules with one destination. */
struct nft_node {
	struct map_node node;
	enum flow_family family;
	struct nft_mask *mask;
	uint8_t octets[16];
	unsigned id; /* 0: the kernel has never heard of it */
	struct rule **rules;
	size_t count, room;
	bool dirty; /* its rules are not those that the kernel has */
	bool want[NFT_CLASSES], there[NFT_CLASSES];
};

static struct nft_node *node_of(struct map_node *n)
{
	return (struct nft_node *)((char *)n - offsetof(struct nft_node, node));
}

/* ---- Where a rule belongs --------------------------------------------------------------- */

struct key {
	enum flow_family family;
	bool any;
	uint8_t offset, len, octets[16];
};

/* All of it is written, for it is hashed. */
static void key_make(const struct rule *r, struct key *ret)
{
	static struct flow_normal n;

	memset(ret, 0, sizeof(*ret));
	ret->family = r->nlri.family;
	ret->any = !flow_normal_make(&r->nlri, &n, NULL) || !n.destination.present;
	if (ret->any)
		return;
	ret->offset = n.destination.offset;
	ret->len = n.destination.len;
	memcpy(ret->octets, n.destination.octets, sizeof(ret->octets));
}

static uint64_t key_hash(const struct nft_dispatch *d, const struct key *k)
{
	return map_hash(k, sizeof(*k), d->seed);
}

static bool node_equal(const struct map_node *m, const void *key)
{
	const struct nft_node *n =
		(const void *)((const char *)m - offsetof(struct nft_node, node));
	const struct key *k = key;

	return n->family == k->family && n->mask->any == k->any && n->mask->offset == k->offset &&
	       n->mask->len == k->len && memcmp(n->octets, k->octets, sizeof(k->octets)) == 0;
}

static struct nft_node *find_node(const struct nft_dispatch *d, const struct key *k)
{
	struct map_node *m = map_find(&d->nodes, key_hash(d, k), node_equal, k);

	return m != NULL ? node_of(m) : NULL;
}

static bool mask_equal(const struct nft_mask *m, const struct key *k)
{
	return m->nodes > 0 && m->any == k->any && m->offset == k->offset && m->len == k->len;
}

/* All addresses have it: no map is asked. */
static bool is_direct(const struct nft_mask *m)
{
	return m->any || m->len == m->offset;
}

/* ---- Room ------------------------------------------------------------------------------- */

static size_t tried(const struct nft_dispatch *d, enum flow_family family)
{
	size_t sum = 0;

	for (size_t i = 0; i < NFT_MASKS_MAX; i++) {
		const struct nft_mask *m = &d->mask[family][i];

		if (m->nodes > 0)
			sum += m->longest + !is_direct(m);
	}
	return sum;
}

bool nft_dispatch_fits(const struct nft_dispatch *d, const struct rule *r, struct err *e)
{
	struct key k;
	const struct nft_node *n;
	const struct nft_mask *mask = NULL;
	struct nft_mask new;
	size_t more;

	key_make(r, &k);
	n = find_node(d, &k);
	new = (struct nft_mask){ .any = k.any, .offset = k.offset, .len = k.len };
	for (size_t i = 0; i < NFT_MASKS_MAX && mask == NULL; i++)
		if (mask_equal(&d->mask[k.family][i], &k))
			mask = &d->mask[k.family][i];
	if (mask == NULL)
		more = 1 + !is_direct(&new);
	else
		more = n != NULL && n->count == mask->longest;
	return more == 0 || tried(d, k.family) + more <= NFT_TRIED_MAX ||
	       err_at(e, 0, 0,
		      "table full: with nftables a packet is held against %d rules at most",
		      NFT_TRIED_MAX);
}

/* ---- Rules that come and leave ---------------------------------------------------------- */

static struct nft_mask *need_mask(struct nft_dispatch *d, const struct key *k)
{
	struct nft_mask *free_one = NULL;

	for (size_t i = 0; i < NFT_MASKS_MAX; i++) {
		struct nft_mask *m = &d->mask[k->family][i];

		if (mask_equal(m, k))
			return m;
		if (m->nodes == 0 && free_one == NULL)
			free_one = m;
	}
	if (free_one != NULL)
		*free_one = (struct nft_mask){ .any = k->any, .offset = k->offset, .len = k->len };
	return free_one;
}

static struct nft_node *new_node(struct nft_dispatch *d, const struct key *k)
{
	struct nft_node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->family = k->family;
	n->mask = need_mask(d, k);
	memcpy(n->octets, k->octets, sizeof(n->octets));
	if (n->mask == NULL || !map_insert(&d->nodes, &n->node, key_hash(d, k))) {
		free(n);
		return NULL;
	}
	n->mask->nodes++;
	return n;
}

static void free_node(struct nft_dispatch *d, struct nft_node *n)
{
	map_remove(&d->nodes, &n->node);
	n->mask->nodes--;
	free(n->rules);
	free(n);
}

bool nft_dispatch_add(struct nft_dispatch *d, struct rule *r)
{
	struct nft_node *n;
	struct key k;

	key_make(r, &k);
	n = find_node(d, &k);
	if (n == NULL)
		n = new_node(d, &k);
	if (n == NULL)
		return false;
	n->dirty = true;
	if (n->count == n->room) {
		size_t room = n->room == 0 ? 1 : 2 * n->room;
		struct rule **rules = reallocarray(n->rules, room, sizeof(struct rule *));

		if (rules == NULL)
			return false;
		n->rules = rules;
		n->room = room;
	}
	n->rules[n->count++] = r;
	if (n->count > n->mask->longest)
		n->mask->longest = n->count;
	d->of[r->slot] = n;
	return true;
}

void nft_dispatch_remove(struct nft_dispatch *d, struct rule *r)
{
	struct nft_node *n = d->of[r->slot];

	if (n == NULL)
		return;
	for (size_t i = 0; i < n->count; i++)
		if (n->rules[i] == r) {
			n->rules[i] = n->rules[--n->count];
			break;
		}
	n->dirty = true;
	d->of[r->slot] = NULL;
}

/* ---- Words ------------------------------------------------------------------------------ */

enum {
	NAME_OCTETS = 24 /* as in struct nft_left */
};

static const char *class_name(enum nft_class class)
{
	return class == NFT_SOME ? "some" : "none";
}

static const char *chain_name(const struct nft_node *n, enum nft_class class,
			      char name[NAME_OCTETS])
{
	(void)snprintf(name, NAME_OCTETS, "to%u-%s", n->id, class_name(class));
	return name;
}

static const char *map_name(const struct nft_mask *m, enum flow_family family, enum nft_class class,
			    char name[NAME_OCTETS])
{
	char offset[8] = "";

	if (m->offset > 0)
		(void)snprintf(offset, sizeof(offset), "%u.", m->offset);
	(void)snprintf(name, NAME_OCTETS, "%s-to%s%u-%s", family == FLOW_IPV6 ? "ipv6" : "ipv4",
		       offset, m->len, class_name(class));
	return name;
}

static const char *address_field(enum flow_family family)
{
	return family == FLOW_IPV6 ? "@nh,192,128" : "@nh,128,32";
}

static size_t address_octets(enum flow_family family)
{
	return family == FLOW_IPV6 ? 16 : 4;
}

static int in_order(const void *a, const void *b)
{
	struct rule *const *x = a, *const *y = b;

	return flow_order(&(*x)->nlri, &(*y)->nlri);
}

/* ---- Commands --------------------------------------------------------------------------- */

struct printing {
	struct nft_dispatch *dispatch;
	FILE *to;
};

/* In which classes will the rules that it has match something? */
static void plan_node(struct map_node *m, void *ctx)
{
	struct nft_node *n = node_of(m);

	(void)ctx;
	if (n->dirty) {
		memset(n->want, 0, sizeof(n->want));
		for (size_t i = 0; i < n->count; i++)
			for (int class = 0; class < NFT_CLASSES; class ++)
				n->want[class] |= nft_match_lines(&n->rules[i]->nlri, class) > 0;
		qsort(n->rules, n->count, sizeof(struct rule *), in_order);
	}
	for (int class = 0; class < NFT_CLASSES; class ++)
		n->mask->want[class] |= n->want[class];
}

static void plan(struct nft_dispatch *d)
{
	for (int family = 0; family < FLOW_FAMILIES; family++)
		for (size_t i = 0; i < NFT_MASKS_MAX; i++)
			memset(d->mask[family][i].want, 0, sizeof(d->mask[family][i].want));
	map_each(&d->nodes, plan_node, NULL);
}

static void maps_print(const struct nft_dispatch *d, FILE *to)
{
	char name[NAME_OCTETS];

	for (int family = 0; family < FLOW_FAMILIES; family++)
		for (size_t i = 0; i < NFT_MASKS_MAX; i++)
			for (int class = 0; class < NFT_CLASSES; class ++) {
				const struct nft_mask *m = &d->mask[family][i];

				if (m->want[class] && !m->there[class] && !is_direct(m))
					(void)fprintf(to,
						      "add map " NFT_TABLE
						      " %s { typeof %s : verdict; }\n",
						      map_name(m, family, class, name),
						      address_field(family));
			}
}

static void rules_print(const struct nft_node *n, enum nft_class class, FILE *to)
{
	char name[NAME_OCTETS], then[32];

	chain_name(n, class, name);
	(void)fprintf(to, "add chain " NFT_TABLE " %s\nflush chain " NFT_TABLE " %s\n", name, name);
	for (size_t i = 0; i < n->count; i++) {
		(void)snprintf(then, sizeof(then), "goto rule%d", n->rules[i]->slot);
		nft_match_print(&n->rules[i]->nlri, class, NFT_BUT_DESTINATION, name, then, to);
	}
}

static void element_print(const struct nft_node *n, enum nft_class class, bool add, FILE *to)
{
	char map[NAME_OCTETS], chain[NAME_OCTETS], hex[33];
	struct str s = str_over(hex, sizeof(hex));

	str_add_hex(&s, n->octets, address_octets(n->family));
	(void)fprintf(to, "%s element " NFT_TABLE " %s { 0x%s", add ? "add" : "delete",
		      map_name(n->mask, n->family, class, map), hex);
	if (add)
		(void)fprintf(to, " : jump %s", chain_name(n, class, chain));
	fputs(" }\n", to);
}

static void print_node(struct map_node *m, void *ctx)
{
	struct printing *p = ctx;
	struct nft_node *n = node_of(m);

	if (!n->dirty)
		return;
	if (n->id == 0)
		n->id = ++p->dispatch->last_id;
	for (int class = 0; class < NFT_CLASSES; class ++) {
		if (n->want[class])
			rules_print(n, class, p->to);
		if (n->want[class] != n->there[class] && !is_direct(n->mask))
			element_print(n, class, n->want[class], p->to);
	}
}

/* Nothing leads to them any more. */
static void print_gone(struct map_node *m, void *ctx)
{
	const struct printing *p = ctx;
	const struct nft_node *n = node_of(m);
	char name[NAME_OCTETS];

	for (int class = 0; class < NFT_CLASSES; class ++)
		if (n->there[class] && !n->want[class]) {
			chain_name(n, class, name);
			(void)fprintf(p->to,
				      "flush chain " NFT_TABLE " %s\ndelete chain " NFT_TABLE
				      " %s\n",
				      name, name);
		}
}

static int masks_in_order(const void *a, const void *b)
{
	const struct nft_mask *x = *(const struct nft_mask *const *)a,
			      *y = *(const struct nft_mask *const *)b;

	if (x->any != y->any)
		return x->any - y->any;
	return x->offset != y->offset ? x->offset - y->offset : y->len - x->len;
}

static void step_print(const struct nft_mask *m, enum flow_family family, enum nft_class class,
		       FILE *to)
{
	uint8_t mask[16] = { 0 };
	char name[NAME_OCTETS], hex[33];
	struct str s = str_over(hex, sizeof(hex));

	for (unsigned i = m->offset; i < m->len; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	str_add_hex(&s, mask, address_octets(family));
	(void)fprintf(to, "add rule " NFT_TABLE " %s %s", nft_chain(NFT_RULES, family, class),
		      address_field(family));
	if (m->offset > 0 || m->len < 8 * address_octets(family))
		(void)fprintf(to, " & 0x%s", hex);
	(void)fprintf(to, " vmap @%s\n", map_name(m, family, class, name));
}

/* The node of a mask that all addresses have. */
struct finding {
	const struct nft_mask *mask;
	const struct nft_node *found;
};

static void find_direct(struct map_node *m, void *ctx)
{
	struct finding *f = ctx;

	if (node_of(m)->mask == f->mask)
		f->found = node_of(m);
}

static void direct_print(struct nft_dispatch *d, const struct nft_mask *m, enum flow_family family,
			 enum nft_class class, FILE *to)
{
	struct finding f = { .mask = m };
	char name[NAME_OCTETS];

	map_each(&d->nodes, find_direct, &f);
	if (f.found != NULL)
		(void)fprintf(to, "add rule " NFT_TABLE " %s jump %s\n",
			      nft_chain(NFT_RULES, family, class),
			      chain_name(f.found, class, name));
}

/* Which maps are asked, if that has changed. */
static void class_print(struct nft_dispatch *d, enum flow_family family, enum nft_class class,
			FILE *to)
{
	const struct nft_mask *list[NFT_MASKS_MAX];
	bool changes = false;
	size_t n = 0;

	for (size_t i = 0; i < NFT_MASKS_MAX; i++) {
		const struct nft_mask *m = &d->mask[family][i];

		changes |= m->want[class] != m->there[class];
		if (m->want[class])
			list[n++] = m;
	}
	if (!changes)
		return;
	if (n > 0)
		qsort(list, n, sizeof(struct nft_mask *), masks_in_order);
	(void)fprintf(to, "flush chain " NFT_TABLE " %s\n", nft_chain(NFT_RULES, family, class));
	for (size_t i = 0; i < n; i++)
		if (is_direct(list[i]))
			direct_print(d, list[i], family, class, to);
		else
			step_print(list[i], family, class, to);
}

static void gone_maps_print(const struct nft_dispatch *d, FILE *to)
{
	char name[NAME_OCTETS];

	for (int family = 0; family < FLOW_FAMILIES; family++)
		for (size_t i = 0; i < NFT_MASKS_MAX; i++)
			for (int class = 0; class < NFT_CLASSES; class ++) {
				const struct nft_mask *m = &d->mask[family][i];

				if (m->there[class] && !m->want[class] && !is_direct(m))
					(void)fprintf(to, "delete map " NFT_TABLE " %s\n",
						      map_name(m, family, class, name));
			}
}

void nft_dispatch_print(struct nft_dispatch *d, FILE *to)
{
	struct printing p = { .dispatch = d, .to = to };

	plan(d);
	maps_print(d, to);
	map_each(&d->nodes, print_node, &p);
	for (int family = 0; family < FLOW_FAMILIES; family++)
		for (int class = 0; class < NFT_CLASSES; class ++)
			class_print(d, family, class, to);
	gone_maps_print(d, to);
	map_each(&d->nodes, print_gone, &p);
}

/* ---- Afterwards ------------------------------------------------------------------------- */

static void settle_node(struct map_node *m, void *ctx)
{
	struct nft_dispatch *d = ctx;
	struct nft_node *n = node_of(m);

	n->dirty = false;
	if (n->count == 0)
		free_node(d, n);
	else if (n->count > n->mask->longest)
		n->mask->longest = n->count;
}

static void settle_run(struct map_node *m, void *ctx)
{
	struct nft_node *n = node_of(m);

	(void)ctx;
	memcpy(n->there, n->want, sizeof(n->there));
}

static void settle_not_run(struct map_node *m, void *ctx)
{
	struct nft_node *n = node_of(m);

	(void)ctx;
	memcpy(n->want, n->there, sizeof(n->want));
}

void nft_dispatch_settle(struct nft_dispatch *d, bool run)
{
	map_each(&d->nodes, run ? settle_run : settle_not_run, NULL);
	for (int family = 0; family < FLOW_FAMILIES; family++)
		for (size_t i = 0; i < NFT_MASKS_MAX; i++) {
			struct nft_mask *m = &d->mask[family][i];

			m->longest = 0;
			if (run)
				memcpy(m->there, m->want, sizeof(m->there));
		}
	map_each(&d->nodes, settle_node, d);
}

static void forget_node(struct map_node *m, void *ctx)
{
	struct nft_node *n = node_of(m);

	(void)ctx;
	memset(n->there, 0, sizeof(n->there));
	n->dirty = true;
}

void nft_dispatch_forget(struct nft_dispatch *d)
{
	for (int family = 0; family < FLOW_FAMILIES; family++)
		for (size_t i = 0; i < NFT_MASKS_MAX; i++)
			memset(d->mask[family][i].there, 0, sizeof(d->mask[family][i].there));
	map_each(&d->nodes, forget_node, NULL);
}

static void done_node(struct map_node *m, void *ctx)
{
	free_node(ctx, node_of(m));
}

void nft_dispatch_done(struct nft_dispatch *d)
{
	map_each(&d->nodes, done_node, d);
	map_done(&d->nodes);
}

/* ---- What was left ---------------------------------------------------------------------- */

static void note(char (**list)[NAME_OCTETS], size_t *count, const char *name)
{
	char(*more)[NAME_OCTETS] = *list;

	if ((*count & (*count - 1)) == 0) /* a power of two, or nothing: the room is full */
		more = reallocarray(more, *count == 0 ? 1 : 2 * *count, NAME_OCTETS);
	if (more == NULL)
		return;
	*list = more;
	(void)snprintf(more[(*count)++], NAME_OCTETS, "%s", name);
}

static bool ends_in_class(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && len < NAME_OCTETS &&
	       (strcmp(name + len - 5, "-some") == 0 || strcmp(name + len - 5, "-none") == 0);
}

void nft_left_chain(struct nft_left *l, const char *name)
{
	if (strncmp(name, "to", 2) == 0 && ends_in_class(name))
		note(&l->chains, &l->chain_count, name);
}

void nft_left_map(struct nft_left *l, const char *name)
{
	if (strncmp(name, "ipv", 3) == 0 && ends_in_class(name))
		note(&l->maps, &l->map_count, name);
}

void nft_left_print(const struct nft_left *l, FILE *to)
{
	for (int family = 0; family < FLOW_FAMILIES; family++)
		for (int class = 0; class < NFT_CLASSES; class ++)
			(void)fprintf(to, "flush chain " NFT_TABLE " %s\n",
				      nft_chain(NFT_RULES, family, class));
	for (size_t i = 0; i < l->map_count; i++)
		(void)fprintf(to, "flush map " NFT_TABLE " %s\ndelete map " NFT_TABLE " %s\n",
			      l->maps[i], l->maps[i]);
	for (size_t i = 0; i < l->chain_count; i++)
		(void)fprintf(to, "flush chain " NFT_TABLE " %s\ndelete chain " NFT_TABLE " %s\n",
			      l->chains[i], l->chains[i]);
}

unsigned nft_left_last_id(const struct nft_left *l)
{
	unsigned last = 0;

	for (size_t i = 0; i < l->chain_count; i++) {
		unsigned id = (unsigned)strtoul(l->chains[i] + 2, NULL, 10);

		last = id > last ? id : last;
	}
	return last;
}

void nft_left_done(struct nft_left *l)
{
	free(l->chains);
	free(l->maps);
	*l = (struct nft_left){ 0 };
}
