/* SPDX-License-Identifier: ISC */
/* draft.c - see draft.h.
 *
 * The neighbor's word counts, then its templates' in the order of `inherit`, then its group's;
 * families and rules of all of them come together.  Of two rules with one NLRI the neighbor's
 * counts, and within one section the last: the other is told as odd.
 */
#include "conf/draft.h"

#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"

#define AT(member)                                                                                 \
	{                                                                                          \
		offsetof(struct conf_neighbor, member),                                            \
			sizeof(((struct conf_neighbor *)0)->member)                                \
	}

static const struct {
	size_t at, size;
} fields[FIELDS] = {
	[FIELD_DESCRIPTION] = AT(bgp.description),
	[FIELD_ROUTER_ID] = AT(bgp.router_id),
	[FIELD_LOCAL_ADDRESS] = AT(bgp.local),
	[FIELD_LOCAL_AS] = AT(bgp.local_as),
	[FIELD_PEER_AS] = AT(bgp.remote_as),
	[FIELD_HOLD_TIME] = AT(bgp.hold_time),
	[FIELD_PASSIVE] = AT(bgp.passive),
	[FIELD_LISTEN] = AT(bgp.listen_port),
	[FIELD_CONNECT] = AT(bgp.connect_port),
	[FIELD_MD5] = AT(bgp.md5),
	[FIELD_ASN4] = AT(bgp.asn4),
	[FIELD_ROUTE_REFRESH] = AT(bgp.route_refresh),
	[FIELD_CLIENT] = AT(rib.route_reflector_client),
	[FIELD_VALIDATE] = AT(rib.validate),
};

struct draft *draft_new(struct reader *r)
{
	struct draft *d = calloc(1, sizeof(*d));

	if (d == NULL) {
		(void)no_memory(r);
		return NULL;
	}
	d->at = r->at;
	d->members_end = &d->members;
	d->n.line = r->at.line;
	d->n.col = r->at.col;
	d->n.bgp.hold_time = BGP_HOLD_TIME;
	d->n.bgp.asn4 = true;
	d->n.bgp.route_refresh = true;
	return d;
}

void draft_free(struct draft *d)
{
	if (d == NULL)
		return;
	rules_free(&d->n);
	free(d);
}

static void free_list(struct draft *d)
{
	for (struct draft *next; d != NULL; d = next) {
		next = d->next;
		draft_free(d);
	}
}

void draft_free_all(struct draft *d)
{
	for (struct draft *m = d; m != NULL; m = m->next)
		free_list(m->members);
	free_list(d);
}

void *draft_field(struct draft *d, unsigned field, size_t *ret_size)
{
	*ret_size = fields[field].size;
	return fields[field].size == 0 ? NULL : (char *)&d->n + fields[field].at;
}

void draft_set(struct reader *r, struct draft *d, unsigned field)
{
	if (d->set[field].line != 0 && field != FIELD_FAMILY)
		warn_at(r, &r->at, "%.*s stands in line %u too: this one counts", (int)r->at.len,
			r->at.text, d->set[field].line);
	d->set[field] = r->at;
}

/* ---- Rules --------------------------------------------------------------------------------- */

bool draft_rule(struct reader *r, struct draft *d, const struct conf_rule *rule,
		const struct word *at)
{
	struct conf_rule *old = rules_find(&d->n, rule);

	if (old != NULL) {
		warn_at(r, at, "the rule of line %u has the same match: line %u counts", old->line,
			rule->line);
		return rules_replace(old, rule) || no_memory(r);
	}
	if (r->rules >= CONF_RULES_MAX)
		return fail_at(r, at, "more than %d rules", CONF_RULES_MAX);
	r->rules++;
	return rules_add(&d->n, &d->rule_room, rule) || no_memory(r);
}

/* ---- Templates ----------------------------------------------------------------------------- */

static bool inherit_rules(struct reader *r, struct draft *d, const struct draft *from)
{
	for (size_t i = 0; i < from->n.rule_count; i++) {
		const struct conf_rule *rule = &from->n.rules[i], *own = rules_find(&d->n, rule);

		if (own != NULL)
			warn_at(r, &d->at, "the rule of line %u has the same match: line %u counts",
				rule->line, own->line);
		else if (!draft_rule(r, d, rule, &d->at))
			return false;
	}
	return true;
}

static bool inherit_from(struct reader *r, struct draft *d, const struct draft *from)
{
	for (unsigned field = 1; field < FIELDS; field++) {
		if (d->set[field].line != 0 || from->set[field].line == 0)
			continue;
		d->set[field] = from->set[field];
		memcpy((char *)&d->n + fields[field].at, (const char *)&from->n + fields[field].at,
		       fields[field].size);
	}
	d->n.bgp.families |= from->n.bgp.families;
	d->minimal |= from->minimal;
	return inherit_rules(r, d, from);
}

static bool same_word(const struct word *a, const struct word *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool inherit_one(struct reader *r, struct draft *d, const struct word *name)
{
	for (const struct draft *t = r->templates; t != NULL; t = t->next)
		if (same_word(&t->name, name))
			return inherit_from(r, d, t);
	return fail_at(r, name, "inherit: no template above has the name '%.*s'",
		       name->len < 40 ? (int)name->len : 40, name->text);
}

bool draft_inherit(struct reader *r, struct draft *d, const struct draft *group)
{
	for (size_t i = 0; i < d->inherit_count; i++)
		if (!inherit_one(r, d, &d->inherit[i]))
			return false;
	return group == NULL || inherit_from(r, d, group);
}

/* ---- A whole neighbor ---------------------------------------------------------------------- */

static uint32_t family_bit(const struct conf_rule *rule)
{
	return (uint32_t)1 << bgp_family_of_flow(rule->family, rule->vpn);
}

static bool finish_families(struct reader *r, struct draft *d)
{
	struct bgp_peer_conf *b = &d->n.bgp;
	uint32_t rules = 0;

	for (size_t i = 0; i < d->n.rule_count; i++)
		rules |= family_bit(&d->n.rules[i]);
	if (d->minimal)
		b->families |= rules != 0 ? rules : 1 << BGP_IPV4_UNICAST;
	if (d->set[FIELD_FAMILY].line == 0)
		b->families = (1U << BGP_FAMILIES) - 1;
	if (b->families == 0)
		return fail_at(r, &d->set[FIELD_FAMILY], "family: names none that we speak");
	for (size_t i = 0; i < d->n.rule_count; i++) {
		const struct conf_rule *rule = &d->n.rules[i];
		enum bgp_family f = bgp_family_of_flow(rule->family, rule->vpn);

		if ((b->families & family_bit(rule)) == 0)
			return err_at(r->e, rule->line, rule->col,
				      "route: the family block of line %u does not list %s",
				      d->set[FIELD_FAMILY].line, bgp_families[f].name);
	}
	return true;
}

static bool missing(struct reader *r, const struct draft *d, const char *what)
{
	char name[ADDR_TEXT_MAX];

	return fail_at(r, &d->at, "neighbor %s: %s is missing", addr_print(&d->n.bgp.remote, name),
		       what);
}

static bool finish_addresses(struct reader *r, struct draft *d)
{
	struct bgp_peer_conf *b = &d->n.bgp;

	if (b->local.family != ADDR_NONE && b->local.family != b->remote.family)
		return fail_at(r, &d->set[FIELD_LOCAL_ADDRESS],
			       "local-address: not of the neighbor's address family");
	if (b->passive && b->local.family == ADDR_NONE)
		return fail_at(r, &d->set[FIELD_PASSIVE], "passive: needs a local-address");
	if (b->listen_port != 0 && b->local.family == ADDR_NONE)
		return fail_at(r, &d->set[FIELD_LISTEN], "listen: needs a local-address");
	if (d->set[FIELD_ROUTER_ID].line != 0)
		return true;
	if (b->local.family != ADDR_IPV4)
		return missing(r, d, "router-id");
	memcpy(b->router_id, b->local.octets, 4);
	return true;
}

static bool finish_values(struct reader *r, struct draft *d)
{
	if (d->set[FIELD_LOCAL_AS].line == 0)
		return missing(r, d, "local-as");
	if (d->set[FIELD_PEER_AS].line == 0)
		return missing(r, d, "peer-as");
	if (!d->n.bgp.asn4 && (d->n.bgp.local_as > UINT16_MAX || d->n.bgp.remote_as > UINT16_MAX))
		return fail_at(r, &d->set[FIELD_ASN4], "asn4: an AS number above 65535 needs it");
	return finish_addresses(r, d) && finish_families(r, d);
}

bool draft_finish(struct reader *r, struct draft *d)
{
	struct conf *c = r->c;

	if (!finish_values(r, d))
		return false;
	if (c->neighbor_count == CONF_NEIGHBORS_MAX)
		return fail_at(r, &d->at, "more than %d neighbors", CONF_NEIGHBORS_MAX);
	/* A power of two: the room is full. */
	if ((c->neighbor_count & (c->neighbor_count - 1)) == 0) {
		size_t room = c->neighbor_count == 0 ? 1 : 2 * c->neighbor_count;
		struct conf_neighbor *bigger = realloc(c->neighbors, room * sizeof(*bigger));

		if (bigger == NULL)
			return no_memory(r);
		c->neighbors = bigger;
	}
	c->neighbors[c->neighbor_count++] = d->n;
	/* They are the conf's now. */
	d->n.rules = NULL;
	d->n.rule_count = 0;
	d->n.by_nlri.slots = NULL;
	return true;
}
