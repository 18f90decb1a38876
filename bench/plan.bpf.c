/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* plan.bpf.c - the XDP program, with another frame each time.
 *
 * The kernel's test run repeats a program over one buffer; so this one first copies the next of
 * many frames into it.  What that costs is measured alone, in mode BENCH_COPY, and taken off.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "dataplane/tc_send.h"
#include "dataplane/xdp_lookup.h"
#include "dataplane/xdp_more.h"
#include "dataplane/xdp_parse.h"
#include "dataplane/xdp_spare.h"

char _license[] SEC("license") = "Dual BSD/GPL";

enum {
	BENCH_FRAMES = 16384,
	BENCH_WORDS = 12, /* of a frame */
	BENCH_COPY = 0,
	BENCH_FIND = 1,
	BENCH_ACT = 2,
	BENCH_PASS = 3
};

struct bench_frame {
	__u64 word[BENCH_WORDS];
};

struct bench_state {
	__u32 next, mode;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BENCH_FRAMES);
	__type(key, __u32);
	__type(value, struct bench_frame);
} bench_frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_state);
} bench_state SEC(".maps");

static __always_inline int copy_frame(struct xdp_md *ctx, struct bench_state *s)
{
	__u64 *to = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 number = s->next++ & (BENCH_FRAMES - 1);
	const struct bench_frame *f = bpf_map_lookup_elem(&bench_frames, &number);

	if (f == NULL || (void *)(to + BENCH_WORDS) > end)
		return 0;
	for (int i = 0; i < BENCH_WORDS; i++)
		to[i] = f->word[i];
	return 1;
}

SEC("xdp")
int headgate(struct xdp_md *ctx)
{
	struct xdp_packet packet = { 0 };
	struct lookup_found found = { 0 };
	__u32 zero = 0;
	struct bench_state *s = bpf_map_lookup_elem(&bench_state, &zero);

	if (s == NULL || !copy_frame(ctx, s))
		return XDP_ABORTED;
	if (s->mode == BENCH_COPY)
		return XDP_DROP;
	if (s->mode == BENCH_PASS)
		return XDP_PASS;
	if (!parse_frame(ctx, &packet) || !lookup_first(ctx, &packet, &found))
		return XDP_PASS;
	if (s->mode == BENCH_FIND)
		return XDP_DROP;
	return more_or_one(ctx, &packet, &found);
}
