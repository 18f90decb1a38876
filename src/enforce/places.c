/* SPDX-License-Identifier: ISC */
/* places.c - see places.h.
 *
 * An action in the kernel has a place's number and no more, so that an interface which comes back
 * under another number, or a VRF that moves, is one write.
 */
#include "enforce/places.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "enforce/pins.h"
#include "enforce/policy.h"
#include "enforce/resolve.h"
#include "enforce/xdp_inner.h"

static bool write_place(struct places *p, uint32_t number, const struct xdp_place *to)
{
	if (memcmp(&p->at[number], to, sizeof(*to)) == 0)
		return true;
	if (bpf_map_update_elem(p->xdp->map[XDP_MAP_PLACES], &number, to, BPF_ANY) < 0)
		return false;
	p->at[number] = *to;
	return true;
}

/* What the interface is at the moment. */
static void look_at_interface(struct xdp_place *p)
{
	struct addr gateway = { 0 };

	p->number = if_nametoindex(p->name);
	if (p->number != 0)
		gateway = resolve_gateway6(p->number);
	memcpy(p->gateway, gateway.octets, sizeof(p->gateway));
}

static struct xdp_place place_of(const struct enforce_vrf *v)
{
	struct xdp_place ret = { 0 };

	if (v->table != 0) {
		ret.kind = XDP_PLACE_TABLE;
		ret.number = v->table;
	} else if (v->redirect != NULL) {
		ret.kind = XDP_PLACE_INTERFACE;
		(void)snprintf(ret.name, sizeof(ret.name), "%s", v->redirect);
		look_at_interface(&ret);
	}
	return ret;
}

static bool same_place(const struct xdp_place *a, const struct xdp_place *b)
{
	return a->kind == b->kind && (a->kind == XDP_PLACE_TABLE ? a->number == b->number
								 : strcmp(a->name, b->name) == 0);
}

/* -1: none is free. */
static int find_place(const struct places *p, const struct xdp_place *what)
{
	int first = -1;

	for (int i = XDP_PLACES - 1; i >= 0; i--) {
		if (same_place(&p->at[i], what))
			return i;
		if (p->at[i].kind == XDP_PLACE_NONE)
			first = i;
	}
	return first;
}

static bool add_vrf(struct places *p, const struct enforce_vrf *v, struct plan_vrf *ret)
{
	struct xdp_place what = place_of(v);

	*ret = (struct plan_vrf){
		.name = v->name,
		.import_count = v->import_count,
		.imports = v->imports,
		.place = what.kind == XDP_PLACE_NONE ? -1 : find_place(p, &what),
	};
	return what.kind == XDP_PLACE_NONE ||
	       (ret->place >= 0 && write_place(p, (uint32_t)ret->place, &what));
}

static bool read_places(int map, struct xdp_place at[XDP_PLACES])
{
	for (uint32_t i = 0; i < XDP_PLACES; i++)
		if (bpf_map_lookup_elem(map, &i, &at[i]) < 0)
			return false;
	return true;
}

/* ---- Those of nobody's ---------------------------------------------------------------------- */

static void mark_used(struct rule *r, void *ctx)
{
	bool *used = ctx;

	if (r->slot >= 0 && r->installed.send == XDP_SEND_PLACE && r->installed.place < XDP_PLACES)
		used[r->installed.place] = true;
}

static bool give_up_unused(struct places *p, const struct enforce_options *o, struct ruleset *rs)
{
	bool used[XDP_PLACES] = { false };

	ruleset_each(rs, mark_used, used);
	for (size_t i = 0; i < o->vrf_count; i++) {
		struct xdp_place what = place_of(&o->vrfs[i]);

		for (int k = 0; k < XDP_PLACES; k++)
			used[k] |= what.kind != XDP_PLACE_NONE && same_place(&p->at[k], &what);
	}
	for (uint32_t k = 0; k < XDP_PLACES; k++)
		if (!used[k] && !write_place(p, k, &(struct xdp_place){ 0 }))
			return false;
	return true;
}

/* ---- All of them ---------------------------------------------------------------------------- */

static bool keep_rules(struct places *p, struct err *e)
{
	struct policy_table tables[XDP_PLACES];
	size_t n = 0;

	for (uint32_t i = 0; i < XDP_PLACES; i++)
		if (p->at[i].kind == XDP_PLACE_TABLE)
			tables[n++] = (struct policy_table){ XDP_MARK | i, p->at[i].number };
	p->tables |= n > 0;
	if (!p->tables)
		return true;
	p->tables = n > 0;
	return policy_bring(tables, n, e);
}

bool places_open(struct places *p, struct xdp *x, const struct enforce_options *o,
		 struct ruleset *rs, struct err *e)
{
	bool ok;

	*p = (struct places){ .xdp = x, .able = plan_able_xdp };
	p->able.vrfs = p->vrfs;
	p->able.vrf_count = o->vrf_count;
	ok = read_places(x->map[XDP_MAP_PLACES], p->at);
	/* Rules of one before us, for tables that nobody needs any more. */
	for (int i = 0; i < XDP_PLACES; i++)
		p->tables |= p->at[i].kind == XDP_PLACE_TABLE;
	ok = ok && give_up_unused(p, o, rs);
	for (size_t i = 0; ok && i < o->vrf_count; i++)
		ok = add_vrf(p, &o->vrfs[i], &p->vrfs[i]);
	if (!ok)
		return err_at(e, 0, 0, "%s: %s", xdp_map_names[XDP_MAP_PLACES], strerror(errno));
	return keep_rules(p, e);
}

static void say_interface(const struct xdp_place *before, const struct xdp_place *now)
{
	if (now->number == 0 && before->number != 0)
		log_warning("interface %s is gone; what is redirected there is dropped", now->name);
	else if (now->number != 0 && before->number == 0)
		log_info("interface %s is there; what is redirected leaves by it", now->name);
}

void places_refresh(struct places *p)
{
	struct err e = { 0 };

	for (uint32_t i = 0; i < XDP_PLACES; i++) {
		struct xdp_place before = p->at[i], now = before;

		if (now.kind != XDP_PLACE_INTERFACE)
			continue;
		look_at_interface(&now);
		if (write_place(p, i, &now))
			say_interface(&before, &now);
	}
	if (keep_rules(p, &e))
		p->said[0] = '\0';
	else if (strncmp(p->said, e.text, sizeof(p->said) - 1) != 0)
		log_error("%s", e.text);
	(void)snprintf(p->said, sizeof(p->said), "%s", e.text);
}

void places_remove(const struct pins *pins)
{
	char path[PINS_PATH_MAX];
	int map = bpf_obj_get(pins_path(pins, xdp_map_names[XDP_MAP_PLACES], path));
	struct xdp_place at[XDP_PLACES] = { 0 };
	struct err e = { 0 };
	bool tables = false;

	if (map < 0)
		return;
	(void)read_places(map, at);
	close(map);
	for (int i = 0; i < XDP_PLACES; i++)
		tables |= at[i].kind == XDP_PLACE_TABLE;
	if (tables && !policy_bring(NULL, 0, &e))
		log_warning("%s", e.text);
}
