/* SPDX-License-Identifier: ISC */
/* vrf.c - a VRF of the enforce section: the route targets that it imports, the interfaces that
 * belong to it, and where a redirect to it goes.
 *
 * A route target may be imported by several VRFs; an interface belongs to one.
 */
#include <stdio.h>
#include <string.h>

#include "conf/sections.h"

/* One value and `;`, or several in brackets. */
static bool read_list(struct reader *r, const struct statement *s, struct conf_vrf *to,
		      bool (*one)(struct reader *r, const struct statement *s, struct conf_vrf *to))
{
	bool list = lex_is(&r->l, "[");

	if (list)
		lex_next(&r->l);
	do {
		if (!one(r, s, to))
			return false;
	} while (list && !lex_is(&r->l, "]"));
	if (list)
		lex_next(&r->l);
	return read_end(r, s);
}

/* The brackets of target:[2001:db8::1]:9 are words of their own; together they are one piece of the
 * file, and with a blank between them they are no target. */
static bool read_target(struct reader *r, struct flow_target *ret)
{
	const char *text = r->l.word.text;
	unsigned more = word_is(&r->l.word, "target:") ? 4 : 0;
	struct lex before = r->l;

	while (more-- > 0)
		lex_next(&r->l);
	if (flow_target_parse(text, (size_t)(r->l.word.text - text) + r->l.word.len, ret))
		return true;
	r->l = before;
	return false;
}

static bool add_import(struct reader *r, const struct statement *s, struct conf_vrf *to)
{
	if (to->import_count == CONF_VRF_TARGETS_MAX)
		return lex_fail(&r->l, r->e, "%s: more than %d:", s->name, CONF_VRF_TARGETS_MAX);
	if (!has_word(r) || !read_target(r, &to->imports[to->import_count]))
		return expected(r, s, "a route target such as 'target:65000:9'");
	to->import_count++;
	lex_next(&r->l);
	return true;
}

static bool vrf_import(struct reader *r, const struct statement *s, void *into)
{
	return read_list(r, s, into, add_import);
}

static bool read_interface(struct reader *r, const struct statement *s, char ret[16])
{
	if (has_word(r) && memchr(r->l.word.text, '/', r->l.word.len) != NULL)
		return expected(r, s, "an interface's name");
	return read_text(r, s, false, ret, 16);
}

/* The one being read stands behind the others. */
static const struct conf_vrf *owner(const struct conf_enforce *e, const char *interface)
{
	for (const struct conf_vrf *v = e->vrfs; v <= e->vrfs + e->vrf_count; v++)
		for (size_t i = 0; i < v->interface_count; i++)
			if (strcmp(v->interfaces[i], interface) == 0)
				return v;
	return NULL;
}

static bool add_interface(struct reader *r, const struct statement *s, struct conf_vrf *to)
{
	char *name = to->interfaces[to->interface_count];
	const struct conf_vrf *other;
	struct word at = r->l.word;

	if (to->interface_count == CONF_VRF_INTERFACES_MAX)
		return lex_fail(&r->l, r->e, "%s: more than %d:", s->name, CONF_VRF_INTERFACES_MAX);
	if (!read_interface(r, s, name))
		return false;
	other = owner(&r->c->enforce, name);
	if (other != NULL)
		return fail_at(r, &at, "interface: %s belongs to vrf %s", name, other->name);
	to->interface_count++;
	return true;
}

static bool vrf_interface(struct reader *r, const struct statement *s, void *into)
{
	return read_list(r, s, into, add_interface);
}

/* The kernel's own tables: a redirect to them would be no redirect. */
static bool is_of_the_kernel(uint64_t table)
{
	return table == 0 || (table >= 253 && table <= 255);
}

static bool vrf_table(struct reader *r, const struct statement *s, void *into)
{
	static const char what[] = "the number of a routing table, but 0 and 253 to 255";
	struct conf_vrf *to = into;
	struct lex before = r->l;
	uint64_t n;

	if (!read_number(r, s, UINT32_MAX, what, &n))
		return false;
	if (is_of_the_kernel(n)) {
		r->l = before;
		return expected(r, s, what);
	}
	to->table = (uint32_t)n;
	return read_end(r, s);
}

static bool vrf_redirect(struct reader *r, const struct statement *s, void *into)
{
	struct conf_vrf *to = into;
	struct word at;

	if (!lex_is(&r->l, "interface"))
		return expected(r, s, "'interface'");
	lex_next(&r->l);
	at = r->l.word;
	if (!read_interface(r, s, to->redirect))
		return false;
	if (strchr(to->redirect, '*') != NULL)
		return fail_at(r, &at, "redirect: %s is a pattern, and packets go to one interface",
			       to->redirect);
	return read_end(r, s);
}

static const struct statement vrf_statements[] = {
	{ "import", vrf_import, FIELD_NONE, NULL, NULL },
	{ "interface", vrf_interface, FIELD_NONE, NULL, NULL },
	{ "table", vrf_table, FIELD_NONE, NULL, NULL },
	{ "redirect", vrf_redirect, FIELD_NONE, NULL, NULL },
	{ 0 },
};

bool read_vrf(struct reader *r, const struct statement *s, void *into)
{
	struct conf_enforce *e = &((struct conf *)into)->enforce;
	struct conf_vrf *to = &e->vrfs[e->vrf_count];
	struct word at = r->at;

	if (e->vrf_count == CONF_VRFS_MAX)
		return lex_fail(&r->l, r->e, "%s: more than %d:", s->name, CONF_VRFS_MAX);
	to->line = at.line;
	if (!read_text(r, s, false, to->name, sizeof(to->name)))
		return false;
	for (size_t i = 0; i < e->vrf_count; i++)
		if (strcmp(e->vrfs[i].name, to->name) == 0)
			return fail_at(r, &at, "vrf: %s stands in line %u too", to->name,
				       e->vrfs[i].line);
	if (!read_block(r, s->name, vrf_statements, to))
		return false;
	if (to->import_count == 0)
		return fail_at(r, &at, "vrf: %s imports no route target", to->name);
	if (to->table != 0 && to->redirect[0] != '\0')
		return fail_at(r, &at, "vrf: %s has both a table and an interface to redirect to",
			       to->name);
	e->vrf_count++;
	return true;
}

bool vrf_equal(const struct conf_vrf *a, const struct conf_vrf *b)
{
	if (strcmp(a->name, b->name) != 0 || a->import_count != b->import_count ||
	    a->interface_count != b->interface_count || a->table != b->table ||
	    strcmp(a->redirect, b->redirect) != 0)
		return false;
	for (size_t i = 0; i < a->interface_count; i++)
		if (strcmp(a->interfaces[i], b->interfaces[i]) != 0)
			return false;
	return memcmp(a->imports, b->imports, a->import_count * sizeof(a->imports[0])) == 0;
}
