/* SPDX-License-Identifier: ISC */
/* nft_hook.c - see nft_hook.h.
 *
 * A base chain is named after the interface's number, for a chain's name cannot be what an
 * interface's can.  Depending on its version the kernel takes such a chain away with the interface,
 * or keeps it and puts it on the next interface of that name: a chain is therefore added, which
 * does nothing where it is, before it is deleted.
 */
#include "nft/nft_hook.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "enforce/ifname.h"
#include "nft/nft_protect.h"
#include "nft/nft_run.h"
#include "nft/nft_sort.h"

enum {
	PRIORITY = -500 /* before what others hook there */
};

unsigned nft_hook_number(const char *chain)
{
	char *end;
	unsigned long n;

	if (strncmp(chain, "in", 2) != 0)
		return 0;
	n = strtoul(chain + 2, &end, 10);
	return *end == '\0' ? (unsigned)n : 0;
}

static const struct attached *find_hook(const struct nft_hooks *h, unsigned ifindex)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->at[i].ifindex == ifindex)
			return &h->at[i];
	return NULL;
}

static void unhook_print(unsigned ifindex, FILE *to)
{
	(void)fprintf(to,
		      "add chain " NFT_TABLE " in%u\nflush chain " NFT_TABLE
		      " in%u\ndelete chain " NFT_TABLE " in%u\n",
		      ifindex, ifindex, ifindex);
}

static void inside_print(const struct attached *a, FILE *to)
{
	(void)fprintf(to,
		      "add rule " NFT_TABLE " in%u meta protocol ip goto ipv4\n"
		      "add rule " NFT_TABLE " in%u meta protocol ip6 goto ipv6\n",
		      a->ifindex, a->ifindex);
}

static void hook_print(const struct attached *a, FILE *to)
{
	(void)fprintf(
		to,
		"add chain " NFT_TABLE
		" in%u { type filter hook ingress device \"%s\" priority %d; policy accept; }\n",
		a->ifindex, a->name, PRIORITY);
	inside_print(a, to);
}

static void monitored_print(const struct nft_hooks *h, FILE *to)
{
	unsigned ifindex[ENFORCE_INTERFACES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < h->count; i++)
		if (ifname_is_monitored(h->options, h->at[i].name))
			ifindex[n++] = h->at[i].ifindex;
	nft_protect_print_monitored(ifindex, n, to);
}

void nft_hooks_print(const struct nft_hooks *h, const unsigned *left, size_t left_count, FILE *to)
{
	for (size_t i = 0; i < left_count; i++)
		unhook_print(left[i], to);
	for (size_t i = 0; i < h->count; i++)
		hook_print(&h->at[i], to);
	monitored_print(h, to);
}

void nft_hooks_print_inside(const struct nft_hooks *h, FILE *to)
{
	for (size_t i = 0; i < h->count; i++) {
		(void)fprintf(to, "add chain " NFT_TABLE " in%u\n", h->at[i].ifindex);
		inside_print(&h->at[i], to);
	}
	monitored_print(h, to);
}

bool nft_hook_is_hooked(const struct nft_hooks *h, const char *chain, const char *line)
{
	const struct attached *a = find_hook(h, nft_hook_number(chain));
	char name[IF_NAMESIZE + 2];

	if (a == NULL)
		return false;
	(void)snprintf(name, sizeof(name), "\"%s\"", a->name);
	return strstr(line, "type filter hook ingress device") != NULL &&
	       strstr(line, name) != NULL && strstr(line, "500;") != NULL &&
	       strstr(line, "policy accept;") != NULL;
}

static void hook_log(const struct nft_hooks *h, const char *name)
{
	log_info("interface %s: attached, nftables", name);
	if (ifname_is_monitored(h->options, name))
		log_info("interface %s: rules count there and drop nothing", name);
}

void nft_hooks_log(const struct nft_hooks *h)
{
	for (size_t i = 0; i < h->count; i++)
		hook_log(h, h->at[i].name);
}

/* ---- Merged packets ------------------------------------------------------------------- */

static bool ethtool_value(int fd, const char *name, uint32_t cmd, uint32_t *ret)
{
	struct ethtool_value v = { .cmd = cmd };
	struct ifreq r = { .ifr_data = (void *)&v };

	memcpy(r.ifr_name, name, strnlen(name, sizeof(r.ifr_name) - 1));
	*ret = 0;
	if (ioctl(fd, SIOCETHTOOL, &r) < 0)
		return false;
	*ret = v.data;
	return true;
}

static bool merges(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t gro, flags;

	if (fd < 0)
		return false;
	(void)ethtool_value(fd, name, ETHTOOL_GGRO, &gro);
	(void)ethtool_value(fd, name, ETHTOOL_GFLAGS, &flags);
	close(fd);
	return gro != 0 || (flags & ETH_FLAG_LRO);
}

static void find_merging(struct nft_hooks *h)
{
	h->merging[0] = '\0';
	for (size_t i = 0; i < h->count; i++)
		if (merges(h->at[i].name)) {
			memcpy(h->merging, h->at[i].name, sizeof(h->merging));
			return;
		}
}

/* ---- Interfaces ----------------------------------------------------------------------- */

static bool add_hook(struct nft_hooks *h, unsigned ifindex, const char *name, struct err *e)
{
	struct attached *to = &h->at[h->count];

	if (h->count == ENFORCE_INTERFACES_MAX)
		return err_at(e, 0, 0, "interface %s: more than %d interfaces", name,
			      ENFORCE_INTERFACES_MAX);
	if (strpbrk(name, "\"\\") != NULL)
		return err_at(e, 0, 0, "interface %s: nftables takes no such name", name);
	*to = (struct attached){ .ifindex = ifindex, .link = -1 };
	(void)snprintf(to->name, sizeof(to->name), "%s", name);
	h->count++;
	return true;
}

/* Rules of a VPN are not to be had here, and no others are for a VRF's interfaces. */
static bool is_ours(const struct nft_hooks *h, const char *name)
{
	return ifname_is_named(h->options, name) && ifname_vrf(h->options, name) < 0;
}

static bool add_named(void *ctx, unsigned ifindex, const char *name, struct err *e)
{
	struct nft_hooks *h = ctx;

	if (!is_ours(h, name))
		return true;
	return find_hook(h, ifindex) != NULL || add_hook(h, ifindex, name, e);
}

bool nft_hooks_find(struct nft_hooks *h, struct err *e)
{
	if (!ifname_each(h->options, add_named, h, e))
		return false;
	find_merging(h);
	return true;
}

static void unhook(const struct attached *a, const char *why)
{
	struct nft_script s;
	struct err e = { 0 };

	log_warning("interface %s: %s, and with it the rules there", a->name, why);
	nft_script_open(&s);
	if (s.to != NULL)
		unhook_print(a->ifindex, s.to);
	if (!nft_script_run(&s, &e))
		log_warning("interface %s: %s", a->name, e.text);
}

/* A hook is for a name (on newer kernels it ends with that): with another one it is made anew. */
static void forget_gone(struct nft_hooks *h)
{
	char name[IF_NAMESIZE];

	for (size_t i = h->count; i-- > 0;) {
		bool there = if_indextoname(h->at[i].ifindex, name) != NULL;

		if (there && strcmp(name, h->at[i].name) == 0)
			continue;
		unhook(&h->at[i], there ? "its name is gone" : "it is gone");
		h->at[i] = h->at[--h->count];
	}
}

static bool was_refused(const struct nft_hooks *h, unsigned ifindex)
{
	for (size_t i = 0; i < h->refused.count; i++)
		if (h->refused.ifindex[i] == ifindex)
			return true;
	return false;
}

static bool hook_one(struct nft_hooks *h, unsigned ifindex, const char *name, struct err *e)
{
	struct nft_script s;

	if (!add_hook(h, ifindex, name, e))
		return false;
	nft_script_open(&s);
	if (s.to != NULL) {
		hook_print(&h->at[h->count - 1], s.to);
		monitored_print(h, s.to);
	}
	if (nft_script_run(&s, e)) {
		hook_log(h, name);
		return true;
	}
	h->count--;
	return false;
}

/* One that cannot be had is in the way of no other, and is named once. */
static void hook_later(struct nft_hooks *h, unsigned ifindex, const char *name,
		       struct refusals *now)
{
	struct err e = { 0 };

	if (hook_one(h, ifindex, name, &e))
		return;
	if (!was_refused(h, ifindex))
		log_error("interface %s: %s", name, e.text);
	if (now->count < REFUSALS_MAX)
		now->ifindex[now->count++] = ifindex;
}

void nft_hooks_refresh(struct nft_hooks *h)
{
	struct if_nameindex *all = if_nameindex();
	struct refusals now = { 0 };

	forget_gone(h);
	if (all == NULL)
		return;
	for (struct if_nameindex *i = all; i->if_index != 0; i++)
		if (find_hook(h, i->if_index) == NULL && is_ours(h, i->if_name))
			hook_later(h, i->if_index, i->if_name, &now);
	if_freenameindex(all);
	h->refused = now;
	find_merging(h);
}
