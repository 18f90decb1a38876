/* SPDX-License-Identifier: ISC */
/* protect_report.c - protected flows and what they saved, as the hub is told: ctl/client.h. */
#include "enforce/protect_report.h"

#include <string.h>

#include "enforce/protect.h"
#include "enforce/report.h"
#include "enforce/saved.h"

enum {
	REPORT_OCTETS = CTL_LINE_MAX / 4 /* rules beyond this are in the entry's sum alone */
};

static uint64_t packets_of(const struct saved_row *r)
{
	return r->before.packets + r->now.packets;
}

static uint64_t octets_of(const struct saved_row *r)
{
	return r->before.octets + r->now.octets;
}

static json_t *rule_object(const struct saved_row *r, size_t *octets)
{
	static char match[FLOW_TEXT_MAX], hex[REPORT_NLRI_HEX]; /* one thread */
	struct str s = str_over(match, sizeof(match));

	flow_text_match(&r->nlri, &s);
	*octets += strlen(match) + 2 * r->nlri.len + 128;
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "family", report_family(&r->nlri), "nlri",
			 report_nlri_hex(&r->nlri, hex), "match", match, "packets",
			 (json_int_t)packets_of(r), "octets", (json_int_t)octets_of(r));
}

/* Takes name and match, which may be NULL when memory is out; so is the answer then. */
static json_t *entry_object(const struct saved *saved, uint32_t entry, bool on, const char *name,
			    const char *match, size_t *octets)
{
	json_t *rules = json_array();
	json_int_t packets = 0, all = 0;

	for (size_t i = 0; i < saved->count; i++) {
		const struct saved_row *r = &saved->row[i];

		if (r->entry != entry)
			continue;
		packets += (json_int_t)packets_of(r);
		all += (json_int_t)octets_of(r);
		if (r->octets != NULL && *octets < REPORT_OCTETS)
			(void)json_array_append_new(rules, rule_object(r, octets));
	}
	return json_pack("{s:s, s:s, s:b, s:b, s:I, s:I, s:o}", "name", name, "match", match,
			 "default", entry < XDP_STATEMENT_FIRST, "on", on, "packets", packets,
			 "octets", all, "rules", rules);
}

json_t *protect_report(const struct saved *saved, const struct enforce_protect *p)
{
	static char match[FLOW_TEXT_MAX];
	json_t *list = json_array();
	size_t octets = 0;

	for (uint32_t d = 0; d < XDP_DEFAULTS; d++)
		(void)json_array_append_new(list,
					    entry_object(saved, d, !(p->defaults_off >> d & 1),
							 protect_default_name(d),
							 protect_default_match(d), &octets));
	for (uint32_t i = 0; i < p->count; i++) {
		struct str s = str_over(match, sizeof(match));

		flow_text_match(&p->statements[i].nlri, &s);
		(void)json_array_append_new(list,
					    entry_object(saved, XDP_STATEMENT_FIRST + i, true,
							 p->statements[i].name, match, &octets));
	}
	return list;
}
