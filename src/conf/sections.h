/* SPDX-License-Identifier: ISC */
/* sections.h - the statements of the file, a table a block; not for other layers. */
#ifndef CONF_SECTIONS_H
#define CONF_SECTIONS_H

#include "conf/draft.h"

/* What may stand in a neighbor, a template or a group; into is a struct draft. */
extern const struct statement neighbor_statements[];
/* Rows of neighbor_statements, each behind its name. */
bool read_family(struct reader *r, const struct statement *s, void *into);
bool read_flow(struct reader *r, const struct statement *s, void *into);

/* Rows of the file's; into is the struct conf. */
bool read_enforce(struct reader *r, const struct statement *s, void *into);
bool enforce_equal(const struct conf_enforce *a, const struct conf_enforce *b);
/* A row of enforce's; into is the struct conf too. */
bool read_vrf(struct reader *r, const struct statement *s, void *into);
bool vrf_equal(const struct conf_vrf *a, const struct conf_vrf *b);
bool read_protect(struct reader *r, const struct statement *s, void *into);
void protect_free(struct conf_protect *p);
/* In the same order: it is that in which they are tried. */
bool protect_equal(const struct conf_protect *a, const struct conf_protect *b);

#endif
