/* SPDX-License-Identifier: ISC */
/* conf_samples.h - what the tests of the configuration share: files of tests/conf, a printed
 * configuration, the warnings of a file. */
#ifndef TESTS_CONF_SAMPLES_H
#define TESTS_CONF_SAMPLES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

enum {
	SAMPLE_MAX = 64 << 10
};

static inline const char *sample_path(const char *name, char *buf, size_t size)
{
	const char *top = getenv("HEADGATE_SRC");

	(void)snprintf(buf, size, "%s/tests/conf/%s", top != NULL ? top : ".", name);
	return buf;
}

/* The file's octets and a NUL; to be freed. */
static inline char *sample_text(const char *name, size_t *ret_len)
{
	char path[4096], *text = malloc(SAMPLE_MAX);
	FILE *file = fopen(sample_path(name, path, sizeof(path)), "rb");

	if (file == NULL || text == NULL) {
		(void)fprintf(stderr, "# no sample %s\n", path);
		abort();
	}
	*ret_len = fread(text, 1, SAMPLE_MAX - 1, file);
	text[*ret_len] = '\0';
	(void)fclose(file);
	return text;
}

/* "LINE:COL: TEXT\n" for each, as the samples' first lines have it. */
static inline void sample_note(void *ctx, const struct err *what)
{
	str_addf(ctx, "%u:%u: %s\n", what->line, what->col, what->text);
}

struct printed {
	char *text;
	size_t len, room;
};

static inline void printed_add(void *ctx, const char *text)
{
	struct printed *p = ctx;
	size_t n = strlen(text);

	if (p->len + n + 1 > p->room) {
		p->room = 2 * (p->len + n + 1);
		p->text = realloc(p->text, p->room);
		if (p->text == NULL)
			abort();
	}
	memcpy(p->text + p->len, text, n + 1);
	p->len += n;
}

/* The configuration's text; its text is to be freed. */
static inline struct printed printed_conf(const struct conf *c)
{
	struct printed p = { 0 };

	printed_add(&p, "");
	conf_print(c, printed_add, &p);
	return p;
}

#endif
