/* SPDX-License-Identifier: ISC */
/* handler.c - the speaker's calls, carried to the neighbor they are about. */
#include "rib/table.h"

static void on_up(void *ctx, struct bgp_peer *p)
{
	struct bgp_peer_info info;

	(void)ctx;
	bgp_peer_info(p, &info);
	rib_peer_up(bgp_peer_user(p), &info);
}

static void on_down(void *ctx, struct bgp_peer *p, const char *why)
{
	(void)ctx;
	(void)why; /* the speaker says it in an event, too */
	rib_peer_down(bgp_peer_user(p));
}

static void on_route(void *ctx, struct bgp_peer *p, const struct bgp_nlri *n,
		     struct bgp_attrs *attrs)
{
	(void)ctx;
	rib_peer_route(bgp_peer_user(p), n, attrs);
}

static void on_end_of_rib(void *ctx, struct bgp_peer *p, enum bgp_family f)
{
	struct rib_peer *peer = bgp_peer_user(p);

	(void)ctx;
	peer->counts.family[f].end_of_rib_in = true;
}

static void on_refresh(void *ctx, struct bgp_peer *p, enum bgp_family f)
{
	(void)ctx;
	rib_export_refresh(bgp_peer_user(p), f);
}

static bool on_next(void *ctx, struct bgp_peer *p, struct bgp_out *ret)
{
	(void)ctx;
	return rib_export_next(bgp_peer_user(p), ret);
}

static void on_event(void *ctx, struct bgp_peer *p, const char *text)
{
	rib_event(ctx, bgp_peer_name(p), "%s", text);
}

const struct bgp_handler rib_bgp_handler = {
	.up = on_up,
	.down = on_down,
	.route = on_route,
	.end_of_rib = on_end_of_rib,
	.refresh = on_refresh,
	.next = on_next,
	.event = on_event,
};
