/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* tc.bpf.c - the same program at the ingress of tc, over the same maps.
 *
 * What it does not drop goes on to the filters behind it.
 */
#define HOOK_TC

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "enforce/xdp_act.h"
#include "enforce/xdp_lookup.h"
#include "enforce/xdp_parse.h"
#include "enforce/xdp_spare.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int headgate_tc(hook_ctx *ctx)
{
	struct xdp_packet packet = { 0 };
	struct lookup_found found = { 0 };

	if (!parse_frame(ctx, &packet) || !lookup_first(&packet, &found))
		return TC_ACT_UNSPEC;
	found.monitor |= spare_monitored(ctx);
	if (act_on(ctx, &found, &packet, spare_packet(&found, &packet)) == XDP_DROP)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}
