/* SPDX-License-Identifier: ISC */
/* feed.c - what subscribers are told: a snapshot, then changes.
 *
 * Invariants
 * 1. `begin` and `commit` bracket what changed in one turn of the loop, so that a reload is one
 *    change; or in many, while the feed is held.
 * 2. A snapshot is never inside a bracket: whoever gets one sees all that led to it, once.  It is
 *    a bracket of its own, told in slices; of what changes meanwhile it has what its walk has
 * passed already, for that will be met no more.
 * 3. A sequence number names a bracket and rises by one.
 */
#include "ctl/hub.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/client.h"

struct feed {
	struct hub *hub;
	uv_prepare_t turn; /* runs before the loop waits: closes the bracket */
	bool open;
	bool held;
	bool owes_settled, owes_question; /* when it is released */
	json_int_t seq;
};

struct snapshot {
	struct answer answer;
	struct feed *feed;
	struct rib_cursor at;
	bool rules; /* for enforcers; else for people */
};

/* What a line is about, for those that are being told a snapshot. */
struct line {
	json_t *json;
	bool bracket;                 /* brackets, and what stands between two */
	const struct bgp_nlri *about; /* NULL: not a rule or route */
};

static void tell_one(struct ctl_conn *c, void *ctx)
{
	const struct line *l = ctx;
	const struct snapshot *s = conn_snapshot(c);

	if (s == NULL || (!l->bracket && (l->about == NULL || rib_cursor_passed(&s->at, l->about))))
		conn_say(c, json_incref(l->json));
}

static void tell(struct feed *f, enum conn_topic t, const struct bgp_nlri *about, json_t *json)
{
	struct line l = { .json = json, .about = about };

	if (json != NULL)
		server_each(f->hub->server, t, tell_one, &l);
	json_decref(json);
}

static void tell_bracket(struct feed *f, enum conn_topic t, json_t *json)
{
	struct line l = { .json = json, .bracket = true };

	if (json != NULL)
		server_each(f->hub->server, t, tell_one, &l);
	json_decref(json);
}

static void tell_all(struct feed *f, json_t *line)
{
	json_incref(line);
	tell_bracket(f, CONN_TOPIC_RULES, line);
	tell_bracket(f, CONN_TOPIC_MONITOR, line);
}

static json_t *begin(json_int_t seq, bool snapshot)
{
	return json_pack("{s:s, s:I, s:b}", "event", "begin", "seq", seq, "snapshot", snapshot);
}

static json_t *commit(json_int_t seq)
{
	return json_pack("{s:s, s:I}", "event", "commit", "seq", seq);
}

/* Unless it is held. */
static void close_bracket(struct feed *f)
{
	if (!f->open || f->held)
		return;
	f->open = false;
	(void)uv_prepare_stop(&f->turn);
	tell_all(f, commit(f->seq));
	server_flush(f->hub->server);
}

static void turn_ends(uv_prepare_t *p)
{
	struct feed *f = p->data;

	close_bracket(f);
	if (f->held)
		server_flush(f->hub->server);
}

static void open_bracket(struct feed *f)
{
	if (f->open)
		return;
	f->open = true;
	(void)uv_prepare_start(&f->turn, turn_ends);
	tell_all(f, begin(++f->seq, false));
}

/* ---- Rules to enforce --------------------------------------------------------------------- */

static json_t *add_event(json_int_t seq, const struct bgp_nlri *n, const struct rib_path *p)
{
	char hop_text[ADDR_TEXT_MAX];
	const struct bgp_attrs *a = p->attrs;
	json_t *j =
		json_pack("{s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:s}", "event", "rule", "seq", seq,
			  "op", "add", "family", bgp_families[n->family].token, "nlri",
			  show_nlri_hex(n), "ext", show_hex(a->ext.at, a->ext.len), "ext6",
			  show_hex(a->ext6.at, a->ext6.len), "origin", rib_origin_name(p->origin));
	struct addr hop = { 0 };

	if (a->next_hop_len == 4)
		hop = addr_ipv4(a->next_hop);
	else if (a->next_hop_len >= 16)
		hop = addr_ipv6(a->next_hop);
	if (j != NULL && hop.family != ADDR_NONE)
		(void)json_object_set_new(j, "next-hop", json_string(addr_print(&hop, hop_text)));
	return j;
}

void feed_best(struct feed *f, const struct rib_entry *e, const struct rib_path *best)
{
	struct bgp_nlri n = rib_entry_nlri(e);

	if (!bgp_families[n.family].flow || f->hub->stopping)
		return;
	if (best == NULL)
		reports_drop(f->hub->reports, &n);
	open_bracket(f);
	if (best != NULL)
		tell(f, CONN_TOPIC_RULES, &n, add_event(f->seq, &n, best));
	else
		tell(f, CONN_TOPIC_RULES, &n,
		     json_pack("{s:s, s:I, s:s, s:s, s:o}", "event", "rule", "seq", f->seq, "op",
			       "remove", "family", bgp_families[n.family].token, "nlri",
			       show_nlri_hex(&n)));
}

/* ---- What people follow ------------------------------------------------------------------- */

static json_t *path_event(struct feed *f, const struct rib_path *p, const char *op)
{
	bool flow = bgp_families[rib_entry_nlri(p->entry).family].flow;
	json_t *j = flow ? show_rule(f->hub, p) : show_route(f->hub, p);

	if (j != NULL)
		(void)json_object_update_new(j, json_pack("{s:s, s:I, s:s}", "event",
							  flow ? "rule" : "route", "seq", f->seq,
							  "op", op));
	return j;
}

void feed_path(struct feed *f, const struct rib_path *p, bool gone)
{
	struct bgp_nlri n = rib_entry_nlri(p->entry);

	if (f->hub->stopping || !server_has(f->hub->server, CONN_TOPIC_MONITOR))
		return;
	open_bracket(f);
	tell(f, CONN_TOPIC_MONITOR, &n, path_event(f, p, gone ? "remove" : "add"));
}

static json_t *neighbor_event(struct feed *f, const struct hub_neighbor *n, const char *text)
{
	json_t *j = show_neighbor(f->hub, n);

	if (j != NULL)
		(void)json_object_update_new(j, json_pack("{s:s, s:I, s:s}", "event", "neighbor",
							  "seq", f->seq, "text", text));
	return j;
}

void feed_neighbor(struct feed *f, const struct hub_neighbor *n, const char *text)
{
	if (f->hub->stopping || n->bgp == NULL || !server_has(f->hub->server, CONN_TOPIC_MONITOR))
		return;
	open_bracket(f);
	tell(f, CONN_TOPIC_MONITOR, NULL, neighbor_event(f, n, text));
}

static json_t *settled(const struct feed *f)
{
	return json_pack("{s:s, s:s}", "event", "settled", "epoch", f->hub->epoch);
}

void feed_settled(struct feed *f)
{
	if (f->held) {
		f->owes_settled = true;
		return;
	}
	close_bracket(f);
	tell_all(f, settled(f));
	server_flush(f->hub->server);
}

/* ---- A question --------------------------------------------------------------------------- */

struct told {
	json_int_t rules;
	uint64_t digest;
};

static bool add_told(void *ctx, const struct rib_entry *e)
{
	struct told *t = ctx;
	struct bgp_nlri n = rib_entry_nlri(e);
	struct flow_nlri flow = bgp_flow_nlri(&n);

	if (rib_entry_best(e) == NULL)
		return true;
	t->rules++;
	t->digest += ctl_digest(flow.octets, flow.len);
	return true;
}

static json_t *verify_event(const struct feed *f, uint64_t id)
{
	struct told t = { 0 };
	char digest[17];

	for (unsigned family = 0; family < BGP_FAMILIES; family++)
		if (bgp_families[family].flow)
			rib_each(f->hub->rib, (enum bgp_family)family, add_told, &t);
	(void)snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)t.digest);
	return json_pack("{s:s, s:I, s:I, s:s}", "event", "verify", "id", (json_int_t)id, "rules",
			 t.rules, "digest", digest);
}

void feed_verify(struct feed *f, uint64_t id)
{
	if (f->held) {
		f->owes_question = true;
		return;
	}
	close_bracket(f);
	tell_bracket(f, CONN_TOPIC_RULES, verify_event(f, id));
	server_flush(f->hub->server);
}

/* ---- A change over many turns ------------------------------------------------------------- */

void feed_hold(struct feed *f)
{
	f->held = true;
}

void feed_release(struct feed *f)
{
	uint64_t question = verify_question(f->hub->verify);

	f->held = false;
	close_bracket(f);
	if (f->owes_settled)
		feed_settled(f);
	if (f->owes_question && question != 0) /* and its asker is still there */
		feed_verify(f, question);
	f->owes_settled = f->owes_question = false;
	answers_wake(f->hub->answers);
}

/* ---- Snapshots ---------------------------------------------------------------------------- */

/* What was held back while it was told follows. */
static void end_snapshot(struct snapshot *s)
{
	struct ctl_conn *c = s->answer.conn;
	struct feed *f = s->feed;
	uint64_t question = s->rules ? verify_question(f->hub->verify) : 0;

	close_bracket(f);
	conn_snapshot_set(c, NULL);
	conn_say(c, commit(f->seq));
	if (f->hub->settled)
		conn_say(c, settled(f));
	if (question != 0)
		conn_say(c, verify_event(f, question));
}

static bool snapshot_entry(struct answer *a)
{
	struct snapshot *s = (struct snapshot *)a;
	struct feed *f = s->feed;
	const struct rib_entry *e = rib_next(f->hub->rib, &s->at);
	const struct rib_path *best;
	struct bgp_nlri n;

	/* All is told, and of what changes it is told too, until the bracket closes. */
	a->waits = e == NULL && f->held;
	if (a->waits)
		return true;
	if (e == NULL) {
		end_snapshot(s);
		return false;
	}
	n = rib_entry_nlri(e);
	best = rib_entry_best(e);
	if (s->rules && best != NULL)
		conn_say(a->conn, add_event(f->seq, &n, best));
	for (const struct rib_path *p = rib_entry_paths(e); !s->rules && p != NULL; p = p->next)
		conn_say(a->conn, path_event(f, p, "add"));
	return true;
}

static void begin_snapshot(struct snapshot *s, struct ctl_conn *c)
{
	struct feed *f = s->feed;

	rib_cursor_init(&s->at, s->rules ? BGP_IPV4_FLOW : BGP_IPV4_UNICAST, BGP_IPV6_FLOW_VPN);
	conn_say(c, json_pack("{s:s, s:s, s:b}", "event", "hello", "epoch", f->hub->epoch,
			      "settled", f->hub->settled));
	conn_say(c, begin(f->seq, true));
	for (const struct hub_neighbor *n = f->hub->neighbors; !s->rules && n != NULL; n = n->next)
		conn_say(c, neighbor_event(f, n, "snapshot"));
}

void feed_snapshot(struct feed *f, struct ctl_conn *c)
{
	struct snapshot *s = conn_snapshot(c);

	if (s == NULL) {
		s = malloc(sizeof(*s));
		if (s == NULL) {
			conn_say(c, NULL); /* it ends */
			return;
		}
		s->answer.step = snapshot_entry;
		s->feed = f;
		s->rules = conn_topic(c) == CONN_TOPIC_RULES;
		conn_snapshot_set(c, s);
		answer_start(f->hub->answers, c, &s->answer);
	}
	close_bracket(f); /* in which it has no part */
	begin_snapshot(s, c);
}

/* ---- Life --------------------------------------------------------------------------------- */

struct feed *feed_new(struct hub *h)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->hub = h;
	f->turn.data = f;
	(void)uv_prepare_init(h->loop, &f->turn);
	return f;
}

void feed_stop(struct feed *f)
{
	uv_close((uv_handle_t *)&f->turn, NULL);
}

void feed_free(struct feed *f)
{
	free(f);
}
