/* SPDX-License-Identifier: ISC */
/* nft_verify.c - see nft_verify.h.
 *
 * nftables lists a rule in other words than it was told in.  So what is wanted is made once more,
 * as a second table that is on no interface, and the two are listed in the same words and compared:
 * chain by chain, rule by rule in order, set by set, element by element.  What is wanted comes from
 * the rules themselves, and nothing from what was once written.
 */
#include "nft/nft_verify.h"

#include <stdlib.h>
#include <string.h>

#include "nft/nft_count.h"

#define SECOND NFT_TABLE "-wanted"

static char *line_end(char *line)
{
	while (*line != '\0' && *line != '\n')
		line++;
	return line;
}

/* The same commands for the second table: each is a line and names its table once. */
static void rename_table(char *text, FILE *to)
{
	static const char name[] = NFT_TABLE;

	for (char *line = text, *end; *line != '\0'; line = end + 1) {
		char *found;

		end = line_end(line);
		*end = '\0';
		found = strstr(line, name);
		if (found != NULL)
			(void)fprintf(to, "%.*s%s%s\n", (int)(found - line), line, SECOND,
				      found + strlen(name));
	}
}

static bool make_second(struct nft_script *s, struct err *e)
{
	struct nft_script renamed;
	bool ok = s->to != NULL && fclose(s->to) == 0;

	nft_script_open(&renamed);
	if (ok && renamed.to != NULL)
		rename_table(s->text, renamed.to);
	free(s->text);
	ok = nft_script_run(&renamed, e) && ok;
	return ok;
}

/* ---- A table as a dictionary ------------------------------------------------------------ */

/* The line of a base chain that says where it is hooked is no part of what is compared. */
static void put_chain(json_t *all, const char *key, const char *inside, size_t len,
		      const struct nft_hooks *hooks)
{
	static const char type[] = "\t\ttype ";
	char line[256];
	bool base = len > strlen(type) && strncmp(inside, type, strlen(type)) == 0;

	if (base) {
		size_t line_len = strcspn(inside, "\n") + 1;

		(void)snprintf(line, sizeof(line), "%.*s", (int)line_len, inside);
		inside += line_len;
		len -= line_len;
	}
	(void)json_object_set_new(all, key, json_stringn(inside, len));
	if (hooks == NULL || (!base && nft_hook_number(key + strlen("chain ")) == 0) ||
	    (base && nft_hook_is_hooked(hooks, key + strlen("chain "), line)))
		return;
	(void)snprintf(line, sizeof(line), "the hook of %s", key);
	(void)json_object_set_new(all, line, json_true());
}

/* KIND NAME: what is within its braces.  hooks: of the table that is on interfaces. */
static void put_block(json_t *all, const char *key, const char *inside, size_t len,
		      const struct nft_hooks *hooks)
{
	if (strncmp(key, "counter ", 8) == 0)
		(void)json_object_set_new(all, key, json_true());
	else if (strncmp(key, "chain ", 6) == 0)
		put_chain(all, key, inside, len, hooks);
	else
		(void)json_object_set_new(all, key, json_stringn(inside, len));
}

/* "\tKIND NAME {", lines with two tabs, "\t}"; what else has one tab is the table's own. */
static json_t *dictionary(const char *command, const struct nft_hooks *hooks, struct err *e)
{
	char *text = nft_text(command, e), *key = NULL, *inside = NULL;
	json_t *all = text != NULL ? json_object() : NULL;

	for (char *line = text, *next; all != NULL && *line != '\0'; line = next) {
		char *end = line_end(line);

		next = *end != '\0' ? end + 1 : end;
		if (line[0] != '\t' || line[1] == '\t')
			continue;
		if (line[1] == '}') {
			if (key != NULL)
				put_block(all, key, inside, (size_t)(line - inside), hooks);
			key = NULL;
			continue;
		}
		*end = '\0';
		if (end - line > 3 && strcmp(end - 2, " {") == 0) {
			end[-2] = '\0';
			key = line + 1;
			inside = next;
		} else {
			(void)json_object_set_new(all, line + 1, json_true());
		}
	}
	free(text);
	return all;
}

/* ---- Comparing -------------------------------------------------------------------------- */

struct comparing {
	struct verify *v;
	struct rule *const *by_number;
	int max;
};

/* The rule whose own chain or counter this is; NULL: none's. */
static struct rule *rule_of(const struct comparing *c, const char *key)
{
	static const char *const words[] = { "chain rule", "counter matched", "counter dropped" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		int n = nft_number_in(key, words[i]);

		if (n > 0 && n <= c->max)
			return c->by_number[n];
	}
	return NULL;
}

static void differs(const struct comparing *c, const char *key, const char *how)
{
	const struct rule *r = rule_of(c, key);
	char what[192];

	(void)snprintf(what, sizeof(what), "%s %s", key, how);
	verify_differs(c->v, r != NULL ? &r->nlri : NULL, what);
}

static void compare(const struct comparing *c, json_t *there, json_t *wanted)
{
	const char *key;
	json_t *value;

	json_object_foreach(wanted, key, value)
	{
		const json_t *is = json_object_get(there, key);

		if (is == NULL)
			differs(c, key, "is not there");
		else if (!json_equal(is, value))
			differs(c, key, "is another one");
	}
	json_object_foreach(there, key, value)
	{
		struct rule *r = rule_of(c, key);

		if (json_object_get(wanted, key) == NULL)
			differs(c, key, "is one too many");
		if (nft_number_in(key, "chain rule") == 0)
			continue;
		c->v->kernel++;
		if (r == NULL)
			continue;
		r->read_back = true;
		if (!verify_intended(r))
			verify_differs(c->v, &r->nlri, "it is in the kernel and not wanted");
	}
}

bool nft_verify(struct verify *v, struct nft_script *s, const struct nft_hooks *h,
		struct rule *const *by_number, int max, struct err *e)
{
	const struct comparing c = { v, by_number, max };
	json_t *there = NULL, *wanted = NULL;
	bool ok = nft_run(NFT_VERIFY_CLEAR, e);

	ok = make_second(s, e) && ok;
	if (ok)
		wanted = dictionary("list table " SECOND "\n", NULL, e);
	ok = nft_run(NFT_VERIFY_CLEAR, e) && wanted != NULL;
	if (ok)
		there = dictionary("list table " NFT_TABLE "\n", h, e);
	if (there != NULL)
		compare(&c, there, wanted);
	ok = there != NULL;
	json_decref(there);
	json_decref(wanted);
	return ok;
}
