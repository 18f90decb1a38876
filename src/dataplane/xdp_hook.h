/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_hook.h - where the program stands, and how it gets at the frame from there: in XDP, or with
 * HOOK_TC at the ingress of tc.
 *
 * tc hands over a socket buffer: of the frame no more than the first octets need lie in one piece,
 * and what is behind them is pulled there when it is asked for.  The kernel has taken the outer
 * VLAN tag out of it by then.
 */
#ifndef DATAPLANE_XDP_HOOK_H
#define DATAPLANE_XDP_HOOK_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

enum {
	/* No header begins behind this: 14 + 8 + 40 + 8 extension headers of at most 2,048.  One
	 * less than a power of two, and below what the verifier allows as an offset. */
	HOOK_OFFSET_MASK = 0x7fff
};

#ifdef HOOK_TC

typedef struct __sk_buff hook_ctx;

static __always_inline __u32 hook_len(const hook_ctx *ctx)
{
	return ctx->len;
}

static __always_inline __u32 hook_interface(const hook_ctx *ctx)
{
	return ctx->ifindex;
}

/* Tags that are not in the frame any more. */
static __always_inline __u32 hook_tags(const hook_ctx *ctx)
{
	return ctx->vlan_present ? 1 : 0;
}

/* The first n octets of the frame; not 0 when they are not there. */
static __always_inline long hook_load(hook_ctx *ctx, void *to, __u32 n)
{
	return bpf_skb_load_bytes(ctx, 0, to, n);
}

/* Verified once.  Pointers into the frame are worth nothing afterwards. */
__attribute__((noinline)) int hook_pull(hook_ctx *ctx, __u32 n)
{
	return n <= ctx->len && bpf_skb_pull_data(ctx, n) == 0;
}

#else

typedef struct xdp_md hook_ctx;

static __always_inline __u32 hook_len(hook_ctx *ctx)
{
	return (__u32)bpf_xdp_get_buff_len(ctx);
}

static __always_inline __u32 hook_interface(const hook_ctx *ctx)
{
	return ctx->ingress_ifindex;
}

static __always_inline __u32 hook_tags(const hook_ctx *ctx)
{
	return 0;
}

static __always_inline long hook_load(hook_ctx *ctx, void *to, __u32 n)
{
	return bpf_xdp_load_bytes(ctx, 0, to, n);
}

/* A frame is in one piece. */
static __always_inline int hook_pull(const hook_ctx *ctx, __u32 n)
{
	return 0;
}

#endif

static __always_inline void *hook_linear(const hook_ctx *ctx, __u32 off, __u32 n)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + off + n > end ? NULL : data + off;
}

/* n octets of the frame at off, or NULL.  What an earlier call returned is void.  The mask is kept
 * by the empty asm: clang may prove it redundant and drop it, and then the 6.1 verifier has lost
 * the bound. */
static __always_inline void *hook_octets(hook_ctx *ctx, __u32 off, __u32 n)
{
	void *there;

	asm volatile("" : "+r"(off));
	off &= HOOK_OFFSET_MASK;
	there = hook_linear(ctx, off, n);
	if (there != NULL || !hook_pull(ctx, off + n))
		return there;
	return hook_linear(ctx, off, n);
}

/* Two octets in the place of those at off.  tc's own writer, for it keeps the sum that a network
 * card has made over the packet, and does not write into what a tap holds too. */
static __always_inline void hook_put(hook_ctx *ctx, __u32 off, __be16 value)
{
#ifdef HOOK_TC
	(void)bpf_skb_store_bytes(ctx, off & HOOK_OFFSET_MASK, &value, sizeof(value),
				  BPF_F_RECOMPUTE_CSUM);
#else
	__be16 *at = hook_octets(ctx, off, sizeof(value));

	if (at != NULL)
		*at = value;
#endif
}

#endif
