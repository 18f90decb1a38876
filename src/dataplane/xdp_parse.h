/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_parse.h - the packet reader: a frame becomes a struct xdp_packet.
 *
 * Ethernet, up to two VLAN tags (802.1Q, 802.1ad), IPv4 with options, IPv6 with up to eight
 * extension headers, TCP, UDP and ICMP.  It decides as flow/match.c does, which lists the
 * decisions; the numbers below are those of that list.
 *
 * Invariants
 * 1. A field that the packet has not got is XDP_ABSENT.
 * 2. Nothing behind end is read: neither what the link layer padded nor what is not there (2).
 *
 * The functions that are not static are verified by the kernel one by one, each for any argument.
 * Without that 6.1 walks through their product and gives up.  So each checks what it is given and
 * a caller knows nothing of what one returns.
 */
#ifndef DATAPLANE_XDP_PARSE_H
#define DATAPLANE_XDP_PARSE_H

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/xdp_hook.h"
#include "dataplane/xdp_packet.h"

enum {
	PARSE_TAGS_MAX = 2,
	PARSE_EXTENSIONS_MAX = 8,
	PARSE_LENGTH_MAX = 65535,
	PARSE_TOTAL_MASK = 0x1ffff, /* above 40 + 65,535 */
	PARSE_ETHERNET = 14,
	PARSE_PORTS_END = 4, /* octets of a transport header */
	PARSE_TCP_FLAGS_END = 14,

	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_QINQ = 0x88a8,

	NEXT_HOP_BY_HOP = 0,
	NEXT_ICMP = 1,
	NEXT_TCP = 6,
	NEXT_UDP = 17,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_AH = 51,
	NEXT_ICMPV6 = 58,
	NEXT_DESTINATION_OPTIONS = 60,

	FRAGMENT_DF = 1,
	FRAGMENT_ISF = 2,
	FRAGMENT_FF = 4,
	FRAGMENT_LF = 8
};

enum parse_step {
	PARSE_END, /* the header is not there as a whole: what follows is unknown */
	PARSE_ON,
	PARSE_DATA /* a fragment other than the first: what follows is data */
};

struct parse_ipv4 {
	__u8 version_ihl, tos;
	__be16 total, id, flags_offset;
	__u8 ttl, protocol;
	__be16 checksum;
	__u32 source, destination;
};

struct parse_ipv6 {
	__be32 version_class_label;
	__be16 payload;
	__u8 next, hops;
	__u64 source[2], destination[2];
};

/* n octets within the packet's end, or NULL. */
static __always_inline void *parse_header(hook_ctx *ctx, const struct xdp_packet *p, __u32 n)
{
	return p->at + n > p->end ? NULL : hook_octets(ctx, p->at, n);
}

static __always_inline __u32 parse_fragment(__u32 offset, __u32 more, __u32 df)
{
	return (df ? FRAGMENT_DF : 0) | (offset != 0 ? FRAGMENT_ISF : 0) |
	       (offset == 0 && more ? FRAGMENT_FF : 0) | (offset != 0 && !more ? FRAGMENT_LF : 0);
}

/* Ports, TCP flags, ICMP type and code (9, 11, 12), each where its own octets are there. */
__attribute__((noinline)) int parse_transport(hook_ctx *ctx, struct xdp_packet *p)
{
	__u32 protocol, icmp;
	__be16 *ports, *flags;
	__u8 *octet;

	if (p == NULL)
		return 0;
	protocol = XDP_VALUE(p, XDP_PROTOCOL);
	icmp = p->family == XDP_IPV6 ? NEXT_ICMPV6 : NEXT_ICMP;
	if (protocol == NEXT_TCP || protocol == NEXT_UDP) {
		ports = parse_header(ctx, p, 4);
		if (ports == NULL)
			return 0;
		XDP_VALUE(p, XDP_SOURCE_PORT) = bpf_ntohs(ports[0]);
		XDP_VALUE(p, XDP_DESTINATION_PORT) = bpf_ntohs(ports[1]);
	}
	if (protocol == NEXT_TCP) {
		flags = parse_header(ctx, p, 14);
		if (flags != NULL)
			XDP_VALUE(p, XDP_TCP_FLAGS) = bpf_ntohs(flags[6]) & 0x0fff;
	}
	if (protocol == icmp) {
		octet = parse_header(ctx, p, 1);
		if (octet != NULL)
			XDP_VALUE(p, XDP_ICMP_TYPE) = *octet;
		octet = parse_header(ctx, p, 2);
		if (octet != NULL)
			XDP_VALUE(p, XDP_ICMP_CODE) = octet[1];
	}
	return 0;
}

/* The packet ends where its length says or where the frame does; p->at is the IP header.  What the
 * kernel merged into more octets than the length can say has none (BIG TCP). */
static __always_inline void parse_end(hook_ctx *ctx, struct xdp_packet *p, __u32 total, __u32 least)
{
	__u32 there = hook_len(ctx) - p->at;

	if (total == least && there > PARSE_LENGTH_MAX)
		total = there;
	p->octets = total < there ? total : there;
	p->end = p->at + p->octets;
	XDP_VALUE(p, XDP_PACKET_LENGTH) = total < PARSE_TOTAL_MASK ? total : PARSE_TOTAL_MASK;
}

/* 0: no IPv4 packet that any rule matches (1). */
__attribute__((noinline)) int parse_ipv4(hook_ctx *ctx, struct xdp_packet *p)
{
	const struct parse_ipv4 *ip;
	__u32 header, total, flags_offset, offset;

	if (p == NULL)
		return 0;
	ip = hook_octets(ctx, p->at, sizeof(*ip));
	if (ip == NULL || ip->version_ihl >> 4 != 4)
		return 0;
	header = (ip->version_ihl & 0x0fu) * 4;
	total = bpf_ntohs(ip->total);
	if (header < sizeof(*ip))
		return 0;
	flags_offset = bpf_ntohs(ip->flags_offset);
	offset = flags_offset & 0x1fff;
	p->family = XDP_IPV4;
	*(__u32 *)p->source = ip->source;
	*(__u32 *)p->destination = ip->destination;
	XDP_VALUE(p, XDP_DSCP) = ip->tos >> 2;
	XDP_VALUE(p, XDP_PROTOCOL) = ip->protocol;
	XDP_VALUE(p, XDP_FRAGMENT) =
		parse_fragment(offset, flags_offset & 0x2000, flags_offset & 0x4000);
	parse_end(ctx, p, total, 0);
	if (p->octets < header) /* cut short, or a total length below it */
		return 0;
	p->at += header;
	if (offset == 0 || XDP_FAULT == XDP_FAULT_FRAGMENT)
		parse_transport(ctx, p);
	return 1;
}

static __always_inline int parse_is_extension(__u32 next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
	       next == NEXT_AH || next == NEXT_DESTINATION_OPTIONS;
}

/* Steps over the extension header at p->at of kind p->next (6, 7, 8). */
__attribute__((noinline)) int parse_extension(hook_ctx *ctx, struct xdp_packet *p)
{
	__u32 kind, octets, offset_more = 0;
	__u8 *h;

	if (p == NULL)
		return PARSE_END;
	kind = p->next;
	h = parse_header(ctx, p, 8); /* none is shorter */
	if (h == NULL)
		return PARSE_END;
	octets = kind == NEXT_AH ? (h[1] + 2u) * 4 : kind == NEXT_FRAGMENT ? 8 : (h[1] + 1u) * 8;
	p->next = h[0];
	if (kind == NEXT_FRAGMENT) {
		offset_more = (__u32)h[2] << 8 | h[3];
		if (XDP_VALUE(p, XDP_FRAGMENT) == XDP_ABSENT)
			XDP_VALUE(p, XDP_FRAGMENT) =
				parse_fragment(offset_more >> 3, offset_more & 1, 0);
	}
	if (octets > p->end - p->at)
		return PARSE_END;
	p->at += octets;
	return offset_more >> 3 != 0 && XDP_FAULT != XDP_FAULT_FRAGMENT ? PARSE_DATA : PARSE_ON;
}

/* Walks the extension headers, and reads what is behind them. */
static __always_inline void parse_chain(hook_ctx *ctx, struct xdp_packet *p)
{
	int step = PARSE_ON;

	for (int walked = 0; walked < PARSE_EXTENSIONS_MAX; walked++) {
		if (!parse_is_extension(p->next) || step == PARSE_DATA)
			break;
		step = parse_extension(ctx, p);
		if (step == PARSE_END)
			return;
	}
	if (parse_is_extension(p->next) && step != PARSE_DATA)
		return; /* a ninth */
	if (XDP_VALUE(p, XDP_FRAGMENT) == XDP_ABSENT)
		XDP_VALUE(p, XDP_FRAGMENT) = 0;
	if (parse_is_extension(p->next))
		return;
	XDP_VALUE(p, XDP_PROTOCOL) = p->next;
	if (step != PARSE_DATA)
		parse_transport(ctx, p);
}

/* 0: no IPv6 packet that any rule matches (1). */
__attribute__((noinline)) int parse_ipv6(hook_ctx *ctx, struct xdp_packet *p)
{
	const struct parse_ipv6 *ip;
	__u32 word;

	if (p == NULL)
		return 0;
	ip = hook_octets(ctx, p->at, sizeof(*ip));
	if (ip == NULL)
		return 0;
	word = bpf_ntohl(ip->version_class_label);
	if (word >> 28 != 6)
		return 0;
	p->family = XDP_IPV6;
	p->source[0] = ip->source[0];
	p->source[1] = ip->source[1];
	p->destination[0] = ip->destination[0];
	p->destination[1] = ip->destination[1];
	XDP_VALUE(p, XDP_DSCP) = word >> 22 & 0x3f;
	XDP_VALUE(p, XDP_LABEL) = word & 0xfffff;
	p->next = ip->next;
	p->hops = ip->hops;
	parse_end(ctx, p, bpf_ntohs(ip->payload) + (__u32)sizeof(*ip), sizeof(*ip));
	p->at += sizeof(*ip);
	parse_chain(ctx, p);
	return 1;
}

/* The usual packet: TCP or UDP, untagged and whole, without options, extension headers or
 * fragments. Nearly all are, so it is read in one piece, at fixed places.  0: it is another one,
 * and nothing was filled. */
static __always_inline int parse_usual_ports(struct xdp_packet *p, const __be16 *ports, __u32 next,
					     __u32 total, __u32 header)
{
	if (next != NEXT_TCP && next != NEXT_UDP)
		return 0;
	if (total < header + (next == NEXT_TCP ? PARSE_TCP_FLAGS_END : PARSE_PORTS_END))
		return 0;
	XDP_VALUE(p, XDP_PROTOCOL) = next;
	XDP_VALUE(p, XDP_SOURCE_PORT) = bpf_ntohs(ports[0]);
	XDP_VALUE(p, XDP_DESTINATION_PORT) = bpf_ntohs(ports[1]);
	if (next == NEXT_TCP)
		XDP_VALUE(p, XDP_TCP_FLAGS) = bpf_ntohs(ports[6]) & 0x0fff;
	return 1;
}

/* Does the packet end within the frame?  The verifiers before 6.18 know nothing of a swapped
 * number. */
static __always_inline int parse_is_whole(const void *ip, __u32 total, const void *end)
{
	asm volatile("" : "+r"(total));
	return ip + (total & PARSE_TOTAL_MASK) <= end;
}

static __always_inline int parse_usual_ipv4(void *data, void *end, struct xdp_packet *p)
{
	const struct parse_ipv4 *ip = data + PARSE_ETHERNET;
	__u32 total, fragment;

	if ((void *)(ip + 1) + PARSE_TCP_FLAGS_END > end || ip->version_ihl != 0x45)
		return 0;
	fragment = bpf_ntohs(ip->flags_offset);
	total = bpf_ntohs(ip->total);
	if ((fragment & 0x3fff) != 0 || !parse_is_whole(ip, total, end) ||
	    !parse_usual_ports(p, (const __be16 *)(ip + 1), ip->protocol, total, sizeof(*ip)))
		return 0;
	p->family = XDP_IPV4;
	*(__u32 *)p->source = ip->source;
	*(__u32 *)p->destination = ip->destination;
	XDP_VALUE(p, XDP_DSCP) = ip->tos >> 2;
	XDP_VALUE(p, XDP_FRAGMENT) = fragment & 0x4000 ? FRAGMENT_DF : 0;
	XDP_VALUE(p, XDP_PACKET_LENGTH) = p->octets = total;
	p->at = PARSE_ETHERNET + sizeof(*ip);
	p->end = PARSE_ETHERNET + total;
	return 1;
}

static __always_inline int parse_usual_ipv6(void *data, void *end, struct xdp_packet *p)
{
	const struct parse_ipv6 *ip = data + PARSE_ETHERNET;
	__u32 word, total;

	if ((void *)(ip + 1) + PARSE_TCP_FLAGS_END > end)
		return 0;
	word = bpf_ntohl(ip->version_class_label);
	total = bpf_ntohs(ip->payload) + (__u32)sizeof(*ip);
	if (word >> 28 != 6 || !parse_is_whole(ip, total, end) ||
	    !parse_usual_ports(p, (const __be16 *)(ip + 1), ip->next, total, sizeof(*ip)))
		return 0;
	p->family = XDP_IPV6;
	for (int i = 0; i < 2; i++) {
		p->source[i] = ip->source[i];
		p->destination[i] = ip->destination[i];
	}
	XDP_VALUE(p, XDP_DSCP) = word >> 22 & 0x3f;
	XDP_VALUE(p, XDP_LABEL) = word & 0xfffff;
	XDP_VALUE(p, XDP_FRAGMENT) = 0;
	XDP_VALUE(p, XDP_PACKET_LENGTH) = p->octets = total;
	p->hops = ip->hops;
	p->at = PARSE_ETHERNET + sizeof(*ip);
	p->end = PARSE_ETHERNET + total;
	return 1;
}

static __always_inline int parse_usual(hook_ctx *ctx, struct xdp_packet *p)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const __be16 *type = data + PARSE_ETHERNET - 2;

	if ((void *)(type + 1) > end)
		return 0;
	if (*type == bpf_htons(ETHERTYPE_IPV4))
		return parse_usual_ipv4(data, end, p);
	return *type == bpf_htons(ETHERTYPE_IPV6) && parse_usual_ipv6(data, end, p);
}

/* The type of what the frame carries, in host order, and its place. */
static __always_inline __u32 parse_ethernet(hook_ctx *ctx, __u32 *ret_at)
{
	__be16 *type = hook_octets(ctx, 12, 2);
	__u32 at = PARSE_ETHERNET;

	for (__u32 tags = hook_tags(ctx); tags < PARSE_TAGS_MAX; tags++) {
		if (type == NULL)
			break;
		if (*type != bpf_htons(ETHERTYPE_VLAN) && *type != bpf_htons(ETHERTYPE_QINQ))
			break;
		type = hook_octets(ctx, at + 2, 2);
		at += 4;
	}
	*ret_at = at;
	return type != NULL ? bpf_ntohs(*type) : 0;
}

/* Fills p, which is all zeros; 0 when no rule can match what the frame carries. */
static __always_inline int parse_frame(hook_ctx *ctx, struct xdp_packet *p)
{
	__u32 type;

	for (int t = 0; t < XDP_VALUES_OF_PACKET; t++)
		p->value[t] = XDP_ABSENT;
	if (parse_usual(ctx, p))
		return 1;
	type = parse_ethernet(ctx, &p->at);
	if (type == ETHERTYPE_IPV4)
		return parse_ipv4(ctx, p);
	if (type == ETHERTYPE_IPV6)
		return parse_ipv6(ctx, p);
	return 0;
}

#endif
