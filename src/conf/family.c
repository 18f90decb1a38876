/* SPDX-License-Identifier: ISC */
/* family.c - the family section: which of ExaBGP's families we speak. */
#include <string.h>

#include "conf/sections.h"

struct row {
	const char *afi, *safi;
	enum bgp_family family; /* BGP_FAMILIES: known to ExaBGP, not spoken here */
};

static const struct row rows[] = {
	{ "ipv4", "unicast", BGP_IPV4_UNICAST },
	{ "ipv6", "unicast", BGP_IPV6_UNICAST },
	{ "ipv4", "flow", BGP_IPV4_FLOW },
	{ "ipv6", "flow", BGP_IPV6_FLOW },
	{ "ipv4", "flow-vpn", BGP_IPV4_FLOW_VPN },
	{ "ipv6", "flow-vpn", BGP_IPV6_FLOW_VPN },
	{ "ipv4", "multicast", BGP_FAMILIES },
	{ "ipv6", "multicast", BGP_FAMILIES },
	{ "ipv4", "nlri-mpls", BGP_FAMILIES },
	{ "ipv6", "nlri-mpls", BGP_FAMILIES },
	{ "ipv4", "labeled-unicast", BGP_FAMILIES },
	{ "ipv6", "labeled-unicast", BGP_FAMILIES },
	{ "ipv4", "mpls-vpn", BGP_FAMILIES },
	{ "ipv6", "mpls-vpn", BGP_FAMILIES },
	{ "ipv4", "mcast-vpn", BGP_FAMILIES },
	{ "ipv6", "mcast-vpn", BGP_FAMILIES },
	{ "ipv4", "mup", BGP_FAMILIES },
	{ "ipv6", "mup", BGP_FAMILIES },
	{ "ipv4", "sr-policy", BGP_FAMILIES },
	{ "ipv6", "sr-policy", BGP_FAMILIES },
	{ "ipv4", "rtc", BGP_FAMILIES },
	{ "l2vpn", "vpls", BGP_FAMILIES },
	{ "l2vpn", "evpn", BGP_FAMILIES },
	{ "bgp-ls", "bgp-ls", BGP_FAMILIES },
	{ "bgp-ls", "bgp-ls-vpn", BGP_FAMILIES },
};

static bool offer(struct reader *r, const struct statement *s, struct draft *d)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* The text of a 3.4 spelling is what it is called now. */
		if (strcmp(rows[i].afi, s->text) != 0 || !lex_is(&r->l, rows[i].safi))
			continue;
		if (rows[i].family == BGP_FAMILIES)
			warn_at(r, &r->at, "%s %s: this family is not spoken yet: not offered",
				s->text, rows[i].safi);
		else
			d->n.bgp.families |= (uint32_t)1 << rows[i].family;
		lex_next(&r->l);
		return read_end(r, s);
	}
	return expected(r, s, "a family such as 'flow'");
}

static bool afi(struct reader *r, const struct statement *s, void *into)
{
	return offer(r, s, into);
}

static bool all(struct reader *r, const struct statement *s, void *into)
{
	struct draft *d = into;

	d->n.bgp.families = (1U << BGP_FAMILIES) - 1;
	return read_end(r, s);
}

static bool minimal(struct reader *r, const struct statement *s, void *into)
{
	struct draft *d = into;

	d->minimal = true;
	return read_end(r, s);
}

static const struct statement table[] = {
	{ "ipv4", afi, .text = "ipv4" },
	{ "ipv6", afi, .text = "ipv6" },
	{ "inet", afi, .text = "ipv4" },
	{ "inet4", afi, .text = "ipv4" },
	{ "inet6", afi, .text = "ipv6" },
	{ "l2vpn", afi, .text = "l2vpn" },
	{ "bgp-ls", afi, .text = "bgp-ls" },
	{ "all", all, FIELD_NONE, NULL, NULL },
	{ "minimal", minimal, FIELD_NONE, NULL, NULL },
	{ 0 },
};

bool read_family(struct reader *r, const struct statement *s, void *into)
{
	draft_set(r, into, FIELD_FAMILY);
	return read_block(r, s->name, table, into);
}
