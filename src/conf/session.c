/* SPDX-License-Identifier: ISC */
/* session.c - what stands in a neighbor: ExaBGP's statements, and ours.
 *
 * Each statement of ExaBGP's is in one of the tables: it means the same here; or it asks for
 * nothing that can be missed, and is told as ignored; or what it asks for would be missed on the
 * wire, and it is refused.  None is passed over in silence unless it asks for what we do anyway.
 */
#include <string.h>

#include "conf/rules.h"
#include "conf/sections.h"

#define NOT_YET   "not supported yet"
#define CHILDREN  "child processes are not supported yet"
#define NO_EFFECT "has no effect here"

/* ---- Values -------------------------------------------------------------------------------- */

static bool id(struct reader *r, const struct statement *s, void *into)
{
	size_t size;

	draft_set(r, into, s->field);
	return read_id(r, s, draft_field(into, s->field, &size)) && read_end(r, s);
}

/* `auto`: what the kernel chooses. */
static bool local_address(struct reader *r, const struct statement *s, void *into)
{
	struct draft *d = into;

	draft_set(r, d, s->field);
	d->n.bgp.local = (struct addr){ 0 };
	if (lex_is(&r->l, "auto")) {
		lex_next(&r->l);
		return read_end(r, s);
	}
	return read_addr(r, s, "an address or auto", &d->n.bgp.local) && read_end(r, s);
}

static bool as_number(struct reader *r, const struct statement *s, void *into)
{
	size_t size;

	draft_set(r, into, s->field);
	if (lex_is(&r->l, "auto"))
		return lex_fail(&r->l, r->e, "%s: write the number; not supported:", s->name);
	return read_as(r, s, draft_field(into, s->field, &size)) && read_end(r, s);
}

/* RFC 4271 4.2: 0, or at least 3. */
static bool hold_time(struct reader *r, const struct statement *s, void *into)
{
	static const char what[] = "0 or 3 to 65535";
	struct draft *d = into;
	struct lex before = r->l;
	uint64_t n;

	draft_set(r, d, s->field);
	if (!read_number(r, s, UINT16_MAX, what, &n))
		return false;
	if (n == 1 || n == 2) {
		r->l = before;
		return expected(r, s, what);
	}
	d->n.bgp.hold_time = (uint16_t)n;
	return read_end(r, s);
}

static bool port(struct reader *r, const struct statement *s, void *into)
{
	static const char what[] = "a port, 1 to 65535";
	struct lex before = r->l;
	uint16_t *to;
	size_t size;
	uint64_t n;

	draft_set(r, into, s->field);
	to = draft_field(into, s->field, &size);
	if (!read_number(r, s, UINT16_MAX, what, &n))
		return false;
	if (n == 0) {
		r->l = before;
		return expected(r, s, what);
	}
	*to = (uint16_t)n;
	return read_end(r, s);
}

static bool toggle(struct reader *r, const struct statement *s, void *into)
{
	size_t size;

	draft_set(r, into, s->field);
	return read_switch(r, s, draft_field(into, s->field, &size)) && read_end(r, s);
}

static bool text(struct reader *r, const struct statement *s, void *into)
{
	size_t size;
	char *to;

	draft_set(r, into, s->field);
	to = draft_field(into, s->field, &size);
	return read_text(r, s, s->field == FIELD_DESCRIPTION, to, size) && read_end(r, s);
}

static bool validate(struct reader *r, const struct statement *s, void *into)
{
	static const char *const words[] = {
		[RIB_VALIDATE_ON] = "on",
		[RIB_VALIDATE_OFF] = "off",
		[RIB_VALIDATE_LOG] = "log",
	};
	struct draft *d = into;

	draft_set(r, d, s->field);
	for (unsigned i = RIB_VALIDATE_ON; i <= RIB_VALIDATE_LOG; i++) {
		if (!lex_is(&r->l, words[i]))
			continue;
		d->n.rib.validate = (enum rib_validate)i;
		lex_next(&r->l);
		return read_end(r, s);
	}
	return expected(r, s, "on, off or log");
}

/* NAME, or [ NAME... ]. */
static bool inherit(struct reader *r, const struct statement *s, void *into)
{
	struct draft *d = into;
	bool list = lex_is(&r->l, "[");

	if (list)
		lex_next(&r->l);
	do {
		if (!has_word(r))
			return expected(r, s, "a template's name");
		if (d->inherit_count == DRAFT_INHERIT_MAX)
			return lex_fail(&r->l, r->e,
					"inherit: more than %d templates:", DRAFT_INHERIT_MAX);
		d->inherit[d->inherit_count++] = r->l.word;
		lex_next(&r->l);
	} while (list && !lex_is(&r->l, "]"));
	if (list)
		lex_next(&r->l);
	return read_end(r, s);
}

/* ---- What we have not ---------------------------------------------------------------------- */

/* A number or a word asks for it; `disable` and 0 do not. */
static bool asked_for(struct reader *r)
{
	static const char *const off[] = { "disable", "disabled", "false", "0", NULL };
	bool asked = true;

	if (!has_word(r))
		return true;
	for (int i = 0; off[i] != NULL; i++)
		asked = asked && !lex_is(&r->l, off[i]);
	lex_next(&r->l);
	return asked;
}

static bool unless_off_ignore(struct reader *r, const struct statement *s, void *into)
{
	(void)into;
	if (asked_for(r))
		warn_at(r, &r->at, "%s: %s: ignored", s->name, s->text);
	return read_end(r, s);
}

static bool unless_off_refuse(struct reader *r, const struct statement *s, void *into)
{
	(void)into;
	if (asked_for(r))
		return fail_at(r, &r->at, "%s: %s", s->name, s->text);
	return read_end(r, s);
}

/* ---- capability ---------------------------------------------------------------------------- */

/* 3.4 has them in the neighbor itself. */
static const struct statement capability_statements[] = {
	{ "asn4", toggle, FIELD_ASN4, NULL, NULL },
	{ "route-refresh", toggle, FIELD_ROUTE_REFRESH, NULL, NULL },
	{ "extended-message", unless_off_ignore, .text = NOT_YET },
	{ "graceful-restart", unless_off_ignore, .text = NOT_YET },
	{ "multi-session", unless_off_ignore, .text = NOT_YET },
	{ "operational", unless_off_ignore, .text = NOT_YET },
	{ "aigp", unless_off_ignore, .text = NOT_YET },
	{ "nexthop", unless_off_ignore, .text = NOT_YET },
	{ "add-path", unless_off_ignore, .text = NOT_YET },
	{ "software-version", unless_off_ignore, .text = NOT_YET },
	{ "link-local-nexthop", unless_off_ignore, .text = NOT_YET },
	{ 0 },
};

static bool capability(struct reader *r, const struct statement *s, void *into)
{
	return read_block(r, s->name, capability_statements, into);
}

/* Capabilities' names that are sections of the neighbor too: one without which nothing is missed,
 * and one that sends messages. */
static bool block_or_word(struct reader *r, const struct statement *s, void *into)
{
	return lex_is(&r->l, "{") ? ignore_block(r, s, into) : unless_off_ignore(r, s, into);
}

static bool refused_block_or_word(struct reader *r, const struct statement *s, void *into)
{
	return lex_is(&r->l, "{") ? refuse(r, s, into) : unless_off_ignore(r, s, into);
}

/* ---- neighbor ------------------------------------------------------------------------------ */

/* clang-format off */
const struct statement neighbor_statements[] = {
	{ "description",   text,          FIELD_DESCRIPTION,   NULL, NULL },
	{ "router-id",     id,            FIELD_ROUTER_ID,     NULL, NULL },
	{ "local-address", local_address, FIELD_LOCAL_ADDRESS, NULL, NULL },
	{ "local-as",      as_number,     FIELD_LOCAL_AS,      NULL, NULL },
	{ "peer-as",       as_number,     FIELD_PEER_AS,       NULL, NULL },
	{ "hold-time",     hold_time,     FIELD_HOLD_TIME,     NULL, NULL },
	{ "passive",       toggle,        FIELD_PASSIVE,       NULL, NULL },
	{ "listen",        port,          FIELD_LISTEN,        NULL, NULL },
	{ "connect",       port,          FIELD_CONNECT,       NULL, NULL },
	{ "md5-password",  text,          FIELD_MD5,           NULL, NULL },
	{ "md5",           text,          FIELD_MD5,           NULL, NULL }, /* 3.4 */
	{ "inherit",       inherit,       FIELD_NONE,          NULL, NULL },
	{ "family",        read_family,   FIELD_FAMILY,        NULL, NULL },
	{ "capability",    capability,    FIELD_NONE,          NULL, NULL },
	{ "flow",          read_flow,     FIELD_NONE,          NULL, NULL },
	{ "route-reflector-client", toggle, FIELD_CLIENT,      NULL, NULL },
	{ "validate",      validate,      FIELD_VALIDATE,      NULL, NULL },

	{ "group-updates", only_on_warn,      .text = "rules are always grouped" },
	{ "auto-flush",    only_on_warn,      .text = "changes always go out at once" },
	{ "adj-rib-out",   only_on_warn,      .text = "the table is always kept" },
	{ "adj-rib-in",    only_on_warn,      .text = "the table is always kept" },
	{ "host-name",     ignore,            .text = "not sent" },
	{ "domain-name",   ignore,            .text = "not sent" },
	{ "rate-limit",    unless_off_ignore, .text = NO_EFFECT },
	{ "nexthop",       block_or_word,     .text = NOT_YET },
	{ "add-path",      block_or_word,     .text = NOT_YET },

	{ "operational",      refused_block_or_word, .text = NOT_YET },
	{ "manual-eor",       only_off,          .text = NOT_YET },
	{ "md5-base64",       only_off,          .text = NOT_YET },
	{ "md5-ip",           refuse,            .text = NOT_YET },
	{ "outgoing-ttl",     unless_off_refuse, .text = NOT_YET },
	{ "incoming-ttl",     unless_off_refuse, .text = NOT_YET },
	{ "ttl-security",     unless_off_refuse, .text = NOT_YET }, /* 3.4 */
	{ "source-interface", refuse,            .text = NOT_YET },
	{ "local-link-local", refuse,            .text = NOT_YET },
	{ "tcp-ao",           refuse,            .text = NOT_YET },
	{ "api",              refuse,            .text = CHILDREN },
	{ "process",          refuse,            .text = CHILDREN }, /* 3.4 */
	{ "static",           refuse,            .text = NOT_YET },
	{ "announce",         refuse,            .text = NOT_YET },
	{ "l2vpn",            refuse,            .text = NOT_YET },
	{ "import",           refuse,            .text = NOT_YET },
	{ "export",           refuse,            .text = NOT_YET },
	{ "maximum-rules",    refuse,            .text = NOT_YET },
	{ .more = capability_statements },
};
/* clang-format on */

/* ---- flow ---------------------------------------------------------------------------------- */

static bool rule_of(struct reader *r, struct flow_rule *f, const struct word *at,
		    struct conf_rule *ret)
{
	size_t bad;

	if (!str_is_text(f->name, strlen(f->name), false, &bad))
		return fail_at(r, at, "route: its name is not printable text");
	if (!f->has_then)
		warn_at(r, at, "route: no then block: what matches is accepted");
	*ret = (struct conf_rule){
		.name = f->name[0] != '\0' ? f->name : NULL,
		.line = at->line,
		.col = at->col,
		.family = f->family,
		.vpn = f->vpn,
		.nlri_len = f->nlri_len,
		.nlri = f->nlri,
	};
	return rules_then(r->c, &f->then, &ret->then) || no_memory(r);
}

static bool route(struct reader *r, const struct statement *s, void *into)
{
	const struct flow_text_options o = {
		.family = FLOW_IPV4,
		.warn = r->warn,
		.ctx = r->ctx,
	};
	struct word at = r->at;
	struct flow_rule f;
	struct conf_rule rule;

	if (!flow_text_route(&r->l, &o, &f, r->e)) {
		if (lex_at_end(&r->l) && !r->l.unterminated)
			return lex_fail(&r->l, r->e, "%s of line %u is not closed", s->name,
					at.line);
		return false;
	}
	return rule_of(r, &f, &at, &rule) && draft_rule(r, into, &rule, &at);
}

static const struct statement flow_statements[] = {
	{ "route", route, FIELD_NONE, NULL, NULL },
	{ 0 },
};

bool read_flow(struct reader *r, const struct statement *s, void *into)
{
	return read_block(r, s->name, flow_statements, into);
}
