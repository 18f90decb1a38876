/* SPDX-License-Identifier: ISC */
/* enforce.c - the enforce section: where rules are put in force, how, and for how long without a
 * hub.
 *
 * What stands for one interface or one source counts there; of the two modes that a packet meets,
 * monitor wins.
 */
#include <stdio.h>
#include <string.h>

#include "conf/sections.h"

/* ---- mode, hub-away ------------------------------------------------------------------------ */

static bool read_mode(struct reader *r, const struct statement *s, enum conf_mode *ret)
{
	if (!lex_is(&r->l, "enforce") && !lex_is(&r->l, "monitor"))
		return expected(r, s, "enforce or monitor");
	*ret = lex_is(&r->l, "monitor") ? CONF_MODE_MONITOR : CONF_MODE_ENFORCE;
	lex_next(&r->l);
	return read_end(r, s);
}

static bool read_seconds(struct reader *r, const struct statement *s, int32_t *ret)
{
	static const char what[] = "1 to 31536000";
	struct lex before = r->l;
	uint64_t n;

	if (!read_number(r, s, CONF_AWAY_MAX, what, &n))
		return false;
	if (n == 0) {
		r->l = before;
		return expected(r, s, what);
	}
	*ret = (int32_t)n;
	if (!lex_is(&r->l, "seconds"))
		return expected(r, s, "'seconds'");
	lex_next(&r->l);
	return true;
}

static bool read_away(struct reader *r, const struct statement *s, int32_t *ret)
{
	if (!lex_is(&r->l, "keep") && !lex_is(&r->l, "remove"))
		return expected(r, s, "keep or remove");
	*ret = lex_is(&r->l, "keep") ? CONF_AWAY_KEEP : CONF_AWAY_REMOVE;
	lex_next(&r->l);
	if (*ret == CONF_AWAY_KEEP && !lex_is(&r->l, ";") && !read_seconds(r, s, ret))
		return false;
	return read_end(r, s);
}

/* ---- interface ----------------------------------------------------------------------------- */

struct interface {
	struct conf_enforce *of;
	enum conf_mode mode;
	uint64_t member;
};

static bool interface_mode(struct reader *r, const struct statement *s, void *into)
{
	struct interface *i = into;

	return read_mode(r, s, &i->mode);
}

/* Digits up to end, and past it. */
static bool read_digits(const char **at, const char *end, uint64_t max, uint64_t *ret)
{
	const char *first = *at;

	for (*ret = 0; *at < end && **at >= '0' && **at <= '9' && *ret <= max; (*at)++)
		*ret = *ret * 10 + (uint64_t)(**at - '0');
	return *at > first && *ret <= max;
}

static bool read_group(struct reader *r, const struct statement *s, struct conf_group *ret)
{
	const char *at = r->l.word.text, *end = at + r->l.word.len;
	uint64_t as, group;

	if (!has_word(r) || !read_digits(&at, end, UINT32_MAX, &as) || at == end || *at++ != ':' ||
	    !read_digits(&at, end, CONF_GROUP_MAX, &group) || at != end)
		return expected(r, s, "AS:GROUP, the group 0 to 16383");
	*ret = (struct conf_group){ .as = (uint32_t)as, .group = (uint16_t)group };
	return true;
}

static bool interface_group(struct reader *r, const struct statement *s, void *into)
{
	struct interface *i = into;
	struct conf_enforce *e = i->of;
	struct conf_group group;
	size_t g = 0;

	if (!read_group(r, s, &group))
		return false;
	while (g < e->group_count &&
	       (e->groups[g].as != group.as || e->groups[g].group != group.group))
		g++;
	if (g == CONF_GROUPS_MAX)
		return lex_fail(&r->l, r->e, "%s: more than %d:", s->name, CONF_GROUPS_MAX);
	if (g == e->group_count)
		e->groups[e->group_count++] = group;
	i->member |= UINT64_C(1) << g;
	lex_next(&r->l);
	return read_end(r, s);
}

static const struct statement interface_statements[] = {
	{ "mode", interface_mode, FIELD_NONE, NULL, NULL },
	{ "group", interface_group, FIELD_NONE, NULL, NULL },
	{ 0 },
};

static bool add_interface(struct reader *r, const struct statement *s, struct conf_enforce *to)
{
	char name[sizeof(to->interfaces[0])];

	if (has_word(r) && memchr(r->l.word.text, '/', r->l.word.len) != NULL)
		return expected(r, s, "an interface's name");
	if (to->interface_count == CONF_INTERFACES_MAX)
		return lex_fail(&r->l, r->e, "%s: more than %d:", s->name, CONF_INTERFACES_MAX);
	if (!read_text(r, s, false, name, sizeof(name)))
		return false;
	memcpy(to->interfaces[to->interface_count++], name, sizeof(name));
	return true;
}

static bool enforce_interface(struct reader *r, const struct statement *s, void *into)
{
	struct conf_enforce *to = &((struct conf *)into)->enforce;
	size_t first = to->interface_count;
	struct interface said = { .of = to };
	bool list = lex_is(&r->l, "[");

	if (list)
		lex_next(&r->l);
	do {
		if (!add_interface(r, s, to))
			return false;
	} while (list && !lex_is(&r->l, "]"));
	if (list)
		lex_next(&r->l);
	if (!lex_is(&r->l, "{"))
		return read_end(r, s);
	if (!read_block(r, s->name, interface_statements, &said))
		return false;
	for (size_t i = first; i < to->interface_count; i++) {
		to->monitored[i] = said.mode == CONF_MODE_MONITOR;
		to->member[i] = said.member;
	}
	return true;
}

/* ---- source -------------------------------------------------------------------------------- */

static bool source_mode(struct reader *r, const struct statement *s, void *into)
{
	struct conf_source *source = into;

	return read_mode(r, s, &source->mode);
}

static bool source_away(struct reader *r, const struct statement *s, void *into)
{
	struct conf_source *source = into;

	return read_away(r, s, &source->away);
}

static const struct statement source_statements[] = {
	{ "mode", source_mode, FIELD_NONE, NULL, NULL },
	{ "hub-away", source_away, FIELD_NONE, NULL, NULL },
	{ 0 },
};

/* An address in the one form in which the feed has it. */
static void canonical(char name[64])
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (addr_parse(name, strlen(name), &a))
		(void)snprintf(name, 64, "%s", addr_print(&a, text));
}

/* What it does not say is as in the section, wherever that says it: see finish_sources. */
enum {
	AWAY_UNSAID = -2
};

static bool enforce_source(struct reader *r, const struct statement *s, void *into)
{
	struct conf_enforce *to = &((struct conf *)into)->enforce;
	struct conf_source source = { .away = AWAY_UNSAID };
	struct word at = r->at;

	if (to->source_count == CONF_SOURCES_MAX)
		return lex_fail(&r->l, r->e, "%s: more than %d:", s->name, CONF_SOURCES_MAX);
	if (!read_text(r, s, false, source.name, sizeof(source.name)))
		return false;
	canonical(source.name);
	for (size_t i = 0; i < to->source_count; i++)
		if (strcmp(to->sources[i].name, source.name) == 0)
			return fail_at(r, &at, "source: %s stands there twice", source.name);
	if (!read_block(r, s->name, source_statements, &source))
		return false;
	to->sources[to->source_count++] = source;
	return true;
}

/* ---- The section --------------------------------------------------------------------------- */

static bool enforce_mode(struct reader *r, const struct statement *s, void *into)
{
	return read_mode(r, s, &((struct conf *)into)->enforce.mode);
}

static bool enforce_away(struct reader *r, const struct statement *s, void *into)
{
	return read_away(r, s, &((struct conf *)into)->enforce.away);
}

static bool enforce_backend(struct reader *r, const struct statement *s, void *into)
{
	struct conf *c = into;

	for (int i = 0; i < CONF_BACKENDS; i++)
		if (lex_is(&r->l, conf_backend_names[i])) {
			c->enforce.backend = i;
			lex_next(&r->l);
			return read_end(r, s);
		}
	return expected(r, s, "xdp, nftables or auto");
}

static const struct statement enforce_statements[] = {
	{ "interface", enforce_interface, FIELD_NONE, NULL, NULL },
	{ "mode", enforce_mode, FIELD_NONE, NULL, NULL },
	{ "hub-away", enforce_away, FIELD_NONE, NULL, NULL },
	{ "source", enforce_source, FIELD_NONE, NULL, NULL },
	{ "backend", enforce_backend, FIELD_NONE, NULL, NULL },
	{ "vrf", read_vrf, FIELD_NONE, NULL, NULL },
	{ 0 },
};

static void finish_sources(struct conf_enforce *e)
{
	for (size_t i = 0; i < e->source_count; i++)
		if (e->sources[i].away == AWAY_UNSAID)
			e->sources[i].away = e->away;
}

static bool names_interface(const struct conf_enforce *e)
{
	for (size_t i = 0; i < e->vrf_count; i++)
		if (e->vrfs[i].interface_count > 0)
			return true;
	return e->interface_count > 0;
}

bool read_enforce(struct reader *r, const struct statement *s, void *into)
{
	struct word at = r->at;
	struct conf *c = into;

	if (r->enforce_line != 0)
		return fail_at(r, &at, "enforce: stands in line %u too", r->enforce_line);
	r->enforce_line = at.line;
	if (!read_block(r, s->name, enforce_statements, c))
		return false;
	if (!names_interface(&c->enforce))
		return fail_at(r, &at, "enforce: names no interface");
	finish_sources(&c->enforce);
	c->enforce.present = true;
	return true;
}

static bool source_equal(const struct conf_source *a, const struct conf_source *b)
{
	return strcmp(a->name, b->name) == 0 && a->mode == b->mode && a->away == b->away;
}

bool enforce_equal(const struct conf_enforce *a, const struct conf_enforce *b)
{
	if (a->present != b->present || a->interface_count != b->interface_count ||
	    a->mode != b->mode || a->away != b->away || a->source_count != b->source_count ||
	    a->backend != b->backend || a->group_count != b->group_count ||
	    a->vrf_count != b->vrf_count)
		return false;
	for (size_t i = 0; i < a->interface_count; i++)
		if (strcmp(a->interfaces[i], b->interfaces[i]) != 0 ||
		    a->monitored[i] != b->monitored[i] || a->member[i] != b->member[i])
			return false;
	for (size_t i = 0; i < a->group_count; i++)
		if (a->groups[i].as != b->groups[i].as || a->groups[i].group != b->groups[i].group)
			return false;
	for (size_t i = 0; i < a->source_count; i++)
		if (!source_equal(&a->sources[i], &b->sources[i]))
			return false;
	for (size_t i = 0; i < a->vrf_count; i++)
		if (!vrf_equal(&a->vrfs[i], &b->vrfs[i]))
			return false;
	return true;
}
