/* SPDX-License-Identifier: ISC */
/* plan.c - rules as the XDP program reads them, or the reason why not.
 *
 * What is not exact is refused: an action that is not built, a rate that is no number, more
 * ranges than a slot holds.  It knows neither maps nor other rules.
 */
#include "enforce/plan.h"

#include <math.h>
#include <string.h>

/* ---- Actions ------------------------------------------------------------------------ */

enum {
	TICKS_PER_NS = 16, /* struct xdp_rate counts in sixteenths */
	BURST_MS = 16,     /* above the coarse clock's step, below 2 % of the first second */
	COST_BITS = 46,    /* so that the cost of the longest packet, 2^17 octets, fits 64 bits */
	COST_SHIFT = 16,
	RATE_SECONDS_MAX = 4096 /* a unit's time has to fit COST_BITS */
};

struct plan_refusal {
	bool (*asks)(const struct flow_actions *a);
	const char *reason;
};

static bool asks_no_number(const struct flow_actions *a)
{
	return (a->has_rate_bytes && isnan(a->rate_bytes)) ||
	       (a->has_rate_packets && isnan(a->rate_packets));
}

static bool asks_infinity(const struct flow_actions *a)
{
	return (a->has_rate_bytes && isinf(a->rate_bytes)) ||
	       (a->has_rate_packets && isinf(a->rate_packets));
}

static bool asks_too_little(const struct flow_actions *a)
{
	return (a->rate_bytes > 0 && a->rate_bytes < 1.0f / RATE_SECONDS_MAX) ||
	       (a->rate_packets > 0 && a->rate_packets < 1.0f / RATE_SECONDS_MAX);
}

static const struct plan_refusal refusals[] = {
	{ asks_no_number, "the rate is not a number" },
	{ asks_infinity, "the rate is infinite" },
	{ asks_too_little, "the rate is below one in 4096 seconds" },
};

static bool imports(const struct plan_vrf *v, const struct flow_actions *a)
{
	for (size_t i = 0; i < v->import_count; i++)
		if (flow_target_named(a, v->imports[i]))
			return true;
	return false;
}

static bool send_to_vrf(const struct plan_able *able, const struct flow_actions *a,
			struct plan_then *t, struct err *e)
{
	const struct plan_vrf *nowhere = NULL;

	for (size_t i = 0; i < able->vrf_count; i++) {
		const struct plan_vrf *v = &able->vrfs[i];

		if (!imports(v, a))
			continue;
		if (v->place >= 0) {
			t->send = XDP_SEND_PLACE;
			t->place = (uint8_t)v->place;
			return true;
		}
		nowhere = v;
	}
	if (nowhere == NULL)
		return err_at(e, 0, 0, "no VRF here imports the route target of the redirect");
	return err_at(e, 0, 0, "VRF %s has neither table nor interface for a redirect",
		      nowhere->name);
}

/* An IPv4 packet may go to a neighbor that has only an IPv6 address (RFC 8950), an IPv6 packet to
 * no IPv4 one. */
static bool send_to_address(enum flow_family family, const struct flow_actions *a,
			    struct plan_then *t, struct err *e)
{
	if (family == FLOW_IPV6 && a->redirect_to.family != ADDR_IPV6)
		return err_at(e, 0, 0, "IPv6 packets cannot be redirected to an IPv4 address");
	t->send = a->copy ? XDP_SEND_COPY : XDP_SEND_ADDRESS;
	t->to = a->redirect_to;
	return true;
}

bool plan_then_make(const struct plan_able *able, enum flow_family family,
		    const struct flow_actions *a, struct plan_then *ret, struct err *e)
{
	struct plan_then t = { .kind = XDP_THEN_ACCEPT };

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i].asks(a))
			return err_at(e, 0, 0, "%s", refusals[i].reason);
	if (a->has_rate_bytes || a->has_rate_packets)
		t.kind = XDP_THEN_RATE;
	if (a->has_rate_bytes)
		t.rate[XDP_UNIT_OCTETS] = a->rate_bytes;
	if (a->has_rate_packets)
		t.rate[XDP_UNIT_PACKETS] = a->rate_packets;
	if (a->has_mark) {
		t.marks = true;
		t.dscp = a->mark;
	}
	if (a->redirect == FLOW_REDIRECT_RT && !send_to_vrf(able, a, &t, e))
		return false;
	if (a->redirect == FLOW_REDIRECT_IP && !send_to_address(family, a, &t, e))
		return false;
	/* RFC 8955 7.1, 7.2: a rate of 0 discards, and of two rates the lower one decides. */
	if ((a->has_rate_bytes && a->rate_bytes <= 0) ||
	    (a->has_rate_packets && a->rate_packets <= 0))
		t = (struct plan_then){ .kind = XDP_THEN_DISCARD };
	t.more = a->more;
	t.sample = a->sample;
	*ret = t;
	return true;
}

bool plan_then_equal(const struct plan_then *a, const struct plan_then *b)
{
	return a->kind == b->kind && a->marks == b->marks && a->dscp == b->dscp &&
	       a->more == b->more && a->groups == b->groups && a->sample == b->sample &&
	       a->send == b->send && a->place == b->place && addr_equal(&a->to, &b->to) &&
	       a->rate[XDP_UNIT_OCTETS] == b->rate[XDP_UNIT_OCTETS] &&
	       a->rate[XDP_UNIT_PACKETS] == b->rate[XDP_UNIT_PACKETS];
}

/* So many units may pass at once at a rate so low that they do not come in BURST_MS: a few whole
 * packets, because a limit that lets no two packets pass in a row breaks what it limits. */
static const double burst_units[XDP_UNITS] = {
	[XDP_UNIT_OCTETS] = 6000,
	[XDP_UNIT_PACKETS] = 4,
};

static void rate_write(float rate, double units, struct xdp_rate *ret)
{
	double per_unit = 1e9 * TICKS_PER_NS / (double)rate;
	double cost_max = (double)(1ULL << COST_BITS);
	double burst = 1e6 * TICKS_PER_NS * BURST_MS;

	*ret = (struct xdp_rate){ 0 };
	if (!(rate > 0))
		return;
	memcpy(&ret->rate, &rate, sizeof(ret->rate));
	ret->shift = per_unit * (1 << COST_SHIFT) < cost_max ? COST_SHIFT : 0;
	per_unit = fmin(per_unit, cost_max);
	ret->cost = (__u64)ceil(per_unit * (double)(1ULL << ret->shift));
	ret->burst = (__u64)fmax(burst, per_unit * units);
}

void plan_then_write(const struct plan_then *t, struct xdp_then *ret)
{
	*ret = (struct xdp_then){
		.kind = t->kind,
		.marks = t->marks,
		.dscp = t->dscp,
		.send = t->send,
		.place = t->place,
		.family = t->to.family == ADDR_IPV6 ? XDP_IPV6 : XDP_IPV4,
		.groups = t->groups,
	};
	if (t->to.family != ADDR_NONE)
		memcpy(ret->address, t->to.octets, addr_octets(&t->to));
	for (int i = 0; i < XDP_UNITS; i++)
		rate_write(t->rate[i], burst_units[i], &ret->rate[i]);
}

__u64 plan_then_verdict(const struct plan_then *t, uint32_t number)
{
	return number | (t->more ? XDP_VERDICT_MORE : 0) | (t->groups != 0 ? XDP_VERDICT_SOME : 0) |
	       (t->sample ? XDP_VERDICT_SAMPLE : 0);
}

void plan_then_read(const struct xdp_then *x, __u64 verdict, struct plan_then *ret)
{
	*ret = (struct plan_then){
		.kind = x->kind,
		.marks = x->marks,
		.dscp = x->dscp,
		.send = x->send,
		.place = x->place,
		.sample = (verdict & XDP_VERDICT_SAMPLE) != 0,
		.more = (verdict & XDP_VERDICT_MORE) != 0,
		.groups = x->groups,
	};
	if (x->send == XDP_SEND_ADDRESS || x->send == XDP_SEND_COPY)
		ret->to = x->family == XDP_IPV6 ? addr_ipv6((const uint8_t *)x->address)
						: addr_ipv4((const uint8_t *)x->address);
	for (int i = 0; i < XDP_UNITS; i++)
		memcpy(&ret->rate[i], &x->rate[i].rate, sizeof(ret->rate[i]));
}

/* ---- Match -------------------------------------------------------------------------- */

static void prefix_make(const struct flow_normal_prefix *p, struct xdp_prefix *ret)
{
	uint8_t mask[16] = { 0 };

	if (!p->present)
		return;
	for (unsigned i = p->offset; i < p->len; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	memcpy(ret->mask, mask, sizeof(ret->mask));
	memcpy(ret->value, p->octets, sizeof(ret->value));
}

static void numeric_make(const struct flow_normal *n, struct xdp_rule *ret)
{
	for (unsigned t = 1; t <= FLOW_COMPONENTS; t++) {
		if (!n->numeric[t].present)
			continue;
		ret->has |= 1u << t;
		ret->numeric[t].first = n->numeric[t].first;
		ret->numeric[t].count = n->numeric[t].count;
	}
	for (unsigned i = 0; i < n->span_count; i++)
		ret->spans[i] = (struct xdp_span){ .lo = n->spans[i].lo, .hi = n->spans[i].hi };
}

bool plan_rule_make(const struct flow_nlri *nlri, struct xdp_rule *ret, struct err *e)
{
	struct flow_normal n;

	if (!flow_normal_make(nlri, &n, e))
		return false;
	if (n.span_count > XDP_SPANS_MAX)
		return err_at(e, 0, 0, "more than %d ranges of values", XDP_SPANS_MAX);
	memset(ret, 0, sizeof(*ret));
	ret->family = n.family == FLOW_IPV6 ? XDP_IPV6 : XDP_IPV4;
	prefix_make(&n.destination, &ret->destination);
	prefix_make(&n.source, &ret->source);
	numeric_make(&n, ret);
	if (n.has_tcp_flags) {
		ret->has |= 1u << FLOW_TCP_FLAGS;
		memcpy(ret->tcp_flags, n.tcp_flags, sizeof(ret->tcp_flags));
	}
	if (n.has_fragment) {
		ret->has |= 1u << FLOW_FRAGMENT;
		ret->fragment = n.fragment;
	}
	return true;
}

bool plan_needs_whole(const struct flow_nlri *n, const struct plan_then *t)
{
	struct rd r = flow_nlri_components(n);
	struct flow_comp c;

	while (flow_comp_next(&r, n->family, &c))
		if (c.type == FLOW_PACKET_LENGTH)
			return true;
	return t->rate[XDP_UNIT_PACKETS] > 0;
}
