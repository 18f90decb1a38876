/* SPDX-License-Identifier: ISC */
/* algebra.c - see algebra.h.  What is answered is the library's (flow/flow.h, Algebra); here are
 * words, families and exit codes.
 *
 * A rule that names no family is of the other rule's, if that one does, and else IPv4 or what -f
 * says.
 */
#include "ctl/algebra.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/lint.h"
#include "flow/flow.h"

enum {
	SENTENCE_MAX = 4096,
	USED_WRONGLY = -1 /* of a verb's run, to print its usage */
};

struct job {
	int argc;
	char **argv;
	enum flow_family family;
	bool family_named, json;
};

static const struct {
	const char *token;
	enum flow_family family;
} families[] = {
	{ "ipv4-flow", FLOW_IPV4 },
	{ "ipv6-flow", FLOW_IPV6 },
	{ "ipv4-flow-vpn", FLOW_IPV4 },
	{ "ipv6-flow-vpn", FLOW_IPV6 },
};

/* ---- Rules ---------------------------------------------------------------------------------- */

static void print_json(json_t *object)
{
	(void)json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	(void)putchar('\n');
	json_decref(object);
}

/* A rule that is wrong: which one, where, why.  Returns the exit code. */
static int wrong_rule(const struct job *j, int number, const struct err *e)
{
	if (j->json)
		print_json(json_pack("{s:s, s:i, s:I}", "error", e->text, "rule", number, "offset",
				     (json_int_t)(e->line > 0 ? e->col - 1 : e->col)));
	else
		(void)fprintf(stderr, "error: rule %d, offset %u: %s\n", number,
			      e->line > 0 ? e->col - 1 : e->col, e->text);
	return 2;
}

static bool parse(const char *text, enum flow_family family, struct flow_rule *ret, struct err *e)
{
	struct flow_text_options o = { .family = family, .strict = true };

	return flow_text_rule(text, strlen(text), &o, ret, e);
}

/* The family that the rule's words tell, or `otherwise`. */
static enum flow_family told_family(const char *text, enum flow_family otherwise)
{
	static struct flow_rule r;
	bool may[FLOW_FAMILIES];

	for (unsigned f = 0; f < FLOW_FAMILIES; f++)
		may[f] = parse(text, f, &r, NULL) && r.family == f;
	if (may[FLOW_IPV4] == may[FLOW_IPV6])
		return otherwise;
	return may[FLOW_IPV4] ? FLOW_IPV4 : FLOW_IPV6;
}

/* ---- overlap, covers ------------------------------------------------------------------------ */

typedef bool question(const struct flow_normal *a, const struct flow_normal *b,
		      struct flow_witness *w);

struct verdict {
	question *ask;
	const char *member;   /* of the JSON answer */
	bool witness_of;      /* the answer that has a witness */
	const char *prose[2]; /* for no and yes */
};

static void print_verdict(const struct job *j, const struct verdict *v, bool yes,
			  const struct flow_witness *w)
{
	static char hex[2 * FLOW_PACKET_MAX + 1];
	struct str s = str_over(hex, sizeof(hex));

	if (yes == v->witness_of)
		str_add_hex(&s, w->octets, w->len);
	if (j->json) {
		json_t *object = json_pack("{s:b}", v->member, yes);

		if (s.len > 0)
			(void)json_object_set_new(object, "witness", json_string(hex));
		(void)json_object_set_new(object, "why", json_string(v->prose[yes]));
		print_json(object);
		return;
	}
	(void)puts(yes ? "yes" : "no");
	if (s.len > 0)
		(void)printf("witness %s\n", hex);
	(void)puts(v->prose[yes]);
}

static int run_question(const struct job *j, const struct verdict *v)
{
	static struct flow_rule rules[2];
	static struct flow_normal normals[2];
	static uint8_t packet[FLOW_PACKET_MAX];
	struct flow_witness w = { .octets = packet, .size = sizeof(packet) };
	struct err e = { .source = NULL };
	enum flow_family family = j->family;
	bool yes;

	if (j->argc != 2)
		return USED_WRONGLY;
	if (!j->family_named)
		family = told_family(j->argv[0], told_family(j->argv[1], family));
	for (int i = 0; i < 2; i++) {
		struct flow_nlri n;

		if (!parse(j->argv[i], told_family(j->argv[i], family), &rules[i], &e))
			return wrong_rule(j, i + 1, &e);
		n = flow_rule_nlri(&rules[i]);
		if (!flow_normal_make(&n, &normals[i], &e))
			return wrong_rule(j, i + 1, &e);
	}
	yes = v->ask(&normals[0], &normals[1], &w);
	print_verdict(j, v, yes, &w);
	return yes ? 0 : 1;
}

static int run_overlap(const struct job *j)
{
	static const struct verdict v = {
		flow_overlap,
		"overlap",
		true,
		{ "No packet that can exist matches both rules.", "Both rules match this packet." },
	};

	return run_question(j, &v);
}

static int run_covers(const struct job *j)
{
	static const struct verdict v = {
		flow_covers,
		"covers",
		false,
		{ "The second rule matches this packet and the first does not.",
		  "Every packet that the second rule matches, the first matches too." },
	};

	return run_question(j, &v);
}

/* ---- explain -------------------------------------------------------------------------------- */

static void say_odd(void *ctx, const char *what)
{
	json_t *list = ctx;

	if (list != NULL)
		(void)json_array_append_new(list, json_string(what));
	else
		(void)printf("odd: %s\n", what);
}

static int run_explain(const struct job *j)
{
	static struct flow_rule rule;
	static char text[FLOW_TEXT_MAX];
	char sentence[SENTENCE_MAX];
	struct str s = str_over(sentence, sizeof(sentence)), words = str_over(text, sizeof(text));
	struct err e = { .source = NULL };
	struct flow_nlri n;
	const struct flow_then *then;

	if (j->argc == 0)
		return USED_WRONGLY;
	for (int i = 0; i < j->argc; i++)
		str_addf(&words, i > 0 ? " %s" : "%s", j->argv[i]);
	if (!parse(text, j->family, &rule, &e))
		return wrong_rule(j, 1, &e);
	n = flow_rule_nlri(&rule);
	then = rule.has_then ? &rule.then : NULL;
	flow_explain(&n, then, &s);
	if (j->json) {
		json_t *odd = json_array();

		(void)flow_oddities(&n, then, say_odd, odd);
		print_json(json_pack("{s:s, s:o}", "explain", sentence, "odd", odd));
		return 0;
	}
	(void)puts(sentence);
	(void)flow_oddities(&n, then, say_odd, NULL);
	return 0;
}

/* ---- The table ------------------------------------------------------------------------------ */

static int run_lint(const struct job *j)
{
	return j->argc == 1 ? lint_run(j->argv[0], j->family, j->json) : USED_WRONGLY;
}

struct verb {
	const char *name, *usage, *help;
	int (*run)(const struct job *j);
};

/* clang-format off */
static const struct verb verbs[] = {
	{ "overlap", "overlap [-f FAMILY] RULE RULE", "is there a packet that both match?", run_overlap },
	{ "covers", "covers [-f FAMILY] RULE RULE", "does the first match all that the second does?", run_covers },
	{ "explain", "explain [-f FAMILY] RULE", "what a RULE does, and what is odd about it", run_explain },
	{ "lint", "lint [-f FAMILY] FILE|-", "odd, shadowed, duplicate, conflicting rules", run_lint },
};
/* clang-format on */

void algebra_usage(FILE *to)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		(void)fprintf(to, "  %-34s %s\n", verbs[i].usage, verbs[i].help);
}

static bool take_family(struct job *j, const char *token)
{
	for (size_t i = 0; token != NULL && i < sizeof(families) / sizeof(families[0]); i++) {
		if (strcmp(families[i].token, token) != 0)
			continue;
		j->family = families[i].family;
		return j->family_named = true;
	}
	(void)fprintf(stderr, "headgate: -f takes ipv4-flow, ipv6-flow, ipv4-flow-vpn or "
			      "ipv6-flow-vpn\n");
	return false;
}

/* Takes -f out of the words; false: used wrongly. */
static bool take_options(struct job *j)
{
	int n = 0;

	for (int i = 0; i < j->argc; i++) {
		if (strcmp(j->argv[i], "-f") != 0)
			j->argv[n++] = j->argv[i];
		else if (!take_family(j, j->argv[++i]))
			return false;
	}
	j->argc = n;
	return true;
}

static int run_verb(const struct verb *v, int argc, char **argv, bool json)
{
	struct job j = { .argc = argc, .argv = argv, .family = FLOW_IPV4, .json = json };
	int code = take_options(&j) ? v->run(&j) : USED_WRONGLY;

	if (code != USED_WRONGLY)
		return code;
	(void)fprintf(stderr, "usage: headgate %s\n", v->usage);
	return 2;
}

int algebra_run(int argc, char **argv, bool json)
{
	for (size_t i = 0; argc > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[0], verbs[i].name) == 0)
			return run_verb(&verbs[i], argc - 1, argv + 1, json);
	return ALGEBRA_UNKNOWN;
}
