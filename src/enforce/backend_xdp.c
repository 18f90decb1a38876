/* SPDX-License-Identifier: ISC */
/* backend_xdp.c - the XDP program, its maps, pins and links as a backend. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "enforce/attach.h"
#include "enforce/attach_tc.h"
#include "enforce/backend.h"
#include "enforce/locals.h"
#include "enforce/merging.h"
#include "enforce/pins.h"
#include "enforce/privilege.h"
#include "enforce/protect.h"
#include "enforce/verify.h"
#include "enforce/xdp.h"

struct xdp_backend {
	struct pins pins;
	struct xdp *xdp;
	struct attach attach;
	struct locals locals;
	struct err merging; /* why not all packets are seen as they came; "": they are */
	bool told;          /* that the enforcer has looked at the rules since */
};

static const char *pin_dir(const struct enforce_options *o)
{
	return o->pin_dir != NULL ? o->pin_dir : ENFORCE_PIN_DIR_DEFAULT;
}

static bool open_parts(struct xdp_backend *b, const struct enforce_options *o, struct ruleset *rs,
		       struct err *e)
{
	bool found;

	if (!privilege_suffices_bpf(e) || !pins_open(&b->pins, pin_dir(o), e))
		return false;
	b->xdp = xdp_open(NULL, &b->pins, e);
	if (b->xdp == NULL)
		return false;
	found = xdp_found(b->xdp);
	if (found && !xdp_restore(b->xdp, rs, e))
		return false;
	if (found)
		log_info("%zu rules are still in the kernel", rs->map.count);
	xdp_monitor_set(b->xdp, o->monitor);
	b->attach.options = o;
	b->attach.pins = &b->pins;
	b->attach.xdp = b->xdp;
	b->attach.program = xdp_program(b->xdp);
	if (protect_set(b->xdp, &o->protect, e) && locals_open(&b->locals, b->xdp, e) &&
	    attach_start(&b->attach, e)) {
		(void)merging_find(b->attach.at, b->attach.count, &b->merging);
		return true;
	}
	if (!found)
		(void)pins_remove(&b->pins, NULL);
	return false;
}

static void close_xdp(void *backend)
{
	struct xdp_backend *b = backend;

	attach_done(&b->attach);
	locals_close(&b->locals);
	xdp_free(b->xdp);
	pins_close(&b->pins);
	free(b);
}

static void *open_xdp(const struct enforce_options *o, struct ruleset *rs, struct err *e)
{
	struct xdp_backend *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	b->pins.fd = b->locals.fd = -1;
	if (open_parts(b, o, rs, e))
		return b;
	close_xdp(b);
	return NULL;
}

/* Before the pins, which say what is ours. */
static bool remove_all(const struct pins *p, struct err *e)
{
	attach_tc_drop_all(p);
	return pins_remove(p, e);
}

static bool remove_xdp(void *backend, struct err *e)
{
	struct xdp_backend *b = backend;

	return remove_all(&b->pins, e);
}

static bool flush_xdp(const struct enforce_options *o, struct err *e)
{
	struct pins p = { .fd = -1 };
	bool ok;

	if (access(pin_dir(o), F_OK) < 0 && errno == ENOENT)
		return true;
	ok = privilege_suffices_bpf(e) && pins_open(&p, pin_dir(o), e) && remove_all(&p, e);
	pins_close(&p);
	return ok;
}

/* Is a rule to be there that needs to see each packet? */
static void judge(const struct xdp_backend *b, struct rule *r)
{
	bool merged = b->merging.text[0] != '\0' && plan_needs_whole(&r->nlri, &r->then);

	if (merged && r->why_merged != NULL && strcmp(r->why_merged, b->merging.text) == 0)
		return;
	free(r->why_merged);
	r->why_merged = merged ? strdup(b->merging.text) : NULL;
}

static bool change_xdp(void *backend, struct rule *const *list, size_t n, struct err *e)
{
	struct xdp_backend *b = backend;

	for (size_t i = 0; i < n; i++)
		judge(b, list[i]);
	return xdp_change(b->xdp, list, n, e);
}

static size_t in_force_xdp(const void *backend)
{
	const struct xdp_backend *b = backend;

	return xdp_in_force(b->xdp);
}

static void read_counters(struct rule *r, void *ctx)
{
	const struct xdp *x = ctx;

	if (r->slot >= 0)
		r->now = *xdp_counted(x, r->slot);
}

static bool counters_xdp(void *backend, struct ruleset *rs, struct err *e)
{
	struct xdp_backend *b = backend;

	if (!xdp_counters_read(b->xdp, e))
		return false;
	ruleset_each(rs, read_counters, b->xdp);
	return true;
}

static const char *epoch_xdp(const void *backend)
{
	const struct xdp_backend *b = backend;

	return xdp_epoch(b->xdp);
}

static void epoch_set_xdp(void *backend, const char *epoch)
{
	struct xdp_backend *b = backend;

	xdp_epoch_set(b->xdp, epoch);
}

static bool refresh_xdp(void *backend)
{
	struct xdp_backend *b = backend;
	struct err now = { 0 };
	bool changed;

	attach_refresh(&b->attach);
	(void)merging_find(b->attach.at, b->attach.count, &now);
	changed = strcmp(now.text, b->merging.text) != 0 || (!b->told && now.text[0] != '\0');
	b->told = true;
	b->merging = now;
	return changed;
}

static int events_xdp(const void *backend)
{
	const struct xdp_backend *b = backend;

	return b->locals.fd;
}

/* Our addresses.  What could not be learnt is asked for again with the next event. */
static void event_xdp(void *backend)
{
	struct xdp_backend *b = backend;
	struct err e = { 0 };

	if (!locals_refresh(&b->locals, b->xdp, &e))
		log_warning("%s", e.text);
}

static const struct saved *saved_xdp(void *backend)
{
	struct xdp_backend *b = backend;

	return xdp_saved(b->xdp);
}

static json_t *verify_xdp(void *backend, struct ruleset *rs, const struct feed_question *q)
{
	struct xdp_backend *b = backend;

	return verify_answer(b->xdp, rs, q);
}

const struct backend backend_xdp = {
	.name = "xdp",
	.able = &plan_able_xdp,
	.open = open_xdp,
	.close = close_xdp,
	.remove = remove_xdp,
	.flush = flush_xdp,
	.change = change_xdp,
	.in_force = in_force_xdp,
	.counters = counters_xdp,
	.epoch = epoch_xdp,
	.epoch_set = epoch_set_xdp,
	.refresh = refresh_xdp,
	.events = events_xdp,
	.event = event_xdp,
	.saved = saved_xdp,
	.verify = verify_xdp,
};
