/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_judge.h - read the packet, find the rule, do what it says, unless the flow is protected.
 *
 * A packet that no rule matches, or that is none we can read, passes.
 */
#ifndef DATAPLANE_XDP_JUDGE_H
#define DATAPLANE_XDP_JUDGE_H

#include "dataplane/xdp_act.h"
#include "dataplane/xdp_lookup.h"
#include "dataplane/xdp_more.h"
#include "dataplane/xdp_parse.h"
#include "dataplane/xdp_spare.h"

/* XDP_DROP or XDP_PASS. */
static __always_inline int judge(hook_ctx *ctx)
{
	struct xdp_packet packet = { 0 };
	struct lookup_found found = { 0 };

	if (MATCH_READ(hg_tables.grouped))
		packet.interface = hook_interface(ctx);
	if (!parse_frame(ctx, &packet) || !lookup_first(ctx, &packet, &found))
		return XDP_PASS;
	found.monitor |= spare_monitored(ctx);
	return more_or_one(ctx, &packet, &found);
}

#endif
