/* SPDX-License-Identifier: ISC */
/* netlink.c - see netlink.h. */
#include "enforce/netlink.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DUMP_OCTETS = 32 * 1024
};

bool netlink_is_whole(const struct nlmsghdr *h, int len)
{
	return len >= (int)sizeof(*h) && h->nlmsg_len >= sizeof(*h) &&
	       h->nlmsg_len <= (unsigned)len;
}

/* 1: there is more; 0: that was all; -1: errno says what was wrong. */
static int read_dump(const void *octets, int len,
		     void (*visit)(const struct nlmsghdr *h, void *ctx), void *ctx)
{
	for (const struct nlmsghdr *h = octets; netlink_is_whole(h, len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			errno = -((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			return -1;
		}
		visit(h, ctx);
	}
	return 1;
}

bool netlink_dump(int protocol, const struct nlmsghdr *ask,
		  void (*visit)(const struct nlmsghdr *h, void *ctx), void *ctx)
{
	_Alignas(struct nlmsghdr) static uint8_t octets[DUMP_OCTETS]; /* one thread */
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), why;
	int more = fd >= 0 && send(fd, ask, ask->nlmsg_len, 0) >= 0 ? 1 : -1;

	while (more > 0) {
		ssize_t n = recv(fd, octets, sizeof(octets), 0);

		if (n < 0 && errno == EINTR)
			continue;
		more = n > 0 ? read_dump(octets, (int)n, visit, ctx) : -1;
	}
	why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return more == 0;
}

void netlink_add(struct nlmsghdr *h, unsigned short type, const void *value, size_t n)
{
	struct rtattr *a = (struct rtattr *)((char *)h + NLMSG_ALIGN(h->nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), value, n);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + (uint32_t)RTA_SPACE(n);
}

const struct rtattr *netlink_attribute(const struct rtattr *first, int len, unsigned type)
{
	for (const struct rtattr *a = first; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}
