/* SPDX-License-Identifier: ISC */
/* rib_net.h - neighbors without sockets, for the tests of the RIB.
 *
 * A struct bgp_peer is made here, and the few calls of the speaker that the RIB makes: the linker
 * takes these and leaves the real ones out.  A test says what a neighbor sends (net_says), fetches
 * what it is told (net_told, as text), and compares.
 *
 * Rules are "destination 192.0.2.N/32", known by their N; attributes carry one extended community
 * traffic-rate-bytes whose last octet A tells them apart.
 */
#ifndef TESTS_RIB_NET_H
#define TESTS_RIB_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rib/rib.h"

struct bgp_peer {
	void *user;
	struct bgp_peer_conf conf;
	struct bgp_peer_info info;
	char name[ADDR_TEXT_MAX];
	struct rib *rib;
	unsigned kicks;
};

void *bgp_peer_user(const struct bgp_peer *p)
{
	return p->user;
}

void bgp_peer_info(const struct bgp_peer *p, struct bgp_peer_info *ret)
{
	*ret = p->info;
}

const char *bgp_peer_name(const struct bgp_peer *p)
{
	return p->name;
}

void bgp_speaker_kick(struct bgp_speaker *s, struct bgp_peer *p)
{
	(void)s;
	p->kicks++;
}

enum {
	NET_AS = 65000, /* ours */
	NET_FLOW = 1 << BGP_IPV4_FLOW,
	NET_BOTH = 1 << BGP_IPV4_FLOW | 1 << BGP_IPV4_UNICAST
};

struct net_rule {
	uint8_t octets[6];
	struct bgp_nlri nlri;
};

/* destination 192.0.2.n/32 */
static inline const struct bgp_nlri *net_flow(uint8_t n)
{
	static struct net_rule ring[16];
	static size_t at;
	struct net_rule *r = &ring[at++ % 16];

	memcpy(r->octets, (uint8_t[]){ 1, 32, 192, 0, 2, n }, sizeof(r->octets));
	r->nlri = (struct bgp_nlri){ .family = BGP_IPV4_FLOW, .octets = r->octets, .len = 6 };
	return &r->nlri;
}

/* 10.0.n.0/24 */
static inline const struct bgp_nlri *net_unicast(uint8_t n)
{
	static struct net_rule ring[16];
	static size_t at;
	struct net_rule *r = &ring[at++ % 16];

	memcpy(r->octets, (uint8_t[]){ 24, 10, 0, n }, 4);
	r->nlri = (struct bgp_nlri){ .family = BGP_IPV4_UNICAST, .octets = r->octets, .len = 4 };
	return &r->nlri;
}

/* rate-limit, told apart by a; d's other fields as given (NULL: none).  The test gives it back. */
static inline struct bgp_attrs *net_attrs(struct bgp_attr_table *t, uint8_t a,
					  const struct bgp_attrs *d)
{
	uint8_t ext[8] = { 0x80, 0x06, 0, 0, 0x46, 0x16, 0, a };
	struct bgp_attrs draft = d != NULL ? *d : (struct bgp_attrs){ 0 };
	struct bgp_attrs *got;

	draft.ext = (struct bgp_octets){ .at = ext, .len = sizeof(ext) };
	got = bgp_attrs_intern(t, &draft);
	assert_non_null(got);
	return got;
}

static inline struct addr net_addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

/* The router-ids are the addresses. */
static inline struct bgp_peer *net_peer_at(struct rib *r, const char *ours, const char *address,
					   uint32_t as, const struct rib_peer_conf *c)
{
	struct bgp_peer *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	(void)snprintf(p->name, sizeof(p->name), "%s", address);
	p->info.local = net_addr(ours);
	p->conf = (struct bgp_peer_conf){
		.remote = net_addr(address),
		.remote_as = as,
		.local_as = NET_AS,
	};
	memcpy(p->conf.router_id, p->info.local.octets, 4);
	p->info.conf = &p->conf;
	p->info.families = NET_BOTH;
	memcpy(p->info.remote_id, p->conf.remote.octets, 4);
	p->rib = r;
	p->user = rib_peer_new(r, c, &p->conf);
	assert_non_null(p->user);
	rib_peer_attach(p->user, NULL, p);
	return p;
}

static inline struct bgp_peer *net_peer(struct rib *r, const char *address, uint32_t as,
					const struct rib_peer_conf *c)
{
	return net_peer_at(r, "192.0.2.254", address, as, c);
}

static inline void net_up(struct bgp_peer *p)
{
	rib_bgp_handler.up(p->rib, p);
}

static inline void net_down(struct bgp_peer *p)
{
	rib_bgp_handler.down(p->rib, p, "test");
	(void)rib_prune(p->rib, SIZE_MAX);
}

/* The neighbor sends it; attrs NULL: withdraws it. */
static inline void net_says(struct bgp_peer *p, const struct bgp_nlri *n, struct bgp_attrs *attrs)
{
	rib_bgp_handler.route(p->rib, p, n, attrs);
}

static inline bool net_next(struct bgp_peer *p, struct bgp_out *ret)
{
	return rib_bgp_handler.next(p->rib, p, ret);
}

/* All it is told now: "+N/A" announced, "-N" withdrawn, "end F" End-of-RIB of a family. */
static inline const char *net_told(struct bgp_peer *p)
{
	static char text[4096];
	struct str s = str_over(text, sizeof(text));
	struct bgp_out o;

	while (net_next(p, &o)) {
		uint8_t n = o.nlri.len > 0 ? o.nlri.octets[o.nlri.len - 1] : 0;

		str_add(&s, s.len > 0 ? " " : "");
		if (o.kind == BGP_OUT_END_OF_RIB)
			str_addf(&s, "end %s", bgp_families[o.nlri.family].token);
		else if (o.kind == BGP_OUT_UNREACH)
			str_addf(&s, "-%u", n);
		else
			str_addf(&s, "+%u/%u", n, o.attrs->ext.at[7]);
	}
	assert_true(str_ok(&s));
	return text;
}

static inline struct rib_peer_counts net_counts(const struct bgp_peer *p)
{
	struct rib_peer_counts c;

	rib_peer_counts(p->user, &c);
	return c;
}

/* A small xorshift, so that a failing run can be made again. */
static inline uint32_t net_random(uint64_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 33) % below;
}

#endif
