/* SPDX-License-Identifier: ISC */
/* families.c - the address families we speak, and a route's key as text.
 *
 * RFC 4760 for AFI and SAFI, RFC 8955 and RFC 8956 for SAFI 133 and 134.
 */
#include "bgp/bgp.h"

/* clang-format off */
const struct bgp_family_type bgp_families[BGP_FAMILIES] = {
	/*                     name             token           AFI  SAFI  flow   family     vpn */
	[BGP_IPV4_UNICAST]  = { "ipv4 unicast",  "ipv4-unicast",  1,   1, false, FLOW_IPV4, false },
	[BGP_IPV6_UNICAST]  = { "ipv6 unicast",  "ipv6-unicast",  2,   1, false, FLOW_IPV6, false },
	[BGP_IPV4_FLOW]     = { "ipv4 flow",     "ipv4-flow",     1, 133, true,  FLOW_IPV4, false },
	[BGP_IPV6_FLOW]     = { "ipv6 flow",     "ipv6-flow",     2, 133, true,  FLOW_IPV6, false },
	[BGP_IPV4_FLOW_VPN] = { "ipv4 flow-vpn", "ipv4-flow-vpn", 1, 134, true,  FLOW_IPV4, true },
	[BGP_IPV6_FLOW_VPN] = { "ipv6 flow-vpn", "ipv6-flow-vpn", 2, 134, true,  FLOW_IPV6, true },
};
/* clang-format on */

enum bgp_family bgp_family_find(uint16_t afi, uint8_t safi)
{
	unsigned f = 0;

	while (f < BGP_FAMILIES && (bgp_families[f].afi != afi || bgp_families[f].safi != safi))
		f++;
	return (enum bgp_family)f;
}

enum bgp_family bgp_family_of_flow(enum flow_family family, bool vpn)
{
	unsigned f = 0;

	while (f < BGP_FAMILIES &&
	       (!bgp_families[f].flow || bgp_families[f].flow_family != family ||
		bgp_families[f].vpn != vpn))
		f++;
	return (enum bgp_family)f;
}

enum bgp_family bgp_family_by_token(const char *token)
{
	unsigned f = 0;

	while (f < BGP_FAMILIES && strcmp(bgp_families[f].token, token) != 0)
		f++;
	return (enum bgp_family)f;
}

struct flow_nlri bgp_flow_nlri(const struct bgp_nlri *n)
{
	const struct bgp_family_type *t = &bgp_families[n->family];

	return (struct flow_nlri){ t->flow_family, t->vpn, n->octets, n->len };
}

static void print_prefix(const struct bgp_nlri *n, struct str *out)
{
	bool v6 = bgp_families[n->family].flow_family == FLOW_IPV6;
	struct rd r = rd_over(n->octets, n->len);
	struct addr a = { .family = v6 ? ADDR_IPV6 : ADDR_IPV4 };
	unsigned bits = rd_u8(&r);
	size_t octets = rd_left(&r);
	char buf[ADDR_TEXT_MAX];

	if (octets <= addr_octets(&a))
		memcpy(a.octets, r.pos, octets);
	str_addf(out, "%s/%u", addr_print(&a, buf), bits);
}

void bgp_nlri_print(const struct bgp_nlri *n, struct str *out)
{
	if (!bgp_families[n->family].flow) {
		print_prefix(n, out);
		return;
	}
	struct flow_nlri flow = bgp_flow_nlri(n);
	flow_text_match(&flow, out);
}
