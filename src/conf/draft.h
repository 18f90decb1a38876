/* SPDX-License-Identifier: ISC */
/* draft.h - a neighbor, group or template while it is read; not for other layers. */
#ifndef CONF_DRAFT_H
#define CONF_DRAFT_H

#include "conf/block.h"

/* What can be said once; a template's counts where the neighbor says nothing. */
enum draft_field {
	FIELD_NONE,
	FIELD_DESCRIPTION,
	FIELD_ROUTER_ID,
	FIELD_LOCAL_ADDRESS,
	FIELD_LOCAL_AS,
	FIELD_PEER_AS,
	FIELD_HOLD_TIME,
	FIELD_PASSIVE,
	FIELD_LISTEN,
	FIELD_CONNECT,
	FIELD_MD5,
	FIELD_ASN4,
	FIELD_ROUTE_REFRESH,
	FIELD_CLIENT,
	FIELD_VALIDATE,
	FIELD_FAMILY, /* not one value: a template's families come on top */
	FIELDS
};

enum {
	DRAFT_INHERIT_MAX = 32,
	DRAFT_TEMPLATES_MAX = 4096
};

struct draft {
	struct draft *next; /* in the list of templates, or of a group's neighbors */
	struct draft *members, **members_end; /* of a group */
	struct word name;                     /* a template's */
	struct word at;                       /* the word `neighbor` */
	struct conf_neighbor n;
	size_t rule_room;
	struct word set[FIELDS]; /* where it stands; line 0: not set */
	bool minimal;            /* 3.4: the families of its rules */
	size_t inherit_count;
	struct word inherit[DRAFT_INHERIT_MAX];
};

struct draft *draft_new(struct reader *r);
void draft_free(struct draft *d);
/* A list by next, and the members of each. */
void draft_free_all(struct draft *d);

/* Where a field is kept, as size octets; NULL for FIELD_NONE and FIELD_FAMILY. */
void *draft_field(struct draft *d, unsigned field, size_t *ret_size);
/* Notes that the statement r->at says a field; saying it twice is odd. */
void draft_set(struct reader *r, struct draft *d, unsigned field);
/* Puts a rule in, or in the place of an earlier one with its NLRI. */
bool draft_rule(struct reader *r, struct draft *d, const struct conf_rule *rule,
		const struct word *at);
/* What the templates that it names say, and a group's, may be NULL. */
bool draft_inherit(struct reader *r, struct draft *d, const struct draft *group);
/* Defaults, checks; then the neighbor is the conf's. */
bool draft_finish(struct reader *r, struct draft *d);

#endif
