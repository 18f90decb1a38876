/* SPDX-License-Identifier: ISC */
/* prune.c - what goes in slices, so that nothing waits for the end of 100,000 rules: those of
 * `withdraw all`, and those of a neighbor whose session fell.
 *
 * Invariants
 * 1. A turn of the loop takes at most SLICE paths away.
 * 2. While anything is to go the feed's bracket stays open (feed_hold): to subscribers it is one
 *    change.
 * 3. A withdrawal takes what was announced when it was said, and is carried out to its end whether
 *    its asker waits for it or not.  They are carried out one after another.
 */
#include "ctl/hub.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum {
	SLICE = 512
};

struct withdrawal {
	struct withdrawal *next;
	struct rib_origin *origin; /* NULL: all of ours */
	uint64_t until;            /* rib_said() when it was said */
	size_t gone;
	struct ctl_conn *asker; /* NULL: it has gone */
	char by[64];
};

struct prune {
	struct hub *hub;
	uv_idle_t turn;
	struct withdrawal *first;
};

/* ---- A turn -------------------------------------------------------------------------------- */

static void finish(struct withdrawal *w)
{
	struct ctl_conn *c = w->asker;

	log_info("hub: %s withdrew all rules%s%s: %zu", w->by, w->origin != NULL ? " of " : "",
		 w->origin != NULL ? rib_origin_name(w->origin) : "", w->gone);
	if (c != NULL) {
		conn_say(c, json_pack("{s:I}", "withdrawn", (json_int_t)w->gone));
		conn_ok(c);
		conn_release(c);
	}
	free(w);
}

static size_t withdraw_some(struct prune *p, size_t most)
{
	struct withdrawal *w = p->first;
	size_t n = rib_withdraw_some(p->hub->rib, w->origin, w->until, most);

	w->gone += n;
	if (n < most) {
		p->first = w->next;
		finish(w);
	}
	return n;
}

static void turn(uv_idle_t *idle)
{
	struct prune *p = idle->data;
	size_t n = rib_prune(p->hub->rib, SLICE);

	while (n < SLICE && p->first != NULL)
		n += withdraw_some(p, SLICE - n);
	if (n == SLICE)
		return;
	(void)uv_idle_stop(idle);
	feed_release(p->hub->feed);
}

/* ---- What is to go ------------------------------------------------------------------------- */

/* The hub may be stopping: then all that it has goes at once. */
void prune_start(struct prune *p)
{
	if (uv_is_closing((uv_handle_t *)&p->turn) || uv_is_active((uv_handle_t *)&p->turn))
		return;
	feed_hold(p->hub->feed);
	(void)uv_idle_start(&p->turn, turn);
}

bool prune_ours(struct prune *p, struct rib_origin *origin, struct ctl_conn *asker)
{
	struct withdrawal **at = &p->first, *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return false;
	w->origin = origin;
	w->until = rib_said(p->hub->rib);
	w->asker = asker;
	(void)snprintf(w->by, sizeof(w->by), "%s", conn_principal(asker));
	while (*at != NULL)
		at = &(*at)->next;
	*at = w;
	conn_hold(asker);
	prune_start(p);
	return true;
}

void prune_gone(struct prune *p, const struct ctl_conn *c)
{
	for (struct withdrawal *w = p->first; w != NULL; w = w->next)
		if (w->asker == c)
			w->asker = NULL;
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct prune *prune_new(struct hub *h)
{
	struct prune *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->hub = h;
	p->turn.data = p;
	(void)uv_idle_init(h->loop, &p->turn);
	return p;
}

void prune_stop(struct prune *p)
{
	uv_close((uv_handle_t *)&p->turn, NULL);
}

void prune_free(struct prune *p)
{
	for (struct withdrawal *w = p->first, *next; w != NULL; w = next) {
		next = w->next;
		free(w);
	}
	free(p);
}
