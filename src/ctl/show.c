/* SPDX-License-Identifier: ISC */
/* show.c - neighbors, rules and routes as JSON objects; docs/control.md lists the members. */
#include "ctl/hub.h"

#include <stdlib.h>
#include <string.h>

#include "flow/flow.h"

enum {
	LINE_MAX_OCTETS = 4096
};

json_t *show_hex(const void *octets, size_t len)
{
	char small[2 * 512 + 1], *text = small;
	struct str s;
	json_t *json;

	if (2 * len + 1 > sizeof(small) && (text = malloc(2 * len + 1)) == NULL)
		return NULL;
	s = str_over(text, text == small ? sizeof(small) : 2 * len + 1);
	str_add_hex(&s, octets, len);
	json = json_string(text);
	if (text != small)
		free(text);
	return json;
}

json_t *show_nlri_hex(const struct bgp_nlri *n)
{
	uint8_t octets[FLOW_NLRI_MAX + 2];
	struct wr w = wr_over(octets, sizeof(octets));
	struct flow_nlri flow;

	if (!bgp_families[n->family].flow)
		return show_hex(n->octets, n->len);
	flow = bgp_flow_nlri(n);
	flow_nlri_write(&w, &flow);
	return show_hex(octets, wr_len(&w));
}

/* ---- Neighbors ---------------------------------------------------------------------------- */

static void add_families(json_t *to, const struct bgp_peer_info *info,
			 const struct rib_peer_counts *counts)
{
	json_t *families = json_array(), *table = json_object();
	json_int_t received = 0, accepted = 0, advertised = 0;

	for (unsigned f = 0; f < BGP_FAMILIES; f++) {
		if ((info->families & 1U << f) == 0)
			continue;
		received += (json_int_t)counts->family[f].received;
		accepted += (json_int_t)counts->family[f].accepted;
		advertised += (json_int_t)counts->family[f].advertised;
		(void)json_array_append_new(families, json_string(bgp_families[f].token));
		(void)json_object_set_new(
			table, bgp_families[f].token,
			json_pack("{s:I, s:I, s:I, s:b}", "received",
				  (json_int_t)counts->family[f].received, "accepted",
				  (json_int_t)counts->family[f].accepted, "advertised",
				  (json_int_t)counts->family[f].advertised, "end-of-rib",
				  counts->family[f].end_of_rib_in));
	}
	(void)json_object_set_new(to, "families", families);
	(void)json_object_set_new(to, "received", json_integer(received));
	(void)json_object_set_new(to, "accepted", json_integer(accepted));
	(void)json_object_set_new(to, "advertised", json_integer(advertised));
	(void)json_object_set_new(to, "by-family", table);
}

json_t *show_neighbor(const struct hub *h, const struct hub_neighbor *n)
{
	char remote[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX], id[ADDR_TEXT_MAX];
	struct rib_peer_counts counts = { 0 };
	struct bgp_peer_info info;
	struct addr remote_id;
	json_int_t since;
	bool up;
	json_t *j;

	bgp_peer_info(n->bgp, &info);
	rib_peer_counts(n->rib, &counts);
	remote_id = addr_ipv4(info.remote_id);
	up = info.state == BGP_ESTABLISHED;
	since = info.since > 0 ? (json_int_t)((uv_now(h->loop) - info.since) / 1000) : -1;
	j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:b}", "neighbor",
		      addr_print(&info.conf->remote, remote), "local",
		      addr_print(&info.local, local), "description", info.conf->description,
		      "remote-as", (json_int_t)info.conf->remote_as, "local-as",
		      (json_int_t)info.conf->local_as, "router-id", addr_print(&remote_id, id),
		      "state", info.shut ? "shutdown" : bgp_state_name(info.state), "passive",
		      info.conf->passive);
	if (j == NULL)
		return NULL;
	(void)json_object_update_new(
		j,
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "messages-received",
			  (json_int_t)info.messages_in, "messages-sent",
			  (json_int_t)info.messages_out, "updates-received",
			  (json_int_t)info.updates_in, "updates-sent", (json_int_t)info.updates_out,
			  "updates-malformed", (json_int_t)info.updates_malformed, "in-queue",
			  (json_int_t)info.in_queue, "out-queue", (json_int_t)info.out_queue,
			  "up-seconds", up ? since : (json_int_t)0, "down-seconds",
			  up ? (json_int_t)0 : since));
	add_families(j, &info, &counts);
	(void)json_object_update_new(
		j, json_pack("{s:I, s:I, s:I, s:s}", "queued", (json_int_t)counts.queued, "refused",
			     (json_int_t)counts.refused, "loops", (json_int_t)counts.loops,
			     "last-down", info.last_down));
	return j;
}

/* ---- Paths -------------------------------------------------------------------------------- */

static struct addr next_hop_of(const struct bgp_attrs *a)
{
	if (a->next_hop_len == 4)
		return addr_ipv4(a->next_hop);
	if (a->next_hop_len >= 16)
		return addr_ipv6(a->next_hop);
	return (struct addr){ 0 };
}

/* What every path has, rule or route. */
static json_t *path_base(const struct hub *h, const struct rib_path *p)
{
	static const char origins[] = { 'i', 'e', '?' };
	struct bgp_nlri n = rib_entry_nlri(p->entry);
	const struct bgp_attrs *a = p->attrs;
	struct addr hop = next_hop_of(a);
	char as_path[LINE_MAX_OCTETS], hop_text[ADDR_TEXT_MAX];
	struct str s = str_over(as_path, sizeof(as_path));
	const char origin[] = { origins[a->origin < sizeof(origins) ? a->origin : 2], '\0' };
	json_t *j;

	bgp_as_path_print(a, &s);
	j = json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:I, s:s, s:I}", "family",
		      bgp_families[n.family].token, "from", rib_origin_name(p->origin), "valid",
		      p->valid, "best", rib_entry_best(p->entry) == p, "next-hop",
		      hop.family == ADDR_NONE ? "" : addr_print(&hop, hop_text), "as-path", as_path,
		      "local-preference", (json_int_t)(a->has_local_pref ? a->local_pref : 100),
		      "origin", origin, "age-seconds",
		      (json_int_t)((uv_now(h->loop) - p->since) / 1000));
	if (j != NULL && a->has_med)
		(void)json_object_set_new(j, "med", json_integer(a->med));
	return j;
}

static void take_list(const struct bgp_octets *from, void *to, size_t width, uint16_t *ret_count)
{
	size_t n = from->len / width;

	*ret_count = (uint16_t)(n < FLOW_EXT_MAX ? n : FLOW_EXT_MAX);
	if (*ret_count > 0)
		memcpy(to, from->at, *ret_count * width);
}

static uint32_t number_at(const uint8_t *octets)
{
	struct rd r = rd_over(octets, 4);

	return rd_u32(&r);
}

/* The communities of a path as the text layer wants them; what is beyond its cap is left out. */
static void attrs_then(const struct bgp_attrs *a, struct flow_then *then)
{
	memset(then, 0, sizeof(*then));
	take_list(&a->ext, then->ext, 8, &then->ext_count);
	take_list(&a->ext6, then->ext6, 20, &then->ext6_count);
	for (size_t i = 0; i < a->communities.len / 4u && i < FLOW_EXT_MAX; i++)
		then->community[then->community_count++] = number_at(a->communities.at + 4 * i);
	for (size_t i = 0; i < a->large.len / 12u && i < FLOW_EXT_MAX; i++)
		for (size_t k = 0; k < 3; k++)
			then->large[i][k] = number_at(a->large.at + 12 * i + 4 * k);
	then->large_count =
		(uint16_t)(a->large.len / 12u < FLOW_EXT_MAX ? a->large.len / 12u : FLOW_EXT_MAX);
	then->next_hop = next_hop_of(a);
}

static const char *rule_state(const struct rib_path *p)
{
	if (!p->valid)
		return "not validated";
	return rib_entry_best(p->entry) == p ? "best" : "valid";
}

/* Nothing in the words of this rule says that it is IPv6. */
static bool needs_family(const struct flow_nlri *n)
{
	struct rd r = flow_nlri_components(n);
	struct flow_comp c;

	while (flow_comp_next(&r, n->family, &c)) {
		const struct flow_comp_type *t = flow_comp_type(c.type, n->family);

		if (t->kind == FLOW_PREFIX || t->name[FLOW_IPV4] == NULL ||
		    strcmp(t->name[FLOW_IPV4], t->name[FLOW_IPV6]) != 0)
			return false;
	}
	return n->family == FLOW_IPV6;
}

json_t *show_rule(const struct hub *h, const struct rib_path *p)
{
	static char text[FLOW_TEXT_MAX]; /* one hub, one thread */
	static struct flow_then then;
	struct bgp_nlri n = rib_entry_nlri(p->entry);
	struct flow_nlri flow = bgp_flow_nlri(&n);
	const struct bgp_attrs *a = p->attrs;
	struct str s = str_over(text, sizeof(text));
	json_t *j = path_base(h, p);

	if (j == NULL)
		return NULL;
	attrs_then(a, &then);
	if (needs_family(&flow))
		str_add(&s, "ipv6 ");
	flow_text_print(p->name, &flow, &then, &s);
	(void)json_object_set_new(j, "rule", json_string(text));
	(void)json_object_set_new(j, "nlri", show_nlri_hex(&n));
	s = str_over(text, sizeof(text));
	flow_actions_print(a->ext.at, a->ext.len / 8u, a->ext6.at, a->ext6.len / 20u,
			   &then.next_hop, &s);
	(void)json_object_set_new(j, "action", json_string(text));
	(void)json_object_set_new(j, "communities", show_hex(a->ext.at, a->ext.len));
	(void)json_object_set_new(j, "communities6", show_hex(a->ext6.at, a->ext6.len));
	(void)json_object_set_new(
		j, "for", json_string(p->only != NULL ? rib_peer_name(p->only) : "everyone"));
	(void)json_object_set_new(j, "state", json_string(rule_state(p)));
	(void)json_object_set_new(j, "enforced", reports_of(h->reports, &n));
	return j;
}

json_t *show_route(const struct hub *h, const struct rib_path *p)
{
	char prefix[ADDR_TEXT_MAX];
	struct str s = str_over(prefix, sizeof(prefix));
	struct bgp_nlri n = rib_entry_nlri(p->entry);
	json_t *j = path_base(h, p);

	bgp_nlri_print(&n, &s);
	if (j != NULL)
		(void)json_object_set_new(j, "prefix", json_string(prefix));
	return j;
}
