/* SPDX-License-Identifier: ISC */
/* parse.c - the file: its own statements, and reading it whole or not at all.
 *
 * A struct conf is handed out only when the last word was read and every check held; until then it
 * belongs to the reader and goes with it.  Neighbors are finished at the end of their block, those
 * of a group at the end of the group; a template stands above its first use.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/rules.h"
#include "conf/sections.h"

#define NOT_YET "not supported yet"

/* ---- neighbor, group ----------------------------------------------------------------------- */

static bool peer_address(struct reader *r, const struct statement *s, struct addr *ret)
{
	static const uint8_t zero[16];
	struct lex before = r->l;

	if (has_word(r) && memchr(r->l.word.text, '/', r->l.word.len) != NULL)
		return lex_fail(&r->l, r->e,
				"%s: a range of neighbors is not supported yet:", s->name);
	if (!read_addr(r, s, "an address", ret))
		return false;
	if (memcmp(ret->octets, zero, sizeof(zero)) != 0)
		return true;
	r->l = before;
	return expected(r, s, "an address");
}

/* The draft of a neighbor, up to its closing brace. */
static struct draft *neighbor_draft(struct reader *r, const struct statement *s)
{
	struct draft *d = draft_new(r);

	if (d == NULL)
		return NULL;
	if (!peer_address(r, s, &d->n.bgp.remote) ||
	    !read_block(r, s->name, neighbor_statements, d)) {
		draft_free(d);
		return NULL;
	}
	return d;
}

static bool read_neighbor(struct reader *r, const struct statement *s, void *into)
{
	struct draft *d = neighbor_draft(r, s);
	bool ok = d != NULL && draft_inherit(r, d, NULL) && draft_finish(r, d);

	(void)into;
	draft_free(d);
	return ok;
}

/* What the group says may stand behind its neighbors. */
static bool member(struct reader *r, const struct statement *s, void *into)
{
	struct draft *group = into, *d = neighbor_draft(r, s);

	if (d == NULL)
		return false;
	*group->members_end = d;
	group->members_end = &d->next;
	return true;
}

static const struct statement group_statements[] = {
	{ "neighbor", member, FIELD_NONE, NULL, NULL },
	{ .more = neighbor_statements },
};

static bool read_group(struct reader *r, const struct statement *s, void *into)
{
	struct draft *group;
	bool ok;

	(void)into;
	if (!has_word(r))
		return expected(r, s, "a name");
	group = draft_new(r);
	if (group == NULL)
		return false;
	lex_next(&r->l);
	ok = read_block(r, s->name, group_statements, group) && draft_inherit(r, group, NULL);
	for (struct draft *d = group->members; d != NULL && ok; d = d->next)
		ok = draft_inherit(r, d, group) && draft_finish(r, d);
	draft_free_all(group);
	return ok;
}

/* ---- template ------------------------------------------------------------------------------ */

static bool template_name(struct reader *r, const struct statement *s, struct word *ret)
{
	if (!has_word(r))
		return expected(r, s, "a template's name");
	for (const struct draft *t = r->templates; t != NULL; t = t->next)
		if (t->name.len == r->l.word.len &&
		    memcmp(t->name.text, r->l.word.text, t->name.len) == 0)
			return lex_fail(&r->l, r->e,
					"template: line %u has the name too:", t->name.line);
	if (r->template_count == DRAFT_TEMPLATES_MAX)
		return lex_fail(&r->l, r->e, "more than %d templates:", DRAFT_TEMPLATES_MAX);
	*ret = r->l.word;
	lex_next(&r->l);
	return true;
}

static bool template_neighbor(struct reader *r, const struct statement *s, void *into)
{
	struct draft *d = draft_new(r);

	(void)into;
	if (d == NULL)
		return false;
	if (!template_name(r, s, &d->name) || !read_block(r, s->name, neighbor_statements, d) ||
	    !draft_inherit(r, d, NULL)) {
		draft_free(d);
		return false;
	}
	d->next = r->templates;
	r->templates = d;
	r->template_count++;
	return true;
}

static const struct statement template_statements[] = {
	{ "neighbor", template_neighbor, FIELD_NONE, NULL, NULL },
	{ 0 },
};

static bool read_template(struct reader *r, const struct statement *s, void *into)
{
	return read_block(r, s->name, template_statements, into);
}

/* ---- cluster-id, control ------------------------------------------------------------------- */

/* Ours stand once in a file. */
static bool once(struct reader *r, unsigned *line)
{
	if (*line != 0)
		return fail_at(r, &r->at, "%.*s: stands in line %u too", (int)r->at.len, r->at.text,
			       *line);
	*line = r->at.line;
	return true;
}

static bool read_cluster_id(struct reader *r, const struct statement *s, void *into)
{
	struct conf *c = into;

	if (!once(r, &r->cluster_line) || !read_id(r, s, c->cluster_id) || !read_end(r, s))
		return false;
	c->has_cluster_id = true;
	return true;
}

static bool control_socket(struct reader *r, const struct statement *s, void *into)
{
	struct conf *c = into;

	if (has_word(r) && (r->l.word.len == 0 || r->l.word.text[0] != '/'))
		return expected(r, s, "a path from the root");
	return read_text(r, s, false, c->socket, sizeof(c->socket)) && read_end(r, s);
}

static bool control_group(struct reader *r, const struct statement *s, void *into)
{
	struct conf *c = into;

	return read_text(r, s, false, c->group, sizeof(c->group)) && read_end(r, s);
}

static const struct statement control_statements[] = {
	{ "socket", control_socket, FIELD_NONE, NULL, NULL },
	{ "group", control_group, FIELD_NONE, NULL, NULL },
	{ 0 },
};

static bool read_control(struct reader *r, const struct statement *s, void *into)
{
	return once(r, &r->control_line) && read_block(r, s->name, control_statements, into);
}

/* ---- The file ------------------------------------------------------------------------------ */

static const struct statement file_statements[] = {
	{ "neighbor", read_neighbor, FIELD_NONE, NULL, NULL },
	{ "template", read_template, FIELD_NONE, NULL, NULL },
	{ "group", read_group, FIELD_NONE, NULL, NULL }, /* 3.4 */
	{ "cluster-id", read_cluster_id, FIELD_NONE, NULL, NULL },
	{ "control", read_control, FIELD_NONE, NULL, NULL },
	{ "enforce", read_enforce, FIELD_NONE, NULL, NULL },
	{ "protect", read_protect, FIELD_NONE, NULL, NULL },
	{ "process", refuse, .text = "child processes are not supported yet" },
	{ "policy", refuse, .text = NOT_YET },
	{ 0 },
};

/* Characters that no editor shows would make an error's place a riddle, and a name unprintable. */
static bool check_characters(struct reader *r, const char *text, size_t len)
{
	unsigned line = 1;
	size_t bad, start = 0;

	if (str_is_text(text, len, true, &bad))
		return true;
	for (size_t i = 0; i < bad; i++) {
		if (text[i] != '\n')
			continue;
		line++;
		start = i + 1;
	}
	return err_at(r->e, line, bad - start + 1, "octet 0x%02x: %s", (unsigned char)text[bad],
		      (unsigned char)text[bad] < 0x80 ? "a control character" : "not UTF-8 text");
}

static int compare_rows(const void *a, const void *b)
{
	return neighbor_compare(*(struct conf_neighbor *const *)a,
				*(struct conf_neighbor *const *)b);
}

static bool same_place(struct reader *r, const struct conf_neighbor *a,
		       const struct conf_neighbor *b)
{
	const struct conf_neighbor *later = a < b ? b : a, *first = a < b ? a : b;
	char remote[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX];

	return err_at(r->e, later->line, later->col, "neighbor %s from %s: stands in line %u too",
		      addr_print(&later->bgp.remote, remote),
		      later->bgp.local.family == ADDR_NONE ? "auto"
							   : addr_print(&later->bgp.local, local),
		      first->line);
}

static bool index_neighbors(struct reader *r)
{
	struct conf *c = r->c;
	size_t n = c->neighbor_count;

	c->by_address = calloc(n + 1, sizeof(struct conf_neighbor *));
	if (c->by_address == NULL)
		return no_memory(r);
	for (size_t i = 0; i < n; i++)
		c->by_address[i] = &c->neighbors[i];
	qsort(c->by_address, n, sizeof(struct conf_neighbor *), compare_rows);
	for (size_t i = 1; i < n; i++)
		if (neighbor_compare(c->by_address[i - 1], c->by_address[i]) == 0)
			return same_place(r, c->by_address[i - 1], c->by_address[i]);
	return true;
}

static bool too_large(struct err *e, const char *file)
{
	return err_at(e, 0, 0, "%s: larger than %d octets", file, CONF_FILE_MAX);
}

static bool read_all(struct reader *r, const char *text, size_t len)
{
	bool ok;

	r->c->file = strdup(r->file);
	if (r->c->file == NULL)
		return no_memory(r);
	if (len > CONF_FILE_MAX)
		return too_large(r->e, r->file);
	if (!check_characters(r, text, len))
		return false;
	lex_init(&r->l, text, len);
	ok = read_file(r, file_statements) && index_neighbors(r);
	draft_free_all(r->templates);
	return ok;
}

struct conf *conf_parse(const char *file, const char *text, size_t len, conf_warn *warn, void *ctx,
			struct err *e)
{
	struct err unasked;
	struct reader r = {
		.file = file,
		.e = e != NULL ? e : &unasked,
		.warn = warn,
		.ctx = ctx,
		.c = calloc(1, sizeof(struct conf)),
	};

	*r.e = (struct err){ .source = file };
	if (r.c == NULL) {
		(void)no_memory(&r);
		return NULL;
	}
	r.c->enforce.away = CONF_AWAY_KEEP;
	r.c->enforce.sample = CONF_SAMPLE_DEFAULT;
	if (read_all(&r, text, len))
		return r.c;
	conf_free(r.c);
	return NULL;
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->neighbor_count; i++)
		rules_free(&c->neighbors[i]);
	protect_free(&c->protect);
	rules_thens_free(c);
	free(c->neighbors);
	free(c->by_address);
	free(c->file);
	free(c);
}

/* ---- Reading the file ---------------------------------------------------------------------- */

static bool cannot_read(struct err *e, const char *file, const char *why)
{
	return err_at(e, 0, 0, "cannot read %s: %s", file, why);
}

/* From a pipe too; one octet past the cap is enough to know. */
static bool slurp(int fd, const char *file, char **ret, size_t *ret_len, struct err *e)
{
	size_t len = 0, room = 64 << 10;
	char *text = malloc(room), *bigger;
	ssize_t n = 1;

	while (text != NULL && n > 0 && len <= CONF_FILE_MAX) {
		if (len == room) {
			room *= 2;
			bigger = realloc(text, room);
			if (bigger == NULL)
				break;
			text = bigger;
		}
		n = read(fd, text + len, room - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (text != NULL && n == 0) {
		*ret = text;
		*ret_len = len;
		return true;
	}
	if (len > CONF_FILE_MAX)
		(void)too_large(e, file);
	else
		(void)cannot_read(e, file, n < 0 ? strerror(errno) : "out of memory");
	free(text);
	return false;
}

static bool check_file(int fd, const char *file, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return cannot_read(e, file, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return cannot_read(e, file, strerror(EISDIR));
	return !S_ISREG(st.st_mode) || st.st_size <= CONF_FILE_MAX || too_large(e, file);
}

struct conf *conf_read(const char *file, conf_warn *warn, void *ctx, struct err *e)
{
	struct conf *c;
	size_t len;
	char *text;
	int fd;
	bool ok;

	if (e != NULL)
		*e = (struct err){ .source = file };
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		(void)cannot_read(e, file, strerror(errno));
		return NULL;
	}
	ok = check_file(fd, file, e) && slurp(fd, file, &text, &len, e);
	close(fd);
	if (!ok)
		return NULL;
	c = conf_parse(file, text, len, warn, ctx, e);
	free(text);
	return c;
}
