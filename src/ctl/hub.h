/* SPDX-License-Identifier: ISC */
/* hub.h - the hub's inside, for the files of ctl alone. */
#ifndef CTL_HUB_H
#define CTL_HUB_H

#include <jansson.h>
#include <uv.h>

#include "base/map.h"
#include "bgp/bgp.h"
#include "conf/conf.h"
#include "ctl/ctl.h"
#include "rib/rib.h"

struct answers;
struct ctl_conn;
struct feed;
struct prune;
struct protected;
struct report;
struct reports;
struct server;
struct snapshot;
struct verify;

struct hub_neighbor {
	struct hub_neighbor *next; /* in the order of the file */
	struct addr remote, local;
	struct bgp_peer *bgp;
	struct rib_peer *rib;
};

struct hub {
	uv_loop_t *loop;
	const struct hub_options *options;
	struct conf *conf; /* the running one */
	struct bgp_attr_table *attrs;
	struct rib *rib;
	struct bgp_speaker *speaker;
	struct hub_neighbor *neighbors;
	struct rib_origin *file; /* rules of the file */
	bool file_withdrawn; /* `withdraw all` took rules of the file: the next reload brings them
				back */
	struct server *server;
	struct answers *answers;
	struct feed *feed;
	struct prune *prune;
	struct reports *reports;
	struct verify *verify;
	struct protected *protected;
	uv_timer_t deferral;
	bool settled, stopping;
	char epoch[17];
};

/* ---- hub.c --------------------------------------------------------------------------------- */

struct hub_neighbor *hub_neighbor_of(const struct hub *h, const struct bgp_peer *p);
/* Nobody is waited for any more, perhaps: a neighbor was shut down, or is no more. */
void hub_settle_if_ready(struct hub *h);

/* ---- server.c ------------------------------------------------------------------------------ */

struct server *server_new(struct hub *h, const char *path, const char *group, struct err *e);
/* Closes the socket and every connection; freed when the loop has seen them off. */
void server_stop(struct server *s);
void server_free(struct server *s);

/* Says one line; the reference is taken over.  A connection that is going away swallows it. */
void conn_say(struct ctl_conn *c, json_t *line);
/* The closing line of an answer. */
void conn_ok(struct ctl_conn *c);
/* e may have a place (line > 0) in the command. Returns nothing to go on with. */
void conn_fail(struct ctl_conn *c, const struct err *e);
/* Its next command waits until it is released as often as it was held. */
void conn_hold(struct ctl_conn *c);
void conn_release(struct ctl_conn *c);
/* Who is on the other end: "user:root". */
const char *conn_principal(const struct ctl_conn *c);

/* What is kept, in octets, of what was said and is not read yet. */
size_t conn_unread(const struct ctl_conn *c);
/* They are few, and it has missed nothing that it will be told again. */
bool conn_wants_more(const struct ctl_conn *c);
/* Hands to the loop what was said. */
void conn_flush(struct ctl_conn *c);

enum conn_topic {
	CONN_TOPIC_NONE,
	CONN_TOPIC_RULES,   /* subscribe rules */
	CONN_TOPIC_MONITOR, /* monitor */
	CONN_TOPICS
};

void conn_topic_set(struct ctl_conn *c, enum conn_topic t);
enum conn_topic conn_topic(const struct ctl_conn *c);
/* The snapshot that it is being told; NULL: none. */
void conn_snapshot_set(struct ctl_conn *c, struct snapshot *s);
struct snapshot *conn_snapshot(const struct ctl_conn *c);
bool server_has(const struct server *s, enum conn_topic t);
/* Hands to the loop what was said to subscribers. */
void server_flush(struct server *s);
/* Calls visit for every connection of a topic that keeps up; one that does not gets a snapshot
 * (feed_snapshot) once it has read what is on its way. */
void server_each(struct server *s, enum conn_topic t, void (*visit)(struct ctl_conn *c, void *ctx),
		 void *ctx);

/* ---- answer.c ------------------------------------------------------------------------------ */

/* An answer that may be long; first in what its step needs to know. */
struct answer {
	struct answer *next;
	struct ctl_conn *conn;
	bool gone;  /* answer.c's: the connection is going */
	bool waits; /* no further step before answers_wake */
	/* Says a little more, of one rule perhaps.  False: that was all, the closing line too. */
	bool (*step)(struct answer *a);
};

struct answers *answers_new(uv_loop_t *loop);
void answers_stop(struct answers *all);
void answers_free(struct answers *all);
/* Takes a over, which malloc gave. */
void answer_start(struct answers *all, struct ctl_conn *c, struct answer *a);
/* Those that wait go on. */
void answers_wake(struct answers *all);
/* A connection has read what it was told. */
void answers_go_on(struct answers *all);
/* The connection is going. */
void answers_gone(struct answers *all, const struct ctl_conn *c);

/* ---- verbs.c ------------------------------------------------------------------------------- */

/* Carries out one command and answers it. */
void verbs_run(struct hub *h, struct ctl_conn *c, const char *line, size_t len);

/* ---- show.c -------------------------------------------------------------------------------- */

json_t *show_neighbor(const struct hub *h, const struct hub_neighbor *n);
json_t *show_rule(const struct hub *h, const struct rib_path *p);
json_t *show_route(const struct hub *h, const struct rib_path *p);
/* Hex of the NLRI with its length octets, as the feed and show rules have it. */
json_t *show_nlri_hex(const struct bgp_nlri *n);
json_t *show_hex(const void *octets, size_t len);

/* ---- feed.c -------------------------------------------------------------------------------- */

struct feed *feed_new(struct hub *h);
void feed_stop(struct feed *f);
void feed_free(struct feed *f);
/* Everything as it is, to one connection, by its topic.  It is told in slices, and of what changes
 * meanwhile that which has had its turn. */
void feed_snapshot(struct feed *f, struct ctl_conn *c);
void feed_best(struct feed *f, const struct rib_entry *e, const struct rib_path *best);
void feed_path(struct feed *f, const struct rib_path *p, bool gone);
void feed_neighbor(struct feed *f, const struct hub_neighbor *n, const char *text);
void feed_settled(struct feed *f);
/* What changes from now on is one bracket, over many turns of the loop; once at a time.  What can't
 * stand within a bracket waits: the end of a snapshot, `settled`, a question. */
void feed_hold(struct feed *f);
void feed_release(struct feed *f);
/* Asks enforcers whether all that they were told is in the kernel. */
void feed_verify(struct feed *f, uint64_t id);

/* ---- prune.c ------------------------------------------------------------------------------- */

struct prune *prune_new(struct hub *h);
void prune_stop(struct prune *p);
void prune_free(struct prune *p);
/* A session fell: what its neighbor sent goes by and by. */
void prune_start(struct prune *p);
/* All rules of an origin (NULL: of every one that is not a neighbor) go by and by; then the asker
 * is answered.  False: memory is out. */
bool prune_ours(struct prune *p, struct rib_origin *origin, struct ctl_conn *asker);
/* The connection goes, and what it asked for is done nevertheless. */
void prune_gone(struct prune *p, const struct ctl_conn *c);

/* ---- reports.c ----------------------------------------------------------------------------- */

/* A connection that has reported. */
struct reporter {
	struct reporter *next;
	const struct ctl_conn *from;
	struct report *reports; /* what it said */
	uint64_t asked;         /* the id of a question it has not answered; verify.c's */
	json_t *states;         /* how many of its rules are in which state */
	json_t *reasons;        /* of those that are not enforced, why */
	json_t *failed;         /* as it said of redirects; NULL: it said nothing */
	char name[64];
	char label[72]; /* the name, with #2 and so on behind it when another has it too */
};

struct reports *reports_new(uv_loop_t *loop);
void reports_stop(struct reports *r);
void reports_free(struct reports *r);
/* Takes the JSON of one `report` command. */
bool reports_take(struct reports *r, const struct ctl_conn *from, json_t *report, struct err *e);
/* The connection is gone: what it said is forgotten. */
void reports_forget(struct reports *r, const struct ctl_conn *from);
/* The rule is gone: so is what was said of it. */
void reports_drop(struct reports *r, const struct bgp_nlri *n);
/* A list of what enforcers said of this rule; empty when none did. */
json_t *reports_of(const struct reports *r, const struct bgp_nlri *n);
/* NULL: this connection has not reported. */
struct reporter *reports_reporter(const struct reports *r, const struct ctl_conn *from);
void reports_each_reporter(const struct reports *r, void (*visit)(struct reporter *r, void *ctx),
			   void *ctx);

/* What each reporter says of this rule. */
typedef void reports_visit(void *ctx, const struct reporter *r, const json_t *what);
void reports_each_of(const struct reports *r, const struct bgp_nlri *n, reports_visit *visit,
		     void *ctx);

/* ---- metrics.c ----------------------------------------------------------------------------- */

/* Everything that can be counted, to one connection, in slices. */
bool metrics_say(struct hub *h, struct ctl_conn *c);

/* ---- verify.c ------------------------------------------------------------------------------ */

struct verify *verify_new(struct hub *h);
void verify_stop(struct verify *v);
void verify_free(struct verify *v);
/* Asks every enforcer; `asker` is answered when they have. */
bool verify_ask(struct verify *v, struct ctl_conn *asker, struct err *e);
/* Takes the JSON of one `verified` command. */
bool verify_take(struct verify *v, const struct ctl_conn *from, json_t *answer, struct err *e);
/* The id of the question that is under way; 0: none is. */
uint64_t verify_question(const struct verify *v);
/* The connection goes; before reports_forget. */
void verify_gone(struct verify *v, const struct ctl_conn *c);

/* ---- protected.c --------------------------------------------------------------------------- */

struct protected *protected_new(void);
void protected_free(struct protected *p);
/* Takes what one `report` says of protected flows, if it does. */
bool protected_take(struct protected *p, const struct ctl_conn *from, json_t *report,
		    struct err *e);
/* The connection is gone; NULL: all are. */
void protected_forget(struct protected *p, const struct ctl_conn *from);
/* A line for each entry of each enforcer. */
void protected_show(const struct protected *p, struct ctl_conn *to);

#endif
