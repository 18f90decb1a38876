/* SPDX-License-Identifier: ISC */
/* attach_tc.c - see attach_tc.h.
 *
 * A filter of tc outlives who made it, as a pinned link does, but nothing in it says whose it is.
 * So its program is pinned under its number before it is put anywhere, and a filter at our place is
 * ours when the number of its program is pinned in our directory.  Whether a qdisc is ours says a
 * directory made there.
 *
 * Filters are tried by priority, and the first that decides does so for those behind it: before
 * ours there must be none.
 */
#include "enforce/attach_tc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enforce/netlink.h"

enum {
	PRIORITY = 1, /* before all that did not ask for a place */
	HANDLE = 0x6867,
	TCX_MAX = 64
};

/* From Linux 6.6 on. */
#define TCX_INGRESS ((enum bpf_attach_type)46)

/* ---- What is there -------------------------------------------------------------------- */

struct filter {
	unsigned priority, handle, program; /* program: its number; 0: it is none */
	char kind[16];
};

typedef void filter_visit(const struct filter *f, void *ctx);

struct filters {
	filter_visit *visit;
	void *ctx;
};

static void read_filter(const struct nlmsghdr *h, void *ctx)
{
	const struct filters *to = ctx;
	const struct tcmsg *m = NLMSG_DATA(h);
	const struct rtattr *first = TCA_RTA(m), *kind, *options, *id = NULL;
	struct filter f = { .priority = TC_H_MAJ(m->tcm_info) >> 16, .handle = m->tcm_handle };
	int len = (int)TCA_PAYLOAD(h);

	kind = netlink_attribute(first, len, TCA_KIND);
	options = netlink_attribute(first, len, TCA_OPTIONS);
	if (kind != NULL)
		(void)snprintf(f.kind, sizeof(f.kind), "%.*s", (int)RTA_PAYLOAD(kind),
			       (const char *)RTA_DATA(kind));
	if (options != NULL && strcmp(f.kind, "bpf") == 0)
		id = netlink_attribute(RTA_DATA(options), (int)RTA_PAYLOAD(options), TCA_BPF_ID);
	if (id != NULL && RTA_PAYLOAD(id) >= sizeof(f.program))
		memcpy(&f.program, RTA_DATA(id), sizeof(f.program));
	to->visit(&f, to->ctx);
}

/* Those of one side of the interface; each after what stands for all with its priority, which has
 * handle 0. */
static void each_filter(unsigned ifindex, uint32_t side, filter_visit *visit, void *ctx)
{
	struct {
		struct nlmsghdr h;
		struct tcmsg m;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETTFILTER,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.m = { .tcm_ifindex = (int)ifindex, .tcm_parent = TC_H_MAKE(TC_H_CLSACT, side) },
	};

	(void)netlink_dump(NETLINK_ROUTE, &ask.h, read_filter, &(struct filters){ visit, ctx });
}

static void count_filter(const struct filter *f, void *ctx)
{
	(void)f;
	++*(size_t *)ctx;
}

static bool is_empty(unsigned ifindex)
{
	size_t count = 0;

	each_filter(ifindex, TC_H_MIN_INGRESS, count_filter, &count);
	each_filter(ifindex, TC_H_MIN_EGRESS, count_filter, &count);
	return count == 0;
}

/* ---- Ours and others ------------------------------------------------------------------ */

static bool is_pinned(const struct pins *p, unsigned program)
{
	char path[PINS_PATH_MAX], name[32];

	return program != 0 &&
	       access(pins_path(p, pins_name(PINS_PROGRAM, program, name), path), F_OK) == 0;
}

struct search {
	const struct pins *pins;
	bool ours;
	struct filter other; /* in our place or before it; kind "": there is none */
};

static void look_at(const struct filter *f, void *ctx)
{
	struct search *s = ctx;

	if (f->handle == 0 || f->priority > PRIORITY)
		return;
	if (f->priority == PRIORITY && f->handle == HANDLE && is_pinned(s->pins, f->program))
		s->ours = true;
	else
		s->other = *f;
}

static struct search look(const struct pins *p, unsigned ifindex)
{
	struct search s = { .pins = p };

	each_filter(ifindex, TC_H_MIN_INGRESS, look_at, &s);
	return s;
}

bool attach_tc_is_there(const struct pins *p, unsigned ifindex)
{
	return look(p, ifindex).ours;
}

static bool is_unoccupied(const struct search *s, unsigned ifindex, struct err *e)
{
	__u32 ids[TCX_MAX] = { 0 }, count = TCX_MAX, flags = 0;

	if (s->other.kind[0] != '\0' && s->other.program != 0)
		return err_at(e, 0, 0,
			      "there is another tc program before ours (id %u, mode tc, priority "
			      "%u); it stays, and no rules are enforced",
			      s->other.program, s->other.priority);
	if (s->other.kind[0] != '\0')
		return err_at(e, 0, 0,
			      "there is another tc filter before ours (%s, priority %u); it stays, "
			      "and no rules are enforced",
			      s->other.kind, s->other.priority);
	/* A kernel that does not know the question has none of them. */
	if (bpf_prog_query((int)ifindex, TCX_INGRESS, 0, &flags, ids, &count) == 0 && count > 0)
		return err_at(e, 0, 0,
			      "there is another tc program before ours (id %u, mode tcx); it "
			      "stays, and no rules are enforced",
			      ids[0]);
	return true;
}

/* ---- Pinned programs ------------------------------------------------------------------ */

static unsigned program_number(int program)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &len) == 0 ? info.id : 0;
}

bool attach_tc_pin(const struct pins *p, int program, struct err *e)
{
	unsigned number = program_number(program);
	char path[PINS_PATH_MAX], name[32];

	if (is_pinned(p, number))
		return true;
	pins_path(p, pins_name(PINS_PROGRAM, number, name), path);
	return bpf_obj_pin(program, path) == 0 ||
	       err_at(e, 0, 0, "%s: cannot pin it: %s", path, strerror(errno));
}

struct unpinning {
	const struct pins *pins;
	unsigned but, count;
};

static void unpin(const char *pin, void *ctx)
{
	struct unpinning *u = ctx;
	char path[PINS_PATH_MAX];
	unsigned number;

	if (!pins_number(PINS_PROGRAM, pin, &number))
		return;
	u->count++;
	if (number != u->but)
		(void)unlink(pins_path(u->pins, pin, path));
}

void attach_tc_unpin_others(const struct pins *p, int program)
{
	struct unpinning u = { .pins = p, .but = program >= 0 ? program_number(program) : 0 };

	(void)pins_each(p, unpin, &u, NULL);
}

static void count_pinned(const char *pin, void *ctx)
{
	unsigned number;

	*(size_t *)ctx += pins_number(PINS_PROGRAM, pin, &number);
}

bool attach_tc_pinned(const struct pins *p)
{
	size_t count = 0;

	(void)pins_each(p, count_pinned, &count, NULL);
	return count > 0;
}

/* ---- On an interface ------------------------------------------------------------------ */

static const char *mark_path(const struct pins *p, unsigned ifindex, char buf[PINS_PATH_MAX])
{
	char name[32];

	return pins_path(p, pins_name(PINS_QDISC, ifindex, name), buf);
}

static bool make_qdisc(const struct pins *p, unsigned ifindex, struct err *e)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	char path[PINS_PATH_MAX];
	int rc = bpf_tc_hook_create(&hook);

	if (rc == -EEXIST)
		return true;
	if (rc < 0)
		return err_at(e, 0, 0, "no clsact qdisc: %s", strerror(-rc));
	(void)mkdir(mark_path(p, ifindex, path), 0700);
	return true;
}

static void drop_qdisc(const struct pins *p, unsigned ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	char path[PINS_PATH_MAX];

	if (rmdir(mark_path(p, ifindex, path)) == 0 && is_empty(ifindex))
		(void)bpf_tc_hook_destroy(&hook);
}

bool attach_tc_put(const struct pins *p, unsigned ifindex, int program, struct err *e)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY, .prog_fd = program);
	struct search s = look(p, ifindex);
	int rc;

	if (!is_unoccupied(&s, ifindex, e) || !attach_tc_pin(p, program, e) ||
	    !make_qdisc(p, ifindex, e))
		return false;
	opts.flags = s.ours ? BPF_TC_F_REPLACE : 0;
	rc = bpf_tc_attach(&hook, &opts);
	if (rc == 0)
		return true;
	if (!s.ours)
		drop_qdisc(p, ifindex);
	return err_at(e, 0, 0, "%s", strerror(-rc));
}

void attach_tc_drop(const struct pins *p, unsigned ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);

	if (attach_tc_is_there(p, ifindex))
		(void)bpf_tc_detach(&hook, &opts);
	drop_qdisc(p, ifindex);
}

void attach_tc_drop_all(const struct pins *p)
{
	struct if_nameindex *all = attach_tc_pinned(p) ? if_nameindex() : NULL;

	for (struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++)
		attach_tc_drop(p, i->if_index);
	if (all != NULL)
		if_freenameindex(all);
}
