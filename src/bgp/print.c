/* SPDX-License-Identifier: ISC */
/* print.c - a message as readable lines, read by the same readers as a session's.
 *
 * An UPDATE is read as an internal neighbor's with every family we know, so that nothing is left
 * out.
 */
#include "bgp/update.h"

static void print_open(struct rd r, struct str *out, bool *ok, struct bgp_notification *fault)
{
	struct bgp_open o;

	*ok = bgp_open_read(r, &o, fault);
	if (!*ok)
		return;
	char buf[ADDR_TEXT_MAX];
	struct addr id = addr_ipv4(o.id);
	str_addf(out, "  AS %u%s, hold time %u s, identifier %s\n", o.as,
		 o.asn4 ? " (4 octets)" : "", o.hold_time, addr_print(&id, buf));
	for (unsigned f = 0; f < BGP_FAMILIES; f++)
		if ((o.families & 1u << f) != 0)
			str_addf(out, "  family %s%s\n", bgp_families[f].name,
				 o.multiprotocol ? "" : " (no multiprotocol capability)");
	if (o.route_refresh)
		str_add(out, "  route refresh\n");
}

static void print_notification(struct rd r, struct str *out)
{
	struct bgp_notification n;

	bgp_notification_read(r, &n);
	str_add(out, "  ");
	bgp_notification_print(&n, out);
	str_add(out, "\n");
}

static void print_refresh(struct rd r, struct str *out)
{
	struct bgp_refresh f = bgp_refresh_read(r);

	if (f.family < BGP_FAMILIES)
		str_addf(out, "  %s", bgp_families[f.family].name);
	else
		str_addf(out, "  AFI %u SAFI %u", f.afi, f.safi);
	if (f.subtype != 0)
		str_addf(out, ", subtype %u", f.subtype);
	str_add(out, "\n");
}

/* The address, and the link-local one that may follow it. */
static void print_next_hop(const struct bgp_attrs *a, struct str *out)
{
	char buf[ADDR_TEXT_MAX];
	struct addr hop;

	if (a->next_hop_len == 0)
		return;
	hop = a->next_hop_len == 4 ? addr_ipv4(a->next_hop) : addr_ipv6(a->next_hop);
	str_addf(out, ", next hop %s", addr_print(&hop, buf));
	if (a->next_hop_len == 32) {
		hop = addr_ipv6(a->next_hop + 16);
		str_addf(out, " %s", addr_print(&hop, buf));
	}
}

static void print_part(struct bgp_update *u, enum bgp_part part, struct str *out)
{
	bool announced = part == BGP_PART_NLRI || part == BGP_PART_MP_REACH;
	struct bgp_nlri_room room;
	struct bgp_nlri n;
	enum bgp_family f;
	struct rd r = bgp_update_part(u, part, &f);

	if (rd_left(&r) == 0)
		return;
	str_addf(out, "  %s %s", announced ? "announced:" : "withdrawn:", bgp_families[f].name);
	if (announced)
		print_next_hop(bgp_update_attrs(u, part), out);
	str_add(out, "\n");
	while (bgp_nlri_next(&r, f, &room, &n, NULL) == BGP_NLRI_ONE) {
		str_add(out, "    ");
		bgp_nlri_print(&n, out);
		str_add(out, "\n");
	}
}

static void print_foreign(const struct bgp_mp *mp, const char *what, struct str *out)
{
	if (mp->present && mp->family == BGP_FAMILIES)
		str_addf(out, "  %s of AFI %u SAFI %u, %zu octets\n", what, mp->afi, mp->safi,
			 rd_left(&mp->nlri));
}

static bool print_update(struct rd r, bool as2, struct str *out, struct err *e)
{
	struct bgp_terms terms = { .internal = true,
				   .asn4 = !as2,
				   .families = (1u << BGP_FAMILIES) - 1 };
	struct bgp_update u;

	if (!bgp_update_read(r, &terms, &u) || u.attrs.cost != BGP_COST_NONE)
		return err_at(e, 0, u.attrs.offset, "%s", u.attrs.why);
	if (u.end_of_rib) {
		str_add(out, "  End-of-RIB");
		if (u.end_family < BGP_FAMILIES)
			str_addf(out, " %s", bgp_families[u.end_family].name);
		str_add(out, "\n");
		return true;
	}
	if (bgp_attr_seen(&u.attrs, BGP_ATTR_ORIGIN) || bgp_attr_seen(&u.attrs, BGP_ATTR_AS_PATH))
		bgp_attrs_print(&u.attrs.a, out);
	print_foreign(&u.attrs.unreach, "MP_UNREACH_NLRI", out);
	print_foreign(&u.attrs.reach, "MP_REACH_NLRI", out);
	print_part(&u, BGP_PART_WITHDRAWN, out);
	print_part(&u, BGP_PART_MP_UNREACH, out);
	print_part(&u, BGP_PART_MP_REACH, out);
	print_part(&u, BGP_PART_NLRI, out);
	return true;
}

static bool fail(const struct bgp_notification *fault, size_t offset, struct err *e)
{
	char buf[200];
	struct str s = str_over(buf, sizeof(buf));

	bgp_notification_print(fault, &s);
	return err_at(e, 0, offset, "%s", buf);
}

bool bgp_message_print(const uint8_t *octets, size_t len, bool as2, struct str *out, struct err *e)
{
	struct bgp_notification fault;
	struct bgp_header h;
	struct rd r = rd_over(octets, len);
	bool ok = true;

	switch (bgp_frame_read(octets, len, &h, &fault)) {
	case BGP_FRAME_BAD:
		return fail(&fault, 0, e);
	case BGP_FRAME_PART:
		return err_at(e, 0, len, "message is cut short");
	case BGP_FRAME_WHOLE:
		break;
	}
	if (h.len != len)
		return err_at(e, 0, h.len, "%zu octets behind the message", len - h.len);
	rd_take(&r, BGP_HEADER);
	str_addf(out, "%s, %u octets\n", bgp_msg_name(h.type), h.len);
	switch ((enum bgp_msg_type)h.type) {
	case BGP_MSG_OPEN:
		print_open(r, out, &ok, &fault);
		return ok || fail(&fault, BGP_HEADER, e);
	case BGP_MSG_UPDATE:
		return print_update(r, as2, out, e);
	case BGP_MSG_NOTIFICATION:
		print_notification(r, out);
		break;
	case BGP_MSG_ROUTE_REFRESH:
		print_refresh(r, out);
		break;
	case BGP_MSG_KEEPALIVE:
	case BGP_MSG_TYPES:
		break;
	}
	return true;
}
