/* SPDX-License-Identifier: ISC */
/* ifname.c - see ifname.h. */
#include "enforce/ifname.h"

#include <errno.h>
#include <fnmatch.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool ask(const char *name, unsigned long what, struct ifreq *ret)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->ifr_name, name, strnlen(name, sizeof(ret->ifr_name) - 1));
	ok = fd >= 0 && ioctl(fd, what, ret) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

bool ifname_is_loopback(const char *name)
{
	struct ifreq r;

	return ask(name, SIOCGIFFLAGS, &r) && (r.ifr_flags & IFF_LOOPBACK);
}

bool ifname_is_ethernet(const char *name)
{
	struct ifreq r;

	return ask(name, SIOCGIFHWADDR, &r) && r.ifr_hwaddr.sa_family == ARPHRD_ETHER;
}

bool ifname_is_pattern(const char *name)
{
	return strchr(name, '*') != NULL;
}

int ifname_vrf(const struct enforce_options *o, const char *name)
{
	for (size_t v = 0; v < o->vrf_count; v++)
		for (size_t i = 0; i < o->vrfs[v].interface_count; i++)
			if (fnmatch(o->vrfs[v].interfaces[i], name, 0) == 0)
				return (int)v;
	return -1;
}

bool ifname_is_named(const struct enforce_options *o, const char *name)
{
	if (ifname_vrf(o, name) >= 0)
		return !ifname_is_loopback(name);
	for (size_t i = 0; i < o->interface_count; i++)
		if (fnmatch(o->interfaces[i], name, 0) == 0)
			return !ifname_is_loopback(name);
	return false;
}

size_t ifname_option(const struct enforce_options *o, const char *name)
{
	size_t i = 0;

	while (i < o->interface_count && fnmatch(o->interfaces[i], name, 0) != 0)
		i++;
	return i;
}

bool ifname_is_monitored(const struct enforce_options *o, const char *name)
{
	size_t i = ifname_option(o, name);

	return o->monitored != NULL && i < o->interface_count && o->monitored[i];
}

static bool visit_fitting(const char *name, const struct if_nameindex *all, ifname_visit *visit,
			  void *ctx, struct err *e)
{
	size_t fits = 0;

	if (ifname_is_loopback(name))
		return err_at(e, 0, 0, "interface %s: rules are not enforced on loopback", name);
	for (const struct if_nameindex *i = all; i->if_index != 0; i++) {
		if (fnmatch(name, i->if_name, 0) != 0 || ifname_is_loopback(i->if_name))
			continue;
		fits++;
		if (!visit(ctx, i->if_index, i->if_name, e))
			return false;
	}
	if (fits > 0)
		return true;
	return err_at(e, 0, 0,
		      ifname_is_pattern(name) ? "no interface fits %s" : "there is no interface %s",
		      name);
}

bool ifname_each(const struct enforce_options *o, ifname_visit *visit, void *ctx, struct err *e)
{
	struct if_nameindex *all = if_nameindex();
	bool ok = true;

	if (all == NULL)
		return err_at(e, 0, 0, "cannot list interfaces: %s", strerror(errno));
	for (size_t i = 0; ok && i < o->interface_count; i++)
		ok = visit_fitting(o->interfaces[i], all, visit, ctx, e);
	for (size_t v = 0; v < o->vrf_count; v++)
		for (size_t i = 0; ok && i < o->vrfs[v].interface_count; i++)
			ok = visit_fitting(o->vrfs[v].interfaces[i], all, visit, ctx, e);
	if_freenameindex(all);
	return ok;
}
