/* SPDX-License-Identifier: ISC */
/* verbs.c - the verb table: what may be said on the control socket, and what it does.
 *
 * A verb reads its words from the lexer, acts, and answers exactly once: conn_ok or conn_fail,
 * after whatever lines it has to say, or by and by (answer.c).  A command that is wrong anywhere
 * does nothing.
 */
#include "ctl/hub.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/lex.h"
#include "flow/flow.h"

/* What a command is carried out with. */
struct command {
	struct hub *hub;
	struct ctl_conn *conn;
	struct lex lex;   /* behind the verb's words */
	const char *rest; /* the same as text, to the end of the line */
	size_t rest_len;
	struct hub_neighbor *only; /* `neighbor A announce ...`: for this one alone */
};

static bool at_end(struct command *c, struct err *e)
{
	return lex_at_end(&c->lex) || lex_fail(&c->lex, e, "left over:");
}

/* ---- show --------------------------------------------------------------------------------- */

static bool show_neighbors(struct command *c, struct err *e)
{
	if (!at_end(c, e))
		return false;
	for (const struct hub_neighbor *n = c->hub->neighbors; n != NULL; n = n->next)
		conn_say(c->conn, show_neighbor(c->hub, n));
	return true;
}

struct show_paths {
	struct answer answer;
	struct hub *hub;
	struct rib_cursor at;
};

static bool show_entry(struct answer *a)
{
	struct show_paths *s = (struct show_paths *)a;
	const struct rib_entry *e = rib_next(s->hub->rib, &s->at);

	if (e == NULL) {
		conn_ok(a->conn);
		return false;
	}
	for (const struct rib_path *p = rib_entry_paths(e); p != NULL; p = p->next)
		conn_say(a->conn, bgp_families[s->at.family].flow ? show_rule(s->hub, p)
								  : show_route(s->hub, p));
	return true;
}

static bool show_paths(struct command *c, struct err *e, enum bgp_family first,
		       enum bgp_family last)
{
	struct show_paths *s = malloc(sizeof(*s));

	if (s == NULL)
		return err_at(e, 0, 0, "out of memory");
	s->answer.step = show_entry;
	s->hub = c->hub;
	rib_cursor_init(&s->at, first, last);
	answer_start(c->hub->answers, c->conn, &s->answer);
	return true;
}

static bool show_rules(struct command *c, struct err *e)
{
	return at_end(c, e) && show_paths(c, e, BGP_IPV4_FLOW, BGP_IPV6_FLOW_VPN);
}

static bool show_routes(struct command *c, struct err *e)
{
	bool v4 = lex_is(&c->lex, "ipv4"), v6 = lex_is(&c->lex, "ipv6");

	if (v4 || v6)
		lex_next(&c->lex);
	return at_end(c, e) && show_paths(c, e, v6 ? BGP_IPV6_UNICAST : BGP_IPV4_UNICAST,
					  v4 ? BGP_IPV4_UNICAST : BGP_IPV6_UNICAST);
}

static bool metrics(struct command *c, struct err *e)
{
	if (!at_end(c, e))
		return false;
	return metrics_say(c->hub, c->conn) || err_at(e, 0, 0, "out of memory");
}

static bool show_protected(struct command *c, struct err *e)
{
	if (!at_end(c, e))
		return false;
	protected_show(c->hub->protected, c->conn);
	return true;
}

/* ---- announce and withdraw ---------------------------------------------------------------- */

/* `[ipv4|ipv6] flow route RULE`, to the end; ret is large and the caller's.  The family's word is
 * for rules whose match does not tell it. */
static bool read_rule(struct command *c, struct flow_rule *ret, struct err *e)
{
	struct flow_text_options o = { .strict = true };

	if (lex_is(&c->lex, "ipv4") || lex_is(&c->lex, "ipv6")) {
		o.family = lex_is(&c->lex, "ipv6") ? FLOW_IPV6 : FLOW_IPV4;
		o.family_fixed = true;
		lex_next(&c->lex);
	}
	return lex_expect(&c->lex, "flow", e) && lex_expect(&c->lex, "route", e) &&
	       flow_text_route(&c->lex, &o, ret, e) && at_end(c, e);
}

static struct bgp_nlri nlri_of(const struct flow_rule *r)
{
	return (struct bgp_nlri){ .family = bgp_family_of_flow(r->family, r->vpn),
				  .octets = r->nlri,
				  .len = r->nlri_len };
}

static struct rib_peer *only_of(const struct command *c)
{
	return c->only != NULL ? c->only->rib : NULL;
}

static bool announce(struct command *c, struct err *e)
{
	static struct flow_rule rule; /* one hub, one thread */
	struct rib_origin *origin;
	struct bgp_nlri nlri;
	struct bgp_attrs *attrs;
	enum rib_done done = RIB_REFUSED;

	if (!read_rule(c, &rule, e))
		return false;
	nlri = nlri_of(&rule);
	origin = rib_origin_local(c->hub->rib, conn_principal(c->conn));
	attrs = rib_flow_attrs(c->hub->rib, &rule.then);
	if (origin != NULL && attrs != NULL)
		done = rib_announce(c->hub->rib, origin, only_of(c),
				    rule.name[0] != '\0' ? rule.name : NULL, &nlri, attrs);
	if (attrs != NULL)
		bgp_attrs_unref(c->hub->attrs, attrs);
	return done != RIB_REFUSED || err_at(e, 0, 0, "no room for another rule");
}

static bool withdraw_all(struct command *c, struct err *e)
{
	struct rib_origin *origin = NULL;
	char name[RIB_ORIGIN_NAME_MAX];

	if (lex_is(&c->lex, "origin")) {
		lex_next(&c->lex);
		if (lex_at_end(&c->lex) || !word_copy(&c->lex.word, name, sizeof(name)))
			return lex_fail(&c->lex, e, "expected an origin, found");
		lex_next(&c->lex);
		if (!at_end(c, e))
			return false;
		origin = rib_origin_find(c->hub->rib, name);
		if (origin == NULL)
			return err_at(e, 0, 0, "no rule comes from %s", name);
	}
	if (!at_end(c, e))
		return false;
	if (!prune_ours(c->hub->prune, origin, c->conn))
		return err_at(e, 0, 0, "out of memory");
	if (origin == NULL || origin == c->hub->file)
		c->hub->file_withdrawn = true;
	return true;
}

static bool withdraw(struct command *c, struct err *e)
{
	static struct flow_rule rule;
	struct rib_origin *origin;
	struct bgp_nlri nlri;

	if (!read_rule(c, &rule, e))
		return false;
	nlri = nlri_of(&rule);
	origin = rib_origin_find(c->hub->rib, conn_principal(c->conn));
	if (origin == NULL || rib_withdraw(c->hub->rib, origin, only_of(c), &nlri) != RIB_DONE)
		return err_at(e, 0, 0, "%s has announced no such rule%s", conn_principal(c->conn),
			      c->only != NULL ? " for that neighbor" : "");
	return true;
}

/* ---- neighbor ----------------------------------------------------------------------------- */

static bool neighbor_shutdown(struct command *c, struct err *e)
{
	if (!at_end(c, e))
		return false;
	bgp_speaker_shutdown(c->hub->speaker, c->only->bgp);
	hub_settle_if_ready(c->hub);
	return true;
}

static bool neighbor_enable(struct command *c, struct err *e)
{
	if (!at_end(c, e))
		return false;
	bgp_speaker_enable(c->hub->speaker, c->only->bgp);
	return true;
}

static const struct {
	const char *word;
	bool (*run)(struct command *c, struct err *e);
} neighbor_verbs[] = {
	{ "shutdown", neighbor_shutdown },
	{ "enable", neighbor_enable },
	{ "announce", announce },
	{ "withdraw", withdraw },
};

/* The neighbor of that address; local ADDR_NONE: whatever its local address.  *ret_several: more
 * than one has it. */
static struct hub_neighbor *find_neighbor(const struct hub *h, const struct addr *remote,
					  const struct addr *local, bool *ret_several)
{
	struct hub_neighbor *found = NULL;

	*ret_several = false;
	for (struct hub_neighbor *n = h->neighbors; n != NULL; n = n->next) {
		if (!addr_equal(&n->remote, remote) ||
		    (local->family != ADDR_NONE && !addr_equal(&n->local, local)))
			continue;
		*ret_several = found != NULL;
		found = n;
	}
	return found;
}

static bool read_address(struct lex *l, struct addr *ret, struct err *e)
{
	if (!addr_parse(l->word.text, l->word.len, ret))
		return lex_fail(l, e, "expected an address, found");
	lex_next(l);
	return true;
}

/* `A [local-ip B]`, ExaBGP's selector. */
static bool read_neighbor(struct command *c, struct err *e)
{
	const struct lex at = c->lex;
	struct addr remote, local = { 0 };
	bool several;

	if (!read_address(&c->lex, &remote, e))
		return false;
	if (lex_is(&c->lex, "local-ip")) {
		lex_next(&c->lex);
		if (!read_address(&c->lex, &local, e))
			return false;
	}
	c->only = find_neighbor(c->hub, &remote, &local, &several);
	if (several)
		return lex_fail(&at, e, "more than one neighbor, say which by local-ip:");
	return c->only != NULL || lex_fail(&at, e, "no such neighbor:");
}

static bool neighbor(struct command *c, struct err *e)
{
	if (!read_neighbor(c, e))
		return false;
	for (size_t i = 0; i < sizeof(neighbor_verbs) / sizeof(neighbor_verbs[0]); i++) {
		if (!lex_is(&c->lex, neighbor_verbs[i].word))
			continue;
		lex_next(&c->lex);
		return neighbor_verbs[i].run(c, e);
	}
	return lex_fail(&c->lex, e, "expected shutdown, enable, announce or withdraw, found");
}

/* ---- The rest ----------------------------------------------------------------------------- */

static bool reload(struct command *c, struct err *e)
{
	return at_end(c, e) && hub_reload(c->hub, e);
}

static bool subscribe(struct command *c, struct err *e, enum conn_topic t)
{
	if (!at_end(c, e))
		return false;
	conn_ok(c->conn);
	conn_topic_set(c->conn, t);
	feed_snapshot(c->hub->feed, c->conn);
	return true;
}

static bool subscribe_rules(struct command *c, struct err *e)
{
	return subscribe(c, e, CONN_TOPIC_RULES);
}

static bool monitor(struct command *c, struct err *e)
{
	return subscribe(c, e, CONN_TOPIC_MONITOR);
}

static bool verify(struct command *c, struct err *e)
{
	return at_end(c, e) && verify_ask(c->hub->verify, c->conn, e);
}

/* The JSON behind the verb; NULL with e filled. */
static json_t *read_json(const struct command *c, const char *verb, struct err *e)
{
	json_error_t why;
	json_t *j = json_loadb(c->rest, c->rest_len, 0, &why);

	if (j == NULL)
		(void)err_at(e, 0, 0, "%s: %s", verb, why.text);
	return j;
}

static bool report(struct command *c, struct err *e)
{
	json_t *j = read_json(c, "report", e);
	bool fine = j != NULL && reports_take(c->hub->reports, c->conn, j, e) &&
		    protected_take(c->hub->protected, c->conn, j, e);

	json_decref(j);
	return fine;
}

static bool verified(struct command *c, struct err *e)
{
	json_t *j = read_json(c, "verified", e);
	bool fine = j != NULL && verify_take(c->hub->verify, c->conn, j, e);

	json_decref(j);
	return fine;
}

/* clang-format off */
static const struct verb {
	const char *first, *second; /* second NULL: the first word alone */
	bool (*run)(struct command *c, struct err *e);
	bool answers;               /* says ok itself */
} verbs[] = {
	{ "show",      "neighbors", show_neighbors,  false },
	{ "show",      "rules",     show_rules,      true },
	{ "show",      "routes",    show_routes,     true },
	{ "show",      "protected", show_protected,  false },
	{ "announce",  NULL,        announce,        false },
	{ "withdraw",  "all",       withdraw_all,    true },
	{ "withdraw",  NULL,        withdraw,        false },
	{ "neighbor",  NULL,        neighbor,        false },
	{ "reload",    NULL,        reload,          false },
	{ "monitor",   NULL,        monitor,         true },
	{ "subscribe", "rules",     subscribe_rules, true },
	{ "report",    NULL,        report,          false },
	{ "metrics",   NULL,        metrics,         true },
	{ "verify",    NULL,        verify,          true },
	{ "verified",  NULL,        verified,        false },
};
/* clang-format on */

/* The verb at hand; l then stands behind its words.  NULL with e filled. */
static const struct verb *find_verb(struct lex *l, struct err *e)
{
	const struct lex first = *l;
	bool begun = false;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		*l = first;
		if (!lex_is(l, verbs[i].first))
			continue;
		begun = true;
		lex_next(l);
		if (verbs[i].second == NULL)
			return &verbs[i];
		if (lex_is(l, verbs[i].second)) {
			lex_next(l);
			return &verbs[i];
		}
	}
	*l = first;
	if (begun)
		lex_next(l);
	(void)lex_fail(l, e, "no such command:");
	return NULL;
}

void verbs_run(struct hub *h, struct ctl_conn *conn, const char *line, size_t len)
{
	struct command c = { .hub = h, .conn = conn };
	struct err e = { 0 };
	const struct verb *v;

	lex_init(&c.lex, line, len);
	if (lex_at_end(&c.lex))
		return;
	v = find_verb(&c.lex, &e);
	if (v == NULL) {
		conn_fail(conn, &e);
		return;
	}
	c.rest = c.lex.word.text;
	c.rest_len = (size_t)(line + len - c.rest);
	if (!v->run(&c, &e))
		conn_fail(conn, &e);
	else if (!v->answers)
		conn_ok(conn);
}
