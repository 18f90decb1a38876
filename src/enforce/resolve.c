/* SPDX-License-Identifier: ISC */
/* resolve.c - see resolve.h; rtnetlink(7).
 *
 * For an address the kernel says by which interface and next hop it goes there; of that neighbor it
 * is told that we use it (NTF_USE), upon which it asks for its link-layer address.  Nothing is
 * waited for: it is done each second, and a copy that cannot be made is counted.
 */
#include "enforce/resolve.h"

#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enforce/netlink.h"
#include "enforce/xdp.h"

enum {
	COPIES_MAX = 64, /* addresses; of more, some are resolved by who else sends there */
	MESSAGE_MAX = 128
};

struct message {
	struct nlmsghdr h;
	union {
		struct rtmsg route;
		struct ndmsg neighbor;
	};
	char attributes[MESSAGE_MAX];
};

struct next_hop {
	struct addr to;
	uint32_t ifindex;
};

static uint8_t family_of(const struct addr *a)
{
	return a->family == ADDR_IPV6 ? AF_INET6 : AF_INET;
}

static struct addr addr_of(const struct rtattr *a, int family)
{
	const uint8_t *octets = RTA_DATA(a);

	if (family == AF_INET6 && RTA_PAYLOAD(a) >= 16)
		return addr_ipv6(octets);
	if (family == AF_INET && RTA_PAYLOAD(a) >= 4)
		return addr_ipv4(octets);
	return (struct addr){ 0 };
}

/* RTA_VIA: a next hop of another family. */
static struct addr via_of(const struct rtattr *a)
{
	struct rtvia via;
	uint8_t octets[16];

	if (RTA_PAYLOAD(a) < sizeof(via) + sizeof(octets))
		return (struct addr){ 0 };
	memcpy(&via, RTA_DATA(a), sizeof(via));
	memcpy(octets, (const uint8_t *)RTA_DATA(a) + sizeof(via), sizeof(octets));
	return via.rtvia_family == AF_INET6 ? addr_ipv6(octets) : (struct addr){ 0 };
}

static bool read_route(const struct nlmsghdr *h, const struct addr *to, struct next_hop *ret)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	int left = (int)RTM_PAYLOAD(h);

	*ret = (struct next_hop){ .to = *to };
	if (h->nlmsg_type != RTM_NEWROUTE || m->rtm_type != RTN_UNICAST)
		return false;
	for (const struct rtattr *a = RTM_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) >= sizeof(ret->ifindex))
			memcpy(&ret->ifindex, RTA_DATA(a), sizeof(ret->ifindex));
		else if (a->rta_type == RTA_GATEWAY)
			ret->to = addr_of(a, m->rtm_family);
		else if (a->rta_type == RTA_VIA)
			ret->to = via_of(a);
	}
	return ret->ifindex != 0 && ret->to.family != ADDR_NONE;
}

/* ifindex 0: through any interface. */
static bool find_next_hop(int fd, const struct addr *to, uint32_t ifindex, struct next_hop *ret)
{
	_Alignas(struct nlmsghdr) char octets[4096];
	struct message m = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.route)),
		       .nlmsg_type = RTM_GETROUTE,
		       .nlmsg_flags = NLM_F_REQUEST },
		.route = { .rtm_family = family_of(to), .rtm_dst_len = (uint8_t)addr_bits(to) },
	};
	const struct nlmsghdr *h = (const struct nlmsghdr *)octets;
	ssize_t n;

	netlink_add(&m.h, RTA_DST, to->octets, addr_octets(to));
	if (ifindex != 0)
		netlink_add(&m.h, RTA_OIF, &ifindex, sizeof(ifindex));
	if (send(fd, &m, m.h.nlmsg_len, 0) < 0)
		return false;
	n = recv(fd, octets, sizeof(octets), 0);
	return n > 0 && netlink_is_whole(h, (int)n) && read_route(h, to, ret);
}

static void use(int fd, const struct next_hop *n)
{
	_Alignas(struct nlmsghdr) char octets[1024];
	struct message m = {
		.h = { .nlmsg_len = NLMSG_LENGTH(sizeof(m.neighbor)),
		       .nlmsg_type = RTM_NEWNEIGH,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK },
		.neighbor = { .ndm_family = family_of(&n->to),
			      .ndm_ifindex = (int)n->ifindex,
			      .ndm_flags = NTF_USE },
	};

	netlink_add(&m.h, NDA_DST, n->to.octets, addr_octets(&n->to));
	if (send(fd, &m, m.h.nlmsg_len, 0) >= 0)
		(void)recv(fd, octets, sizeof(octets), 0);
}

void resolve_copies(const struct xdp *x)
{
	struct addr list[COPIES_MAX];
	size_t n = xdp_copies(x, list, COPIES_MAX);
	int fd = n > 0 ? socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) : -1;
	struct next_hop hop;

	for (size_t i = 0; fd >= 0 && i < n; i++)
		if (find_next_hop(fd, &list[i], 0, &hop))
			use(fd, &hop);
	if (fd >= 0)
		close(fd);
}

/* Asked for an address that nobody has a route of its own to (100::/64, RFC 6666). */
struct addr resolve_gateway6(unsigned ifindex)
{
	static const uint8_t nobody[16] = { 0x01, 0x00, [15] = 1 };
	struct addr to = addr_ipv6(nobody);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct next_hop hop;
	bool found = fd >= 0 && find_next_hop(fd, &to, ifindex, &hop) && hop.ifindex == ifindex &&
		     !addr_equal(&hop.to, &to);

	if (fd >= 0)
		close(fd);
	return found ? hop.to : (struct addr){ 0 };
}
