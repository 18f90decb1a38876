/* SPDX-License-Identifier: ISC */
/* vrf.c - see vrf.h.
 *
 * A VRF's number is kept with its name beside the store, so that the rules in it are still known
 * for what they are when the file has other VRFs.  Rules of one that is there no more are behind a
 * root that no interface leads to, until the hub has told what there is; its number is free when it
 * has none.
 */
#include "enforce/vrf.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "enforce/xdp_inner.h"

/* Those that are had by a rule or a VRF of the options. */
struct taken {
	bool number[XDP_VRFS];
};

static unsigned number_of_name(const struct xdp *x, const char *name)
{
	for (unsigned n = 1; n < XDP_VRFS; n++)
		if (strncmp(x->control->vrf[n], name, XDP_VRF_NAME_MAX) == 0)
			return n;
	return 0;
}

static unsigned free_number(const struct taken *t)
{
	for (unsigned n = 1; n < XDP_VRFS; n++)
		if (!t->number[n])
			return n;
	return 0;
}

static void take_known(const struct xdp *x, const struct enforce_options *o, struct taken *t)
{
	t->number[0] = true;
	for (uint32_t slot = 0; slot < XDP_SLOTS; slot++)
		if (x->store[slot].in_force)
			t->number[x->store[slot].vrf % XDP_VRFS] = true;
	for (size_t i = 0; i < o->vrf_count; i++)
		t->number[number_of_name(x, o->vrfs[i].name)] = true;
}

bool vrf_numbers(struct xdp *x, const struct enforce_options *o, uint8_t ret[ENFORCE_VRFS_MAX],
		 struct err *e)
{
	struct taken t = { 0 };

	take_known(x, o, &t);
	for (size_t i = 0; i < o->vrf_count; i++) {
		const char *name = o->vrfs[i].name;
		unsigned n = number_of_name(x, name);

		if (n == 0) {
			n = free_number(&t);
			if (n == 0)
				return err_at(e, 0, 0, "vrf %s: too many others still have rules",
					      name);
			(void)snprintf(x->control->vrf[n], XDP_VRF_NAME_MAX, "%s", name);
			t.number[n] = true;
		}
		ret[i] = (uint8_t)n;
	}
	return true;
}

bool vrf_interface(struct xdp *x, unsigned ifindex, unsigned vrf)
{
	uint32_t key = ifindex, value = vrf;

	if (vrf == 0)
		return bpf_map_delete_elem(x->map[XDP_MAP_VRFS], &key) == 0 || errno == ENOENT;
	if (bpf_map_update_elem(x->map[XDP_MAP_VRFS], &key, &value, BPF_ANY) < 0)
		return false;
	__atomic_store_n(&x->tables->vrfs, 1, __ATOMIC_RELEASE);
	return true;
}
