/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_sample.h - one in so many packets of a rule that asks for it (RFC 8955 7.3, bit 46): its
 * first octets, as it came in, to user space, which is not woken up.
 */
#ifndef DATAPLANE_XDP_SAMPLE_H
#define DATAPLANE_XDP_SAMPLE_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_lookup.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, XDP_SAMPLES);
} hg_samples SEC(".maps");

static __always_inline int sample_fill(hook_ctx *ctx, struct xdp_sample *s, __u32 slot)
{
	__u32 there = hook_len(ctx);
	__u32 captured = there < XDP_SAMPLE_OCTETS ? there : XDP_SAMPLE_OCTETS;

	s->time = bpf_ktime_get_ns();
	s->interface = hook_interface(ctx);
	s->slot = slot;
	s->octets = XDP_FAULT == XDP_FAULT_SAMPLE ? captured : there;
	s->captured = captured;
	/* 1 to 128, so that 6.1 sees it; no rule matches an empty frame. */
	captured = MATCH_INDEX(captured - 1, XDP_SAMPLE_OCTETS) + 1;
	return hook_load(ctx, s->head, captured) == 0;
}

__attribute__((noinline)) int sample_packet(hook_ctx *ctx, __u32 slot)
{
	__u32 zero = 0;
	struct xdp_control *control = bpf_map_lookup_elem(&hg_control, &zero);
	struct xdp_sample *s;

	if (control == NULL || bpf_get_prandom_u32() >= MATCH_READ(control->sample_below))
		return 0;
	s = bpf_ringbuf_reserve(&hg_samples, sizeof(*s), 0);
	if (s == NULL) {
		__sync_fetch_and_add(&control->samples_lost, 1);
		return 0;
	}
	if (sample_fill(ctx, s, slot))
		bpf_ringbuf_submit(s, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_discard(s, BPF_RB_NO_WAKEUP);
	return 0;
}

#endif
