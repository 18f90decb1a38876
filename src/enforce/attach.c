/* SPDX-License-Identifier: ISC */
/* attach.c - see attach.h.
 *
 * In the driver (native) where it can, else in the generic hook behind it, which is slower and
 * exact all the same, else at the ingress of tc.  Another program on the interface is never
 * replaced, nor is the loopback interface ever attached to: what a machine says to itself has not
 * come in from a network.
 *
 * A link is pinned by the interface's number.  The kernel ends a link with its interface; the pin
 * is then a link to nothing, which is told apart by its number 0.
 */
#include "enforce/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "enforce/attach_tc.h"
#include "enforce/groups.h"
#include "enforce/hooks.h"
#include "enforce/ifname.h"
#include "enforce/vrf.h"
#include "enforce/xdp.h"

static const char *const mode_names[] = {
	[ENFORCE_ATTACH_AUTO] = "auto",
	[ENFORCE_ATTACH_NATIVE] = "native",
	[ENFORCE_ATTACH_GENERIC] = "generic",
	[ENFORCE_ATTACH_TC] = "tc",
};

static enum enforce_attach mode_wanted(const struct attach *a, const char *name)
{
	const struct enforce_options *o = a->options;
	size_t i = ifname_option(o, name);

	return o->attach != NULL && i < o->interface_count ? o->attach[i] : ENFORCE_ATTACH_AUTO;
}

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

/* Whether rules only count there, and its groups. */
static bool tell_mode(const struct attach *a, unsigned ifindex, const char *name)
{
	const struct enforce_options *o = a->options;
	size_t i = ifname_option(o, name);
	bool monitor = ifname_is_monitored(o, name);
	uint64_t groups = o->member != NULL && i < o->interface_count ? o->member[i] : 0;

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

static bool add_attached(struct attach *a, unsigned ifindex, const char *name,
			 enum enforce_attach mode, int link)
{
	struct attached *to = &a->at[a->count];

	if (a->count == ENFORCE_INTERFACES_MAX)
		return false;
	*to = (struct attached){ .ifindex = ifindex, .mode = mode, .link = link };
	(void)snprintf(to->name, sizeof(to->name), "%s", name);
	a->count++;
	return true;
}

/* Takes the programs off and the pin away. */
static void drop_link(const struct attach *a, unsigned ifindex, int link)
{
	char path[PINS_PATH_MAX], name[32];

	(void)bpf_link_detach(link);
	close(link);
	hooks_drop(a->xdp, ifindex);
	(void)unlink(pins_path(a->pins, pins_name(PINS_LINK, ifindex, name), path));
}

static void drop(const struct attach *a, const struct attached *from)
{
	if (from->mode == ENFORCE_ATTACH_TC)
		attach_tc_drop(a->pins, from->ifindex);
	else
		drop_link(a, from->ifindex, from->link);
}

/* ---- What was left there --------------------------------------------------------------- */

static unsigned link_ifindex(int link)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(link, &info, &len) < 0 || info.type != BPF_LINK_TYPE_XDP)
		return 0;
	return info.xdp.ifindex;
}

static enum enforce_attach link_mode(unsigned ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);

	return bpf_xdp_query((int)ifindex, 0, &q) == 0 && q.attach_mode == XDP_ATTACHED_SKB
		       ? ENFORCE_ATTACH_GENERIC
		       : ENFORCE_ATTACH_NATIVE;
}

/* May what is attached so stay?  If not, the reason is said. */
static bool may_stay(const struct attach *a, const char *name, enum enforce_attach mode)
{
	enum enforce_attach wanted = mode_wanted(a, name);

	if (!ifname_is_named(a->options, name))
		log_info("interface %s: named no more, no rules there from now on", name);
	else if (wanted != ENFORCE_ATTACH_AUTO && wanted != mode)
		log_info("interface %s: was attached, %s", name, mode_names[mode]);
	else
		return true;
	return false;
}

static void adopt(const char *pin, void *ctx)
{
	struct attach *a = ctx;
	char path[PINS_PATH_MAX], name[IF_NAMESIZE];
	enum enforce_attach mode;
	unsigned number;
	int link;

	if (!pins_number(PINS_LINK, pin, &number))
		return;
	link = bpf_obj_get(pins_path(a->pins, pin, path));
	if (link < 0) {
		log_warning("%s: %s", path, strerror(errno));
		return;
	}
	mode = link_mode(number);
	if (link_ifindex(link) != number || if_indextoname(number, name) == NULL) {
		log_info("%s: its interface is gone", path);
		drop_link(a, number, link);
	} else if (!may_stay(a, name, mode)) {
		drop_link(a, number, link);
	} else if (!tell_mode(a, number, name) || bpf_link_update(link, a->program, NULL) < 0 ||
		   !add_attached(a, number, name, mode, link)) {
		log_warning("interface %s: cannot take over %s: %s", name, path, strerror(errno));
		close(link);
	} else {
		log_info("interface %s: still attached", name);
	}
}

/* False: it cannot be taken over, and is left as it is. */
static bool adopt_filter(struct attach *a, unsigned ifindex, const char *name)
{
	struct err e = { 0 };
	int program;

	if (!attach_tc_is_there(a->pins, ifindex))
		return true;
	if (!may_stay(a, name, ENFORCE_ATTACH_TC)) {
		attach_tc_drop(a->pins, ifindex);
		return true;
	}
	program = xdp_tc_program(a->xdp, NULL, &e);
	if (program < 0 || !tell_mode(a, ifindex, name) ||
	    !attach_tc_put(a->pins, ifindex, program, &e) ||
	    !add_attached(a, ifindex, name, ENFORCE_ATTACH_TC, -1)) {
		log_warning("interface %s: cannot take over its filter: %s", name, e.text);
		return false;
	}
	log_info("interface %s: still attached", name);
	return true;
}

static void adopt_filters(struct attach *a)
{
	struct if_nameindex *all = attach_tc_pinned(a->pins) ? if_nameindex() : NULL;
	bool taken = all != NULL;

	for (struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++)
		taken &= adopt_filter(a, i->if_index, i->if_name);
	if (all != NULL)
		if_freenameindex(all);
	if (taken)
		attach_tc_unpin_others(a->pins, xdp_tc_loaded(a->xdp));
}

/* ---- Attaching anew -------------------------------------------------------------------- */

static const char *other_mode_name(unsigned mode)
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
		      name, id, other_mode_name(q.attach_mode));
}

static int link_create(const struct attach *a, unsigned ifindex, unsigned flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags);
	int link = bpf_link_create(a->program, (int)ifindex, BPF_XDP, &opts);

	return link < 0 ? -errno : link;
}

static bool put_xdp(struct attach *a, unsigned ifindex, unsigned flags, int *ret_link,
		    struct err *e)
{
	char path[PINS_PATH_MAX], pin[32];
	int link = link_create(a, ifindex, flags);

	if (link < 0)
		return err_at(e, 0, 0, "%s", strerror(-link));
	pins_path(a->pins, pins_name(PINS_LINK, ifindex, pin), path);
	(void)unlink(path);
	if (bpf_obj_pin(link, path) < 0) {
		err_at(e, 0, 0, "%s: cannot pin it: %s", path, strerror(errno));
		close(link);
		return false;
	}
	*ret_link = link;
	return true;
}

static bool put(struct attach *a, unsigned ifindex, enum enforce_attach mode, int *ret_link,
		struct err *e)
{
	int program;

	if (mode == ENFORCE_ATTACH_NATIVE)
		return put_xdp(a, ifindex, XDP_FLAGS_DRV_MODE, ret_link, e);
	if (mode == ENFORCE_ATTACH_GENERIC)
		return put_xdp(a, ifindex, XDP_FLAGS_SKB_MODE, ret_link, e);
	program = xdp_tc_program(a->xdp, NULL, e);
	return program >= 0 && attach_tc_put(a->pins, ifindex, program, e);
}

/* Tries the modes that are allowed, in their order. */
static bool attach_somehow(struct attach *a, unsigned ifindex, const char *name, struct err *e)
{
	enum enforce_attach wanted = mode_wanted(a, name);
	char why[400] = "";
	size_t len = 0;

	for (enum enforce_attach m = ENFORCE_ATTACH_NATIVE; m <= ENFORCE_ATTACH_TC; m++) {
		struct err reason = { 0 };
		int link = -1;

		if (wanted != ENFORCE_ATTACH_AUTO && wanted != m)
			continue;
		if (put(a, ifindex, m, &link, &reason)) {
			log_info("interface %s: attached, %s%s%s%s", name, mode_names[m],
				 len > 0 ? " (" : "", why, len > 0 ? ")" : "");
			return add_attached(a, ifindex, name, m, link);
		}
		if (len < sizeof(why))
			len += (size_t)snprintf(why + len, sizeof(why) - len, "%s%s: %s",
						len > 0 ? "; " : "", mode_names[m], reason.text);
	}
	return err_at(e, 0, 0, "interface %s: cannot attach: %s", name, why);
}

static bool attach_one(struct attach *a, unsigned ifindex, const char *name, struct err *e)
{
	if (a->count == ENFORCE_INTERFACES_MAX)
		return err_at(e, 0, 0, "interface %s: more than %d interfaces", name,
			      ENFORCE_INTERFACES_MAX);
	if (!ifname_is_ethernet(name))
		return err_at(e, 0, 0,
			      "interface %s: its packets come without Ethernet headers, and rules "
			      "are not enforced there",
			      name);
	if (mode_wanted(a, name) != ENFORCE_ATTACH_TC && !is_unoccupied(ifindex, name, e))
		return false;
	if (!tell_mode(a, ifindex, name))
		return err_at(e, 0, 0, "interface %s: cannot set its mode: %s", name,
			      strerror(errno));
	return attach_somehow(a, ifindex, name, e);
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

static bool may_take_tc(const struct attach *a, const char *name)
{
	enum enforce_attach mode = mode_wanted(a, name);

	return mode == ENFORCE_ATTACH_TC ||
	       (mode == ENFORCE_ATTACH_AUTO && ifname_is_pattern(name));
}

/* The program for tc is loaded now where it may be asked for later, which is when no program can be
 * loaded any more. */
static bool load_for_later(const struct attach *a, struct err *e)
{
	const struct enforce_options *o = a->options;
	bool may = false;

	for (size_t i = 0; i < o->interface_count; i++)
		may |= may_take_tc(a, o->interfaces[i]);
	for (size_t v = 0; v < o->vrf_count; v++)
		for (size_t i = 0; i < o->vrfs[v].interface_count; i++)
			may |= may_take_tc(a, o->vrfs[v].interfaces[i]);
	return !may || xdp_tc_program(a->xdp, NULL, e) >= 0;
}

bool attach_start(struct attach *a, struct err *e)
{
	size_t before;
	bool ok = load_for_later(a, e) && pins_each(a->pins, adopt, a, e);

	if (ok)
		adopt_filters(a);
	before = a->count;
	ok = ok && ifname_each(a->options, attach_named, a, e);
	while (!ok && a->count > before) {
		a->count--;
		drop(a, &a->at[a->count]);
	}
	return ok;
}

/* The link goes with an interface into another network namespace, where no rules of ours are meant
 * to be. */
static bool is_gone(const struct attach *a, const struct attached *from)
{
	char name[IF_NAMESIZE];

	if (if_indextoname(from->ifindex, name) == NULL && errno == ENXIO)
		return true;
	if (from->mode == ENFORCE_ATTACH_TC)
		return !attach_tc_is_there(a->pins, from->ifindex);
	return link_ifindex(from->link) == 0;
}

static void forget(struct attach *a, struct attached *gone)
{
	drop(a, gone);
	(void)xdp_monitor_interface(a->xdp, gone->ifindex, false);
	(void)xdp_groups_interface(a->xdp, gone->ifindex, 0);
	(void)vrf_interface(a->xdp, gone->ifindex, 0);
	*gone = a->at[--a->count];
}

/* A filter anybody may take off; the interface is then attached to anew. */
static void forget_gone(struct attach *a)
{
	char name[IF_NAMESIZE];

	for (size_t i = a->count; i-- > 0;) {
		struct attached *gone = &a->at[i];

		if (!is_gone(a, gone))
			continue;
		log_warning("interface %s: %s, and with it the rules there", gone->name,
			    if_indextoname(gone->ifindex, name) != NULL ? "our filter is gone"
									: "it is gone");
		forget(a, gone);
	}
}

/* What the file says of the name that they have now; one that is to be attached otherwise is
 * attached to anew. */
static void follow_names(struct attach *a)
{
	char name[IF_NAMESIZE];

	for (size_t i = a->count; i-- > 0;) {
		struct attached *at = &a->at[i];

		if (if_indextoname(at->ifindex, name) == NULL || strcmp(name, at->name) == 0)
			continue;
		log_info("interface %s: was %s", name, at->name);
		(void)snprintf(at->name, sizeof(at->name), "%s", name);
		if (!may_stay(a, name, at->mode) || !tell_mode(a, at->ifindex, name))
			forget(a, at);
	}
}

void attach_refresh(struct attach *a)
{
	struct if_nameindex *all = if_nameindex();
	struct refusals now = { 0 };

	forget_gone(a);
	follow_names(a);
	if (all == NULL)
		return;
	for (struct if_nameindex *i = all; i->if_index != 0; i++)
		if (find_attached(a, i->if_index) == NULL &&
		    ifname_is_named(a->options, i->if_name))
			attach_later(a, i->if_index, i->if_name, &now);
	if_freenameindex(all);
	a->refused = now;
}

void attach_senders(struct attach *a, bool wanted)
{
	struct err e = { 0 };

	/* The program at tc calls it itself. */
	for (size_t i = 0; i < a->count; i++)
		if (!wanted || a->at[i].mode == ENFORCE_ATTACH_TC)
			hooks_drop(a->xdp, a->at[i].ifindex);
		else
			(void)hooks_have(a->xdp, a->at[i].ifindex, a->at[i].name, &e);
	if (e.text[0] != '\0' && strncmp(a->said, e.text, sizeof(a->said) - 1) != 0)
		log_error("%s", e.text);
	(void)snprintf(a->said, sizeof(a->said), "%s", e.text);
}

void attach_done(struct attach *a)
{
	while (a->count > 0)
		if (a->at[--a->count].link >= 0)
			close(a->at[a->count].link);
}
