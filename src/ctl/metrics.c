/* SPDX-License-Identifier: ISC */
/* metrics.c - `metrics`: what can be counted, in the data model of Prometheus.
 *
 * A metric is a row; all samples of one stand together, as the text format asks.  The CLI writes
 * the text (online.c).  Labels are few and bounded, but for `rule`, which is what one asks about.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "ctl/hub.h"
#include "flow/flow.h"

struct metric;

struct path_counts {
	json_int_t best, valid, not_validated;
};

/* An answer: the metrics one after the other, the rules of one that wants them one after the other.
 */
struct scrape {
	struct answer answer;
	struct hub *hub;
	const struct metric *metric;
	bool begun; /* with the rules of this metric */
	struct rib_cursor at;
	struct path_counts counts[BGP_FAMILIES];
};

struct metric {
	const char *name, *type, *help;
	void (*samples)(struct scrape *s);
	const char *member; /* of show_neighbor, or of a report: where the value is */
	/* Looks at each rule, ahead of samples; NULL: at none. */
	void (*rule)(struct scrape *s, const struct rib_entry *e);
};

/* Takes labels over. */
static void sample(struct scrape *s, json_t *labels, json_int_t value)
{
	conn_say(s->answer.conn, json_pack("{s:s, s:o, s:I}", "metric", s->metric->name, "labels",
					   labels, "value", value));
}

/* ---- The hub and its neighbors ------------------------------------------------------------ */

static void hub_info(struct scrape *s)
{
	sample(s, json_pack("{s:s}", "version", HEADGATE_VERSION), 1);
}

static void hub_settled(struct scrape *s)
{
	sample(s, json_object(), s->hub->settled);
}

/* show_neighbor's members, and the label that all of its samples have. */
static void each_neighbor(struct scrape *s, void (*visit)(struct scrape *s, const json_t *n))
{
	for (const struct hub_neighbor *n = s->hub->neighbors; n != NULL; n = n->next) {
		json_t *j = show_neighbor(s->hub, n);

		if (j != NULL)
			visit(s, j);
		json_decref(j);
	}
}

static json_t *neighbor_labels(const json_t *n)
{
	return json_pack("{s:O, s:O}", "neighbor", json_object_get(n, "neighbor"), "local",
			 json_object_get(n, "local"));
}

static void one_state(struct scrape *s, const json_t *n)
{
	json_t *labels = neighbor_labels(n);

	(void)json_object_set(labels, "state", json_object_get(n, "state"));
	sample(s, labels, 1);
}

static void neighbor_state(struct scrape *s)
{
	each_neighbor(s, one_state);
}

static void one_number(struct scrape *s, const json_t *n)
{
	sample(s, neighbor_labels(n), json_integer_value(json_object_get(n, s->metric->member)));
}

static void neighbor_number(struct scrape *s)
{
	each_neighbor(s, one_number);
}

static void one_by_family(struct scrape *s, const json_t *n)
{
	const char *family;
	json_t *counts;

	json_object_foreach(json_object_get(n, "by-family"), family, counts)
	{
		json_t *labels = neighbor_labels(n);

		(void)json_object_set_new(labels, "family", json_string(family));
		sample(s, labels, json_integer_value(json_object_get(counts, s->metric->member)));
	}
}

static void neighbor_routes(struct scrape *s)
{
	each_neighbor(s, one_by_family);
}

/* ---- Rules -------------------------------------------------------------------------------- */

static void count_paths(struct scrape *s, const struct rib_entry *e)
{
	struct path_counts *c = &s->counts[s->at.family];

	for (const struct rib_path *p = rib_entry_paths(e); p != NULL; p = p->next)
		*(!p->valid                       ? &c->not_validated
		  : rib_entry_best(p->entry) == p ? &c->best
						  : &c->valid) += 1;
}

static void rules_by_state(struct scrape *s)
{
	for (unsigned f = 0; f < BGP_FAMILIES; f++) {
		const char *family = bgp_families[f].token;
		const struct path_counts *c = &s->counts[f];

		if (!bgp_families[f].flow)
			continue;
		sample(s, json_pack("{s:s, s:s}", "family", family, "state", "best"), c->best);
		sample(s, json_pack("{s:s, s:s}", "family", family, "state", "valid"), c->valid);
		sample(s, json_pack("{s:s, s:s}", "family", family, "state", "not validated"),
		       c->not_validated);
	}
}

/* ---- Enforcers ---------------------------------------------------------------------------- */

static void one_enforcer(struct reporter *r, void *ctx)
{
	sample(ctx, json_pack("{s:s}", "enforcer", r->label), 1);
}

static void enforcers(struct scrape *s)
{
	reports_each_reporter(s->hub->reports, one_enforcer, s);
}

/* A sample for each of what one enforcer has counted. */
static void counts_of(struct scrape *s, const struct reporter *r, json_t *counts)
{
	const char *key;
	json_t *count;

	json_object_foreach(counts, key, count)
		sample(s, json_pack("{s:s, s:s}", "enforcer", r->label, s->metric->member, key),
		       json_integer_value(count));
}

static void states_of(struct reporter *r, void *ctx)
{
	counts_of(ctx, r, r->states);
}

static void reasons_of(struct reporter *r, void *ctx)
{
	counts_of(ctx, r, r->reasons);
}

static void failed_redirects(struct reporter *r, void *ctx)
{
	counts_of(ctx, r, r->failed);
}

static void redirects(struct scrape *s)
{
	reports_each_reporter(s->hub->reports, failed_redirects, s);
}

static void rules_of_enforcer(struct scrape *s)
{
	reports_each_reporter(s->hub->reports, states_of, s);
}

static void rules_not_enforced(struct scrape *s)
{
	reports_each_reporter(s->hub->reports, reasons_of, s);
}

/* ---- Counters of rules -------------------------------------------------------------------- */

struct counted {
	struct scrape *scrape;
	const struct bgp_nlri *nlri;
};

/* Of a large table most rules match nothing for days: four series for each would be a burden to
 * whoever stores them, and to the loop that has to write them. */
static bool is_of_interest(const json_t *what)
{
	const char *state = json_string_value(json_object_get(what, "state"));

	return strcmp(state, "not-enforced") != 0 &&
	       json_integer_value(json_object_get(what, "packets")) > 0;
}

static void one_counter(void *ctx, const struct reporter *r, const json_t *what)
{
	static char text[FLOW_TEXT_MAX]; /* one hub, one thread */
	struct str s = str_over(text, sizeof(text));
	const struct counted *c = ctx;
	struct flow_nlri flow = bgp_flow_nlri(c->nlri);

	if (!is_of_interest(what))
		return;
	flow_text_print(NULL, &flow, NULL, &s);
	sample(c->scrape,
	       json_pack("{s:s, s:s, s:s}", "enforcer", r->label, "family",
			 bgp_families[c->nlri->family].token, "rule", text),
	       json_integer_value(json_object_get(what, c->scrape->metric->member)));
}

static void rule_counter(struct scrape *s, const struct rib_entry *e)
{
	struct bgp_nlri n = rib_entry_nlri(e);
	struct counted c = { s, &n };

	reports_each_of(s->hub->reports, &n, one_counter, &c);
}

/* ---- All of them -------------------------------------------------------------------------- */

/* clang-format off */
static const struct metric metrics[] = {
	{ "headgate_info", "gauge", "The daemon's version.", hub_info, NULL, NULL },
	{ "headgate_settled", "gauge", "1 when every neighbor has sent its routes, or had its time to.", hub_settled, NULL, NULL },
	{ "headgate_neighbor_state", "gauge", "1 for the state that the session is in.", neighbor_state, NULL, NULL },
	{ "headgate_neighbor_up_seconds", "gauge", "How long the session has been up.", neighbor_number, "up-seconds", NULL },
	{ "headgate_neighbor_messages_received_total", "counter", "Messages from the neighbor.", neighbor_number, "messages-received", NULL },
	{ "headgate_neighbor_messages_sent_total", "counter", "Messages to the neighbor.", neighbor_number, "messages-sent", NULL },
	{ "headgate_neighbor_updates_received_total", "counter", "UPDATEs from the neighbor.", neighbor_number, "updates-received", NULL },
	{ "headgate_neighbor_updates_sent_total", "counter", "UPDATEs to the neighbor.", neighbor_number, "updates-sent", NULL },
	{ "headgate_neighbor_updates_malformed_total", "counter", "UPDATEs with a fault (RFC 7606).", neighbor_number, "updates-malformed", NULL },
	{ "headgate_neighbor_refused_total", "counter", "Routes for which there was no room.", neighbor_number, "refused", NULL },
	{ "headgate_neighbor_routes_received", "gauge", "Routes in the neighbor's Adj-RIB-In.", neighbor_routes, "received", NULL },
	{ "headgate_neighbor_routes_accepted", "gauge", "Those of them that are valid.", neighbor_routes, "accepted", NULL },
	{ "headgate_neighbor_routes_advertised", "gauge", "Routes in the neighbor's Adj-RIB-Out.", neighbor_routes, "advertised", NULL },
	{ "headgate_rules", "gauge", "Paths of rules, by what the decision made of them.", rules_by_state, NULL, count_paths },
	{ "headgate_enforcer_up", "gauge", "1 for each enforcer that is connected.", enforcers, NULL, NULL },
	{ "headgate_enforcer_rules", "gauge", "Rules that an enforcer has reported, by state.", rules_of_enforcer, "state", NULL },
	{ "headgate_rules_not_enforced", "gauge", "Rules that an enforcer does not enforce, by reason.", rules_not_enforced, "reason", NULL },
	{ "headgate_enforcer_redirect_failed_total", "counter", "Packets that could not be sent where their rule redirects or copies them, by reason.", redirects, "reason", NULL },
	{ "headgate_rule_matched_packets_total", "counter", "Packets that the rule matched.", NULL, "packets", rule_counter },
	{ "headgate_rule_matched_octets_total", "counter", "Octets of IP packets that the rule matched.", NULL, "octets", rule_counter },
	{ "headgate_rule_dropped_packets_total", "counter", "Those of the packets that were dropped.", NULL, "dropped-packets", rule_counter },
	{ "headgate_rule_dropped_octets_total", "counter", "Those of the octets that were dropped.", NULL, "dropped-octets", rule_counter },
};
/* clang-format on */

enum {
	METRICS = sizeof(metrics) / sizeof(metrics[0])
};

/* The next rule of the metric at hand; false: it has seen them all. */
static bool next_rule(struct scrape *s)
{
	const struct rib_entry *e;

	if (s->metric->rule == NULL)
		return false;
	if (!s->begun)
		rib_cursor_init(&s->at, BGP_IPV4_FLOW, BGP_IPV6_FLOW_VPN);
	s->begun = true;
	e = rib_next(s->hub->rib, &s->at);
	if (e != NULL)
		s->metric->rule(s, e);
	return e != NULL;
}

static void say_metric(struct scrape *s)
{
	const struct metric *m = s->metric;

	conn_say(s->answer.conn,
		 json_pack("{s:s, s:s, s:s}", "metric", m->name, "type", m->type, "help", m->help));
}

static bool step(struct answer *a)
{
	struct scrape *s = (struct scrape *)a;

	if (next_rule(s))
		return true;
	if (s->metric->samples != NULL)
		s->metric->samples(s);
	s->begun = false;
	if (++s->metric == metrics + METRICS) {
		conn_ok(a->conn);
		return false;
	}
	say_metric(s);
	return true;
}

bool metrics_say(struct hub *h, struct ctl_conn *c)
{
	struct scrape *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return false;
	s->answer.step = step;
	s->hub = h;
	s->metric = metrics;
	answer_start(h->answers, c, &s->answer);
	say_metric(s);
	return true;
}
