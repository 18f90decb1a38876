/* SPDX-License-Identifier: ISC */
/* policy.c - see policy.h; rtnetlink(7).
 *
 * Our rules are told by their protocol.  They stand right behind the kernel's own for local
 * addresses, so that no other rule comes first for a marked packet.
 */
#include "enforce/policy.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/xdp_maps.h"
#include "enforce/netlink.h"

enum {
	PROTOCOL = 104, /* free in rt_protos */
	BEHIND_LOCAL = 1,
	LAST = 2,
	RULES_MAX = 2 * XDP_PLACES,
	MESSAGE_MAX = 256
};

struct rule {
	uint32_t mark, mask, table, priority;
	bool wanted;
};

struct message {
	struct nlmsghdr h;
	struct fib_rule_hdr rule;
	char attributes[MESSAGE_MAX];
};

struct there {
	size_t count;
	struct rule rule[RULES_MAX];
};

/* ---- One rule ------------------------------------------------------------------------------- */

/* An errno, 0: done. */
static int read_answer(int fd)
{
	_Alignas(struct nlmsghdr) char octets[1024];
	ssize_t n;

	do
		n = recv(fd, octets, sizeof(octets), 0);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		return n < 0 ? errno : EPROTO;
	return -((const struct nlmsgerr *)NLMSG_DATA((const struct nlmsghdr *)octets))->error;
}

static int change(int fd, uint8_t family, const struct rule *r, bool adds)
{
	static const uint8_t protocol = PROTOCOL;
	struct message m = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.rule)),
		       .nlmsg_type = adds ? RTM_NEWRULE : RTM_DELRULE,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.rule = { .family = family,
			  .action = r->table != 0 ? FR_ACT_TO_TBL : FR_ACT_UNREACHABLE },
	};

	if (adds)
		m.h.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	netlink_add(&m.h, FRA_PRIORITY, &r->priority, sizeof(r->priority));
	netlink_add(&m.h, FRA_FWMARK, &r->mark, sizeof(r->mark));
	netlink_add(&m.h, FRA_FWMASK, &r->mask, sizeof(r->mask));
	netlink_add(&m.h, FRA_PROTOCOL, &protocol, sizeof(protocol));
	if (r->table != 0)
		netlink_add(&m.h, FRA_TABLE, &r->table, sizeof(r->table));
	if (send(fd, &m, m.h.nlmsg_len, 0) < 0)
		return errno;
	return read_answer(fd);
}

/* ---- What is there -------------------------------------------------------------------------- */

static void read_rule(const struct nlmsghdr *h, void *ctx)
{
	struct there *to = ctx;
	const struct fib_rule_hdr *hdr = NLMSG_DATA(h);
	int left = (int)NLMSG_PAYLOAD(h, sizeof(*hdr));
	const struct rtattr *a =
		(const struct rtattr *)((const char *)hdr + NLMSG_ALIGN(sizeof(*hdr)));
	struct rule r = { .table = hdr->table };
	uint8_t protocol = 0;

	if (h->nlmsg_type != RTM_NEWRULE)
		return;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		const void *value = RTA_DATA(a);

		if (a->rta_type == FRA_PROTOCOL && RTA_PAYLOAD(a) >= 1)
			memcpy(&protocol, value, 1);
		if (RTA_PAYLOAD(a) < 4)
			continue;
		if (a->rta_type == FRA_PRIORITY)
			memcpy(&r.priority, value, 4);
		else if (a->rta_type == FRA_FWMARK)
			memcpy(&r.mark, value, 4);
		else if (a->rta_type == FRA_FWMASK)
			memcpy(&r.mask, value, 4);
		else if (a->rta_type == FRA_TABLE)
			memcpy(&r.table, value, 4);
	}
	if (hdr->action != FR_ACT_TO_TBL)
		r.table = 0;
	if (protocol == PROTOCOL && (r.mark & XDP_MARK_MASK) == XDP_MARK && to->count < RULES_MAX)
		to->rule[to->count++] = r;
}

static bool read_all(uint8_t family, struct there *to)
{
	struct {
		struct nlmsghdr h;
		struct fib_rule_hdr rule;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETRULE,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.rule = { .family = family },
	};

	to->count = 0;
	return netlink_dump(NETLINK_ROUTE, &ask.h, read_rule, to);
}

/* ---- To what is wanted ---------------------------------------------------------------------- */

static bool same(const struct rule *a, const struct rule *b)
{
	return a->mark == b->mark && a->mask == b->mask && a->table == b->table &&
	       a->priority == b->priority;
}

/* Adds it unless it is there; there it is marked as wanted. */
static int want(int fd, uint8_t family, const struct rule *r, struct there *there)
{
	for (size_t i = 0; i < there->count; i++)
		if (!there->rule[i].wanted && same(&there->rule[i], r)) {
			there->rule[i].wanted = true;
			return 0;
		}
	return change(fd, family, r, true);
}

static int bring_family(int fd, uint8_t family, const struct policy_table *tables, size_t n)
{
	struct there there;
	int failed = 0;

	if (!read_all(family, &there))
		return errno;
	if (n > 0)
		failed = want(
			fd, family,
			&(struct rule){ .mark = XDP_MARK, .mask = XDP_MARK_MASK, .priority = LAST },
			&there);
	for (size_t i = 0; failed == 0 && i < n; i++)
		failed = want(fd, family,
			      &(struct rule){ .mark = tables[i].mark,
					      .mask = UINT32_MAX,
					      .table = tables[i].table,
					      .priority = BEHIND_LOCAL },
			      &there);
	for (size_t i = 0; failed == 0 && i < there.count; i++)
		if (!there.rule[i].wanted)
			failed = change(fd, family, &there.rule[i], false);
	return failed;
}

/* A machine without IPv6 has no rules for it. */
static bool is_missing(int error)
{
	return error == EAFNOSUPPORT || error == EOPNOTSUPP;
}

bool policy_bring(const struct policy_table *tables, size_t n, struct err *e)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int failed = fd < 0 ? errno : bring_family(fd, AF_INET, tables, n);

	if (failed == 0)
		failed = bring_family(fd, AF_INET6, tables, n);
	if (is_missing(failed))
		failed = 0;
	if (fd >= 0)
		close(fd);
	return failed == 0 ||
	       err_at(e, 0, 0, "cannot have rules for redirects into routing tables: %s",
		      strerror(failed));
}
