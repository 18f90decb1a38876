/* SPDX-License-Identifier: ISC */
/* protected_flows.h - what a default protects, in words that the reference matcher reads; the hop
 * limit that neighbor discovery asks for has none. */
#ifndef TESTS_PROTECTED_FLOWS_H
#define TESTS_PROTECTED_FLOWS_H

#include <stdio.h>
#include <string.h>

#include "enforce/protect.h"
#include "enforce/saved.h"
#include "flow/flow.h"

enum {
	STATEMENTS = 5, /* that a test makes at random, at most */
	LOCALS = 6      /* addresses likewise */
};

/* What is protected, and how often it should have been what saved a packet. */
struct protection {
	struct enforce_protect what;
	struct enforce_protect_statement statement[STATEMENTS];
	uint8_t octets[STATEMENTS][FLOW_NLRI_MAX];
	struct xdp_local local[LOCALS];
	size_t local_count;
	uint64_t saved[XDP_ENTRIES];
};

static const struct {
	const char *name, *match[FLOW_FAMILIES];
} default_flows[] = {
	{ "bgp", { "protocol =tcp; port =179;", "next-header =tcp; port =179;" } },
	{ "ospf", { "protocol =89;", "next-header =89;" } },
	{ "ldp",
	  { "protocol [ =tcp =udp ]; port =646;", "next-header [ =tcp =udp ]; port =646;" } },
	{ "bfd",
	  { "protocol =udp; destination-port [ =3784 =3785 =4784 ];",
	    "next-header =udp; destination-port [ =3784 =3785 =4784 ];" } },
	{ "vrrp", { "protocol =112;", "next-header =112;" } },
	{ "packet-too-big", { NULL, "icmp-type =2;" } },
	{ "neighbor-discovery", { NULL, "icmp-type >=133&<=137;" } },
	{ "fragmentation-needed", { "icmp-type =3; icmp-code =4;", NULL } },
	{ "ssh",
	  { "protocol =tcp; destination-port =22;", "next-header =tcp; destination-port =22;" } },
};

enum {
	DEFAULT_FLOWS = sizeof(default_flows) / sizeof(default_flows[0])
};

static struct flow_rule default_rules[DEFAULT_FLOWS][FLOW_FAMILIES];

static inline void default_read(size_t d, enum flow_family family)
{
	struct flow_text_options o = { .family = family, .family_fixed = true };
	char text[200];
	struct err e = { 0 };

	if (default_flows[d].match[family] == NULL)
		return;
	(void)snprintf(text, sizeof(text), "match { %s }", default_flows[d].match[family]);
	if (!flow_text_rule(text, strlen(text), &o, &default_rules[d][family], &e))
		fail_msg("%s: %s", text, e.text);
}

static inline void defaults_read(void)
{
	assert_int_equal(DEFAULT_FLOWS, XDP_DEFAULTS);
	for (size_t d = 0; d < DEFAULT_FLOWS; d++) {
		assert_int_equal(protect_default_number(default_flows[d].name), d);
		default_read(d, FLOW_IPV4);
		default_read(d, FLOW_IPV6);
	}
}

/* Of a packet, wherever it goes. */
static inline bool default_matches(size_t d, enum flow_family family, const uint8_t *packet,
				   size_t len)
{
	struct flow_nlri n = flow_rule_nlri(&default_rules[d][family]);

	if (n.len == 0 || !flow_match(&n, packet, len))
		return false;
	return strcmp(default_flows[d].name, "neighbor-discovery") != 0 || packet[7] == 255;
}

/* Is it to this machine, or to a link-scope multicast group? */
static inline bool is_to_ours(const struct xdp_local *local, size_t count, enum flow_family family,
			      const uint8_t *packet)
{
	bool v6 = family == FLOW_IPV6;
	const uint8_t *to = packet + (v6 ? 24 : 16);
	struct rd r = rd_over(to, v6 ? 16 : 4);
	uint64_t first = v6 ? rd_uint(&r, 8) : rd_uint(&r, 4), second = v6 ? rd_uint(&r, 8) : 0;

	if (v6 ? to[0] == 0xff && to[1] == 2 : to[0] == 224 && to[1] == 0 && to[2] == 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if ((local[i].family == XDP_IPV6) == v6 && local[i].address[0] == first &&
		    local[i].address[1] == second)
			return true;
	return false;
}

/* The entry that saves a packet which some rule matches; -1: none. */
static inline int protected_by(const struct protection *p, enum flow_family family,
			       const uint8_t *packet, size_t len)
{
	for (size_t d = 0; d < DEFAULT_FLOWS; d++)
		if (!(p->what.defaults_off >> d & 1) && default_matches(d, family, packet, len) &&
		    is_to_ours(p->local, p->local_count, family, packet))
			return (int)d;
	for (size_t i = 0; i < p->what.count; i++)
		if (p->statement[i].nlri.family == family &&
		    flow_match(&p->statement[i].nlri, packet, len))
			return XDP_STATEMENT_FIRST + (int)i;
	return -1;
}

static inline struct xdp_local local_at(uint32_t family, const uint8_t *address)
{
	struct rd r = rd_over(address, family == XDP_IPV6 ? 16 : 4);
	struct xdp_local l = { .family = family };

	l.address[0] = rd_uint(&r, family == XDP_IPV6 ? 8 : 4);
	l.address[1] = family == XDP_IPV6 ? rd_uint(&r, 8) : 0;
	return l;
}

/* How many entries have saved something else than they should; adds what all of them have. */
static inline uint64_t wrongly_saved(const struct protection *p, const struct saved *s,
				     bool explain, uint64_t *ret_saved)
{
	uint64_t there[XDP_ENTRIES] = { 0 }, wrong = 0;

	for (size_t i = 0; i < s->count; i++)
		there[s->row[i].entry] += s->row[i].before.packets + s->row[i].now.packets;
	for (size_t e = 0; e < XDP_ENTRIES; e++) {
		*ret_saved += there[e];
		wrong += there[e] != p->saved[e];
		if (explain && there[e] != p->saved[e])
			printf("# entry %zu saved %llu and not %llu\n", e,
			       (unsigned long long)there[e], (unsigned long long)p->saved[e]);
	}
	return wrong + s->lost;
}

#endif
