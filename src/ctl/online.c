/* SPDX-License-Identifier: ISC */
/* online.c - see online.h: a command to the hub, its answer as tables or as it came.
 *
 * The hub speaks JSON alone; what a table looks like is decided here.
 */
#include "ctl/online.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "ctl/client.h"

/* ---- Members of a line -------------------------------------------------------------------- */

static const char *text_of(const json_t *j, const char *member)
{
	const char *text = json_string_value(json_object_get(j, member));

	return text != NULL ? text : "";
}

static long long number_of(const json_t *j, const char *member)
{
	return json_integer_value(json_object_get(j, member));
}

static bool is_true(const json_t *j, const char *member)
{
	return json_is_true(json_object_get(j, member));
}

/* 00:01:02, or 3d04h as routers say it. */
static const char *duration(long long seconds, char buf[24])
{
	if (seconds < 0)
		(void)snprintf(buf, 24, "never");
	else if (seconds < 86400)
		(void)snprintf(buf, 24, "%02lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60,
			       seconds % 60);
	else
		(void)snprintf(buf, 24, "%lldd%02lldh", seconds / 86400, seconds / 3600 % 24);
	return buf;
}

/* ---- Tables ------------------------------------------------------------------------------- */

static void print_neighbor(const json_t *j)
{
	bool up = strcmp(text_of(j, "state"), "established") == 0;
	char time[24];

	printf("%-26s %-10lld %-12s %-9s %8lld %8lld %10lld  %s\n", text_of(j, "neighbor"),
	       number_of(j, "remote-as"), text_of(j, "state"),
	       duration(number_of(j, up ? "up-seconds" : "down-seconds"), time),
	       number_of(j, "received"), number_of(j, "accepted"), number_of(j, "advertised"),
	       text_of(j, "last-down"));
}

static void print_enforced(const json_t *list)
{
	size_t i;
	const json_t *one;

	json_array_foreach(list, i, one)
	{
		const char *reason = text_of(one, "reason");

		printf("    %s: %s%s%s, %lld packets matched, %lld dropped\n",
		       text_of(one, "enforcer"), text_of(one, "state"),
		       reason[0] != '\0' ? ": " : "", reason, number_of(one, "packets"),
		       number_of(one, "dropped-packets"));
	}
}

static void print_rule(const json_t *j)
{
	char time[24];

	printf("%s\n    %s, from %s for %s, %s, age %s\n", text_of(j, "rule"), text_of(j, "action"),
	       text_of(j, "from"), text_of(j, "for"), text_of(j, "state"),
	       duration(number_of(j, "age-seconds"), time));
	print_enforced(json_object_get(j, "enforced"));
}

static void print_route(const json_t *j)
{
	const char *as_path = text_of(j, "as-path");

	printf("%c%c %-28s %-26s %-18s %6lld  %s%s%s\n", is_true(j, "valid") ? '*' : ' ',
	       is_true(j, "best") ? '>' : ' ', text_of(j, "prefix"), text_of(j, "next-hop"),
	       text_of(j, "from"), number_of(j, "local-preference"), as_path,
	       as_path[0] != '\0' ? " " : "", text_of(j, "origin"));
}

static void print_protected(const json_t *j)
{
	const json_t *rule;
	size_t i;

	printf("%s: %s%s: %s\n    %lld packets saved, %lld octets\n", text_of(j, "enforcer"),
	       text_of(j, "name"), is_true(j, "on") ? "" : " (off)", text_of(j, "match"),
	       number_of(j, "packets"), number_of(j, "octets"));
	json_array_foreach(json_object_get(j, "rules"), i, rule)
	{
		printf("    %lld from { %s }\n", number_of(rule, "packets"),
		       text_of(rule, "match"));
	}
}

static void print_withdrawn(const json_t *j)
{
	printf("%lld withdrawn\n", number_of(j, "withdrawn"));
}

/* 1204 as people read it: "1 204". */
static const char *grouped(long long n, char buf[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf[at++] = ' ';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

static void print_verified(const json_t *j)
{
	const json_t *list = json_object_get(j, "list"), *one;
	long long named = (long long)json_array_size(list), all = number_of(j, "differences");
	char intended[32], kernel[32], differ[32];
	size_t i;

	printf("%s: %s rules intended, %s in the kernel, ", text_of(j, "enforcer"),
	       grouped(number_of(j, "intended"), intended),
	       grouped(number_of(j, "kernel"), kernel));
	if (is_true(j, "equal"))
		printf("equal\n");
	else
		printf("%s different\n", grouped(all, differ));
	json_array_foreach(list, i, one)
	{
		const char *rule = text_of(one, "rule");

		printf("    %s%s%s\n", rule, rule[0] != '\0' ? ": " : "", text_of(one, "what"));
	}
	if (named < all)
		printf("    and %s more\n", grouped(all - named, differ));
}

/* As a label's value stands between quotes. */
static void print_quoted(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\n')
			(void)fputs("\\n", stdout);
		else if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text);
}

/* The text format of Prometheus, 0.0.4. */
static void print_metric(const json_t *j)
{
	json_t *labels = json_object_get(j, "labels"), *value;
	const char *name = text_of(j, "metric"), *label, *before = "{";

	if (labels == NULL) {
		printf("# HELP %s %s\n# TYPE %s %s\n", name, text_of(j, "help"), name,
		       text_of(j, "type"));
		return;
	}
	(void)fputs(name, stdout);
	json_object_foreach(labels, label, value)
	{
		printf("%s%s=\"", before, label);
		print_quoted(json_string_value(value));
		putchar('"');
		before = ",";
	}
	printf("%s %lld\n", *before == ',' ? "}" : "", number_of(j, "value"));
}

static void print_event(const json_t *j)
{
	const char *event = text_of(j, "event");

	if (strcmp(event, "neighbor") == 0)
		printf("neighbor %s: %s, %s\n", text_of(j, "neighbor"), text_of(j, "state"),
		       text_of(j, "text"));
	else if (strcmp(event, "rule") == 0)
		printf("%s %s from %s for %s\n", strcmp(text_of(j, "op"), "add") == 0 ? "+" : "-",
		       text_of(j, "rule"), text_of(j, "from"), text_of(j, "for"));
	else if (strcmp(event, "route") == 0)
		printf("%s route %s from %s\n", strcmp(text_of(j, "op"), "add") == 0 ? "+" : "-",
		       text_of(j, "prefix"), text_of(j, "from"));
	else if (strcmp(event, "settled") == 0)
		printf("settled\n");
	(void)fflush(stdout);
}

static void head_neighbors(void)
{
	printf("%-26s %-10s %-12s %-9s %8s %8s %10s  %s\n", "Neighbor", "AS", "State", "Up/Down",
	       "Received", "Accepted", "Advertised", "Last down");
}

static void head_routes(void)
{
	printf("   %-28s %-26s %-18s %6s  %s\n", "Prefix", "Next hop", "From", "LocPrf", "Path");
}

/* ---- Verbs -------------------------------------------------------------------------------- */

/* clang-format off */
static const struct verb {
	const char *first, *second;
	const char *usage, *help;
	void (*head)(void);             /* before the first line; NULL: none */
	void (*print)(const json_t *j); /* a line of the answer; NULL: it has none */
	bool follows;                   /* goes on after its ok */
} verbs[] = {
	{ "show", "neighbors", "show neighbors", "sessions, their counts, why they last went down",
	  head_neighbors, print_neighbor, false },
	{ "show", "rules", "show rules", "every rule: from whom, for whom, where enforced",
	  NULL, print_rule, false },
	{ "show", "routes", "show routes [ipv4|ipv6]", "unicast routes learnt",
	  head_routes, print_route, false },
	{ "show", "protected", "show protected", "flows that pass whatever a rule says, what that saved",
	  NULL, print_protected, false },
	{ "announce", NULL, "announce flow route RULE", "announce a rule, or change its action",
	  NULL, NULL, false },
	{ "withdraw", "all", "withdraw all [origin X]", "take every rule of ours back, or one origin's",
	  NULL, print_withdrawn, false },
	{ "withdraw", NULL, "withdraw flow route RULE", "take a rule back that you announced",
	  NULL, NULL, false },
	{ "neighbor", NULL, "neighbor A shutdown|enable", "end a session and keep it down, or start it again",
	  NULL, NULL, false },
	{ "metrics", NULL, "metrics", "everything that is counted, as text for Prometheus",
	  NULL, print_metric, false },
	{ "verify", NULL, "verify", "do packets find in the kernel the rules that are to be there?",
	  NULL, print_verified, false },
	{ "reload", NULL, "reload", "read the configuration again", NULL, NULL, false },
	{ "monitor", NULL, "monitor", "follow sessions and rules", NULL, print_event, true },
};
/* clang-format on */

void online_usage(FILE *to)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		(void)fprintf(to, "  %-34s %s\n", verbs[i].usage, verbs[i].help);
}

static const struct verb *find_verb(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (argc > 0 && strcmp(argv[0], verbs[i].first) == 0 &&
		    (verbs[i].second == NULL ||
		     (argc > 1 && strncmp(argv[1], verbs[i].second, strlen(verbs[i].second)) == 0)))
			return &verbs[i];
	return NULL;
}

static bool join(int argc, char **argv, struct str *out)
{
	for (int i = 0; i < argc; i++) {
		str_add(out, i > 0 ? " " : "");
		str_add(out, argv[i]);
	}
	return str_ok(out);
}

static void say(const struct err *e)
{
	if (e->line > 0 && e->source != NULL)
		(void)fprintf(stderr, "%s:%u:%u: %s\n", e->source, e->line, e->col, e->text);
	else if (e->line > 0)
		(void)fprintf(stderr, "headgate: column %u: %s\n", e->col, e->text);
	else
		(void)fprintf(stderr, "headgate: %s\n", e->text);
}

static void say_refusal(const json_t *closing)
{
	const char *source = text_of(closing, "source");
	struct err e = { .source = source[0] != '\0' ? source : NULL };

	(void)err_at(&e, (unsigned)number_of(closing, "line"), (size_t)number_of(closing, "column"),
		     "%s", text_of(closing, "error"));
	say(&e);
}

/* What a line of the answer means. */
enum answer {
	ANSWER_MORE,
	ANSWER_DONE,
	ANSWER_REFUSED
};

static enum answer take_line(const struct verb *v, const char *line, bool json, bool *first)
{
	json_t *j = json_loads(line, 0, NULL);
	json_t *ok = json_object_get(j, "ok");
	enum answer answer = ANSWER_MORE;

	if (json_is_false(ok)) {
		say_refusal(j);
		answer = ANSWER_REFUSED;
	} else if (ok != NULL) {
		answer = v->follows ? ANSWER_MORE : ANSWER_DONE;
	} else if (json) {
		(void)puts(line);
		(void)fflush(v->follows ? stdout : NULL);
	} else if (v->print != NULL) {
		if (*first && v->head != NULL)
			v->head();
		*first = false;
		v->print(j);
	}
	json_decref(j);
	return answer;
}

static int converse(struct ctl_client *c, const struct verb *v, const char *command, bool json)
{
	struct err e = { 0 };
	bool first = true;
	const char *line;

	if (!ctl_client_send(c, command, &e)) {
		say(&e);
		return 1;
	}
	while (ctl_client_line(c, -1, &line, &e) == CTL_GOT_LINE)
		switch (take_line(v, line, json, &first)) {
		case ANSWER_MORE:
			break;
		case ANSWER_DONE:
			return fflush(stdout) == 0 ? 0 : 1;
		case ANSWER_REFUSED:
			return 1;
		}
	(void)fprintf(stderr, "headgate: the daemon closed the connection%s%s\n",
		      e.text[0] != '\0' ? ": " : "", e.text);
	return 1;
}

int online_run(const char *socket, int argc, char **argv, bool json)
{
	const struct verb *v = find_verb(argc, argv);
	struct ctl_client *c;
	struct err e = { 0 };
	struct str command;
	char *text;
	int code = 1;

	if (v == NULL)
		return 2;
	text = malloc(CTL_LINE_MAX);
	if (text == NULL)
		return 1;
	command = str_over(text, CTL_LINE_MAX);
	if (!join(argc, argv, &command)) {
		(void)fprintf(stderr, "headgate: a command of more than %d octets\n", CTL_LINE_MAX);
	} else if ((c = ctl_client_open(socket, &e)) == NULL) {
		say(&e);
	} else {
		code = converse(c, v, text, json);
		ctl_client_free(c);
	}
	free(text);
	return code;
}
