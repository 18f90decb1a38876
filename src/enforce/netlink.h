/* SPDX-License-Identifier: ISC */
/* netlink.h - lists that the kernel has of interfaces and filters. */
#ifndef ENFORCE_NETLINK_H
#define ENFORCE_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>

/* Asks this request, which is for a list, and visits each entry.  False: the list broke off. */
bool netlink_dump(const struct nlmsghdr *ask, void (*visit)(const struct nlmsghdr *h, void *ctx),
		  void *ctx);

/* An attribute of one of these types, or NULL. */
const struct rtattr *netlink_attribute(const struct rtattr *first, int len, unsigned type);

#endif
