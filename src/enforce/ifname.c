/* SPDX-License-Identifier: ISC */
/* ifname.c - see ifname.h. */
#include "enforce/ifname.h"

#include <fnmatch.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool ifname_is_loopback(const char *name)
{
	struct ifreq r = { 0 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool loopback;

	if (fd < 0)
		return false;
	memcpy(r.ifr_name, name, strnlen(name, sizeof(r.ifr_name) - 1));
	loopback = ioctl(fd, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_LOOPBACK);
	close(fd);
	return loopback;
}

bool ifname_is_pattern(const char *name)
{
	return strchr(name, '*') != NULL;
}

bool ifname_is_named(const struct enforce_options *o, const char *name)
{
	for (size_t i = 0; i < o->interface_count; i++)
		if (fnmatch(o->interfaces[i], name, 0) == 0)
			return !ifname_is_loopback(name);
	return false;
}
