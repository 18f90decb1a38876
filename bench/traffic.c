/* SPDX-License-Identifier: ISC */
/* traffic.c - rules that were drawn as NLRIs, and frames that meet them. */
#include "bench/kernel.h"

#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "flow/flow.h"

/* ---- Rules ------------------------------------------------------------------------------ */

static void write_prefix(struct wr *w, uint8_t type, const uint8_t *address, uint8_t len, bool ipv6)
{
	uint8_t pattern[16] = { 0 };

	if (len == 0)
		return;
	for (unsigned i = 0; i < len; i++)
		pattern[i / 8] |= (uint8_t)(address[i / 8] & 0x80 >> i % 8);
	wr_u8(w, type);
	wr_u8(w, len);
	if (ipv6)
		wr_u8(w, 0);
	wr_bytes(w, pattern, (len + 7u) / 8);
}

static void write_range(struct wr *w, uint8_t type, uint16_t lo, uint16_t hi)
{
	if (lo == 0 && hi == 65535)
		return;
	wr_u8(w, type);
	if (lo == hi) {
		wr_u8(w, FLOW_OP_END | 1 << 4 | FLOW_OP_EQ);
		wr_u16(w, lo);
		return;
	}
	wr_u8(w, 1 << 4 | FLOW_OP_GT | FLOW_OP_EQ);
	wr_u16(w, lo);
	wr_u8(w, FLOW_OP_END | FLOW_OP_AND | 1 << 4 | FLOW_OP_LT | FLOW_OP_EQ);
	wr_u16(w, hi);
}

static void write_octet(struct wr *w, uint8_t type, uint8_t op, uint8_t value)
{
	wr_u8(w, type);
	wr_u8(w, FLOW_OP_END | op);
	wr_u8(w, value);
}

static bool add_rule(struct bench *b, struct drawn *d)
{
	uint8_t room[128];
	struct wr w = wr_over(room, sizeof(room));
	struct flow_actions discard = { .has_rate_bytes = true };
	struct flow_nlri n = { .family = b->ipv6 ? FLOW_IPV6 : FLOW_IPV4, .octets = room };

	mix_draw(b->mix, d, b->ipv6);
	write_prefix(&w, FLOW_DESTINATION, d->destination, d->destination_length, b->ipv6);
	write_prefix(&w, FLOW_SOURCE, d->source, d->source_length, b->ipv6);
	if (d->protocol != 0)
		write_octet(&w, FLOW_PROTOCOL, FLOW_OP_EQ, d->protocol);
	write_range(&w, FLOW_DESTINATION_PORT, d->destination_lo, d->destination_hi);
	write_range(&w, FLOW_SOURCE_PORT, d->source_lo, d->source_hi);
	if (d->icmp != 0)
		write_octet(&w, FLOW_ICMP_TYPE, FLOW_OP_EQ, d->icmp);
	if (d->flags != 0)
		write_octet(&w, FLOW_TCP_FLAGS, FLOW_OP_MATCH, d->flags);
	write_range(&w, FLOW_PACKET_LENGTH, d->length_lo, d->length_hi);
	if (d->has_dscp)
		write_octet(&w, FLOW_DSCP, FLOW_OP_EQ, d->dscp);
	if (d->fragment)
		write_octet(&w, FLOW_FRAGMENT, 0, 2);
	n.len = wr_len(&w);
	if (!wr_ok(&w) || !flow_nlri_check(&n, NULL))
		die("a rule that is none");
	if (ruleset_find(&b->rules, &n) != NULL)
		return false;
	d->rule = ruleset_need(&b->rules, &n);
	if (d->rule == NULL)
		die("out of memory");
	rule_set_then(d->rule, &discard);
	return true;
}

void bench_draw(struct bench *b, size_t count)
{
	b->drawn = calloc(count, sizeof(*b->drawn));
	b->list = calloc(count, sizeof(*b->list));
	if (b->list == NULL || b->drawn == NULL)
		die("out of memory");
	ruleset_init(&b->rules, 7);
	for (b->count = 0; b->count < count;)
		b->count += add_rule(b, &b->drawn[b->count]);
	for (size_t i = 0; i < count; i++)
		b->list[i] = b->drawn[i].rule;
}

void bench_forget(struct bench *b)
{
	ruleset_done(&b->rules);
	free(b->drawn);
	free(b->list);
}

/* ---- Packets ----------------------------------------------------------------------------- */

static uint16_t between(uint16_t lo, uint16_t hi)
{
	return (uint16_t)(lo + mix_below((uint32_t)hi - lo + 1));
}

static void fit_prefix(uint8_t *to, const uint8_t *prefix, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		to[i / 8] =
			(uint8_t)((to[i / 8] & ~(0x80 >> i % 8)) | (prefix[i / 8] & 0x80 >> i % 8));
}

static void write_ipv4(struct wr *w, const struct drawn *d, const uint8_t *to, const uint8_t *from)
{
	wr_u16(w, 0x0800);
	wr_u8(w, 0x45);
	wr_u8(w, (uint8_t)(d->dscp << 2));
	wr_u16(w, between(d->length_lo > 28 ? d->length_lo : 28,
			  d->length_hi < 1500 ? d->length_hi : 1500));
	wr_u16(w, 0);
	wr_u16(w, d->fragment ? 1 : 0);
	wr_u8(w, 64);
	wr_u8(w, d->protocol);
	wr_u16(w, 0);
	wr_bytes(w, from, 4);
	wr_bytes(w, to, 4);
}

static void write_ipv6(struct wr *w, const struct drawn *d, const uint8_t *to, const uint8_t *from)
{
	wr_u16(w, 0x86dd);
	wr_u32(w, 6u << 28 | (uint32_t)d->dscp << 22);
	wr_u16(w, (uint16_t)(between(d->length_lo > 60 ? d->length_lo : 60,
				     d->length_hi < 1500 ? d->length_hi : 1500) -
			     40));
	wr_u8(w, d->fragment ? 44 : d->protocol);
	wr_u8(w, 64);
	wr_bytes(w, from, 16);
	wr_bytes(w, to, 16);
	if (d->fragment) {
		wr_u8(w, d->protocol);
		wr_u8(w, 0);
		wr_u16(w, 8);
		wr_u32(w, 1);
	}
}

/* RFC 791: for kernels, which look; the XDP program does not. */
static void write_checksum(uint8_t header[20])
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	header[10] = (uint8_t)(sum >> 8);
	header[11] = (uint8_t)sum;
}

static bool fits_whole(const struct drawn *d)
{
	return !d->fragment && d->length_lo <= FRAME - 14 && d->length_hi >= FRAME - 14;
}

static void make_frame(const struct bench *b, uint8_t out[FRAME], struct drawn d)
{
	struct wr w = wr_over(out, FRAME);
	uint8_t to[16], from[16];

	memset(out, 0, FRAME);
	mix_address(to, b->ipv6, true);
	mix_address(from, b->ipv6, false);
	fit_prefix(to, d.destination, d.destination_length);
	fit_prefix(from, d.source, d.source_length);
	if (d.protocol == 0)
		d.protocol = 17;
	if (b->whole)
		d.length_lo = d.length_hi = FRAME - 14;
	for (int i = 0; i < 3; i++)
		wr_u32(&w, 0x02020202);
	(b->ipv6 ? write_ipv6 : write_ipv4)(&w, &d, to, from);
	if (!b->ipv6)
		write_checksum(out + 14);
	if (d.icmp != 0) {
		wr_u16(&w, (uint16_t)(d.icmp << 8));
		return;
	}
	wr_u16(&w, between(d.source_lo, d.source_hi));
	wr_u16(&w, between(d.destination_lo, d.destination_hi));
	if (d.protocol == 6) {
		wr_u32(&w, 0);
		wr_u32(&w, 0);
		wr_u16(&w, (uint16_t)(0x5000 | d.flags));
	}
}

/* For the rule's destination, and nothing else that any rule asks for. */
static struct drawn miss_inside(const struct drawn *rule)
{
	struct drawn d = { .destination_length = rule->destination_length,
			   .protocol = 6,
			   .source_lo = 40000,
			   .source_hi = 40000,
			   .destination_lo = 7,
			   .destination_hi = 7,
			   .length_hi = 90 };

	memcpy(d.destination, rule->destination, sizeof(d.destination));
	return d;
}

const char *const trace_names[TRACES] = { "hit", "miss outside", "miss inside" };

void bench_frames(struct bench *b, enum trace trace)
{
	for (int i = 0; i < FRAMES; i++) {
		struct drawn d = { .length_hi = 65535,
				   .source_hi = 65535,
				   .destination_hi = 65535 };

		if (trace == HIT)
			do
				d = b->drawn[mix_below((uint32_t)b->count)];
			while (b->whole && !fits_whole(&d));
		if (trace == MISS_INSIDE)
			for (int tries = 0; tries < 100 && d.destination_length == 0; tries++)
				d = b->drawn[mix_below((uint32_t)b->count)];
		if (trace == MISS_OUTSIDE) {
			mix_address(d.destination, b->ipv6, false);
			d.destination_length = b->ipv6 ? 128 : 32;
			d.protocol = mix_percent(50) ? 17 : 6;
			d.length_hi = 90; /* below what rules without destination ask for */
		}
		if (trace == MISS_INSIDE)
			d = miss_inside(&d);
		make_frame(b, b->frames[i], d);
	}
}
