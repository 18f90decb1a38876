/* SPDX-License-Identifier: ISC */
/* verify.c - see verify.h: the hub's rules, ours, and those of the kernel, compared.
 *
 * The hub says how many rules it has told and what their hashes add up to; whether we know these
 * and no others is thereby seen without sending them all again.
 */
#include "enforce/verify.h"

#include <bpf/bpf.h>
#include <string.h>

#include "enforce/attach.h"
#include "enforce/readback.h"
#include "enforce/report.h"
#include "enforce/xdp_inner.h"

enum {
	NAMED_MAX = 100 /* differences that are named; all are counted */
};

void verify_differs(struct verify *v, const struct flow_nlri *n, const char *what)
{
	json_t *o;

	if (v->differences++ >= NAMED_MAX)
		return;
	if (v->list == NULL)
		v->list = json_array();
	o = report_rule(n);
	(void)json_object_set_new(o, "what", json_string(what));
	(void)json_array_append_new(v->list, o);
}

bool verify_intended(const struct rule *r)
{
	return rule_wanted(r) && r->why_table == NULL;
}

/* ---- What packets find -------------------------------------------------------------------- */

struct reading {
	struct verify v;
	struct xdp *x;
};

static bool read_full(void *ctx, uint32_t number, struct xdp_rule *ret)
{
	const struct reading *v = ctx;

	return bpf_map_lookup_elem(v->x->map[XDP_MAP_FULL], &number, ret) == 0;
}

static bool same_then(const struct xdp *x, uint32_t slot, const struct plan_then *t)
{
	uint32_t action = (uint32_t)x->verdict[slot];
	struct xdp_then there, expected;

	if (bpf_map_lookup_elem(x->map[XDP_MAP_THENS], &action, &there) < 0)
		return false;
	if (x->verdict[slot] != plan_then_verdict(t, action))
		return false;
	plan_then_write(t, &expected);
	there.id = expected.id = 0;         /* drawn at random */
	for (int i = 0; i < XDP_UNITS; i++) /* the clocks run */
		there.rate[i].tat = expected.rate[i].tat = 0;
	return memcmp(&there, &expected, sizeof(there)) == 0;
}

static void found(void *ctx, uint32_t slot, const struct flow_nlri *n, unsigned vrf,
		  const char *fault)
{
	struct reading *at = ctx;
	struct verify *v = &at->v;
	struct rule *r = n != NULL ? ruleset_find_in(v->rs, n, vrf) : NULL;

	v->kernel++;
	if (r != NULL)
		r->read_back = true;
	if (fault == NULL && (r == NULL || !verify_intended(r)))
		fault = "it is in the kernel and not wanted";
	else if (fault == NULL && !same_then(at->x, slot, &r->then))
		fault = "its action is another one";
	if (fault != NULL)
		verify_differs(v, n, fault);
}

/* ---- What is wanted ----------------------------------------------------------------------- */

static void forget_read_back(struct rule *r, void *ctx)
{
	(void)ctx;
	r->read_back = false;
}

void verify_forget(struct ruleset *rs)
{
	ruleset_each(rs, forget_read_back, NULL);
}

/* The hub has told one rule, however many VRFs import it. */
static bool is_told(const struct rule *r)
{
	for (const struct rule *at = r->sibling; at != r; at = at->sibling)
		if (at->seen && at->vrf < r->vrf)
			return false;
	return r->seen;
}

static void count_wanted(struct rule *r, void *ctx)
{
	struct verify *v = ctx;

	if (is_told(r)) {
		v->told.rules++;
		v->told.digest += ctl_digest(r->nlri.octets, r->nlri.len);
	}
	if (r->wanted && !verify_intended(r))
		v->not_enforced++;
	if (!verify_intended(r))
		return;
	v->intended++;
	if (!r->read_back)
		verify_differs(v, &r->nlri, "it is not in the kernel");
}

json_t *verify_end(struct verify *v, const struct feed_question *q)
{
	if (v->list == NULL)
		v->list = json_array();
	ruleset_each(v->rs, count_wanted, v);
	if (v->told.rules != q->rules || v->told.digest != q->digest)
		verify_differs(v, NULL, "the enforcer knows other rules than the hub has told");
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "id", (json_int_t)q->id, "intended",
			 (json_int_t)v->intended, "kernel", (json_int_t)v->kernel, "not-enforced",
			 (json_int_t)v->not_enforced, "differences", (json_int_t)v->differences,
			 "list", v->list);
}

static void interface_differs(void *ctx, const char *what)
{
	struct reading *at = ctx;

	verify_differs(&at->v, NULL, what);
}

json_t *verify_answer(struct xdp *x, const struct attach *a, struct ruleset *rs,
		      const struct feed_question *q)
{
	struct reading at = { .v = { .rs = rs }, .x = x };
	struct readback_kernel k = { .t = x->tables,
				     .store = x->store,
				     .ctx = &at,
				     .read_full = read_full,
				     .found = found };

	verify_forget(rs);
	if (!readback(&k)) {
		json_decref(at.v.list);
		return NULL;
	}
	attach_verify(a, interface_differs, &at);
	return verify_end(&at.v, q);
}
