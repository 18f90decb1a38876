/* SPDX-License-Identifier: ISC */
/* hooks.c - see hooks.h; tc-bpf(8).
 *
 * Ours has a priority and a handle of its own and the program's name.  hg_hooks says where it is,
 * for the XDP program, which puts a note on no packet that nobody would send; the map is pinned, so
 * that what was made is taken away by whoever comes after a crash.
 */
#include "enforce/hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "enforce/netlink.h"
#include "enforce/pins.h"
#include "enforce/xdp_inner.h"

enum {
	PRIORITY = 0x6867,
	HANDLE = 1
};

static const char program_name[] = "headgate_send";

/* ---- What is there -------------------------------------------------------------------------- */

struct filters {
	unsigned ours, others;
	uint32_t id; /* of the program of ours */
	bool taken;  /* another's has our priority */
};

static bool is_text(const struct rtattr *a, const char *text, size_t n)
{
	return a != NULL && RTA_PAYLOAD(a) >= n && memcmp(RTA_DATA(a), text, n) == 0;
}

/* A priority has a line of its own besides those of its filters: it has no handle. */
static void read_filter(const struct nlmsghdr *h, void *ctx)
{
	struct filters *to = ctx;
	const struct tcmsg *m = NLMSG_DATA(h);
	const struct rtattr *first = TCA_RTA(m), *options, *id;
	int left = (int)NLMSG_PAYLOAD(h, sizeof(*m));
	bool in_place = TC_H_MAJ(m->tcm_info) >> 16 == PRIORITY;

	if (h->nlmsg_type != RTM_NEWTFILTER || m->tcm_handle == 0)
		return;
	options = netlink_attribute(first, left, TCA_OPTIONS);
	if (!in_place || m->tcm_handle != HANDLE || options == NULL ||
	    !is_text(netlink_attribute(first, left, TCA_KIND), "bpf", sizeof("bpf")) ||
	    !is_text(netlink_attribute(RTA_DATA(options), (int)RTA_PAYLOAD(options), TCA_BPF_NAME),
		     program_name, sizeof(program_name) - 1)) {
		to->others++;
		to->taken |= in_place;
		return;
	}
	to->ours++;
	id = netlink_attribute(RTA_DATA(options), (int)RTA_PAYLOAD(options), TCA_BPF_ID);
	if (id != NULL && RTA_PAYLOAD(id) >= sizeof(to->id))
		memcpy(&to->id, RTA_DATA(id), sizeof(to->id));
}

static bool read_side(unsigned ifindex, uint32_t parent, struct filters *to)
{
	struct {
		struct nlmsghdr h;
		struct tcmsg m;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETTFILTER,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.m = { .tcm_ifindex = (int)ifindex, .tcm_parent = parent },
	};

	return netlink_dump(NETLINK_ROUTE, &ask.h, read_filter, to);
}

/* On both sides of the qdisc. */
static bool read_filters(unsigned ifindex, struct filters *ret)
{
	*ret = (struct filters){ 0 };
	return read_side(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), ret) &&
	       read_side(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), ret);
}

/* ---- One hook ------------------------------------------------------------------------------- */

static struct bpf_tc_hook ingress_of(unsigned ifindex)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = (int)ifindex,
		.attach_point = BPF_TC_INGRESS,
	};
}

static uint32_t program_id(int program)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &len) == 0 ? info.id : 0;
}

static bool put(const struct xdp *x, unsigned ifindex, struct xdp_hook *hook, struct err *e,
		const char *name)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = x->sender, .handle = HANDLE, .priority = PRIORITY,
		    .flags = BPF_TC_F_REPLACE);
	struct bpf_tc_hook at = ingress_of(ifindex);
	int failed = bpf_tc_hook_create(&at);

	if (failed == 0)
		hook->made = 1;
	if (failed == 0 || failed == -EEXIST)
		failed = bpf_tc_attach(&at, &opts);
	return failed == 0 || err_at(e, 0, 0, "interface %s: cannot attach at tc ingress: %s", name,
				     strerror(-failed));
}

bool hooks_have(const struct xdp *x, unsigned ifindex, const char *name, struct err *e)
{
	int map = x->map[XDP_MAP_HOOKS];
	uint32_t key = ifindex, id = program_id(x->sender);
	struct xdp_hook hook = { 0 };
	bool known = bpf_map_lookup_elem(map, &key, &hook) == 0;
	struct filters f;

	if (read_filters(ifindex, &f) && f.ours == 1 && f.id == id && known)
		return true;
	if (f.taken)
		return err_at(
			e, 0, 0,
			"interface %s: another program has priority %d at tc ingress; nothing "
			"can be redirected there",
			name, PRIORITY);
	if (!put(x, ifindex, &hook, e, name))
		return false;
	if (bpf_map_update_elem(map, &key, &hook, BPF_ANY) == 0)
		return true;
	return err_at(e, 0, 0, "%s: %s", xdp_map_names[XDP_MAP_HOOKS], strerror(errno));
}

/* First packets get no notes any more, then nobody is there to read them. */
static void drop(int map, unsigned ifindex)
{
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);
	struct bpf_tc_hook at = ingress_of(ifindex);
	struct xdp_hook hook = { 0 };
	uint32_t key = ifindex;
	struct filters f;

	if (bpf_map_lookup_elem(map, &key, &hook) < 0)
		return;
	(void)bpf_map_delete_elem(map, &key);
	if (read_filters(ifindex, &f) && f.ours > 0)
		(void)bpf_tc_detach(&at, &opts);
	at.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	if (hook.made && read_filters(ifindex, &f) && f.ours + f.others == 0)
		(void)bpf_tc_hook_destroy(&at);
}

void hooks_drop(const struct xdp *x, unsigned ifindex)
{
	drop(x->map[XDP_MAP_HOOKS], ifindex);
}

void hooks_remove(const struct pins *pins)
{
	char path[PINS_PATH_MAX];
	int map = bpf_obj_get(pins_path(pins, xdp_map_names[XDP_MAP_HOOKS], path));
	uint32_t key;

	if (map < 0)
		return;
	for (int i = 0; i < XDP_HOOKS && bpf_map_get_next_key(map, NULL, &key) == 0; i++)
		drop(map, key);
	close(map);
}
