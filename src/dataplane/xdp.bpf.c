/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp.bpf.c - the program on the interface.  What a rule sends somewhere else is sent behind it, at
 * tc (tc_send.h).
 *
 * It never changes; rules are data in maps (xdp_maps.h).
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/tc_send.h"
#include "dataplane/xdp_judge.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int headgate(hook_ctx *ctx)
{
	if (XDP_FAULT == XDP_FAULT_UNSAFE)
		return *(const volatile int *)(long)ctx->data;
	return judge(ctx);
}
