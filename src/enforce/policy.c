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

enum {
	PROTOCOL = 104, /* free in rt_protos */
	BEHIND_LOCAL = 1,
	LAST = 2,
	RULES_MAX = 2 * XDP_PLACES,
	MESSAGE_MAX = 256,
	DUMP_MAX = 32 * 1024
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

static void add_attribute(struct message *m, unsigned short type, const void *value, size_t n)
{
	struct rtattr *a = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), value, n);
	m->h.nlmsg_len = NLMSG_ALIGN(m->h.nlmsg_len) + (uint32_t)RTA_SPACE(n);
}

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
	add_attribute(&m, FRA_PRIORITY, &r->priority, sizeof(r->priority));
	add_attribute(&m, FRA_FWMARK, &r->mark, sizeof(r->mark));
	add_attribute(&m, FRA_FWMASK, &r->mask, sizeof(r->mask));
	add_attribute(&m, FRA_PROTOCOL, &protocol, sizeof(protocol));
	if (r->table != 0)
		add_attribute(&m, FRA_TABLE, &r->table, sizeof(r->table));
	if (send(fd, &m, m.h.nlmsg_len, 0) < 0)
		return errno;
	return read_answer(fd);
}

/* ---- What is there -------------------------------------------------------------------------- */

static void read_rule(const struct nlmsghdr *h, struct there *to)
{
	const struct fib_rule_hdr *hdr = NLMSG_DATA(h);
	int left = (int)NLMSG_PAYLOAD(h, sizeof(*hdr));
	const struct rtattr *a =
		(const struct rtattr *)((const char *)hdr + NLMSG_ALIGN(sizeof(*hdr)));
	struct rule r = { .table = hdr->table };
	uint8_t protocol = 0;

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

/* 1: there is more; 0: that was all; -1: errno says what was wrong. */
static int read_part(const void *octets, int len, struct there *to)
{
	for (const struct nlmsghdr *h = octets; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			errno = -((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			return -1;
		}
		if (h->nlmsg_type == RTM_NEWRULE)
			read_rule(h, to);
	}
	return 1;
}

static bool read_all(int fd, uint8_t family, struct there *to)
{
	_Alignas(struct nlmsghdr) static char octets[DUMP_MAX]; /* one enforcer, one thread */
	struct {
		struct nlmsghdr h;
		struct fib_rule_hdr rule;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETRULE,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.rule = { .family = family },
	};
	int more = 1;

	to->count = 0;
	if (send(fd, &ask, sizeof(ask), 0) < 0)
		return false;
	while (more > 0) {
		ssize_t n = recv(fd, octets, sizeof(octets), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		more = read_part(octets, (int)n, to);
	}
	return more == 0;
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

	if (!read_all(fd, family, &there))
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
