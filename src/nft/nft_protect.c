/* SPDX-License-Identifier: ISC */
/* nft_protect.c - see nft_protect.h.  The defaults are those of xdp_spare.h, here in the language
 * of rules. */
#include "nft/nft_protect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "enforce/protect.h"
#include "nft/nft_rule.h"

static const struct {
	const char *match[FLOW_FAMILIES]; /* NULL: the family has none */
	const char *more;                 /* what the language cannot say */
} defaults[XDP_DEFAULTS] = {
	[XDP_DEFAULT_BGP] = { { "protocol tcp; port =179;", "next-header tcp; port =179;" }, "" },
	[XDP_DEFAULT_OSPF] = { { "protocol =89;", "next-header =89;" }, "" },
	[XDP_DEFAULT_LDP] = { { "protocol [ tcp udp ]; port =646;",
				"next-header [ tcp udp ]; port =646;" },
			      "" },
	[XDP_DEFAULT_BFD] = { { "protocol udp; destination-port [ =3784 =3785 =4784 ];",
				"next-header udp; destination-port [ =3784 =3785 =4784 ];" },
			      "" },
	[XDP_DEFAULT_VRRP] = { { "protocol =112;", "next-header =112;" }, "" },
	[XDP_DEFAULT_PACKET_TOO_BIG] = { { NULL, "icmp-type =2;" }, "" },
	[XDP_DEFAULT_NEIGHBOR_DISCOVERY] = { { NULL, "icmp-type >=133&<=137;" },
					     "@nh,56,8 == 255 " },
	[XDP_DEFAULT_FRAGMENTATION_NEEDED] = { { "icmp-type =3; icmp-code =4;", NULL }, "" },
	[XDP_DEFAULT_SSH] = { { "protocol tcp; destination-port =22;",
				"next-header tcp; destination-port =22;" },
			      "" },
};

/* To this machine, or to a link-scope multicast group. */
static const char *const ours[FLOW_FAMILIES][2] = {
	[FLOW_IPV4] = { "@nh,128,24 == 0xe00000", "@nh,128,32 @ipv4-locals" },
	[FLOW_IPV6] = { "@nh,192,16 == 0xff02", "@nh,192,128 @ipv6-locals" },
};

const char *nft_protected(enum flow_family family)
{
	return family == FLOW_IPV6 ? "ipv6-protected" : "ipv4-protected";
}

/* ---- What can be had -------------------------------------------------------------------- */

bool nft_protect_fits(const struct enforce_protect *p, struct err *e)
{
	struct err why = { 0 };

	for (size_t i = 0; i < p->count; i++)
		if (!nft_match_fits(&p->statements[i].nlri, &why))
			return err_at(e, 0, 0, "protect: route %s: %s", p->statements[i].name,
				      why.text);
	return true;
}

const char *nft_protect_needs_whole(const struct enforce_protect *p)
{
	static const struct plan_then nothing;

	for (size_t i = 0; i < p->count; i++)
		if (plan_needs_whole(&p->statements[i].nlri, &nothing))
			return p->statements[i].name;
	return NULL;
}

/* ---- Counters --------------------------------------------------------------------------- */

enum {
	NAME_MAX_OCTETS = 40
};

static const char *counter_name(int entry, char name[NAME_MAX_OCTETS])
{
	if (entry < XDP_DEFAULTS)
		(void)snprintf(name, NAME_MAX_OCTETS, "saved-%s",
			       protect_default_name((unsigned)entry));
	else
		(void)snprintf(name, NAME_MAX_OCTETS, "saved-route%d",
			       entry - XDP_STATEMENT_FIRST + 1);
	return name;
}

int nft_protect_entry(const char *counter)
{
	char name[NAME_MAX_OCTETS];

	if (strncmp(counter, "saved-", 6) != 0)
		return -1;
	for (int entry = 0; entry < XDP_ENTRIES; entry++)
		if ((entry < XDP_DEFAULTS || entry >= XDP_STATEMENT_FIRST) &&
		    strcmp(counter, counter_name(entry, name)) == 0)
			return entry;
	return -1;
}

void nft_protect_delete_counter(int entry, FILE *to)
{
	char name[NAME_MAX_OCTETS];

	(void)fprintf(to, "delete counter " NFT_TABLE " %s\n", counter_name(entry, name));
}

/* ---- Chains ----------------------------------------------------------------------------- */

/* The lines of an entry, which end in its counter. */
static void entry_print(int entry, enum nft_purpose purpose, const struct flow_nlri *n,
			const char *more, FILE *to)
{
	char name[NAME_MAX_OCTETS], then[NAME_MAX_OCTETS + 64];

	(void)snprintf(then, sizeof(then), "%scounter name %s accept", more,
		       counter_name(entry, name));
	(void)fprintf(to, "add counter " NFT_TABLE " %s\n", name);
	for (int class = 0; class < NFT_CLASSES; class ++)
		nft_match_print(n, class, NFT_WHOLE, nft_chain(purpose, n->family, class), then,
				to);
}

static void default_print(int d, enum flow_family family, FILE *to)
{
	struct flow_text_options o = { .family = family, .family_fixed = true };
	struct flow_rule rule;
	struct flow_nlri n;
	char text[128];

	if (defaults[d].match[family] == NULL)
		return;
	(void)snprintf(text, sizeof(text), "match { %s }", defaults[d].match[family]);
	if (!flow_text_rule(text, strlen(text), &o, &rule, NULL))
		return;
	n = flow_rule_nlri(&rule);
	entry_print(d, NFT_DEFAULTS, &n, defaults[d].more, to);
}

static bool any_statement(const struct enforce_protect *p, enum flow_family family)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->statements[i].nlri.family == family)
			return true;
	return false;
}

static bool any_monitored(const struct enforce_options *o)
{
	for (size_t i = 0; o->monitored != NULL && i < o->interface_count; i++)
		if (o->monitored[i])
			return true;
	return false;
}

static void family_print(const struct enforce_options *o, enum flow_family family, FILE *to)
{
	const char *chain = nft_protected(family);
	const uint32_t all = (UINT32_C(1) << XDP_DEFAULTS) - 1;

	(void)fprintf(to, "add chain " NFT_TABLE " %s\nflush chain " NFT_TABLE " %s\n", chain,
		      chain);
	for (int i = 0; i < 2 && (o->protect.defaults_off & all) != all; i++)
		(void)fprintf(to, "add rule " NFT_TABLE " %s %s jump %s\n", chain, ours[family][i],
			      nft_sorter(NFT_DEFAULTS, family));
	if (any_statement(&o->protect, family))
		(void)fprintf(to, "add rule " NFT_TABLE " %s jump %s\n", chain,
			      nft_sorter(NFT_STATEMENTS, family));
	if (o->monitor || any_monitored(o))
		(void)fprintf(to, "add rule " NFT_TABLE " %s %saccept\n", chain,
			      o->monitor ? "" : "meta iif @monitored ");
}

void nft_protect_flush(FILE *to)
{
	for (int purpose = NFT_DEFAULTS; purpose < NFT_PURPOSES; purpose++)
		for (int family = 0; family < FLOW_FAMILIES; family++)
			for (int class = 0; class < NFT_CLASSES; class ++)
				(void)fprintf(to, "flush chain " NFT_TABLE " %s\n",
					      nft_chain(purpose, family, class));
}

void nft_protect_print(const struct enforce_options *o, FILE *to)
{
	const struct enforce_protect *p = &o->protect;

	fputs("add set " NFT_TABLE " ipv4-locals { typeof @nh,128,32; }\n"
	      "add set " NFT_TABLE " ipv6-locals { typeof @nh,192,128; }\n"
	      "add set " NFT_TABLE " monitored { type iface_index; }\n",
	      to);
	for (int family = 0; family < FLOW_FAMILIES; family++) {
		for (int d = 0; d < XDP_DEFAULTS; d++)
			if (!(p->defaults_off >> d & 1))
				default_print(d, family, to);
		family_print(o, family, to);
	}
	for (size_t i = 0; i < p->count; i++)
		entry_print(XDP_STATEMENT_FIRST + (int)i, NFT_STATEMENTS, &p->statements[i].nlri,
			    "", to);
}

/* ---- Sets ------------------------------------------------------------------------------- */

static void address_print(const struct xdp_local *l, FILE *to)
{
	if (l->family == XDP_IPV4)
		(void)fprintf(to, "0x%08" PRIx64, (uint64_t)l->address[0]);
	else
		(void)fprintf(to, "0x%016" PRIx64 "%016" PRIx64, (uint64_t)l->address[0],
			      (uint64_t)l->address[1]);
}

void nft_protect_print_locals(const struct locals *l, FILE *to)
{
	static const struct {
		uint32_t family;
		const char *set;
	} sets[] = { { XDP_IPV4, "ipv4-locals" }, { XDP_IPV6, "ipv6-locals" } };

	for (size_t s = 0; s < 2; s++) {
		const struct xdp_local *last = NULL;

		(void)fprintf(to, "flush set " NFT_TABLE " %s\n", sets[s].set);
		for (size_t i = 0; i < l->count; i++) {
			const struct xdp_local *x = &l->list[i];

			if (x->family != sets[s].family ||
			    (last != NULL && memcmp(last, x, sizeof(*x)) == 0))
				continue;
			if (last == NULL)
				(void)fprintf(to, "add element " NFT_TABLE " %s { ", sets[s].set);
			else
				fputs(", ", to);
			address_print(x, to);
			last = x;
		}
		fputs(last != NULL ? " }\n" : "", to);
	}
}

void nft_protect_print_monitored(const unsigned *ifindex, size_t count, FILE *to)
{
	fputs("flush set " NFT_TABLE " monitored\n", to);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(to, "add element " NFT_TABLE " monitored { %u }\n", ifindex[i]);
}
