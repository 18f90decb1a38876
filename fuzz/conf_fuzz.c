/* SPDX-License-Identifier: ISC */
/* conf_fuzz.c - what parses prints, the print parses to an equal configuration and prints the same;
 * what does not parse has an error with a place inside the text; and from nothing to what parses,
 * each neighbor and each rule is one step. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conf_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_place(const struct err *e, const uint8_t *data, size_t size)
{
	unsigned lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	assert(e->line >= 1 && e->line <= lines);
	assert(e->col >= 1 && e->col <= size + 1);
	assert(e->text[0] != '\0');
	assert(strlen(e->text) < sizeof(e->text));
}

static void check_warning(void *ctx, const struct err *what)
{
	(void)ctx;
	assert(what->line >= 1 && what->text[0] != '\0');
}

static void add(void *ctx, const struct conf_neighbor *n)
{
	*(size_t *)ctx += 1 + n->rule_count;
}

static void never(void *ctx, const struct conf_neighbor *n)
{
	(void)ctx;
	(void)n;
	abort();
}

static void never_change(void *ctx, const struct conf_neighbor *old, const struct conf_neighbor *n)
{
	(void)old;
	never(ctx, n);
}

static void announce(void *ctx, const struct conf_neighbor *n, const struct conf_rule *r)
{
	assert(r >= n->rules && r < n->rules + n->rule_count);
	--*(size_t *)ctx;
}

static void never_withdraw(void *ctx, const struct conf_neighbor *n, const struct conf_rule *r)
{
	(void)r;
	never(ctx, n);
}

static void check_steps(const struct conf *c, const struct conf *twin)
{
	static const struct conf_steps first = { add, never_change, announce, never_withdraw,
						 never };
	size_t left = 0;

	conf_apply(NULL, c, &first, &left);
	assert(left == c->neighbor_count);
	left = 0;
	conf_apply(c, twin, &first, &left);
	assert(left == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct conf *c = conf_parse("a", (const char *)data, size, check_warning, NULL, &e), *again;
	struct printed one, two;

	if (c == NULL) {
		check_place(&e, data, size);
		return 0;
	}
	one = printed_conf(c);
	again = conf_parse("b", one.text, one.len, check_warning, NULL, &e);
	if (again == NULL) {
		(void)fprintf(stderr, "%u:%u: %s in\n%s\n", e.line, e.col, e.text, one.text);
		abort();
	}
	assert(conf_equal(c, again, true));
	two = printed_conf(again);
	assert(strcmp(one.text, two.text) == 0);
	check_steps(c, again);
	free(one.text);
	free(two.text);
	conf_free(c);
	conf_free(again);
	return 0;
}
