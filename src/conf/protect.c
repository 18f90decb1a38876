/* SPDX-License-Identifier: ISC */
/* protect.c - the protect section: flows that pass whatever a rule says.
 *
 * A flow is a rule's match without what is to be done, and has a name of its own among flows and
 * defaults.  The defaults are the enforcer's; here they are names that can be switched off.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"
#include "conf/sections.h"

const char *const conf_protect_defaults[CONF_PROTECT_DEFAULTS] = {
	"bgp",
	"ospf",
	"ldp",
	"bfd",
	"vrrp",
	"packet-too-big",
	"neighbor-discovery",
	"fragmentation-needed",
	"ssh",
};

/* ---- default NAME on|off ------------------------------------------------------------------- */

static int default_number(const char *name, size_t len)
{
	for (int d = 0; d < CONF_PROTECT_DEFAULTS; d++)
		if (strlen(conf_protect_defaults[d]) == len &&
		    memcmp(conf_protect_defaults[d], name, len) == 0)
			return d;
	return -1;
}

static bool protect_default(struct reader *r, const struct statement *s, void *into)
{
	struct conf *c = into;
	int d = has_word(r) ? default_number(r->l.word.text, r->l.word.len) : -1;
	bool on;

	if (d < 0)
		return expected(r, s, "a default such as 'ssh'");
	lex_next(&r->l);
	if (!lex_is(&r->l, "on") && !lex_is(&r->l, "off"))
		return expected(r, s, "on or off");
	on = lex_is(&r->l, "on");
	c->protect.off &= ~(UINT32_C(1) << d);
	c->protect.off |= (uint32_t)!on << d;
	lex_next(&r->l);
	return read_end(r, s);
}

/* ---- route NAME { match { ... } } ---------------------------------------------------------- */

static bool check_name(struct reader *r, const struct conf_protect *p, const struct flow_rule *f,
		       const struct word *at)
{
	size_t bad;

	if (f->name[0] == '\0')
		return fail_at(r, at, "route: a protected flow needs a name");
	if (!str_is_text(f->name, strlen(f->name), false, &bad))
		return fail_at(r, at, "route: its name is not printable text");
	if (default_number(f->name, strlen(f->name)) >= 0)
		return fail_at(r, at, "route: %s is the name of a default", f->name);
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->rules[i].name, f->name) == 0)
			return fail_at(r, at, "route: line %u has the name too", p->rules[i].line);
	return true;
}

static bool add_flow(struct reader *r, struct conf_protect *p, const struct flow_rule *f,
		     const struct word *at)
{
	struct conf_rule *rule = &p->rules[p->count];

	*rule = (struct conf_rule){
		.name = strdup(f->name),
		.line = at->line,
		.col = at->col,
		.family = f->family,
		.nlri_len = f->nlri_len,
		.nlri = malloc(f->nlri_len),
	};
	p->count++;
	if (rule->name == NULL || rule->nlri == NULL)
		return no_memory(r);
	memcpy(rule->nlri, f->nlri, f->nlri_len);
	return true;
}

static bool protect_route(struct reader *r, const struct statement *s, void *into)
{
	const struct flow_text_options o = {
		.family = FLOW_IPV4,
		.warn = r->warn,
		.ctx = r->ctx,
	};
	struct conf_protect *p = &((struct conf *)into)->protect;
	struct word at = r->at;
	struct flow_rule f;

	if (!flow_text_route(&r->l, &o, &f, r->e)) {
		if (lex_at_end(&r->l) && !r->l.unterminated)
			return lex_fail(&r->l, r->e, "%s of line %u is not closed", s->name,
					at.line);
		return false;
	}
	if (f.has_then)
		return fail_at(r, &at, "route: a protected flow has no then block: it passes");
	if (f.vpn)
		return fail_at(r, &at, "route: a protected flow has no rd");
	if (p->count == CONF_PROTECT_MAX)
		return fail_at(r, &at, "more than %d protected flows", CONF_PROTECT_MAX);
	return check_name(r, p, &f, &at) && add_flow(r, p, &f, &at);
}

/* ---- The section --------------------------------------------------------------------------- */

static const struct statement protect_statements[] = {
	{ "route", protect_route, FIELD_NONE, NULL, NULL },
	{ "default", protect_default, FIELD_NONE, NULL, NULL },
	{ 0 },
};

bool read_protect(struct reader *r, const struct statement *s, void *into)
{
	struct conf *c = into;

	if (c->protect.line != 0)
		return fail_at(r, &r->at, "protect: stands in line %u too", c->protect.line);
	c->protect.line = r->at.line;
	return read_block(r, s->name, protect_statements, into);
}

void protect_free(struct conf_protect *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->rules[i].name);
		free(p->rules[i].nlri);
	}
}

bool protect_equal(const struct conf_protect *a, const struct conf_protect *b)
{
	if (a->off != b->off || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct conf_rule *x = &a->rules[i], *y = &b->rules[i];

		if (strcmp(x->name, y->name) != 0 || x->family != y->family ||
		    x->nlri_len != y->nlri_len || memcmp(x->nlri, y->nlri, x->nlri_len) != 0)
			return false;
	}
	return true;
}
