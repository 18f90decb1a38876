/* SPDX-License-Identifier: ISC */
/* encode.c - a rule as people write it into what a BGP speaker sends: the NLRI, and the extended
 * communities of what then happens.
 *
 *	cc encode.c $(pkg-config --cflags --libs flowspec) -o encode
 *	./encode 'match { destination 10.0.0.0/24; protocol tcp; } then { discard; }'
 */
#include <stdio.h>
#include <string.h>

#include <flowspec/flow.h>

static void odd(void *ctx, const struct err *what)
{
	char text[256];

	(void)ctx;
	fprintf(stderr, "warning: %s\n", err_string(what, text, sizeof(text)));
}

static void show(const char *name, const uint8_t *octets, size_t len)
{
	char hex[2 * (FLOW_NLRI_MAX + 2) + 1];
	struct str out = str_over(hex, sizeof(hex));

	str_add_hex(&out, octets, len);
	printf("%s %s\n", name, hex);
}

int main(int argc, char **argv)
{
	static struct flow_rule rule; /* the caller's memory; the library has none */
	struct flow_text_options options = { .strict = true, .warn = odd };
	struct err e = { .source = "argument" };
	uint8_t octets[FLOW_NLRI_MAX + 2];
	char why[256];

	if (argc != 2)
		return 2;
	if (!flow_text_rule(argv[1], strlen(argv[1]), &options, &rule, &e)) {
		fprintf(stderr, "%s\n", err_string(&e, why, sizeof(why)));
		return 1;
	}
	struct flow_nlri n = flow_rule_nlri(&rule);
	struct wr w = wr_over(octets, sizeof(octets));

	flow_nlri_write(&w, &n);
	show("nlri", octets, wr_len(&w));
	for (size_t i = 0; i < rule.then.ext_count; i++)
		show("extended-community", rule.then.ext[i], sizeof(rule.then.ext[i]));
	return 0;
}
