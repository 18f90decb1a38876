/* SPDX-License-Identifier: ISC */
/* rule_json.h - a rule as a JSON object, both ways; docs/json.md is its schema. */
#ifndef CTL_RULE_JSON_H
#define CTL_RULE_JSON_H

#include <jansson.h>

#include "flow/flow.h"

/* The family's name in JSON and behind -f: "ipv4-flow-vpn". */
const char *rule_json_family(enum flow_family family, bool vpn);
/* Adds family, rd and match; they hold all of a checked NLRI, also the bits that are ignored. */
void rule_json_nlri(json_t *object, const struct flow_nlri *n);
/* Adds then, next-hop and name; nothing for a rule that was written without a then. */
void rule_json_then(json_t *object, const struct flow_rule *r);

/* Does this text begin as an object does?  No rule in words begins with a brace and a quote. */
bool rule_json_is(const char *text, size_t len);
/* Reads one object.  An error's place is an offset in the text where it is no JSON, else 0, and its
 * reason then begins with the member that is wrong. */
bool rule_json_read(const char *text, size_t len, const struct flow_text_options *o,
		    struct flow_rule *ret, struct err *e);

#endif
