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
#include "enforce/groups.h"
#include "enforce/kernel.h"
#include "enforce/locals.h"
#include "enforce/merging.h"
#include "enforce/pins.h"
#include "enforce/places.h"
#include "enforce/privilege.h"
#include "enforce/protect.h"
#include "enforce/resolve.h"
#include "enforce/samples.h"
#include "enforce/verify.h"
#include "enforce/vrf.h"
#include "enforce/xdp.h"

struct xdp_backend {
	struct pins pins;
	struct xdp *xdp;
	struct attach attach;
	struct locals locals;
	struct groups groups;
	struct places places;
	struct samples samples;
	struct err merging; /* why not all packets are seen as they came; "": they are */
	bool told;          /* that the enforcer has looked at the rules since */
};

static const char *pin_dir(const struct enforce_options *o)
{
	return o->pin_dir != NULL ? o->pin_dir : ENFORCE_PIN_DIR_DEFAULT;
}

static void warn(const char *text)
{
	log_warning("%s", text);
}

static bool kernel_has_it(struct err *e)
{
	struct kernel k;

	kernel_probe(&k);
	return kernel_suffices(&k, warn, e);
}

static void tell_of_kernel(int program)
{
	struct kernel k;

	kernel_look(program, &k);
	(void)kernel_suffices(&k, warn, NULL);
}

static bool open_parts(struct xdp_backend *b, const struct enforce_options *o, struct ruleset *rs,
		       struct err *e)
{
	bool found;

	if (!privilege_suffices_bpf(e) || !kernel_has_it(e) || !pins_open(&b->pins, pin_dir(o), e))
		return false;
	b->xdp = xdp_open(NULL, &b->pins, e);
	if (b->xdp == NULL)
		return false;
	tell_of_kernel(xdp_program(b->xdp));
	b->places.able = plan_able_xdp;
	rs->able = &b->places.able;
	found = xdp_found(b->xdp);
	if (!vrf_numbers(b->xdp, o, rs->vrf, e))
		return false;
	if (found && !xdp_restore(b->xdp, rs, e))
		return false;
	if (found)
		log_info("%zu rules are still in the kernel", rs->map.count);
	xdp_monitor_set(b->xdp, o->monitor);
	xdp_sample_set(b->xdp, o->sample != 0 ? o->sample : ENFORCE_SAMPLE_DEFAULT);
	rs->groups = &b->groups;
	b->attach.groups = &b->groups;
	b->attach.options = o;
	b->attach.pins = &b->pins;
	b->attach.xdp = b->xdp;
	b->attach.vrf = rs->vrf;
	b->attach.program = xdp_program(b->xdp);
	if (xdp_groups_set(b->xdp, &b->groups, o->groups, o->group_count, e) &&
	    samples_open(&b->samples, b->xdp, o->samples, e) &&
	    protect_set(b->xdp, &o->protect, e) && places_open(&b->places, b->xdp, o, rs, e) &&
	    locals_open(&b->locals, protect_bring_locals, b->xdp, e) &&
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
	samples_close(&b->samples);
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

static bool sends(const struct xdp *x)
{
	return xdp_sends(x, XDP_SEND_NOWHERE) < xdp_in_force(x);
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

/* Who sends has to be there before a packet finds the first rule that asks for it. */
static bool change_xdp(void *backend, struct rule *const *list, size_t n, struct err *e)
{
	struct xdp_backend *b = backend;
	bool wanted = sends(b->xdp);

	for (size_t i = 0; i < n; i++)
		judge(b, list[i]);
	samples_read(&b->samples);
	for (size_t i = 0; !wanted && i < n; i++)
		wanted = rule_wanted(list[i]) && list[i]->then.send != XDP_SEND_NOWHERE;
	if (wanted && !sends(b->xdp))
		attach_senders(&b->attach, true);
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

	(void)xdp_counters(x, r->slot, &r->now);
}

static bool counters_xdp(void *backend, struct ruleset *rs, struct err *e)
{
	struct xdp_backend *b = backend;

	(void)e;
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
	attach_senders(&b->attach, sends(b->xdp));
	places_refresh(&b->places);
	resolve_copies(b->xdp);
	samples_read(&b->samples);
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

	if (!locals_refresh(&b->locals, &e))
		log_warning("%s", e.text);
}

static void samples_xdp(void *backend)
{
	struct xdp_backend *b = backend;

	samples_read(&b->samples);
}

static const struct saved *saved_xdp(void *backend)
{
	struct xdp_backend *b = backend;

	return xdp_saved(b->xdp);
}

static json_t *failed_xdp(void *backend)
{
	static const char *const names[XDP_REASONS] = {
		[XDP_REASON_HOOK] = "no program at tc ingress",
		[XDP_REASON_METADATA] = "driver without metadata",
		[XDP_REASON_CHANGED] = "rule changed meanwhile",
		[XDP_REASON_TTL] = "TTL spent",
		[XDP_REASON_TOO_LONG] = "too long",
		[XDP_REASON_ROUTE] = "no route",
		[XDP_REASON_FORWARDING] = "forwarding is off",
		[XDP_REASON_INTERFACE] = "no such interface",
		[XDP_REASON_LOCAL] = "for this machine",
		[XDP_REASON_NEIGHBOR] = "neighbor not resolved",
		[XDP_REASON_TAGS] = "too many VLAN tags",
	};
	const struct xdp_backend *b = backend;
	uint64_t counts[XDP_REASONS];
	json_t *ret = json_object();

	if (!xdp_reasons(b->xdp, counts))
		return ret;
	for (int r = 0; r < XDP_REASONS; r++)
		(void)json_object_set_new(ret, names[r], json_integer((json_int_t)counts[r]));
	return ret;
}

static json_t *verify_xdp(void *backend, struct ruleset *rs, const struct feed_question *q)
{
	struct xdp_backend *b = backend;

	return verify_answer(b->xdp, &b->attach, rs, q);
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
	.samples = samples_xdp,
	.saved = saved_xdp,
	.failed = failed_xdp,
	.verify = verify_xdp,
};
