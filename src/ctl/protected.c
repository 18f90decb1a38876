/* SPDX-License-Identifier: ISC */
/* protected.c - what enforcers say of their protected flows.
 *
 * A list belongs to the connection that told it, replaces what it told before, and goes with it.
 */
#include "ctl/hub.h"

#include <stdlib.h>

struct protected_list {
	struct protected_list *next;
	const struct ctl_conn *from;
	json_t *entries; /* each a line of `show protected` */
};

struct protected
{
	struct protected_list *first;
};

struct protected *protected_new(void)
{
	return calloc(1, sizeof(struct protected));
}

void protected_forget(struct protected *p, const struct ctl_conn *from)
{
	struct protected_list **at = &p->first;

	while (*at != NULL) {
		struct protected_list *l = *at;

		if (from != NULL && l->from != from) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		json_decref(l->entries);
		free(l);
	}
}

void protected_free(struct protected *p)
{
	protected_forget(p, NULL);
	free(p);
}

/* One rule of an entry, checked. */
static json_t *read_rule(json_t *j, struct err *e)
{
	const char *family, *nlri, *match;
	json_int_t packets, octets;
	json_error_t why;

	if (json_unpack_ex(j, &why, 0, "{s:s, s:s, s:s, s:I, s:I}", "family", &family, "nlri",
			   &nlri, "match", &match, "packets", &packets, "octets", &octets) == 0)
		return json_pack("{s:s, s:s, s:s, s:I, s:I}", "family", family, "nlri", nlri,
				 "match", match, "packets", packets, "octets", octets);
	(void)err_at(e, 0, 0, "report: protected: %s", why.text);
	return NULL;
}

static json_t *read_rules(json_t *rules, struct err *e)
{
	json_t *list = json_array(), *j;
	size_t i;

	json_array_foreach(rules, i, j)
	{
		json_t *rule = read_rule(j, e);

		if (rule == NULL) {
			json_decref(list);
			return NULL;
		}
		(void)json_array_append_new(list, rule);
	}
	return list;
}

static json_t *read_entry(const char *enforcer, json_t *j, struct err *e)
{
	const char *name, *match;
	int is_default, on;
	json_int_t packets, octets;
	json_t *rules, *list;
	json_error_t why;

	if (json_unpack_ex(j, &why, 0, "{s:s, s:s, s:b, s:b, s:I, s:I, s:o}", "name", &name,
			   "match", &match, "default", &is_default, "on", &on, "packets", &packets,
			   "octets", &octets, "rules", &rules) != 0) {
		(void)err_at(e, 0, 0, "report: protected: %s", why.text);
		return NULL;
	}
	list = read_rules(rules, e);
	if (list == NULL)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:o}", "enforcer", enforcer, "name",
			 name, "match", match, "default", is_default, "on", on, "packets", packets,
			 "octets", octets, "rules", list);
}

static json_t *read_entries(json_t *report, struct err *e)
{
	const char *enforcer = json_string_value(json_object_get(report, "enforcer"));
	json_t *entries = json_array(), *j;
	size_t i;

	json_array_foreach(json_object_get(report, "protected"), i, j)
	{
		json_t *entry = read_entry(enforcer != NULL ? enforcer : "", j, e);

		if (entry == NULL) {
			json_decref(entries);
			return NULL;
		}
		(void)json_array_append_new(entries, entry);
	}
	return entries;
}

bool protected_take(struct protected *p, const struct ctl_conn *from, json_t *report, struct err *e)
{
	struct protected_list *l;
	json_t *entries;

	if (json_object_get(report, "protected") == NULL)
		return true;
	entries = read_entries(report, e);
	if (entries == NULL)
		return false;
	protected_forget(p, from);
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		json_decref(entries);
		return err_at(e, 0, 0, "out of memory");
	}
	*l = (struct protected_list){ .next = p->first, .from = from, .entries = entries };
	p->first = l;
	return true;
}

void protected_show(const struct protected *p, struct ctl_conn *to)
{
	for (const struct protected_list *l = p->first; l != NULL; l = l->next) {
		json_t *entry;
		size_t i;

		json_array_foreach(l->entries, i, entry) conn_say(to, json_incref(entry));
	}
}
