/* SPDX-License-Identifier: ISC */
/* merging.c - see merging.h.
 *
 * Segments of one flow may have become one packet before the program sees it: by the kernel (GRO),
 * by the network card (LRO, GRO in hardware), or because they never were more than one, where the
 * sender is another end in this machine (a veth's peer, a tap's) and leaves segmentation to a card
 * that does not come.
 *
 * In the driver none of this happens: who loads a program there switches it off.  The generic hook
 * is behind GRO, but the kernel does none on an interface that has a program in that hook; on those
 * below (of a VLAN device, of a bond) it does.
 */
#include "enforce/merging.h"

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enforce/netlink.h"

enum {
	FEATURES_MAX = 256,
	DEPTH_MAX = 8 /* of interfaces on each other, as the kernel has it */
};

/* ---- What ethtool says ---------------------------------------------------------------- */

static bool ask_ethtool(int fd, const char *name, void *what)
{
	struct ifreq r = { .ifr_data = what };

	memcpy(r.ifr_name, name, strnlen(name, sizeof(r.ifr_name) - 1));
	return ioctl(fd, SIOCETHTOOL, &r) == 0;
}

union feature_names {
	struct ethtool_gstrings head;
	uint8_t octets[sizeof(struct ethtool_gstrings) + (size_t)FEATURES_MAX * ETH_GSTRING_LEN];
};

union feature_states {
	struct ethtool_gfeatures head;
	uint8_t octets[sizeof(struct ethtool_gfeatures) +
		       FEATURES_MAX / 32 * sizeof(struct ethtool_get_features_block)];
};

static bool read_features(int fd, const char *name, union feature_names *names,
			  union feature_states *states)
{
	union {
		struct ethtool_sset_info head;
		uint8_t octets[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} info = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1U << ETH_SS_FEATURES } };

	memset(names, 0, sizeof(*names));
	memset(states, 0, sizeof(*states));
	if (!ask_ethtool(fd, name, &info) || info.head.sset_mask == 0 ||
	    info.head.data[0] > FEATURES_MAX)
		return false;
	names->head = (struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS,
						 .string_set = ETH_SS_FEATURES,
						 .len = info.head.data[0] };
	states->head = (struct ethtool_gfeatures){ .cmd = ETHTOOL_GFEATURES,
						   .size = (info.head.data[0] + 31) / 32 };
	return ask_ethtool(fd, name, names) && ask_ethtool(fd, name, states);
}

/* Is one of these on?  names ends with NULL. */
static bool any_on(const char *name, const char *const *names)
{
	static union feature_names all;
	static union feature_states states;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && read_features(fd, name, &all, &states);

	if (fd >= 0)
		close(fd);
	for (unsigned i = 0; ok && i < all.head.len; i++) {
		const char *feature = (const char *)all.head.data + (size_t)i * ETH_GSTRING_LEN;

		for (const char *const *n = names; *n != NULL; n++)
			if (strncmp(feature, *n, ETH_GSTRING_LEN) == 0 &&
			    (states.head.features[i / 32].active >> i % 32 & 1))
				return true;
	}
	return false;
}

static const char *const merge_kernel[] = { "rx-gro", NULL };
static const char *const merge_card[] = { "rx-lro", "rx-gro-hw", NULL };
static const char *const leave_whole[] = { "tx-generic-segmentation", "tx-tcp-segmentation",
					   "tx-tcp6-segmentation", "tx-udp-segmentation", NULL };

/* ---- The interfaces ------------------------------------------------------------------- */

struct link {
	unsigned ifindex, below, master; /* below: what it stands on, or a veth's peer; 0: none */
	bool elsewhere;                  /* that is in another network namespace */
	unsigned depth;                  /* below the one that is asked about */
	bool segments;                   /* a tap whose other end may leave packets whole */
	char name[IF_NAMESIZE], kind[16];
};

struct links {
	struct link *list;
	size_t count;
};

static unsigned number_of(const struct rtattr *a)
{
	unsigned n = 0;

	if (a != NULL && RTA_PAYLOAD(a) >= sizeof(n))
		memcpy(&n, RTA_DATA(a), sizeof(n));
	return n;
}

static void text_of(const struct rtattr *a, char *ret, size_t size)
{
	size_t len = a != NULL ? RTA_PAYLOAD(a) : 0;

	len = len < size ? len : size - 1;
	if (len > 0)
		memcpy(ret, RTA_DATA(a), len);
	ret[len] = '\0';
}

static const struct rtattr *inside(const struct rtattr *a, unsigned type)
{
	return a != NULL ? netlink_attribute(RTA_DATA(a), (int)RTA_PAYLOAD(a), type) : NULL;
}

static void read_link(const struct nlmsghdr *h, void *ctx)
{
	const struct ifinfomsg *m = NLMSG_DATA(h);
	const struct rtattr *first = IFLA_RTA(m), *info, *vnet;
	struct links *to = ctx;
	int len = (int)IFLA_PAYLOAD(h);
	struct link l = { .ifindex = (unsigned)m->ifi_index };
	struct link *list = realloc(to->list, (to->count + 1) * sizeof(*list));

	if (list == NULL)
		return;
	info = netlink_attribute(first, len, IFLA_LINKINFO);
	vnet = inside(inside(info, IFLA_INFO_DATA), IFLA_TUN_VNET_HDR);
	l.below = number_of(netlink_attribute(first, len, IFLA_LINK));
	l.master = number_of(netlink_attribute(first, len, IFLA_MASTER));
	l.elsewhere = netlink_attribute(first, len, IFLA_LINK_NETNSID) != NULL;
	text_of(netlink_attribute(first, len, IFLA_IFNAME), l.name, sizeof(l.name));
	text_of(inside(info, IFLA_INFO_KIND), l.kind, sizeof(l.kind));
	l.segments = strcmp(l.kind, "tun") == 0 && vnet != NULL && RTA_PAYLOAD(vnet) >= 1 &&
		     *(const uint8_t *)RTA_DATA(vnet) != 0;
	to->list = list;
	list[to->count++] = l;
}

static struct links read_links(void)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
	} ask = {
		.h = { .nlmsg_len = sizeof(ask),
		       .nlmsg_type = RTM_GETLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	struct links l = { 0 };

	(void)netlink_dump(NETLINK_ROUTE, &ask.h, read_link, &l);
	return l;
}

static const struct link *find(const struct links *l, unsigned ifindex)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->list[i].ifindex == ifindex)
			return &l->list[i];
	return NULL;
}

/* ---- Where they merge ----------------------------------------------------------------- */

static bool from_peer(const struct links *l, const struct link *at, struct err *e)
{
	const struct link *peer = at->elsewhere ? NULL : find(l, at->below);

	if (strcmp(at->kind, "veth") != 0)
		return at->segments && !err_at(e, 0, 0,
					       "interface %s: its other end may send packets of "
					       "many segments",
					       at->name);
	if (peer == NULL)
		return !err_at(e, 0, 0,
			       "interface %s: its peer in another network namespace may send "
			       "packets of many segments",
			       at->name);
	return any_on(peer->name, leave_whole) &&
	       !err_at(e, 0, 0,
		       "interface %s sends packets of many segments (ethtool -K %s gso off tso "
		       "off)",
		       peer->name, peer->name);
}

/* quiet: the kernel merges nothing on this one. */
static bool merges(const struct links *l, const struct link *at, bool quiet, struct err *e)
{
	if ((!quiet && any_on(at->name, merge_kernel)) || any_on(at->name, merge_card))
		return !err_at(e, 0, 0,
			       "interface %s merges packets (ethtool -K %s gro off lro off "
			       "rx-gro-hw off)",
			       at->name, at->name);
	return from_peer(l, at, e);
}

/* Does `upper` stand on `lower`, or is that a member of it? */
static bool stands_on(const struct link *upper, const struct link *lower)
{
	if (lower->master == upper->ifindex)
		return true;
	return strcmp(upper->kind, "veth") != 0 && !upper->elsewhere &&
	       lower->ifindex == upper->below;
}

/* The interface, and those below it, a layer of them after the other. */
static bool merges_below(struct links *l, const struct link *first, bool quiet, struct err *e)
{
	for (size_t i = 0; i < l->count; i++)
		l->list[i].depth = &l->list[i] == first ? 0 : DEPTH_MAX;
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++)
		for (size_t i = 0; i < l->count; i++) {
			const struct link *at = &l->list[i];

			if (at->depth != depth)
				continue;
			if (merges(l, at, quiet && at == first, e))
				return true;
			for (size_t k = 0; k < l->count; k++)
				if (l->list[k].depth == DEPTH_MAX && stands_on(at, &l->list[k]))
					l->list[k].depth = depth + 1;
		}
	return false;
}

bool merging_find(const struct attached *at, size_t count, struct err *e)
{
	struct links l = { 0 };
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		const struct link *link;

		if (at[i].mode == ENFORCE_ATTACH_NATIVE)
			continue;
		if (l.list == NULL)
			l = read_links();
		link = find(&l, at[i].ifindex);
		found = link != NULL &&
			merges_below(&l, link, at[i].mode == ENFORCE_ATTACH_GENERIC, e);
	}
	free(l.list);
	return found;
}
