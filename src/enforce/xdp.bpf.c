/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp.bpf.c - the program on the interface: read the packet, find the rule, do what it says, unless
 * the flow is protected.
 *
 * It never changes; rules are data in maps (xdp_maps.h).  A packet that no rule matches, or that
 * is none we can read, passes.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "enforce/xdp_act.h"
#include "enforce/xdp_lookup.h"
#include "enforce/xdp_more.h"
#include "enforce/xdp_parse.h"
#include "enforce/xdp_spare.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int headgate(struct xdp_md *ctx)
{
	struct xdp_packet packet = { 0 };
	struct lookup_found found = { 0 };

	if (XDP_FAULT == XDP_FAULT_UNSAFE)
		return *(const volatile int *)(long)ctx->data;
	if (MATCH_READ(hg_tables.grouped))
		packet.interface = ctx->ingress_ifindex;
	if (!parse_frame(ctx, &packet) || !lookup_first(ctx, &packet, &found))
		return XDP_PASS;
	found.monitor |= spare_monitored(ctx);
	if (packet.taken_count > 0)
		return more_act(ctx, &packet, found.slot, found.monitor);
	return act_on(ctx, &found, &packet, spare_packet(&found, &packet));
}
