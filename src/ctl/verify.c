/* SPDX-License-Identifier: ISC */
/* verify.c - `verify`: enforcers are asked whether the kernel has the rules that they were told.
 *
 * The question goes out on the feed, behind all that it is about; the answers come back as commands
 * of the connections that report.  One question is under way at a time; who asked it is held until
 * all have answered, are gone, or have had their time.
 */
#include "ctl/hub.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/client.h"

enum {
	ANSWER_MS = 10000
};

struct verify {
	struct hub *hub;
	uv_timer_t timer;
	struct ctl_conn *asker; /* NULL: nothing is under way */
	uint64_t id;
	unsigned waiting, equal, differ;
	struct err lost; /* an enforcer that did not answer; text "" if there was none */
};

struct verify *verify_new(struct hub *h)
{
	struct verify *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->hub = h;
	v->timer.data = v;
	(void)uv_timer_init(h->loop, &v->timer);
	return v;
}

void verify_stop(struct verify *v)
{
	v->asker = NULL;
	uv_close((uv_handle_t *)&v->timer, NULL);
}

void verify_free(struct verify *v)
{
	free(v);
}

/* ---- The end of it ------------------------------------------------------------------------ */

static void finish(struct verify *v)
{
	struct ctl_conn *asker = v->asker;
	struct err e = { 0 };

	v->asker = NULL;
	(void)uv_timer_stop(&v->timer);
	if (v->lost.text[0] != '\0')
		conn_fail(asker, &v->lost);
	else if (v->differ > 0 &&
		 !err_at(&e, 0, 0, "%u of %u enforcers differ", v->differ, v->differ + v->equal))
		conn_fail(asker, &e);
	else
		conn_ok(asker);
	conn_release(asker);
}

static void name_lost(struct reporter *r, void *ctx)
{
	struct verify *v = ctx;

	if (r->asked == v->id)
		(void)err_at(&v->lost, 0, 0, "%s has not answered in %d seconds", r->name,
			     ANSWER_MS / 1000);
}

static void time_is_up(uv_timer_t *t)
{
	struct verify *v = t->data;

	reports_each_reporter(v->hub->reports, name_lost, v);
	finish(v);
}

void verify_gone(struct verify *v, const struct ctl_conn *c)
{
	struct reporter *r = reports_reporter(v->hub->reports, c);

	if (v->asker == c) {
		v->asker = NULL;
		(void)uv_timer_stop(&v->timer);
	}
	if (v->asker == NULL || r == NULL || r->asked != v->id)
		return;
	(void)err_at(&v->lost, 0, 0, "%s is gone and has not answered", r->name);
	if (--v->waiting == 0)
		finish(v);
}

/* ---- The question ------------------------------------------------------------------------- */

static void ask_one(struct reporter *r, void *ctx)
{
	struct verify *v = ctx;

	r->asked = v->id;
	v->waiting++;
}

uint64_t verify_question(const struct verify *v)
{
	return v->asker != NULL ? v->id : 0;
}

bool verify_ask(struct verify *v, struct ctl_conn *asker, struct err *e)
{
	if (v->asker != NULL)
		return err_at(e, 0, 0, "somebody else is verifying; try again");
	v->id++;
	v->waiting = v->equal = v->differ = 0;
	v->lost = (struct err){ 0 };
	reports_each_reporter(v->hub->reports, ask_one, v);
	if (v->waiting == 0)
		return err_at(e, 0, 0, "no enforcer is connected");
	v->asker = asker;
	conn_hold(asker);
	(void)uv_timer_start(&v->timer, time_is_up, ANSWER_MS, 0);
	feed_verify(v->hub->feed, v->id);
	return true;
}

/* ---- An answer ---------------------------------------------------------------------------- */

static bool awaited(const struct verify *v, const struct reporter *r, json_int_t id)
{
	return v->asker != NULL && r != NULL && r->asked == (uint64_t)id && v->id == (uint64_t)id;
}

static void answered(struct verify *v, struct reporter *r)
{
	r->asked = 0;
	if (--v->waiting == 0)
		finish(v);
}

/* An enforcer that cannot tell says why: {"enforcer":NAME,"id":ID,"error":TEXT}. */
static bool take_error(struct verify *v, struct reporter *r, json_t *answer)
{
	const char *enforcer, *error;
	json_int_t id;

	if (json_unpack(answer, "{s:s, s:I, s:s}", "enforcer", &enforcer, "id", &id, "error",
			&error) != 0)
		return false;
	if (awaited(v, r, id)) {
		(void)err_at(&v->lost, 0, 0, "%s: %s", enforcer, error);
		answered(v, r);
	}
	return true;
}

bool verify_take(struct verify *v, const struct ctl_conn *from, json_t *answer, struct err *e)
{
	struct reporter *r = reports_reporter(v->hub->reports, from);
	json_int_t id, intended, kernel, not_enforced, differences;
	const char *enforcer;
	json_error_t why;
	json_t *list;

	if (take_error(v, r, answer))
		return true;
	if (json_unpack_ex(answer, &why, 0, "{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "enforcer",
			   &enforcer, "id", &id, "intended", &intended, "kernel", &kernel,
			   "not-enforced", &not_enforced, "differences", &differences, "list",
			   &list) != 0)
		return err_at(e, 0, 0, "verified: %s", why.text);
	if (!awaited(v, r, id))
		return true; /* too late */
	conn_say(v->asker,
		 json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:O}", "enforcer", enforcer, "equal",
			   differences == 0, "intended", intended, "kernel", kernel, "not-enforced",
			   not_enforced, "differences", differences, "list", list));
	*(differences == 0 ? &v->equal : &v->differ) += 1;
	answered(v, r);
	return true;
}
