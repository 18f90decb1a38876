/* SPDX-License-Identifier: ISC */
/* rule_json_fuzz.c - any text as a rule in JSON.
 *
 * Properties: an error has a reason and leaves the result alone; a rule that is read is well
 * formed, and the object made of it reads back to the same octets and communities and is made
 * alike.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/rule_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

static char *object_of(const struct flow_rule *r)
{
	json_t *object = json_object();
	struct flow_nlri n = flow_rule_nlri(r);
	char *text;

	must(flow_nlri_check(&n, NULL));
	rule_json_nlri(object, &n);
	rule_json_then(object, r);
	text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	must(text != NULL);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct flow_rule rule, back;
	struct flow_text_options o = { .strict = true };
	struct err e = { .col = 0 };
	char *text, *again;

	rule.nlri_len = UINT16_MAX;
	if (!rule_json_read((const char *)data, size, &o, &rule, &e)) {
		must(e.text[0] != '\0' && e.line == 0 && rule.nlri_len == UINT16_MAX);
		return 0;
	}
	text = object_of(&rule);
	must(rule_json_is(text, strlen(text)));
	must(rule_json_read(text, strlen(text), &o, &back, NULL));
	must(back.family == rule.family && back.vpn == rule.vpn);
	must(back.nlri_len == rule.nlri_len && memcmp(back.nlri, rule.nlri, rule.nlri_len) == 0);
	must(back.has_then == rule.has_then && back.then.ext_count == rule.then.ext_count);
	must(memcmp(back.then.ext, rule.then.ext, rule.then.ext_count * 8) == 0);
	must(back.then.ext6_count == rule.then.ext6_count);
	must(memcmp(back.then.ext6, rule.then.ext6, rule.then.ext6_count * 20) == 0);
	again = object_of(&back);
	must(strcmp(text, again) == 0);
	free(again);
	free(text);
	return 0;
}
