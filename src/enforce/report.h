/* SPDX-License-Identifier: ISC */
/* report.h - tells the hub what became of its rules, on a connection of its own. */
#ifndef ENFORCE_REPORT_H
#define ENFORCE_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "ctl/client.h"
#include "enforce/enforce.h"
#include "enforce/ruleset.h"

struct saved;

enum {
	REPORT_NLRI_HEX = 2 * (FLOW_NLRI_MAX + 2) + 1
};

/* A family and an NLRI as the hub reads them. */
const char *report_family(const struct flow_nlri *n);
const char *report_nlri_hex(const struct flow_nlri *n, char buf[REPORT_NLRI_HEX]);

struct report {
	struct ctl_client *client; /* owned; NULL: no connection */
	unsigned unanswered;       /* reports the hub has not answered yet */
	bool introduced;           /* it has had one on this connection */
	uint64_t saved;            /* packets that were when protected flows were reported last */
	bool told_protected;
	json_t *told_failed; /* what report_failed has told on this connection */
	char name[64];       /* of this enforcer, for people: the hub goes by the connection */
};

/* HOST/INTERFACE where one interface is named, else HOST. */
void report_init(struct report *r, const struct enforce_options *o);
void report_close(struct report *r);
/* Opens the connection if there is none; all rules are then to be reported anew. */
bool report_open(struct report *r, const char *socket, struct ruleset *rules, struct err *e);
/* Sends what has changed since the last report, unless the hub still has one to answer; saved NULL:
 * no flows are protected. */
bool report_send(struct report *r, struct ruleset *rules, const struct saved *saved,
		 const struct enforce_protect *p, struct err *e);
/* The same of these alone, on an open connection that has nothing to be answered. */
bool report_rules(struct report *r, struct rule *const *list, size_t n, struct err *e);
/* Says what could not be sent where its rule says, by reason, if it is new.  Takes it over; NULL:
 * nothing is ever sent. */
bool report_failed(struct report *r, json_t *failed, struct err *e);
/* Says another thing at once: VERB {"enforcer":NAME, ...o}.  Takes o over. */
bool report_say(struct report *r, const char *verb, json_t *o, struct err *e);
/* {"family":"ipv4-flow","nlri":HEX,"rule":TEXT}; all "" when n is NULL. */
json_t *report_rule(const struct flow_nlri *n);
/* Reads answers.  False when the connection has ended or the hub refuses what we say. */
bool report_read(struct report *r, struct err *e);

#endif
