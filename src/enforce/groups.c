/* SPDX-License-Identifier: ISC */
/* groups.c - see groups.h. */
#include "enforce/groups.h"

static __u64 name_of(uint32_t as, uint16_t group)
{
	return XDP_GROUP_NAMED | (__u64)as << 16 | group;
}

enum {
	NO_NUMBER = XDP_GROUPS
};

static unsigned number_of(const struct groups *g, __u64 name)
{
	unsigned i = 0;

	while (i < XDP_GROUPS && g->name[i] != name)
		i++;
	return i;
}

static unsigned number_free(const struct groups *g, uint64_t in_use)
{
	unsigned never = number_of(g, 0), i = 0;

	if (never != NO_NUMBER)
		return never;
	while (i < XDP_GROUPS && (in_use | g->here) >> i & 1)
		i++;
	return i;
}

bool groups_make(struct groups *g, __u64 name[XDP_GROUPS], const struct enforce_group *list,
		 size_t n, uint64_t in_use, struct err *e)
{
	*g = (struct groups){ .name = name };
	for (size_t i = 0; i < n; i++) {
		g->number[i] = (uint8_t)number_of(g, name_of(list[i].as, list[i].group));
		if (g->number[i] != NO_NUMBER)
			g->here |= UINT64_C(1) << g->number[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (g->number[i] != NO_NUMBER)
			continue;
		g->number[i] = (uint8_t)number_free(g, in_use);
		if (g->number[i] == NO_NUMBER)
			return err_at(e, 0, 0,
				      "more than %d groups of interfaces, with those of rules that "
				      "are still in force",
				      XDP_GROUPS);
		name[g->number[i]] = name_of(list[i].as, list[i].group);
		g->here |= UINT64_C(1) << g->number[i];
	}
	return true;
}

uint64_t groups_of_file(const struct groups *g, uint64_t file)
{
	uint64_t ret = 0;

	for (unsigned i = 0; i < ENFORCE_GROUPS_MAX; i++)
		if (file >> i & 1)
			ret |= UINT64_C(1) << g->number[i];
	return ret;
}

bool groups_of_rule(const struct groups *g, const struct flow_actions *a, uint64_t *ret,
		    struct err *e)
{
	bool input = a->interface_sets == 0;

	*ret = 0;
	if (a->interface_sets > FLOW_EXT_MAX)
		return err_at(e, 0, 0, "more than %d interface-sets", FLOW_EXT_MAX);
	for (unsigned i = 0; i < a->interface_sets; i++) {
		const struct flow_interface_set *s = &a->interface_set[i];
		unsigned number;

		if (!s->input)
			continue;
		input = true;
		number = g != NULL ? number_of(g, name_of(s->as, s->group)) : NO_NUMBER;
		if (number != NO_NUMBER)
			*ret |= g->here & UINT64_C(1) << number;
	}
	if (!input)
		return err_at(e, 0, 0,
			      "interface-set for output alone is not enforced: packets are looked "
			      "at as they come in");
	if (a->interface_sets > 0 && *ret == 0)
		return err_at(e, 0, 0, "interface-set: no interface here is in its groups");
	return true;
}
