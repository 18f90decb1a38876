/* SPDX-License-Identifier: ISC */
/* flow_eval.h - a normal form applied to a packet, with a packet reader of its own.
 *
 * The second opinion on what flow_match says; written after RFC 8955 4.2.2 and RFC 8956 3, and not
 * after match.c.  A field that is not there is a number that no span holds.
 */
#ifndef TESTS_FLOW_EVAL_H
#define TESTS_FLOW_EVAL_H

#include "flow/flow.h"

#define EVAL_ABSENT UINT32_MAX

struct eval_packet {
	uint8_t address[2][16]; /* source, destination */
	uint32_t field[FLOW_COMPONENTS + 1];
};

static inline uint32_t eval_be(const uint8_t *p, size_t len, size_t at, size_t octets)
{
	uint32_t v = 0;

	if (at + octets > len)
		return EVAL_ABSENT;
	for (size_t i = 0; i < octets; i++)
		v = v << 8 | p[at + i];
	return v;
}

static inline void eval_transport(struct eval_packet *e, const uint8_t *p, size_t len, size_t at,
				  uint32_t icmp)
{
	uint32_t protocol = e->field[FLOW_PROTOCOL], flags;

	if ((protocol == 6 || protocol == 17) && at + 4 <= len) {
		e->field[FLOW_SOURCE_PORT] = eval_be(p, len, at, 2);
		e->field[FLOW_DESTINATION_PORT] = eval_be(p, len, at + 2, 2);
	}
	flags = eval_be(p, len, at + 12, 2);
	if (protocol == 6 && flags != EVAL_ABSENT)
		e->field[FLOW_TCP_FLAGS] = flags & 0xfff;
	if (protocol == icmp) {
		e->field[FLOW_ICMP_TYPE] = eval_be(p, len, at, 1);
		e->field[FLOW_ICMP_CODE] = eval_be(p, len, at + 1, 1);
	}
}

static inline uint32_t eval_fragment(uint32_t offset, uint32_t more)
{
	if (offset == 0)
		return more ? 4 : 0;
	return more ? 2 : 2 | 8;
}

static inline bool eval_ipv4(struct eval_packet *e, const uint8_t *p, size_t len)
{
	size_t header, total;
	uint32_t frag;

	if (len < 20 || p[0] < 0x45 || p[0] > 0x4f)
		return false;
	header = (p[0] - 0x40u) * 4;
	total = eval_be(p, len, 2, 2);
	if (len < header || total < header)
		return false;
	memcpy(e->address[0], p + 12, 4);
	memcpy(e->address[1], p + 16, 4);
	frag = eval_be(p, len, 6, 2);
	e->field[FLOW_PACKET_LENGTH] = (uint32_t)total;
	e->field[FLOW_DSCP] = p[1] >> 2;
	e->field[FLOW_PROTOCOL] = p[9];
	e->field[FLOW_FRAGMENT] = eval_fragment(frag & 0x1fff, frag >> 13 & 1) | (frag >> 14 & 1);
	if ((frag & 0x1fff) == 0)
		eval_transport(e, p, total < len ? total : len, header, 1);
	return true;
}

/* Octets of the extension header at `at`; 0: not one, or not there as a whole. */
static inline size_t eval_extension(uint32_t kind, const uint8_t *p, size_t len, size_t at)
{
	uint32_t n = eval_be(p, len, at + 1, 1);
	size_t octets;

	if (n == EVAL_ABSENT)
		return 0;
	octets = kind == 44 ? 8 : kind == 51 ? 4 * n + 8 : 8 * n + 8;
	return at + octets <= len ? octets : 0;
}

static inline bool eval_ipv6(struct eval_packet *e, const uint8_t *p, size_t len)
{
	uint32_t next, word;
	size_t at = 40, step;
	int left = 8;

	if (len < 40 || p[0] >> 4 != 6)
		return false;
	memcpy(e->address[0], p + 8, 16);
	memcpy(e->address[1], p + 24, 16);
	word = eval_be(p, len, 0, 4);
	e->field[FLOW_DSCP] = word << 4 >> 26;
	e->field[FLOW_LABEL] = word << 12 >> 12;
	e->field[FLOW_PACKET_LENGTH] = 40 + eval_be(p, len, 4, 2);
	if (len > e->field[FLOW_PACKET_LENGTH])
		len = e->field[FLOW_PACKET_LENGTH];
	next = p[6];
	while (next == 0 || next == 43 || next == 44 || next == 51 || next == 60) {
		step = left-- > 0 ? eval_extension(next, p, len, at) : 0;
		if (step == 0)
			return true;
		word = next == 44 ? eval_be(p, len, at + 2, 2) : 0;
		if (next == 44 && e->field[FLOW_FRAGMENT] == EVAL_ABSENT)
			e->field[FLOW_FRAGMENT] = eval_fragment(word >> 3, word & 1);
		next = p[at];
		at += step;
		if (word >> 3 != 0) {
			if (next != 0 && next != 43 && next != 44 && next != 51 && next != 60)
				e->field[FLOW_PROTOCOL] = next;
			return true;
		}
	}
	if (e->field[FLOW_FRAGMENT] == EVAL_ABSENT)
		e->field[FLOW_FRAGMENT] = 0;
	e->field[FLOW_PROTOCOL] = next;
	eval_transport(e, p, len, at, 58);
	return true;
}

static inline bool eval_prefix(const struct flow_normal_prefix *want, const uint8_t address[16])
{
	for (unsigned i = want->present ? want->offset : 128; i < want->len; i++)
		if ((want->octets[i / 8] ^ address[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

static inline bool eval_in(const struct flow_normal *n, int type, uint32_t v)
{
	const struct flow_span *s = n->spans + n->numeric[type].first;

	for (unsigned i = 0; i < n->numeric[type].count; i++)
		if (v >= s[i].lo && v <= s[i].hi)
			return true;
	return false;
}

static inline bool eval_numeric(const struct flow_normal *n, const struct eval_packet *e)
{
	for (int type = 1; type <= FLOW_COMPONENTS; type++) {
		if (!n->numeric[type].present)
			continue;
		if (type == FLOW_PORT ? !eval_in(n, type, e->field[FLOW_SOURCE_PORT]) &&
						!eval_in(n, type, e->field[FLOW_DESTINATION_PORT])
				      : !eval_in(n, type, e->field[type]))
			return false;
	}
	return true;
}

static inline bool flow_eval(const struct flow_normal *n, const uint8_t *packet, size_t len)
{
	struct eval_packet e = { .field = { 0 } };
	uint32_t flags, fragment;

	for (int type = 0; type <= FLOW_COMPONENTS; type++)
		e.field[type] = EVAL_ABSENT;
	if (!(n->family == FLOW_IPV6 ? eval_ipv6 : eval_ipv4)(&e, packet, len))
		return false;
	flags = e.field[FLOW_TCP_FLAGS];
	fragment = e.field[FLOW_FRAGMENT];
	return eval_prefix(&n->destination, e.address[1]) &&
	       eval_prefix(&n->source, e.address[0]) && eval_numeric(n, &e) &&
	       (!n->has_tcp_flags ||
		(flags != EVAL_ABSENT && (n->tcp_flags[flags / 64] >> flags % 64 & 1))) &&
	       (!n->has_fragment || (fragment != EVAL_ABSENT && (n->fragment >> fragment & 1)));
}

#endif
