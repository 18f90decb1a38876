/* SPDX-License-Identifier: ISC */
/* nft.c - see nft.h.
 *
 * The chains that count and limit are touched only where their rule changes, so that no count is
 * lost; the chains that lead to them are nft_dispatch.c's.
 */
#include "nft/nft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "nft/nft_count.h"
#include "nft/nft_dispatch.h"
#include "nft/nft_hook.h"
#include "nft/nft_protect.h"
#include "nft/nft_rule.h"
#include "nft/nft_run.h"
#include "nft/nft_table.h"
#include "nft/nft_verify.h"

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
	struct nft_dispatch dispatch;
	struct locals locals;
	struct saved saved;
	bool made;   /* the table */
	bool warned; /* of a protected flow that is not exact */
};

const struct plan_able plan_able_nft = { .match = nft_match_fits, .then = nft_then_make };

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

/* ---- A rule's own chain ----------------------------------------------------------------- */

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

/* From `from` on, where none was free before. */
static int number_free(const struct nft *t, int from)
{
	for (int i = from; i <= NFT_RULES_MAX; i++)
		if (t->by_number[i] == NULL)
			return i;
	return NFT_RULES_MAX + 1;
}

/* What one transaction does. */
struct change {
	struct nft *nft;
	struct rule *const *list;
	size_t n;
	bool comes[NFT_RULES_MAX + 1], leaves[NFT_RULES_MAX + 1], acts[NFT_RULES_MAX + 1];
	int free; /* no number before it is */
	bool any;
};

/* Finds it a number and a place, or tells it why not. */
static bool come(struct change *c, struct rule *r)
{
	struct nft *t = c->nft;
	struct err e = { 0 };

	if (!nft_dispatch_fits(&t->dispatch, r, &e)) {
		refuse(r, e.text);
		return false;
	}
	c->free = number_free(t, c->free);
	if (c->free > NFT_RULES_MAX) {
		refuse(r, "table full: nftables is used for 10000 rules at most");
		return false;
	}
	r->slot = c->free;
	if (!nft_dispatch_add(&t->dispatch, r)) {
		r->slot = -1;
		refuse(r, "out of memory");
		return false;
	}
	t->by_number[r->slot] = r;
	c->comes[r->slot] = true;
	t->count++;
	return true;
}

/* A number and a place that become free are so with the next change. */
static void change_make(struct change *c)
{
	struct nft *t = c->nft;

	c->free = 1;
	for (size_t i = 0; i < c->n; i++) {
		struct rule *r = c->list[i];
		bool wanted = wants(t, r);

		if (r->slot < 0) {
			c->any |= wanted && come(c, r);
		} else if (!wanted) {
			c->any = c->leaves[r->slot] = true;
			nft_dispatch_remove(&t->dispatch, r);
			t->count--;
		} else if (!plan_then_equal(&r->then, &r->installed)) {
			c->any = c->acts[r->slot] = true;
		}
	}
}

static void change_print(const struct change *c, FILE *to)
{
	struct nft *t = c->nft;

	for (int i = 1; i <= NFT_RULES_MAX; i++) {
		const struct rule *r = t->by_number[i];

		if (c->comes[i])
			chain_add(i, to);
		if (c->comes[i] || c->acts[i])
			nft_then_print(&r->nlri, &r->then, i, to);
	}
	nft_dispatch_print(&t->dispatch, to);
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
	nft_dispatch_settle(&t->dispatch, true);
}

static void change_undo(struct change *c, const struct err *e)
{
	struct nft *t = c->nft;

	for (int i = 1; i <= NFT_RULES_MAX; i++) {
		struct rule *r = t->by_number[i];

		if (c->leaves[i]) {
			t->count++;
			(void)nft_dispatch_add(&t->dispatch, r); /* it has just made room */
		}
		if (!c->comes[i])
			continue;
		nft_dispatch_remove(&t->dispatch, r);
		t->count--;
		r->slot = -1;
		refuse(r, e->text);
		t->by_number[i] = NULL;
	}
	nft_dispatch_settle(&t->dispatch, false);
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

/* One that the kernel does not take is in the way of no other: fewer at a time, until it is found.
 * True if the last ones were taken. */
static bool try_parts(struct nft *t, struct rule *const *list, size_t n, struct err *e)
{
	unsigned failures = 0;
	size_t at = 0, part = n / 2;

	while (at < n && failures < FAILURES_MAX) {
		part = part < n - at ? part : n - at;
		if (try_change(t, list + at, part, e)) {
			failures = 0;
			at += part;
			part *= 2;
		} else if (part > 1) {
			part /= 2;
		} else {
			failures++;
			at++;
		}
	}
	return failures == 0;
}

bool nft_change(struct nft *t, struct rule *const *list, size_t n, struct err *e)
{
	struct err first = { 0 };

	for (size_t i = 0; i < n; i++)
		if (list[i]->slot >= 0 && !rule_wanted(list[i])) {
			(void)nft_counters(t, NULL);
			break;
		}
	if (try_change(t, list, n, &first))
		return true;
	if (n > 1 && try_parts(t, list, n, e))
		return true;
	return err_at(e, 0, 0, "%s", first.text);
}

size_t nft_in_force(const struct nft *t)
{
	return t->count;
}

/* ---- Counters ------------------------------------------------------------------------- */

static void count_saved(struct saved *s, int entry, uint64_t packets, uint64_t octets)
{
	size_t i = 0;

	while (i < s->count && s->row[i].entry != (uint32_t)entry)
		i++;
	if (i == s->count)
		s->row[s->count++] = (struct saved_row){ .entry = (uint32_t)entry };
	s->row[i].now = (struct saved_count){ .packets = packets, .octets = octets };
}

static void count_one(void *ctx, enum nft_counter what, int number, uint64_t packets,
		      uint64_t octets)
{
	struct nft *t = ctx;
	struct rule *r;

	if (what == NFT_SAVED) {
		count_saved(&t->saved, number, packets, octets);
		return;
	}
	r = number <= NFT_RULES_MAX ? t->by_number[number] : NULL;
	if (r == NULL)
		return;
	*(what == NFT_DROPPED ? &r->now.dropped_packets : &r->now.packets) = packets;
	*(what == NFT_DROPPED ? &r->now.dropped_octets : &r->now.octets) = octets;
}

bool nft_counters(struct nft *t, struct err *e)
{
	return t->count == 0 || nft_count(count_one, t, e);
}

const struct saved *nft_saved(const struct nft *t)
{
	return &t->saved;
}

/* ---- Addresses ------------------------------------------------------------------------ */

static bool bring_locals(void *ctx, const struct locals *before, const struct locals *after,
			 struct err *e)
{
	const struct nft *t = ctx;
	struct nft_script s;

	(void)before;
	if (!t->made)
		return true;
	nft_script_open(&s);
	if (s.to != NULL)
		nft_protect_print_locals(after, s.to);
	return nft_script_run(&s, e);
}

int nft_events(const struct nft *t)
{
	return t->locals.fd;
}

void nft_event(struct nft *t)
{
	struct err e = { 0 };

	if (!locals_refresh(&t->locals, &e))
		log_warning("%s", e.text);
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
		nft_table_mark(t->epoch, s.to);
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
	at->nft->count++;
	return nft_dispatch_add(&at->nft->dispatch, r) || err_at(e, 0, 0, "out of memory");
}

static bool restore(struct nft *t, struct ruleset *rs, struct nft_found *found, struct err *e)
{
	struct restoring at = { t, rs };

	found->rule = restore_rule;
	found->ctx = &at;
	if (!nft_table_read(found, e))
		return false;
	t->dispatch.last_id = nft_left_last_id(&found->left);
	memcpy(t->epoch, found->epoch, sizeof(t->epoch));
	log_info("%zu rules are still in the kernel", t->count);
	return true;
}

/* What was saved is counted anew by each enforcer: entries mean something else from now on. */
static void clear_saved(const struct nft_found *found, FILE *to)
{
	nft_protect_flush(to);
	for (int entry = 0; entry < XDP_ENTRIES; entry++)
		if (found->saved[entry])
			nft_protect_delete_counter(entry, to);
}

enum own_chains {
	OWN_ARE_THERE,
	OWN_AS_INSTALLED,
	OWN_AS_WANTED
};

/* All but the interfaces; the rules' own chains only if they have to be written. */
static void print_all(struct nft *t, const struct nft_found *found, enum own_chains own, FILE *to)
{
	nft_dispatch_forget(&t->dispatch);
	nft_sort_print(to);
	clear_saved(found, to);
	nft_left_print(&found->left, to);
	nft_protect_print(t->options, to);
	nft_protect_print_locals(&t->locals, to);
	nft_table_mark(t->epoch, to);
	for (int i = 1; i <= NFT_RULES_MAX && own != OWN_ARE_THERE; i++) {
		const struct rule *r = t->by_number[i];

		if (r == NULL)
			continue;
		chain_add(i, to);
		nft_then_print(&r->nlri, own == OWN_AS_WANTED ? &r->then : &r->installed, i, to);
	}
	nft_dispatch_print(&t->dispatch, to);
}

/* The table as this version has it, in one transaction. */
static bool make_table(struct nft *t, const struct nft_found *found, enum own_chains own,
		       struct err *e)
{
	struct nft_script s;
	bool ok;

	nft_script_open(&s);
	if (s.to != NULL) {
		fputs(NFT_VERIFY_CLEAR, s.to);
		print_all(t, found, own, s.to);
		nft_hooks_print(&t->hooks, found->hooks, found->hook_count, s.to);
	}
	ok = nft_script_run(&s, e);
	nft_dispatch_settle(&t->dispatch, ok);
	return ok;
}

json_t *nft_verify_answer(struct nft *t, struct ruleset *rs, const struct feed_question *q,
			  struct err *e)
{
	static const struct nft_found nothing;
	struct verify v = { .rs = rs };
	struct nft_script s;

	verify_forget(rs);
	nft_script_open(&s);
	if (s.to != NULL) {
		print_all(t, &nothing, OWN_AS_WANTED, s.to);
		nft_hooks_print_inside(&t->hooks, s.to);
	}
	nft_dispatch_settle(&t->dispatch, true); /* it was printed and is there */
	if (nft_verify(&v, &s, &t->hooks, t->by_number, NFT_RULES_MAX, e))
		return verify_end(&v, q);
	json_decref(v.list);
	return NULL;
}

static void settle_saved(struct saved *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct saved_row *r = &s->row[i];

		r->before.packets += r->now.packets;
		r->before.octets += r->now.octets;
		r->now = (struct saved_count){ 0 };
	}
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
	for (int i = 1; i <= NFT_RULES_MAX; i++)
		if (t->by_number[i] != NULL)
			settle_counters(t->by_number[i]);
	settle_saved(&t->saved);
	t->made = make_table(t, &nothing, OWN_AS_INSTALLED, &e);
	if (!t->made)
		log_error("%s", e.text);
	return true;
}

/* Can all that is to be protected be had? */
static bool protects(const struct nft *t, struct err *e)
{
	const char *name = nft_protect_needs_whole(&t->options->protect);

	if (!nft_protect_fits(&t->options->protect, e))
		return false;
	return name == NULL || t->hooks.merging[0] == '\0' ||
	       err_at(e, 0, 0,
		      "protect: route %s: interface %s merges packets (ethtool -K %s gro off lro "
		      "off)",
		      name, t->hooks.merging, t->hooks.merging);
}

/* Packets may have been whole when we started. */
static void warn_merging(struct nft *t)
{
	struct err e = { 0 };

	if (t->warned || protects(t, &e))
		return;
	t->warned = true;
	log_warning("%s", e.text);
}

bool nft_refresh(struct nft *t)
{
	bool merged = t->hooks.merging[0] != '\0';

	bool made = make_missing(t);

	nft_hooks_refresh(&t->hooks);
	warn_merging(t);
	return made || merged != (t->hooks.merging[0] != '\0');
}

static bool open_table(struct nft *t, struct ruleset *rs, struct err *e)
{
	struct nft_found found = { 0 };
	bool there, ok;

	if (!nft_table_there(&there, e))
		return false;
	ok = (!there || restore(t, rs, &found, e)) && make_table(t, &found, OWN_ARE_THERE, e);
	nft_left_done(&found.left);
	return ok;
}

static bool open_parts(struct nft *t, struct ruleset *rs, struct err *e)
{
	t->dispatch.seed = rs->seed;
	t->lock = lock_take(e);
	if (t->lock < 0 || !nft_hooks_find(&t->hooks, e) || !protects(t, e) ||
	    !locals_open(&t->locals, bring_locals, t, e) || !open_table(t, rs, e))
		return false;
	t->made = true;
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
	t->lock = t->locals.fd = -1;
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
	locals_close(&t->locals);
	nft_dispatch_done(&t->dispatch);
	free(t);
}

bool nft_remove(struct nft *t, struct err *e)
{
	(void)t;
	/* It is added first, for it may be gone. */
	return nft_run(NFT_VERIFY_CLEAR "add table " NFT_TABLE "\ndelete table " NFT_TABLE "\n", e);
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
	ok = nft_run(NFT_VERIFY_CLEAR "delete table " NFT_TABLE "\n", e);
	close(lock);
	return ok;
}
