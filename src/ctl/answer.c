/* SPDX-License-Identifier: ISC */
/* answer.c - answers that are said in slices, so that nothing waits for the end of a long one.
 *
 * Invariants
 * 1. A turn of the loop has one slice of one answer: at most SLICE_STEPS steps, and no further one
 *    when SLICE_OCTETS have been said.  Answers take turns.
 * 2. No slice is for a connection that has much left to read.
 * 3. An answer that waits has no turn before answers_wake.
 * 4. A connection is held for as long as an answer of its is under way.
 */
#include "ctl/hub.h"

#include <stdlib.h>

enum {
	SLICE_STEPS = 1024,
	SLICE_OCTETS = 64 * 1024
};

struct answers {
	uv_idle_t turn;
	struct answer *first;
	struct answer *running; /* its step is under way */
};

/* ---- The list ------------------------------------------------------------------------------ */

static void append(struct answers *all, struct answer *a)
{
	struct answer **at = &all->first;

	while (*at != NULL)
		at = &(*at)->next;
	a->next = NULL;
	*at = a;
}

static void take_out(struct answers *all, const struct answer *a)
{
	struct answer **at = &all->first;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
}

static struct answer *next_ready(const struct answers *all)
{
	struct answer *a = all->first;

	while (a != NULL && (a->waits || !conn_wants_more(a->conn)))
		a = a->next;
	return a;
}

/* ---- A turn -------------------------------------------------------------------------------- */

static void finish(struct answers *all, struct answer *a)
{
	struct ctl_conn *c = a->gone ? NULL : a->conn;

	take_out(all, a);
	free(a);
	if (c != NULL)
		conn_release(c);
}

static bool say_slice(struct answers *all, struct answer *a)
{
	size_t enough = conn_unread(a->conn) + SLICE_OCTETS;
	bool more = true;

	all->running = a;
	for (int i = 0; i < SLICE_STEPS && more && !a->waits && conn_unread(a->conn) < enough; i++)
		more = a->step(a) && !a->gone;
	all->running = NULL;
	return more;
}

static void turn(uv_idle_t *idle)
{
	struct answers *all = idle->data;
	struct answer *a = next_ready(all);

	if (a == NULL) {
		(void)uv_idle_stop(idle);
		return;
	}
	if (!say_slice(all, a)) {
		finish(all, a);
		return;
	}
	take_out(all, a);
	append(all, a);
	conn_flush(a->conn);
}

void answer_start(struct answers *all, struct ctl_conn *c, struct answer *a)
{
	a->conn = c;
	a->gone = a->waits = false;
	append(all, a);
	conn_hold(c);
	answers_go_on(all);
}

void answers_wake(struct answers *all)
{
	for (struct answer *a = all->first; a != NULL; a = a->next)
		a->waits = false;
	answers_go_on(all);
}

void answers_go_on(struct answers *all)
{
	if (all->first != NULL)
		(void)uv_idle_start(&all->turn, turn);
}

void answers_gone(struct answers *all, const struct ctl_conn *c)
{
	for (struct answer *a = all->first, *next; a != NULL; a = next) {
		next = a->next;
		if (a->conn != c)
			continue;
		a->gone = true;
		if (a != all->running)
			finish(all, a);
	}
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct answers *answers_new(uv_loop_t *loop)
{
	struct answers *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->turn.data = all;
	(void)uv_idle_init(loop, &all->turn);
	return all;
}

void answers_stop(struct answers *all)
{
	uv_close((uv_handle_t *)&all->turn, NULL);
}

void answers_free(struct answers *all)
{
	free(all);
}
