/* SPDX-License-Identifier: ISC */
/* protect.c - see protect.h.  What a default matches is code: xdp_spare.h. */
#include "enforce/protect.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "enforce/box.h"
#include "enforce/plan.h"
#include "enforce/xdp_inner.h"

static const struct {
	const char *name, *match;
} defaults[XDP_DEFAULTS] = {
	[XDP_DEFAULT_BGP] = { "bgp", "TCP port 179 to or from" },
	[XDP_DEFAULT_OSPF] = { "ospf", "protocol 89" },
	[XDP_DEFAULT_LDP] = { "ldp", "TCP and UDP port 646 to or from" },
	[XDP_DEFAULT_BFD] = { "bfd", "UDP to port 3784, 3785 or 4784" },
	[XDP_DEFAULT_VRRP] = { "vrrp", "protocol 112" },
	[XDP_DEFAULT_PACKET_TOO_BIG] = { "packet-too-big", "ICMPv6 type 2" },
	[XDP_DEFAULT_NEIGHBOR_DISCOVERY] = { "neighbor-discovery",
					     "ICMPv6 types 133 to 137 with hop limit 255" },
	[XDP_DEFAULT_FRAGMENTATION_NEEDED] = { "fragmentation-needed", "ICMP type 3 code 4" },
	[XDP_DEFAULT_SSH] = { "ssh", "TCP to port 22" },
};

const char *protect_default_name(unsigned number)
{
	return defaults[number].name;
}

const char *protect_default_match(unsigned number)
{
	return defaults[number].match;
}

int protect_default_number(const char *name)
{
	for (int d = 0; d < XDP_DEFAULTS; d++)
		if (strcmp(defaults[d].name, name) == 0)
			return d;
	return -1;
}

/* The program has swapped a packet's addresses by the time that it asks. */
static void prefix_make(const struct box_prefix *p, struct xdp_prefix *ret)
{
	uint64_t mask[2] = { 0 };

	if (p->mask != 0)
		box_mask(p->mask, mask);
	for (int i = 0; i < 2; i++) {
		ret->mask[i] = mask[i];
		ret->value[i] = p->address[i];
	}
}

bool protect_statement_make(const struct enforce_protect_statement *s, struct xdp_rule *ret,
			    struct err *e)
{
	struct box_rule box;
	struct err why = { 0 };

	if (!box_make(&s->nlri, &box, &why) || !plan_rule_make(&s->nlri, ret, &why))
		return err_at(e, 0, 0, "protect: route %s: %s", s->name, why.text);
	prefix_make(&box.destination, &ret->destination);
	prefix_make(&box.source, &ret->source);
	return true;
}

bool protect_set(struct xdp *x, const struct enforce_protect *p, struct err *e)
{
	struct xdp_rule rule;

	if (p->count > XDP_STATEMENTS)
		return err_at(e, 0, 0, "protect: more than %d routes", XDP_STATEMENTS);
	for (uint32_t i = 0; i < p->count; i++) {
		if (!protect_statement_make(&p->statements[i], &rule, e))
			return false;
		if (bpf_map_update_elem(x->map[XDP_MAP_PROTECTED], &i, &rule, BPF_ANY) < 0)
			return err_at(e, 0, 0, "%s[%u]: %s", xdp_map_names[XDP_MAP_PROTECTED], i,
				      strerror(errno));
	}
	saved_forget(x);
	x->protect->statements = (__u32)p->count;
	x->protect->defaults = ((1U << XDP_DEFAULTS) - 1) & ~p->defaults_off;
	return true;
}

/* What is new first: an address is never missing in between. */
bool protect_bring_locals(void *ctx, const struct locals *before, const struct locals *after,
			  struct err *e)
{
	const struct xdp *x = ctx;
	int map = x->map[XDP_MAP_LOCALS];
	uint32_t yes = 1;

	for (size_t i = 0; i < after->count; i++)
		if (!locals_have(before, &after->list[i]) &&
		    bpf_map_update_elem(map, &after->list[i], &yes, BPF_ANY) < 0 && errno != E2BIG)
			return err_at(e, 0, 0, "%s: %s", xdp_map_names[XDP_MAP_LOCALS],
				      strerror(errno));
	for (size_t i = 0; i < before->count; i++)
		if (!locals_have(after, &before->list[i]) &&
		    bpf_map_delete_elem(map, &before->list[i]) < 0 && errno != ENOENT)
			return err_at(e, 0, 0, "%s: %s", xdp_map_names[XDP_MAP_LOCALS],
				      strerror(errno));
	return true;
}
