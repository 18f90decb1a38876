/* SPDX-License-Identifier: ISC */
/* away.c - see away.h.
 *
 * XDP's store says from which source a rule is, so that those which are found at start go by
 * their own policy too.
 */
#include "enforce/away.h"

#include <stdlib.h>

#include "base/log.h"
#include "enforce/backend.h"

void away_begins(struct away *a, int64_t now)
{
	*a = (struct away){ .is = true, .since = now };
}

void away_ends(struct away *a)
{
	a->is = false;
}

struct taking {
	struct ruleset *rules;
	int source;
	struct rule **list;
	size_t count;
};

static void gather(struct rule *r, void *ctx)
{
	struct taking *t = ctx;

	if (r->source == t->source && r->slot >= 0)
		t->list[t->count++] = r;
}

/* The change has these rules and no others: a change that broke off with the hub stays undone. */
static void take_out(const struct backend *b, void *kernel, struct ruleset *rs, int source,
		     const char *name)
{
	struct taking t = { rs, source, calloc(rs->map.count + 1, sizeof(struct rule *)), 0 };
	struct err e = { 0 };

	if (t.list == NULL)
		return;
	ruleset_each(rs, gather, &t);
	for (size_t i = 0; i < t.count; i++)
		t.list[i]->wanted = false;
	if (t.count > 0 && !b->change(kernel, t.list, t.count, &e))
		log_error("%s", e.text);
	for (size_t i = 0; i < t.count; i++)
		if (t.list[i]->slot < 0)
			ruleset_remove(rs, t.list[i]);
	if (t.count > 0)
		log_warning("hub: it stays away; %zu rules of %s are removed", t.count, name);
	free(t.list);
}

static bool is_over(const struct away *a, int seconds, int64_t now)
{
	return seconds != ENFORCE_AWAY_KEEP && now - a->since >= (int64_t)seconds * 1000;
}

void away_apply(struct away *a, const struct enforce_options *o, const struct backend *b,
		void *kernel, struct ruleset *rs, int64_t now)
{
	if (!a->is)
		return;
	for (int source = -1; source < (int)o->source_count; source++) {
		int seconds = source < 0 ? o->away : o->sources[source].away;

		if (a->done[source + 1] || !is_over(a, seconds, now))
			continue;
		a->done[source + 1] = true;
		take_out(b, kernel, rs, source,
			 source < 0 ? "no source that is named" : o->sources[source].name);
	}
}
