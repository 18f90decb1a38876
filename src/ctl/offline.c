/* SPDX-License-Identifier: ISC */
/* offline.c - see offline.h: rules as text and as octets, their order, one packet.
 *
 * decode and encode answer a line for a line: the work is done by an answer function that fills a
 * line of text and, when asked, a JSON object; where its input comes from and where its error goes
 * is decided once for both.  A fault's place is its offset in the input line, in octets of the
 * NLRI for decode, in characters for encode.
 */
#include "ctl/offline.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/lex.h"
#include "base/str.h"
#include "bgp/bgp.h"
#include "ctl/rule_json.h"
#include "flow/flow.h"

enum {
	PACKET_MAX = 65575,  /* the longest IPv6 packet */
	ORDER_MAX = 1000000, /* rules that `order` sorts; a full table is a tenth of it */
};

/* ---- Options and words -------------------------------------------------------------------- */

struct family {
	const char *token;
	enum flow_family family;
	bool vpn;
};

static const struct family families[] = {
	{ "ipv4-flow", FLOW_IPV4, false },
	{ "ipv6-flow", FLOW_IPV6, false },
	{ "ipv4-flow-vpn", FLOW_IPV4, true },
	{ "ipv6-flow-vpn", FLOW_IPV6, true },
};

/* One call of a verb: its words without options. */
struct job {
	int argc;
	char **argv;
	const struct family *family; /* the first row when none was named */
	bool family_named, json;
	bool message; /* --message, of decode */
};

static const struct family *family_find(const char *token)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(families[i].token, token) == 0)
			return &families[i];
	return NULL;
}

static const char *family_token(const struct flow_nlri *n)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].family == n->family && families[i].vpn == n->vpn)
			return families[i].token;
	return "";
}

/* Takes options out of the words; false: used wrongly. */
static bool take_options(struct job *j, bool knows_message)
{
	int n = 0;

	for (int i = 0; i < j->argc; i++) {
		if (knows_message && strcmp(j->argv[i], "--message") == 0) {
			j->message = true;
			continue;
		}
		if (strcmp(j->argv[i], "-f") != 0) {
			j->argv[n++] = j->argv[i];
			continue;
		}
		if (++i == j->argc || (j->family = family_find(j->argv[i])) == NULL) {
			(void)fprintf(stderr, "headgate: -f takes ipv4-flow, ipv6-flow, "
					      "ipv4-flow-vpn or ipv6-flow-vpn\n");
			return false;
		}
		j->family_named = true;
	}
	j->argc = n;
	return true;
}

/* n words with blanks between them; the caller frees.  NULL when memory is out. */
static char *join(int n, char **words)
{
	size_t size = 1;
	char *text;

	for (int i = 0; i < n; i++)
		size += strlen(words[i]) + 1;
	text = malloc(size);
	if (text == NULL)
		return NULL;
	struct str s = str_over(text, size);
	for (int i = 0; i < n; i++) {
		str_add(&s, i > 0 ? " " : "");
		str_add(&s, words[i]);
	}
	return text;
}

static bool is_hex(char c)
{
	return c != '\0' && strchr("0123456789abcdefABCDEF", c) != NULL;
}

/* Hex of at most size octets, or why it is none. */
static bool read_hex(const char *text, size_t len, uint8_t *ret, size_t size, size_t *ret_len,
		     struct err *e)
{
	for (size_t i = 0; i < len; i++)
		if (!is_hex(text[i]))
			return err_at(e, 0, i / 2, "not a hexadecimal digit");
	if (len % 2 != 0)
		return err_at(e, 0, len / 2, "half an octet");
	if (!hex_parse(text, len, ret, size, ret_len))
		return err_at(e, 0, size, "more than %zu octets", size);
	return true;
}

static void warn(void *ctx, const struct err *what)
{
	(void)ctx;
	(void)fprintf(stderr, "warning: %s\n", what->text);
}

static bool read_rule(const char *text, size_t len, enum flow_family family, struct flow_rule *ret,
		      struct err *e)
{
	struct flow_text_options o = { .family = family, .strict = true, .warn = warn };

	if (rule_json_is(text, len))
		return rule_json_read(text, len, &o, ret, e);
	return flow_text_rule(text, len, &o, ret, e);
}

/* The parser tells line and column; here the place is an offset. */
static void to_offset(const char *text, size_t len, struct err *e)
{
	size_t at = 0;

	if (e->line == 0)
		return;
	for (unsigned line = 1; line < e->line && at < len; at++)
		line += text[at] == '\n';
	e->col = (unsigned)(at + e->col - 1);
	e->line = 0;
}

static json_t *hex_json(const void *octets, size_t len)
{
	static char hex[2 * FLOW_NLRI_MAX + 8];
	struct str s = str_over(hex, sizeof(hex));

	str_add_hex(&s, octets, len);
	return json_string(hex);
}

/* ---- A line in, a line out ----------------------------------------------------------------- */

/* Fills out, or with json the object. */
typedef bool answer(const struct job *j, const char *text, size_t len, struct str *out,
		    json_t *object, struct err *e);

static void print_json(json_t *object)
{
	(void)json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	(void)putchar('\n');
}

/* An error stands where the answer would, or for a person on standard error. */
static void print_error(const struct err *e, bool json, FILE *to)
{
	char text[256];

	if (json) {
		json_t *object =
			json_pack("{s:s, s:I}", "error", e->text, "offset", (json_int_t)e->col);

		print_json(object);
		json_decref(object);
	} else {
		(void)fprintf(to, "error: %s\n", err_string(e, text, sizeof(text)));
	}
}

static bool answer_one(const struct job *j, answer *fn, const char *text, size_t len, FILE *errors)
{
	static char line[FLOW_TEXT_MAX];
	struct str out = str_over(line, sizeof(line));
	struct err e = { .source = NULL };
	json_t *object = j->json ? json_object() : NULL;
	bool ok = fn(j, text, len, &out, object, &e);

	if (!ok)
		print_error(&e, j->json, errors);
	else if (j->json)
		print_json(object);
	else
		(void)puts(line);
	json_decref(object);
	return ok;
}

static int answer_lines(const struct job *j, answer *fn)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	bool all = true;

	while ((len = getline(&line, &size, stdin)) >= 0) {
		while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
			len--;
		all &= answer_one(j, fn, line, (size_t)len, stdout);
		(void)fflush(stdout); /* so that a program may ask and wait */
	}
	free(line);
	if (ferror(stdin)) {
		(void)fprintf(stderr, "error: standard input: %s\n", strerror(errno));
		return 1;
	}
	return all ? 0 : 1;
}

static int answer_words(const struct job *j, answer *fn)
{
	char *text = join(j->argc, j->argv);
	bool ok = text != NULL && answer_one(j, fn, text, strlen(text), stderr);

	free(text);
	return ok ? 0 : 1;
}

static int answer_all(const struct job *j, answer *fn)
{
	if (j->argc == 0)
		return 2;
	if (j->argc == 1 && strcmp(j->argv[0], "-") == 0)
		return answer_lines(j, fn);
	return answer_words(j, fn);
}

/* ---- decode --------------------------------------------------------------------------------- */

/* The length octets count in offsets, so these are places in the hex. */
static bool decode_nlri(const struct job *j, const uint8_t *octets, size_t len,
			struct flow_nlri *ret, struct err *e)
{
	struct rd r = rd_over(octets, len);

	if (!flow_nlri_read(&r, j->family->family, j->family->vpn, ret, NULL, e))
		return false;
	if (rd_left(&r) > 0)
		return err_at(e, 0, rd_offset(&r), "%zu octets behind the NLRI", rd_left(&r));
	return true;
}

static bool decode_answer(const struct job *j, const char *text, size_t len, struct str *out,
			  json_t *object, struct err *e)
{
	static uint8_t octets[FLOW_NLRI_MAX + 2];
	size_t n;
	struct flow_nlri nlri;

	if (!read_hex(text, len, octets, sizeof(octets), &n, e) ||
	    !decode_nlri(j, octets, n, &nlri, e))
		return false;
	flow_text_print(NULL, &nlri, NULL, out);
	if (object != NULL) {
		rule_json_nlri(object, &nlri);
		(void)json_object_set_new(object, "nlri", hex_json(octets, n));
		(void)json_object_set_new(object, "rule", json_string(out->text));
	}
	return true;
}

/* Several lines, with JSON a list of them. */
static bool message_answer(const struct job *j, const char *text, size_t len, struct str *out,
			   json_t *object, struct err *e)
{
	uint8_t octets[BGP_MESSAGE_MAX];
	size_t n;

	(void)j;
	if (!read_hex(text, len, octets, sizeof(octets), &n, e) ||
	    !bgp_message_print(octets, n, false, out, e))
		return false;
	if (object == NULL) {
		if (out->len > 0 && out->text[out->len - 1] == '\n')
			out->text[--out->len] = '\0';
		return true;
	}
	json_t *lines = json_array();

	for (char *line = out->text, *end; *line != '\0'; line = end) {
		size_t width = strcspn(line, "\n");

		end = line + width + (line[width] == '\n');
		(void)json_array_append_new(lines, json_stringn(line, width));
	}
	(void)json_object_set_new(object, "message", hex_json(octets, n));
	(void)json_object_set_new(object, "lines", lines);
	return true;
}

static int run_decode(const struct job *j)
{
	if (j->argc > 1 || (j->message && j->family_named))
		return 2;
	return answer_all(j, j->message ? message_answer : decode_answer);
}

/* ---- encode --------------------------------------------------------------------------------- */

static void add_hex_list(json_t *object, const char *member, const void *octets, size_t each,
			 size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list,
					    hex_json((const uint8_t *)octets + i * each, each));
	(void)json_object_set_new(object, member, list);
}

static void encode_json(const struct flow_rule *r, const uint8_t *nlri, size_t len, json_t *object)
{
	static char rule[FLOW_TEXT_MAX];
	struct str s = str_over(rule, sizeof(rule));
	struct flow_nlri n = flow_rule_nlri(r);

	flow_text_print(r->name[0] != '\0' ? r->name : NULL, &n, r->has_then ? &r->then : NULL, &s);
	rule_json_nlri(object, &n);
	rule_json_then(object, r);
	(void)json_object_set_new(object, "nlri", hex_json(nlri, len));
	add_hex_list(object, "extended-communities", r->then.ext, sizeof(r->then.ext[0]),
		     r->then.ext_count);
	add_hex_list(object, "ipv6-extended-communities", r->then.ext6, sizeof(r->then.ext6[0]),
		     r->then.ext6_count);
	(void)json_object_set_new(object, "rule", json_string(rule));
}

/* "NLRI", "NLRI EXT" or, with communities of attribute 25, "NLRI EXT EXT6" where EXT may be "-". */
static void encode_text(const struct flow_rule *r, const uint8_t *nlri, size_t len, struct str *out)
{
	const struct flow_then *t = &r->then;

	str_add_hex(out, nlri, len);
	if (t->ext_count > 0 || t->ext6_count > 0)
		str_add(out, t->ext_count > 0 ? " " : " -");
	str_add_hex(out, t->ext, t->ext_count * sizeof(t->ext[0]));
	if (t->ext6_count > 0)
		str_add(out, " ");
	str_add_hex(out, t->ext6, t->ext6_count * sizeof(t->ext6[0]));
}

static bool encode_answer(const struct job *j, const char *text, size_t len, struct str *out,
			  json_t *object, struct err *e)
{
	static struct flow_rule rule;
	uint8_t octets[FLOW_NLRI_MAX + 2];
	struct wr w = wr_over(octets, sizeof(octets));
	struct flow_nlri n;

	if (!read_rule(text, len, j->family->family, &rule, e)) {
		to_offset(text, len, e);
		return false;
	}
	n = flow_rule_nlri(&rule);
	if (j->family->vpn && !n.vpn)
		return err_at(e, 0, 0, "%s needs a route distinguisher (rd)", j->family->token);
	flow_nlri_write(&w, &n);
	if (object != NULL)
		encode_json(&rule, octets, wr_len(&w), object);
	else
		encode_text(&rule, octets, wr_len(&w), out);
	return true;
}

static int run_encode(const struct job *j)
{
	return answer_all(j, encode_answer);
}

/* ---- order ---------------------------------------------------------------------------------- */

struct entry {
	char *line;
	uint8_t *octets;
	struct flow_nlri nlri;
	unsigned number; /* of its line; keeps equals as they stood */
};

struct entries {
	struct entry *at;
	size_t n, size;
};

static void entries_done(struct entries *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->at[i].line);
		free(s->at[i].octets);
	}
	free(s->at);
}

static bool entries_add(struct entries *s, const char *line, unsigned number,
			const struct flow_nlri *n)
{
	if (s->n == s->size) {
		size_t size = s->size > 0 ? 2 * s->size : 64;
		struct entry *at = s->n < ORDER_MAX ? realloc(s->at, size * sizeof(*at)) : NULL;

		if (at == NULL)
			return false;
		s->at = at;
		s->size = size;
	}
	struct entry *e = &s->at[s->n];

	*e = (struct entry){ .line = strdup(line), .octets = malloc(n->len), .number = number };
	s->n++;
	if (e->line == NULL || e->octets == NULL)
		return false;
	memcpy(e->octets, n->octets, n->len);
	e->nlri = *n;
	e->nlri.octets = e->octets;
	return true;
}

static int entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = flow_order(&x->nlri, &y->nlri);

	return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static bool is_blank(const char *line)
{
	line += strspn(line, " \t\r");
	return *line == '\0' || *line == '#';
}

static bool entries_read(const struct job *j, FILE *in, struct entries *s, struct err *e)
{
	static struct flow_rule rule;
	char *line = NULL;
	size_t size = 0;
	unsigned number = 0;
	bool ok = true;

	for (ssize_t len; ok && (len = getline(&line, &size, in)) >= 0;) {
		number++;
		if (len > 0 && line[len - 1] == '\n')
			line[--len] = '\0';
		if (is_blank(line))
			continue;
		ok = read_rule(line, (size_t)len, j->family->family, &rule, e);
		if (!ok) {
			e->line = number;
			break;
		}
		struct flow_nlri n = flow_rule_nlri(&rule);

		ok = entries_add(s, line, number, &n) || err_at(e, number, 1, "too many rules");
	}
	free(line);
	if (ok && ferror(in))
		return err_at(e, 0, 0, "%s", strerror(errno));
	return ok;
}

static void entries_print(const struct job *j, const struct entries *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!j->json) {
			(void)puts(s->at[i].line);
			continue;
		}
		json_t *object = json_object();

		(void)json_object_set_new(object, "family",
					  json_string(family_token(&s->at[i].nlri)));
		(void)json_object_set_new(object, "line", json_integer(s->at[i].number));
		(void)json_object_set_new(object, "rule", json_string(s->at[i].line));
		print_json(object);
		json_decref(object);
	}
}

static int run_order(const struct job *j)
{
	struct entries s = { .at = NULL };
	struct err e = { .source = j->argc == 1 ? j->argv[0] : "" };
	char text[320];
	FILE *in;
	bool ok;

	if (j->argc != 1)
		return 2;
	in = strcmp(j->argv[0], "-") == 0 ? stdin : fopen(j->argv[0], "r");
	if (in == NULL) {
		(void)fprintf(stderr, "error: %s: %s\n", j->argv[0], strerror(errno));
		return 1;
	}
	ok = entries_read(j, in, &s, &e);
	if (in != stdin)
		(void)fclose(in);
	if (ok) {
		if (s.n > 0)
			qsort(s.at, s.n, sizeof(s.at[0]), entry_compare);
		entries_print(j, &s);
	} else {
		(void)fprintf(stderr, "error: %s\n", err_string(&e, text, sizeof(text)));
	}
	entries_done(&s);
	return ok ? 0 : 1;
}

/* ---- match ---------------------------------------------------------------------------------- */

/* Without -f a rule that names no family is of the packet's. */
static enum flow_family match_family(const struct job *j, const uint8_t *packet, size_t len)
{
	if (j->family_named)
		return j->family->family;
	return len > 0 && packet[0] >> 4 == 6 ? FLOW_IPV6 : FLOW_IPV4;
}

static int match_packet(const struct job *j, const char *text, const uint8_t *packet, size_t len)
{
	static struct flow_rule rule;
	struct err e = { .source = NULL };
	bool match;

	if (!read_rule(text, strlen(text), match_family(j, packet, len), &rule, &e)) {
		to_offset(text, strlen(text), &e);
		print_error(&e, j->json, stderr);
		return 1;
	}
	struct flow_nlri n = flow_rule_nlri(&rule);

	match = flow_match(&n, packet, len);
	if (j->json)
		(void)printf("{\"match\":%s}\n", match ? "true" : "false");
	else
		(void)puts(match ? "match" : "no match");
	return match ? 0 : 1;
}

static int run_match(const struct job *j)
{
	static uint8_t packet[PACKET_MAX];
	const char *hex = j->argc > 0 ? j->argv[j->argc - 1] : "";
	struct err e = { .source = "packet" };
	size_t len = 0;
	char *text;
	int code;

	if (j->argc < 2)
		return 2;
	if (!read_hex(hex, strlen(hex), packet, sizeof(packet), &len, &e)) {
		print_error(&e, j->json, stderr);
		return 1;
	}
	text = join(j->argc - 1, j->argv);
	code = text != NULL ? match_packet(j, text, packet, len) : 1;
	free(text);
	return code;
}

/* ---- The table ------------------------------------------------------------------------------ */

struct verb {
	const char *name, *usage, *help;
	int (*run)(const struct job *j);
	bool message; /* knows --message */
};

/* clang-format off */
static const struct verb verbs[] = {
	{ "decode", "decode [-f FAMILY|--message] HEX|-", "an NLRI with its length octets as a RULE, or a BGP message", run_decode, true },
	{ "encode", "encode [-f FAMILY] RULE|-", "a RULE as NLRI and extended communities", run_encode, false },
	{ "order", "order [-f FAMILY] FILE|-", "RULEs, one a line, in the order of RFC 8955 5.1", run_order, false },
	{ "match", "match [-f FAMILY] RULE PACKET-HEX", "does the RULE match the packet?", run_match, false },
};
/* clang-format on */

void offline_usage(FILE *to)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		(void)fprintf(to, "  %-34s %s\n", verbs[i].usage, verbs[i].help);
}

static int run_verb(const struct verb *v, int argc, char **argv, bool json)
{
	struct job j = { .argc = argc, .argv = argv, .family = &families[0], .json = json };
	int code = take_options(&j, v->message) ? v->run(&j) : 2;

	if (code == 2)
		(void)fprintf(stderr, "usage: headgate %s\n", v->usage);
	return code;
}

int offline_run(int argc, char **argv, bool json)
{
	for (size_t i = 0; argc > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[0], verbs[i].name) == 0)
			return run_verb(&verbs[i], argc - 1, argv + 1, json);
	return OFFLINE_UNKNOWN;
}
