/* SPDX-License-Identifier: ISC */
/* attach.c - see attach.h.
 *
 * In the driver (native) where it can, else in the generic hook behind it, which is slower and
 * exact all the same.  Another program on the interface is never replaced, nor is the loopback
 * interface ever attached to: what a machine says to itself has not come in from a network.
 *
 * A link is pinned by the interface's number.  The kernel ends a link with its interface; the pin
 * is then a link to nothing, which is told apart by its number 0.
 */
#include "enforce/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fnmatch.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "enforce/groups.h"
#include "enforce/ifname.h"
#include "enforce/vrf.h"
#include "enforce/xdp.h"

/* Whose packets come in there. */
static bool tell_vrf(const struct attach *a, unsigned ifindex, const char *name)
{
	int vrf = ifname_vrf(a->options, name);

	if (!vrf_interface(a->xdp, ifindex, vrf < 0 ? 0 : a->vrf[vrf]))
		return false;
	if (vrf >= 0)
		log_info("interface %s: of vrf %s", name, a->options->vrfs[vrf].name);
	return true;
}

/* Whether rules only count there, and its groups: the first name or pattern that means it says so.
 */
static bool tell_mode(const struct attach *a, unsigned ifindex, const char *name)
{
	const struct enforce_options *o = a->options;
	bool monitor = false;
	uint64_t groups = 0;

	for (size_t i = o->interface_count; i-- > 0;)
		if (fnmatch(o->interfaces[i], name, 0) == 0) {
			monitor = o->monitored != NULL && o->monitored[i];
			groups = o->member != NULL ? o->member[i] : 0;
		}
	if (!tell_vrf(a, ifindex, name) || !xdp_monitor_interface(a->xdp, ifindex, monitor) ||
	    !xdp_groups_interface(a->xdp, ifindex, groups_of_file(a->groups, groups)))
		return false;
	if (monitor)
		log_info("interface %s: rules count there and drop nothing", name);
	return true;
}

static struct attached *find_attached(struct attach *a, unsigned ifindex)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->at[i].ifindex == ifindex)
			return &a->at[i];
	return NULL;
}

static bool add_attached(struct attach *a, unsigned ifindex, const char *name, int link)
{
	struct attached *to = &a->at[a->count];

	if (a->count == ENFORCE_INTERFACES_MAX)
		return false;
	*to = (struct attached){ .ifindex = ifindex, .link = link };
	(void)snprintf(to->name, sizeof(to->name), "%s", name);
	a->count++;
	return true;
}

/* Takes the program off and the pin away. */
static void drop(const struct attach *a, unsigned ifindex, int link)
{
	char path[PINS_PATH_MAX], name[32];

	(void)bpf_link_detach(link);
	close(link);
	(void)unlink(pins_path(a->pins, pins_link_name(ifindex, name), path));
}

/* ---- Links that were left pinned ------------------------------------------------------- */

static unsigned link_ifindex(int link)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(link, &info, &len) < 0 || info.type != BPF_LINK_TYPE_XDP)
		return 0;
	return info.xdp.ifindex;
}

static void adopt(const char *pin, void *ctx)
{
	struct attach *a = ctx;
	char path[PINS_PATH_MAX], name[IF_NAMESIZE];
	unsigned number;
	int link;

	if (!pins_link_number(pin, &number))
		return;
	link = bpf_obj_get(pins_path(a->pins, pin, path));
	if (link < 0) {
		log_warning("%s: %s", path, strerror(errno));
		return;
	}
	if (link_ifindex(link) != number || if_indextoname(number, name) == NULL) {
		log_info("%s: its interface is gone", path);
		drop(a, number, link);
	} else if (!ifname_is_named(a->options, name)) {
		log_info("interface %s: named no more, no rules there from now on", name);
		drop(a, number, link);
	} else if (!tell_mode(a, number, name) || bpf_link_update(link, a->program, NULL) < 0 ||
		   !add_attached(a, number, name, link)) {
		log_warning("interface %s: cannot take over %s: %s", name, path, strerror(errno));
		close(link);
	} else {
		log_info("interface %s: still attached", name);
	}
}

/* ---- New links ------------------------------------------------------------------------- */

static const char *mode_name(unsigned mode)
{
	switch (mode) {
	case XDP_ATTACHED_DRV:
		return "native";
	case XDP_ATTACHED_SKB:
		return "generic";
	case XDP_ATTACHED_HW:
		return "offloaded";
	default:
		return "more than one";
	}
}

/* Says whose program is there; true when none is. */
static bool is_unoccupied(unsigned ifindex, const char *name, struct err *e)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	unsigned id;

	if (bpf_xdp_query((int)ifindex, 0, &q) < 0 || q.attach_mode == XDP_ATTACHED_NONE)
		return true;
	id = q.prog_id != 0 ? q.prog_id : q.drv_prog_id != 0 ? q.drv_prog_id : q.skb_prog_id;
	return err_at(e, 0, 0,
		      "interface %s: there is another XDP program (id %u, mode %s); it stays, and "
		      "no rules are enforced",
		      name, id, mode_name(q.attach_mode));
}

static int link_create(const struct attach *a, unsigned ifindex, unsigned flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int link = bpf_link_create(a->program, (int)ifindex, BPF_XDP, &opts);

	return link < 0 ? -errno : link;
}

static bool attach_one(struct attach *a, unsigned ifindex, const char *name, struct err *e)
{
	char path[PINS_PATH_MAX], pin[32];
	const char *mode = "native";
	int link, native;

	if (a->count == ENFORCE_INTERFACES_MAX)
		return err_at(e, 0, 0, "interface %s: more than %d interfaces", name,
			      ENFORCE_INTERFACES_MAX);
	if (!is_unoccupied(ifindex, name, e))
		return false;
	if (!tell_mode(a, ifindex, name))
		return err_at(e, 0, 0, "interface %s: cannot set its mode: %s", name,
			      strerror(errno));
	link = native = link_create(a, ifindex, XDP_FLAGS_DRV_MODE);
	if (link < 0) {
		mode = "generic";
		link = link_create(a, ifindex, XDP_FLAGS_SKB_MODE);
	}
	if (link < 0)
		return err_at(e, 0, 0, "interface %s: cannot attach: %s", name, strerror(-link));
	pins_path(a->pins, pins_link_name(ifindex, pin), path);
	(void)unlink(path);
	if (bpf_obj_pin(link, path) < 0) {
		err_at(e, 0, 0, "%s: cannot pin it: %s", path, strerror(errno));
		close(link);
		return false;
	}
	if (native < 0)
		log_info("interface %s: attached, %s (the driver takes no program: %s)", name, mode,
			 strerror(-native));
	else
		log_info("interface %s: attached, %s", name, mode);
	return add_attached(a, ifindex, name, link);
}

static bool was_refused(const struct attach *a, unsigned ifindex)
{
	for (size_t i = 0; i < a->refused.count; i++)
		if (a->refused.ifindex[i] == ifindex)
			return true;
	return false;
}

/* One that cannot be had is in the way of no other, and is named once. */
static void attach_later(struct attach *a, unsigned ifindex, const char *name, struct refusals *now)
{
	struct err e = { 0 };

	if (attach_one(a, ifindex, name, &e))
		return;
	if (!was_refused(a, ifindex))
		log_error("%s", e.text);
	if (now->count < REFUSALS_MAX)
		now->ifindex[now->count++] = ifindex;
}

static bool attach_named(void *ctx, unsigned ifindex, const char *name, struct err *e)
{
	struct attach *a = ctx;

	return find_attached(a, ifindex) != NULL || attach_one(a, ifindex, name, e);
}

bool attach_start(struct attach *a, struct err *e)
{
	size_t before;
	bool ok = pins_each(a->pins, adopt, a, e);

	before = a->count;
	ok = ok && ifname_each(a->options, attach_named, a, e);
	while (!ok && a->count > before) {
		a->count--;
		drop(a, a->at[a->count].ifindex, a->at[a->count].link);
	}
	return ok;
}

static void forget_gone(struct attach *a)
{
	for (size_t i = a->count; i-- > 0;) {
		if (link_ifindex(a->at[i].link) != 0)
			continue;
		log_warning("interface %s: it is gone, and with it the rules there", a->at[i].name);
		drop(a, a->at[i].ifindex, a->at[i].link);
		(void)xdp_monitor_interface(a->xdp, a->at[i].ifindex, false);
		(void)xdp_groups_interface(a->xdp, a->at[i].ifindex, 0);
		(void)vrf_interface(a->xdp, a->at[i].ifindex, 0);
		a->at[i] = a->at[--a->count];
	}
}

void attach_refresh(struct attach *a)
{
	struct if_nameindex *all = if_nameindex();
	struct refusals now = { 0 };

	forget_gone(a);
	if (all == NULL)
		return;
	for (struct if_nameindex *i = all; i->if_index != 0; i++)
		if (find_attached(a, i->if_index) == NULL &&
		    ifname_is_named(a->options, i->if_name))
			attach_later(a, i->if_index, i->if_name, &now);
	if_freenameindex(all);
	a->refused = now;
}

void attach_done(struct attach *a)
{
	while (a->count > 0)
		close(a->at[--a->count].link);
}
