/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* tc.bpf.c - the same program at the ingress of tc, over the same maps.
 *
 * What it does not drop goes on to the filters behind it.  What a rule sends somewhere else is the
 * business of the program that sends for the XDP program too (tc_send.h), without a note.
 */
#define HOOK_TC

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_judge.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* That of the XDP object, with the sender in it. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} hg_sending SEC(".maps");

SEC("tc")
int headgate_tc(hook_ctx *ctx)
{
	ctx->cb[ACT_CB_NOTE] = 0;
	if (judge(ctx) == XDP_DROP)
		return TC_ACT_SHOT;
	if (ctx->cb[ACT_CB_NOTE] != XDP_NOTE)
		return TC_ACT_UNSPEC;
	bpf_tail_call(ctx, &hg_sending, 0);
	act_reason(XDP_REASON_HOOK, 1);
	return TC_ACT_SHOT;
}
