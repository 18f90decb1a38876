/* SPDX-License-Identifier: ISC */
/* netlink.h - lists that the kernel has: of interfaces, addresses, rules, filters, counters. */
#ifndef ENFORCE_NETLINK_H
#define ENFORCE_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>

/* Asks this request, which is for a list of a protocol (NETLINK_ROUTE ...), and visits each entry.
 * False: the list broke off, and errno says why. */
bool netlink_dump(int protocol, const struct nlmsghdr *ask,
		  void (*visit)(const struct nlmsghdr *h, void *ctx), void *ctx);

/* Is there a whole message in these octets?  As NLMSG_OK, which compares with and without a sign.
 */
bool netlink_is_whole(const struct nlmsghdr *h, int len);

/* An attribute at the end of a message, which has the room. */
void netlink_add(struct nlmsghdr *h, unsigned short type, const void *value, size_t n);

/* An attribute of one of these types, or NULL. */
const struct rtattr *netlink_attribute(const struct rtattr *first, int len, unsigned type);

#endif
