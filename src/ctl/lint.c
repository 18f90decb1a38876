/* SPDX-License-Identifier: ISC */
/* lint.c - see lint.h.
 *
 * The file is a configuration, or rules one a line as `headgate order` takes them; its first word
 * tells.  Rules of one table are compared with each other: those of a neighbor, or of the whole
 * file of lines, with the same route distinguisher.  They are compared in the order in which they
 * are tried (RFC 8955 5.1), not in the file's, and findings are printed in the file's.
 *
 * What is found: `wrong` (no rule), `odd`, `duplicate` (the same packets and actions as another
 * rule), `conflict` (the same packets and other actions; or two rules that both apply, because the
 * first says to go on, and whose actions interfere), `shadowed`.  Where the library cannot tell in
 * bounded time whether several rules together shadow one, a line `undecided` says so; it is no
 * finding.
 */
#include "ctl/lint.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "flow/flow.h"

enum {
	RULES_MAX = 1000000,
	TEXT_MAX = 256 << 20,
	REASON_MAX = 512,
	GOING_ON_PAIRS = 1000000 /* rules that say "go on", times rules behind them */
};

/* What is compared with what: rules with the same table and route distinguisher. */
struct entry {
	size_t table;
	unsigned line, col;
	struct flow_nlri nlri;
	uint8_t *octets;              /* owned, NULL for a configuration's */
	const struct flow_then *then; /* NULL: no then block */
	bool more, usable;            /* usable: has a normal form */
};

struct finding {
	unsigned line, col;
	size_t number; /* keeps findings of one place as they came */
	const char *kind;
	unsigned by; /* line of the other rule, 0: none */
	char *reason;
};

struct lint {
	const char *file;
	enum flow_family family;
	struct entry *entries;
	size_t count, size;
	struct flow_then **thens; /* owned, of rules that stand in lines */
	size_t then_count, then_size;
	struct finding *findings;
	size_t found, found_size, real; /* real: without what is undecided */
	struct conf *conf;
	const struct entry *at; /* the rule at hand, for what the library says */
	bool out_of_memory;
};

/* ---- Lists ---------------------------------------------------------------------------------- */

/* Room for one more element; *ret_at is the array, which may move. */
static bool grow(struct lint *l, void **at, size_t count, size_t *size, size_t each)
{
	size_t more = *size > 0 ? 2 * *size : 64;
	void *moved;

	if (count < *size)
		return true;
	moved = more <= 4 * (size_t)RULES_MAX ? realloc(*at, more * each) : NULL;
	if (moved == NULL) {
		l->out_of_memory = true;
		return false;
	}
	*at = moved;
	*size = more;
	return true;
}

__attribute__((format(printf, 6, 7))) static void find(struct lint *l, unsigned line, unsigned col,
						       const char *kind, unsigned by,
						       const char *fmt, ...)
{
	void *at = l->findings;
	char reason[REASON_MAX];
	va_list args;

	if (!grow(l, &at, l->found, &l->found_size, sizeof(l->findings[0])))
		return;
	l->findings = at;
	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	l->real += strcmp(kind, "undecided") != 0;
	l->findings[l->found] = (struct finding){ .line = line,
						  .col = col,
						  .number = l->found,
						  .kind = kind,
						  .by = by,
						  .reason = strdup(reason) };
	l->found++;
}

static bool flow_then_equal(const struct flow_then *a, const struct flow_then *b)
{
	return a->ext_count == b->ext_count && a->ext6_count == b->ext6_count &&
	       a->community_count == b->community_count && a->large_count == b->large_count &&
	       memcmp(a->ext, b->ext, a->ext_count * sizeof(a->ext[0])) == 0 &&
	       memcmp(a->ext6, b->ext6, a->ext6_count * sizeof(a->ext6[0])) == 0 &&
	       memcmp(a->community, b->community, a->community_count * sizeof(a->community[0])) ==
		       0 &&
	       memcmp(a->large, b->large, a->large_count * sizeof(a->large[0])) == 0 &&
	       addr_equal(&a->next_hop, &b->next_hop) && a->next_hop_self == b->next_hop_self;
}

/* One kept copy of actions; most files have few different ones, so the last few are looked at. */
static const struct flow_then *keep_then(struct lint *l, const struct flow_then *then)
{
	void *at = l->thens;

	for (size_t i = l->then_count; i-- > 0 && i + 16 > l->then_count;)
		if (flow_then_equal(l->thens[i], then))
			return l->thens[i];
	if (!grow(l, &at, l->then_count, &l->then_size, sizeof(struct flow_then *)))
		return NULL;
	l->thens = at;
	struct flow_then *copy = malloc(sizeof(*copy));

	if (copy == NULL) {
		l->out_of_memory = true;
		return NULL;
	}
	*copy = *then;
	return l->thens[l->then_count++] = copy;
}

static bool says_more(const struct flow_then *then)
{
	struct flow_actions a;

	if (then == NULL)
		return false;
	flow_actions_read(then->ext[0], then->ext_count, then->ext6[0], then->ext6_count,
			  &then->next_hop, &a);
	return a.more;
}

static void add_entry(struct lint *l, struct entry e)
{
	void *at = l->entries;

	if (l->count == RULES_MAX || !grow(l, &at, l->count, &l->size, sizeof(l->entries[0]))) {
		l->out_of_memory = true;
		free(e.octets);
		return;
	}
	l->entries = at;
	e.more = says_more(e.then);
	l->entries[l->count++] = e;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static char *read_all(FILE *in, size_t *ret_len)
{
	size_t len = 0, size = 0, got;
	char *text = NULL;

	do {
		if (len == size) {
			char *moved =
				size < TEXT_MAX ? realloc(text, size = 2 * size + 65536) : NULL;

			if (moved == NULL) {
				free(text);
				return NULL;
			}
			text = moved;
		}
		got = fread(text + len, 1, size - len, in);
		len += got;
	} while (got > 0);
	*ret_len = len;
	return text;
}

/* A word that only a configuration begins with; `flow` is its section when a brace follows. */
static bool is_configuration(const char *text, size_t len)
{
	static const char *const words[] = { "neighbor", "group",   "template",   "process",
					     "control",  "enforce", "cluster-id", "protect" };
	struct lex l;

	lex_init(&l, text, len);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (lex_is(&l, words[i]))
			return true;
	if (!lex_is(&l, "flow"))
		return false;
	lex_next(&l);
	return lex_is(&l, "{");
}

static void warn_line(void *ctx, const struct err *what)
{
	struct lint *l = ctx;

	find(l, l->at->line, what->col > 0 ? what->col : 1, "odd", 0, "%s", what->text);
}

static void read_line(struct lint *l, unsigned number, const char *text, size_t len)
{
	static struct flow_rule rule;
	struct entry e = { .line = number, .col = 1 };
	struct flow_text_options o = { .family = l->family, .warn = warn_line, .ctx = l };
	struct err err = { .source = NULL };

	l->at = &e;
	if (!flow_text_rule(text, len, &o, &rule, &err)) {
		find(l, number, err.col, "wrong", 0, "%s", err.text);
		return;
	}
	e.nlri = flow_rule_nlri(&rule);
	e.octets = malloc(e.nlri.len);
	e.then = rule.has_then ? keep_then(l, &rule.then) : NULL;
	if (e.octets == NULL) {
		l->out_of_memory = true;
		return;
	}
	memcpy(e.octets, e.nlri.octets, e.nlri.len);
	e.nlri.octets = e.octets;
	add_entry(l, e);
}

static void read_lines(struct lint *l, const char *text, size_t len)
{
	const char *end = text + len;
	unsigned number = 0;

	while (text < end && !l->out_of_memory) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t width = (size_t)((stop != NULL ? stop : end) - text), blank = 0;

		number++;
		while (blank < width && strchr(" \t\r", text[blank]) != NULL)
			blank++;
		if (blank < width && text[blank] != '#')
			read_line(l, number, text, width);
		text += width + 1;
	}
}

static void warn_conf(void *ctx, const struct err *what)
{
	find(ctx, what->line, what->col, "odd", 0, "%s", what->text);
}

static void read_conf(struct lint *l, const char *text, size_t len)
{
	struct err e = { .source = NULL };

	l->conf = conf_parse(l->file, text, len, warn_conf, l, &e);
	if (l->conf == NULL) {
		find(l, e.line, e.col, "wrong", 0, "%s", e.text);
		return;
	}
	for (size_t i = 0; i < l->conf->neighbor_count; i++) {
		const struct conf_neighbor *n = &l->conf->neighbors[i];

		for (size_t r = 0; r < n->rule_count; r++) {
			const struct conf_rule *rule = &n->rules[r];

			add_entry(l, (struct entry){ .table = i,
						     .line = rule->line,
						     .col = rule->col,
						     .nlri = { .family = rule->family,
							       .vpn = rule->vpn,
							       .octets = rule->nlri,
							       .len = rule->nlri_len },
						     .then = rule->then });
		}
	}
}

/* ---- Each alone ----------------------------------------------------------------------------- */

static void say_odd(void *ctx, const char *what)
{
	struct lint *l = ctx;

	find(l, l->at->line, l->at->col, "odd", 0, "%s", what);
}

static void look_alone(struct lint *l)
{
	static struct flow_normal n;

	for (size_t i = 0; i < l->count; i++) {
		struct entry *e = &l->entries[i];

		l->at = e;
		e->usable = flow_normal_make(&e->nlri, &n, NULL);
		(void)flow_oddities(&e->nlri, e->then, say_odd, l);
		if (e->usable && !flow_possible(&n, NULL))
			e->usable = false; /* that it never matches was said */
	}
}

/* ---- Together ------------------------------------------------------------------------------- */

static int table_compare(const struct entry *x, const struct entry *y)
{
	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->nlri.vpn != y->nlri.vpn)
		return x->nlri.vpn ? 1 : -1;
	return x->nlri.vpn ? memcmp(x->nlri.octets, y->nlri.octets, FLOW_RD_OCTETS) : 0;
}

static int entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = table_compare(x, y);

	if (order == 0)
		order = flow_order(&x->nlri, &y->nlri);
	if (order != 0)
		return order;
	return x->line != y->line ? (x->line > y->line) - (x->line < y->line)
				  : (x->col > y->col) - (x->col < y->col);
}

static const struct flow_then nothing;

static bool same_actions(const struct entry *a, const struct entry *b)
{
	return flow_then_equal(a->then != NULL ? a->then : &nothing,
			       b->then != NULL ? b->then : &nothing);
}

/* a and b are given an order by line, to say it of the later one. */
static void find_same(struct lint *l, const struct entry *a, const struct entry *b)
{
	const struct entry *first = entry_compare(a, b) == 0 || a->line <= b->line ? a : b,
			   *later = first == a ? b : a;

	if (same_actions(a, b))
		find(l, later->line, later->col, "duplicate", first->line,
		     "the same packets and actions as line %u", first->line);
	else
		find(l, later->line, later->col, "conflict", first->line,
		     "the same packets as line %u, with other actions; line %u is tried first",
		     first->line, a->line);
}

/* b is covered by a, which is tried before it. */
static void find_shadowed(struct lint *l, const struct entry *a, const struct entry *b)
{
	static struct flow_normal x, y;

	if (flow_normal_make(&a->nlri, &x, NULL) && flow_normal_make(&b->nlri, &y, NULL) &&
	    flow_covers(&y, &x, NULL))
		find_same(l, a, b);
	else
		find(l, b->line, b->col, "shadowed", a->line,
		     "never reached: line %u, which is tried before it, matches all of its packets",
		     a->line);
}

static void look_shadowed(struct lint *l, const struct flow_set *s, struct entry *const *of)
{
	for (size_t i = 0; i < flow_set_count(s); i++) {
		const struct entry *e = of[i];
		size_t by;

		switch (flow_set_shadowed(s, i, FLOW_SET_STEPS, &by, NULL)) {
		case FLOW_YES:
			if (by != FLOW_SET_NONE)
				find_shadowed(l, of[by], e);
			else
				find(l, e->line, e->col, "shadowed", 0,
				     "never reached: rules tried before it together match all of "
				     "its packets");
			break;
		case FLOW_TOO_COMPLEX:
			find(l, e->line, e->col, "undecided", 0,
			     "too many rules cut each other to tell whether they shadow this one");
			break;
		default:
			break;
		}
	}
}

/* What both rules' actions do to each other when a packet gets those of both. */
static unsigned joint_interferences(const struct entry *a, const struct entry *b)
{
	uint8_t ext[2 * FLOW_EXT_MAX][8], ext6[2 * FLOW_EXT_MAX][20];
	const struct flow_then *x = a->then, *y = b->then != NULL ? b->then : &nothing;

	memcpy(ext, x->ext, x->ext_count * sizeof(ext[0]));
	memcpy(ext + x->ext_count, y->ext, y->ext_count * sizeof(ext[0]));
	memcpy(ext6, x->ext6, x->ext6_count * sizeof(ext6[0]));
	memcpy(ext6 + x->ext6_count, y->ext6, y->ext6_count * sizeof(ext6[0]));
	/* That one says to go on and the other does not is no interference (7.3). */
	return flow_interferences(ext[0], (size_t)x->ext_count + y->ext_count, ext6[0],
				  (size_t)x->ext6_count + y->ext6_count) &
	       ~(unsigned)FLOW_ACTION_BITS;
}

/* A rule that says to go on, and those behind it that its packets may reach. */
static void look_going_on(struct lint *l, struct entry *const *of, size_t count)
{
	static struct flow_normal x, y;
	size_t pairs = 0;

	for (size_t i = 0; i < count; i++) {
		if (!of[i]->more || !flow_normal_make(&of[i]->nlri, &x, NULL))
			continue;
		for (size_t j = i + 1; j < count; j++) {
			unsigned which = joint_interferences(of[i], of[j]);

			if (which == 0 || !flow_normal_make(&of[j]->nlri, &y, NULL) ||
			    !flow_overlap(&x, &y, NULL))
				continue;
			find(l, of[j]->line, of[j]->col, "conflict", of[i]->line,
			     "line %u goes on with later rules, and together with it there are: %s",
			     of[i]->line, flow_interference_text(which));
		}
		pairs += count - i;
		if (pairs > GOING_ON_PAIRS) {
			find(l, of[i]->line, of[i]->col, "undecided", 0,
			     "too many rules go on with later ones to compare all");
			return;
		}
	}
}

/* One table's rules, in the order in which they are tried. */
static void look_together(struct lint *l, struct entry *first, size_t n)
{
	static struct flow_normal normal;
	struct entry **of = malloc((n + 1) * sizeof(struct entry *));
	size_t count = 0, rooms = 0, size;
	void *memory;
	struct flow_set *s;

	for (size_t i = 0; of != NULL && i < n; i++) {
		if (!first[i].usable || !flow_normal_make(&first[i].nlri, &normal, NULL))
			continue;
		rooms += flow_set_room(&normal);
		of[count++] = &first[i];
	}
	size = flow_set_size(count, rooms);
	memory = of != NULL ? malloc(size) : NULL;
	s = memory != NULL ? flow_set_init(memory, size, count) : NULL;
	if (s != NULL) {
		for (size_t i = 0; i < count; i++)
			if (flow_normal_make(&of[i]->nlri, &normal, NULL))
				(void)flow_set_add(s, &normal, of[i]->more);
		flow_set_index(s);
		look_shadowed(l, s, of);
		look_going_on(l, of, count);
	} else {
		l->out_of_memory = true;
	}
	free(memory);
	free(of);
}

static void look_all(struct lint *l)
{
	look_alone(l);
	if (l->count > 1)
		qsort(l->entries, l->count, sizeof(l->entries[0]), entry_compare);
	for (size_t i = 0, n; i < l->count; i += n) {
		for (n = 1;
		     i + n < l->count && table_compare(&l->entries[i], &l->entries[i + n]) == 0;)
			n++;
		look_together(l, &l->entries[i], n);
	}
}

/* ---- Printing ------------------------------------------------------------------------------- */

static int finding_compare(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static void print_finding(const struct lint *l, const struct finding *f, bool json)
{
	const char *reason = f->reason != NULL ? f->reason : "";

	if (!json) {
		(void)printf("%s:%u:%u: %s: %s\n", l->file, f->line, f->col, f->kind, reason);
		return;
	}
	json_t *object =
		json_pack("{s:s, s:I, s:I, s:s, s:s}", "file", l->file, "line", (json_int_t)f->line,
			  "column", (json_int_t)f->col, "kind", f->kind, "reason", reason);

	if (f->by > 0)
		(void)json_object_set_new(object, "other-line", json_integer(f->by));
	(void)json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	(void)putchar('\n');
	json_decref(object);
}

static int finish(struct lint *l, bool json)
{
	if (l->found > 1)
		qsort(l->findings, l->found, sizeof(l->findings[0]), finding_compare);
	for (size_t i = 0; i < l->found; i++) {
		print_finding(l, &l->findings[i], json);
		free(l->findings[i].reason);
	}
	if (l->out_of_memory)
		(void)fprintf(stderr, "error: %s: more than there is room for\n", l->file);
	for (size_t i = 0; i < l->count; i++)
		free(l->entries[i].octets);
	for (size_t i = 0; i < l->then_count; i++)
		free(l->thens[i]);
	free(l->entries);
	free(l->thens);
	free(l->findings);
	conf_free(l->conf);
	return l->real > 0 || l->out_of_memory ? 1 : 0;
}

int lint_run(const char *file, enum flow_family family, bool json)
{
	struct lint l = { .file = file, .family = family };
	FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
	size_t len = 0;
	char *text = in != NULL ? read_all(in, &len) : NULL;

	if (in != NULL && in != stdin)
		(void)fclose(in);
	if (text == NULL) {
		(void)fprintf(stderr, "error: %s: %s\n", file,
			      in == NULL ? strerror(errno) : "more than there is room for");
		return 1;
	}
	if (is_configuration(text, len))
		read_conf(&l, text, len);
	else
		read_lines(&l, text, len);
	look_all(&l);
	int code = finish(&l, json);

	free(text);
	return code;
}
