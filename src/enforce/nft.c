/* SPDX-License-Identifier: ISC */
/* nft.c - see nft.h.
 *
 * The chains of the classes are written anew with each change of a family's rules.  To say where
 * among others a rule goes, libnftables would need the kernel's number of its neighbour, and what
 * 1.0.6 does then with rules that have sets ends in a crash.  The chains that count and limit are
 * touched only where their rule changes, so that no count is lost.
 */
#include "enforce/nft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "enforce/nft_hook.h"
#include "enforce/nft_rule.h"
#include "enforce/nft_run.h"
#include "enforce/nft_table.h"

enum {
	FAILURES_MAX = 3 /* in a row, then the rest is not tried */
};

struct nft {
	const struct enforce_options *options;
	int lock;
	char epoch[XDP_EPOCH_MAX];
	struct nft_hooks hooks;
	struct rule *by_number[NFT_RULES_MAX + 1]; /* from 1 */
	size_t count;
	struct rule *in_order[NFT_RULES_MAX];
};

const struct plan_able plan_able_nft = { nft_match_fits, nft_then_make };

/* ---- One at a time -------------------------------------------------------------------- */

/* A name that ends with the process, and is another in another network namespace, as the table is.
 */
static int lock_take(struct err *e)
{
	static const char name[] = "headgate-enforce/nftables";
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path + 1, name, sizeof(name) - 1);
	if (fd >= 0 &&
	    bind(fd, (struct sockaddr *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name))) == 0)
		return fd;
	err_at(e, 0, 0, "table " NFT_TABLE ": %s",
	       errno == EADDRINUSE ? "another headgate-enforce is at work with it"
				   : strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- Order ---------------------------------------------------------------------------- */

static int in_order(const void *a, const void *b)
{
	struct rule *const *x = a, *const *y = b;

	return flow_order(&(*x)->nlri, &(*y)->nlri);
}

/* Those with a number that stay, in the order in which they are to be tried. */
static void order_make(struct nft *t, const bool leaving[NFT_RULES_MAX + 1])
{
	t->count = 0;
	for (int i = 1; i <= NFT_RULES_MAX; i++)
		if (t->by_number[i] != NULL && !leaving[i])
			t->in_order[t->count++] = t->by_number[i];
	qsort(t->in_order, t->count, sizeof(struct rule *), in_order);
}

static void classes_print(const struct nft *t, enum flow_family family, FILE *to)
{
	for (int class = 0; class < NFT_CLASSES; class ++) {
		(void)fprintf(to, "flush chain " NFT_TABLE " %s\n", nft_chain(family, class));
		for (size_t i = 0; i < t->count; i++)
			if (t->in_order[i]->nlri.family == family)
				(void)nft_match_print(&t->in_order[i]->nlri, t->in_order[i]->slot,
						      class, to);
	}
}

static void chain_add(int number, FILE *to)
{
	(void)fprintf(to,
		      "add counter " NFT_TABLE " matched%d\nadd counter " NFT_TABLE
		      " dropped%d\nadd chain " NFT_TABLE " rule%d\n",
		      number, number, number);
}

static void chain_delete(int number, FILE *to)
{
	(void)fprintf(to,
		      "flush chain " NFT_TABLE " rule%d\ndelete chain " NFT_TABLE
		      " rule%d\ndelete counter " NFT_TABLE " matched%d\ndelete counter " NFT_TABLE
		      " dropped%d\n",
		      number, number, number, number);
}

/* ---- A change ------------------------------------------------------------------------- */

static void refuse(struct rule *r, const char *why)
{
	free(r->why_table);
	r->why_table = strdup(why);
}

static void take(struct rule *r)
{
	free(r->why_table);
	r->why_table = NULL;
}

/* Is it to be there?  If only we cannot, the rule is told why. */
static bool wants(const struct nft *t, struct rule *r)
{
	char why[160];

	if (!rule_wanted(r))
		return false;
	if (t->hooks.merging[0] == '\0' || !plan_needs_whole(&r->nlri, &r->then))
		return true;
	(void)snprintf(why, sizeof(why),
		       "interface %s merges packets (ethtool -K %s gro off lro off)",
		       t->hooks.merging, t->hooks.merging);
	refuse(r, why);
	return false;
}

static int number_free(const struct nft *t)
{
	for (int i = 1; i <= NFT_RULES_MAX; i++)
		if (t->by_number[i] == NULL)
			return i;
	return -1;
}

/* What one transaction does. */
struct change {
	struct nft *nft;
	struct rule *const *list;
	size_t n;
	bool comes[NFT_RULES_MAX + 1], leaves[NFT_RULES_MAX + 1], acts[NFT_RULES_MAX + 1];
	bool families[FLOW_FAMILIES]; /* whose chains have to be written */
	bool any;
};

/* Those that leave, then those that come, for which there is room by then: a number that leaves is
 * free with the next change. */
static void change_make(struct change *c)
{
	struct nft *t = c->nft;

	for (size_t i = 0; i < c->n; i++) {
		struct rule *r = c->list[i];
		bool wanted = wants(t, r);

		if (r->slot >= 0 && !wanted)
			c->leaves[r->slot] = true;
		else if (r->slot >= 0 && !plan_then_equal(&r->then, &r->installed))
			c->acts[r->slot] = true;
		else if (r->slot >= 0 || !wanted)
			continue;
		else if ((r->slot = number_free(t)) < 0)
			refuse(r, "table full: nftables is used for 1000 rules at most");
		else {
			t->by_number[r->slot] = r;
			c->comes[r->slot] = true;
		}
		if (r->slot < 0)
			continue;
		c->any = true;
		c->families[r->nlri.family] |= !c->acts[r->slot];
	}
	order_make(t, c->leaves);
}

static void change_print(const struct change *c, FILE *to)
{
	const struct nft *t = c->nft;

	for (int i = 1; i <= NFT_RULES_MAX; i++) {
		const struct rule *r = t->by_number[i];

		if (c->comes[i])
			chain_add(i, to);
		if (c->comes[i] || c->acts[i])
			nft_then_print(&r->nlri, &r->then, i, t->options->monitor, to);
	}
	for (int family = 0; family < FLOW_FAMILIES; family++)
		if (c->families[family])
			classes_print(t, family, to);
	for (int i = 1; i <= NFT_RULES_MAX; i++)
		if (c->leaves[i])
			chain_delete(i, to);
}

/* What it counted stays with the rule, when its counters go. */
static void settle_counters(struct rule *r)
{
	struct xdp_counters *b = &r->before;

	b->packets += r->now.packets;
	b->octets += r->now.octets;
	b->dropped_packets += r->now.dropped_packets;
	b->dropped_octets += r->now.dropped_octets;
	r->now = (struct xdp_counters){ 0 };
}

static void settle_left(struct nft *t, struct rule *r)
{
	settle_counters(r);
	t->by_number[r->slot] = NULL;
	r->slot = -1;
}

static void change_done(struct change *c)
{
	struct nft *t = c->nft;

	for (int i = 1; i <= NFT_RULES_MAX; i++) {
		struct rule *r = t->by_number[i];

		if (c->leaves[i])
			settle_left(t, r);
		if (!c->comes[i] && !c->acts[i])
			continue;
		r->installed = r->then;
		take(r);
	}
}

static void change_undo(struct change *c, const struct err *e)
{
	static const bool none[NFT_RULES_MAX + 1];
	struct nft *t = c->nft;

	for (int i = 1; i <= NFT_RULES_MAX; i++) {
		if (!c->comes[i])
			continue;
		t->by_number[i]->slot = -1;
		refuse(t->by_number[i], e->text);
		t->by_number[i] = NULL;
	}
	order_make(t, none);
}

static bool try_change(struct nft *t, struct rule *const *list, size_t n, struct err *e)
{
	static struct change c;
	struct nft_script s;

	c = (struct change){ .nft = t, .list = list, .n = n };
	change_make(&c);
	if (!c.any)
		return true;
	nft_script_open(&s);
	if (s.to != NULL)
		change_print(&c, s.to);
	if (!nft_script_run(&s, e)) {
		change_undo(&c, e);
		return false;
	}
	change_done(&c);
	return true;
}

bool nft_change(struct nft *t, struct rule *const *list, size_t n, struct err *e)
{
	unsigned failures = 0;
	struct err first = { 0 };

	for (size_t i = 0; i < n; i++)
		if (list[i]->slot >= 0 && !rule_wanted(list[i])) {
			(void)nft_counters(t, NULL);
			break;
		}
	if (try_change(t, list, n, &first))
		return true;
	/* One that the kernel does not take is in the way of no other. */
	for (size_t i = 0; i < n && n > 1 && failures < FAILURES_MAX; i++)
		failures = try_change(t, &list[i], 1, e) ? 0 : failures + 1;
	if (failures == 0 && n > 1)
		return true;
	return err_at(e, 0, 0, "%s", first.text);
}

size_t nft_in_force(const struct nft *t)
{
	return t->count;
}

/* ---- Counters ------------------------------------------------------------------------- */

static void count_one(void *ctx, int number, bool dropped, uint64_t packets, uint64_t octets)
{
	struct nft *t = ctx;
	struct rule *r = number > 0 && number <= NFT_RULES_MAX ? t->by_number[number] : NULL;

	if (r == NULL)
		return;
	*(dropped ? &r->now.dropped_packets : &r->now.packets) = packets;
	*(dropped ? &r->now.dropped_octets : &r->now.octets) = octets;
}

bool nft_counters(struct nft *t, struct err *e)
{
	return t->count == 0 || nft_table_count(count_one, t, e);
}

/* ---- Whose rules ---------------------------------------------------------------------- */

const char *nft_epoch(const struct nft *t)
{
	return t->epoch;
}

void nft_epoch_set(struct nft *t, const char *epoch)
{
	struct nft_script s;
	struct err e = { 0 };

	if (strcmp(t->epoch, epoch) == 0)
		return;
	(void)snprintf(t->epoch, sizeof(t->epoch), "%s", epoch);
	nft_script_open(&s);
	if (s.to != NULL)
		nft_table_mark(t->epoch, t->options->monitor, s.to);
	if (!nft_script_run(&s, &e))
		log_error("%s", e.text);
}

/* ---- Start and end -------------------------------------------------------------------- */

struct restoring {
	struct nft *nft;
	struct ruleset *rules;
};

static bool restore_rule(void *ctx, int number, const struct flow_nlri *n,
			 const struct plan_then *then, struct err *e)
{
	struct restoring *at = ctx;
	struct rule *r = number <= NFT_RULES_MAX ? ruleset_need(at->rules, n) : NULL;

	if (r == NULL || r->slot >= 0 || !r->match_ok)
		return err_at(e, 0, 0, "table " NFT_TABLE ": rule %d cannot be had", number);
	r->slot = number;
	r->wanted = r->then_ok = true;
	r->then = r->installed = *then;
	r->state = at->nft->options->monitor ? RULE_MONITOR : RULE_ENFORCED;
	at->nft->by_number[number] = r;
	return true;
}

static bool restore(struct nft *t, struct ruleset *rs, struct nft_found *found, struct err *e)
{
	static const bool none[NFT_RULES_MAX + 1];
	struct restoring at = { t, rs };

	found->rule = restore_rule;
	found->ctx = &at;
	if (!nft_table_read(found, e))
		return false;
	order_make(t, none);
	memcpy(t->epoch, found->epoch, sizeof(t->epoch));
	log_info("%zu rules are still in the kernel", t->count);
	return true;
}

/* The table as this version has it, in one transaction; the rules' own chains only if they have to
 * be written. */
static bool make_table(const struct nft *t, const struct nft_found *found, bool chains,
		       struct err *e)
{
	struct nft_script s;

	nft_script_open(&s);
	if (s.to != NULL) {
		nft_base_print(s.to);
		nft_table_mark(t->epoch, t->options->monitor, s.to);
		for (size_t i = 0; i < t->count && chains; i++) {
			const struct rule *r = t->in_order[i];

			chain_add(r->slot, s.to);
			nft_then_print(&r->nlri, &r->installed, r->slot, t->options->monitor, s.to);
		}
		for (int family = 0; family < FLOW_FAMILIES; family++)
			classes_print(t, family, s.to);
		nft_hooks_print(&t->hooks, found->hooks, found->hook_count, s.to);
	}
	return nft_script_run(&s, e);
}

/* Somebody may have flushed all of nftables.  True when that was so: changes have failed meanwhile.
 */
static bool make_missing(struct nft *t)
{
	static const struct nft_found nothing;
	struct err e = { 0 };
	bool there;

	if (!nft_table_there(&there, &e) || there)
		return false;
	log_warning("table " NFT_TABLE " is gone; it is made anew");
	for (size_t i = 0; i < t->count; i++)
		settle_counters(t->in_order[i]);
	if (!make_table(t, &nothing, true, &e))
		log_error("%s", e.text);
	return true;
}

bool nft_refresh(struct nft *t)
{
	bool merged = t->hooks.merging[0] != '\0';

	bool made = make_missing(t);

	nft_hooks_refresh(&t->hooks);
	return made || merged != (t->hooks.merging[0] != '\0');
}

static bool open_parts(struct nft *t, struct ruleset *rs, struct err *e)
{
	struct nft_found found = { 0 };
	bool there;

	t->lock = lock_take(e);
	if (t->lock < 0 || !nft_hooks_find(&t->hooks, e) || !nft_table_there(&there, e))
		return false;
	if ((there && !restore(t, rs, &found, e)) ||
	    !make_table(t, &found, found.monitor != t->options->monitor, e))
		return false;
	nft_hooks_log(&t->hooks);
	return true;
}

struct nft *nft_open(const struct enforce_options *o, struct ruleset *rs, struct err *e)
{
	struct nft *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	t->options = t->hooks.options = o;
	t->lock = -1;
	if (open_parts(t, rs, e))
		return t;
	nft_free(t);
	return NULL;
}

void nft_free(struct nft *t)
{
	if (t == NULL)
		return;
	if (t->lock >= 0)
		close(t->lock);
	free(t);
}

bool nft_remove(struct nft *t, struct err *e)
{
	(void)t;
	/* It is added first, for it may be gone. */
	return nft_run("add table " NFT_TABLE "\ndelete table " NFT_TABLE "\n", e);
}

bool nft_flush(struct err *e)
{
	bool there, ok;
	int lock;

	/* A kernel without nftables has none of our tables. */
	if (!nft_table_there(&there, NULL) || !there)
		return true;
	lock = lock_take(e);
	if (lock < 0)
		return false;
	ok = nft_run("delete table " NFT_TABLE "\n", e);
	close(lock);
	return ok;
}
