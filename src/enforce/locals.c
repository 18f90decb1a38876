/* SPDX-License-Identifier: ISC */
/* locals.c - see locals.h.
 *
 * An event only says that it is time to look: all addresses are asked for anew, and the difference
 * is brought into the table.  So no event can be missed for good.
 */
#include "enforce/locals.h"
#include "enforce/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENT_OCTETS = 32 * 1024
};

/* What tells that an address has come or gone. */
static int watch(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK,
				  .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static uint64_t word(const uint8_t *octets, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | octets[i];
	return v;
}

static bool add_local(struct locals *l, int family, const uint8_t *octets)
{
	struct xdp_local *list = l->list;

	if (l->count == XDP_LOCALS)
		return true;
	if ((l->count & (l->count - 1)) == 0) { /* a power of two: the room is full */
		list = realloc(l->list, (l->count == 0 ? 1 : 2 * l->count) * sizeof(*list));
		if (list == NULL)
			return false;
		l->list = list;
	}
	list[l->count++] =
		family == AF_INET
			? (struct xdp_local){ .address = { word(octets, 4) }, .family = XDP_IPV4 }
			: (struct xdp_local){ .address = { word(octets, 8), word(octets + 8, 8) },
					      .family = XDP_IPV6 };
	return true;
}

/* IFA_LOCAL is ours where both are there: of a point-to-point link the other is the peer's. */
static bool read_one(struct locals *l, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const uint8_t *address = NULL, *local = NULL;
	size_t size = m->ifa_family == AF_INET ? 4 : 16;
	int left = (int)IFA_PAYLOAD(h);

	if (m->ifa_family != AF_INET && m->ifa_family != AF_INET6)
		return true;
	for (const struct rtattr *a = IFA_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (RTA_PAYLOAD(a) < size)
			continue;
		if (a->rta_type == IFA_LOCAL)
			local = RTA_DATA(a);
		else if (a->rta_type == IFA_ADDRESS)
			address = RTA_DATA(a);
	}
	local = local != NULL ? local : address;
	return local == NULL || add_local(l, m->ifa_family, local);
}

struct reading {
	struct locals *to;
	bool lost; /* memory was out */
};

static void read_address(const struct nlmsghdr *h, void *ctx)
{
	struct reading *r = ctx;

	if (h->nlmsg_type == RTM_NEWADDR && !read_one(r->to, h))
		r->lost = true;
}

static bool dump(struct locals *ret)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg m;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETADDR,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	struct reading r = { .to = ret };

	if (!netlink_dump(NETLINK_ROUTE, &ask.h, read_address, &r))
		return false;
	if (r.lost)
		errno = ENOMEM;
	return !r.lost;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct xdp_local));
}

bool locals_have(const struct locals *l, const struct xdp_local *what)
{
	return l->count > 0 && bsearch(what, l->list, l->count, sizeof(*what), compare) != NULL;
}

bool locals_change(struct locals *l, struct xdp_local *list, size_t count, struct err *e)
{
	struct locals after = *l;
	bool ok;

	after.list = list;
	after.count = count;
	if (count > 0)
		qsort(list, count, sizeof(*list), compare);
	ok = l->bring(l->ctx, l, &after, e);
	free(ok ? l->list : list);
	if (ok)
		*l = after;
	return ok;
}

static bool look(struct locals *l, struct err *e)
{
	struct locals after = { 0 };
	bool ok = dump(&after);

	if (!ok) {
		(void)err_at(e, 0, 0, "cannot learn this machine's addresses: %s", strerror(errno));
		free(after.list);
	}
	return ok && locals_change(l, after.list, after.count, e);
}

bool locals_open(struct locals *l, locals_bring *bring, void *ctx, struct err *e)
{
	*l = (struct locals){ .fd = watch(), .bring = bring, .ctx = ctx };
	if (l->fd < 0)
		return err_at(e, 0, 0, "cannot watch this machine's addresses: %s",
			      strerror(errno));
	return look(l, e);
}

bool locals_refresh(struct locals *l, struct err *e)
{
	static uint8_t octets[EVENT_OCTETS];

	while (recv(l->fd, octets, sizeof(octets), 0) > 0 || errno == ENOBUFS || errno == EINTR)
		;
	return look(l, e);
}

void locals_close(struct locals *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->list);
	*l = (struct locals){ .fd = -1 };
}
