/* SPDX-License-Identifier: ISC */
/* backend_xdp.c - the XDP program, its maps, pins and links as a backend. */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "enforce/attach.h"
#include "enforce/backend.h"
#include "enforce/pins.h"
#include "enforce/xdp.h"

struct xdp_backend {
	struct pins pins;
	struct xdp *xdp;
	struct attach attach;
};

static const char *pin_dir(const struct enforce_options *o)
{
	return o->pin_dir != NULL ? o->pin_dir : ENFORCE_PIN_DIR_DEFAULT;
}

/* Says what is missing before the kernel says only EPERM. */
static bool may_do_it(struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return true;
	uint64_t have = data[0].effective | (uint64_t)data[1].effective << 32;

	if (!(have >> CAP_SYS_ADMIN & 1) && !(have >> CAP_BPF & 1))
		return err_at(e, 0, 0, "CAP_BPF is missing: no program and no map can be loaded");
	return true;
}

static bool open_parts(struct xdp_backend *b, const struct enforce_options *o, struct ruleset *rs,
		       struct err *e)
{
	bool found;

	if (!may_do_it(e) || !pins_open(&b->pins, pin_dir(o), e))
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
	b->attach.program = xdp_program(b->xdp);
	if (attach_start(&b->attach, e))
		return true;
	if (!found)
		(void)pins_remove(&b->pins, NULL);
	return false;
}

static void close_xdp(void *backend)
{
	struct xdp_backend *b = backend;

	attach_done(&b->attach);
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
	b->pins.fd = -1;
	if (open_parts(b, o, rs, e))
		return b;
	close_xdp(b);
	return NULL;
}

static bool remove_xdp(void *backend, struct err *e)
{
	struct xdp_backend *b = backend;

	return pins_remove(&b->pins, e);
}

static bool flush_xdp(const struct enforce_options *o, struct err *e)
{
	struct pins p = { .fd = -1 };
	bool ok;

	if (access(pin_dir(o), F_OK) < 0 && errno == ENOENT)
		return true;
	ok = may_do_it(e) && pins_open(&p, pin_dir(o), e) && pins_remove(&p, e);
	pins_close(&p);
	return ok;
}

static bool change_xdp(void *backend, struct rule *const *list, size_t n, struct err *e)
{
	struct xdp_backend *b = backend;

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
		(void)xdp_counters(x, r->slot, &r->now);
}

static void counters_xdp(void *backend, struct ruleset *rs)
{
	struct xdp_backend *b = backend;

	ruleset_each(rs, read_counters, b->xdp);
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

	attach_refresh(&b->attach);
	return false;
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
};
