/* SPDX-License-Identifier: ISC */
/* report.c - see report.h.
 *
 * Only what changed is sent: with a table that is full for a hundred thousand rules, they are named
 * once and not each second.  A line stays well under the limit of the socket.
 */
#include "enforce/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "enforce/protect_report.h"
#include "enforce/saved.h"

enum {
	REPORT_OCTETS = CTL_LINE_MAX / 4 /* a line is sent when it has grown to this */
};

struct sending {
	struct report *report;
	json_t *rules;
	size_t octets; /* of the line so far, about */
	bool ok;
	struct err *e;
};

void report_init(struct report *r, const struct enforce_options *o)
{
	bool one = o->interface_count == 1 && strchr(o->interfaces[0], '*') == NULL;
	char host[40] = "";

	for (size_t i = 0; i < o->vrf_count; i++)
		one &= o->vrfs[i].interface_count == 0;

	*r = (struct report){ 0 };
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(r->name, sizeof(r->name), "%s%s%s", host, one ? "/" : "",
		       one ? o->interfaces[0] : "");
}

void report_close(struct report *r)
{
	ctl_client_free(r->client);
	r->client = NULL;
	r->unanswered = 0;
	r->introduced = false;
	r->told_protected = false;
}

static void forget_reported(struct rule *r, void *ctx)
{
	(void)ctx;
	r->reported = false;
}

bool report_open(struct report *r, const char *socket, struct ruleset *rules, struct err *e)
{
	if (r->client != NULL)
		return true;
	r->client = ctl_client_open(socket, e);
	ruleset_each(rules, forget_reported, NULL);
	return r->client != NULL;
}

const char *report_family(const struct flow_nlri *n)
{
	static const char *const names[FLOW_FAMILIES][2] = {
		[FLOW_IPV4] = { "ipv4-flow", "ipv4-flow-vpn" },
		[FLOW_IPV6] = { "ipv6-flow", "ipv6-flow-vpn" },
	};

	return names[n->family][n->vpn];
}

static const char *state_name(enum rule_state s)
{
	switch (s) {
	case RULE_ENFORCED:
		return "enforced";
	case RULE_MONITOR:
		return "monitor";
	case RULE_NOT_ENFORCED:
		break;
	}
	return "not-enforced";
}

const char *report_nlri_hex(const struct flow_nlri *n, char buf[REPORT_NLRI_HEX])
{
	uint8_t octets[FLOW_NLRI_MAX + 2];
	struct wr w = wr_over(octets, sizeof(octets));
	struct str s = str_over(buf, REPORT_NLRI_HEX);

	flow_nlri_write(&w, n);
	str_add_hex(&s, octets, wr_len(&w));
	return buf;
}

/* What is said of an NLRI: of all VRFs that import it, and not enforced unless it is in each. */
struct summary {
	const struct rule *worst;
	bool reported; /* with what each of them says */
	struct xdp_counters counters;
};

static void add_counters(struct xdp_counters *to, const struct xdp_counters *c)
{
	to->packets += c->packets;
	to->octets += c->octets;
	to->dropped_packets += c->dropped_packets;
	to->dropped_octets += c->dropped_octets;
}

/* With all slots that it has had. */
static void add_rule(struct summary *s, const struct rule *r)
{
	add_counters(&s->counters, &r->before);
	add_counters(&s->counters, &r->now);
	s->reported &= r->reported;
	if (s->worst->state != RULE_NOT_ENFORCED && r->state != RULE_ENFORCED)
		s->worst = r;
}

static struct summary sum_up(const struct rule *first)
{
	struct summary s = { .worst = first, .reported = true };
	const struct rule *r = first;

	do {
		add_rule(&s, r);
		r = r->sibling;
	} while (r != first);
	return s;
}

static json_t *rule_object(const struct summary *s)
{
	const struct rule *r = s->worst;
	const struct xdp_counters *c = &s->counters;
	char hex[REPORT_NLRI_HEX];

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "family",
			 report_family(&r->nlri), "nlri", report_nlri_hex(&r->nlri, hex), "state",
			 state_name(r->state), "reason", rule_reason(r), "packets",
			 (json_int_t)c->packets, "octets", (json_int_t)c->octets, "dropped-packets",
			 (json_int_t)c->dropped_packets, "dropped-octets",
			 (json_int_t)c->dropped_octets);
}

bool report_say(struct report *r, const char *verb, json_t *o, struct err *e)
{
	char *text = NULL, *line = NULL;
	bool ok = false;

	if (o != NULL && json_object_set_new(o, "enforcer", json_string(r->name)) == 0)
		text = json_dumps(o, JSON_COMPACT);
	if (text == NULL || asprintf(&line, "%s %s", verb, text) < 0)
		(void)err_at(e, 0, 0, "out of memory");
	else
		ok = ctl_client_send(r->client, line, e);
	r->unanswered += ok;
	free(line);
	free(text);
	json_decref(o);
	return ok;
}

json_t *report_rule(const struct flow_nlri *n)
{
	static char text[FLOW_TEXT_MAX]; /* one enforcer, one thread */
	struct str s = str_over(text, sizeof(text));
	char hex[REPORT_NLRI_HEX];

	if (n == NULL)
		return json_pack("{s:s, s:s, s:s}", "family", "", "nlri", "", "rule", "");
	flow_text_print(NULL, n, NULL, &s);
	return json_pack("{s:s, s:s, s:s}", "family", report_family(n), "nlri",
			 report_nlri_hex(n, hex), "rule", text);
}

/* Sends the line that has been gathered, if any; the first line says that we are here. */
static void flush(struct sending *s)
{
	if (!s->ok || (json_array_size(s->rules) == 0 && s->report->introduced))
		return;
	s->report->introduced = true;
	s->ok = report_say(s->report, "report", json_pack("{s:O}", "rules", s->rules), s->e);
	json_array_clear(s->rules);
	s->octets = 0;
}

static void add_changed(struct rule *r, void *ctx)
{
	struct sending *s = ctx;
	struct summary now;

	if (rule_first(r) != r)
		return;
	now = sum_up(r);
	if (now.reported && r->reported_state == now.worst->state &&
	    memcmp(&r->reported_counters, &now.counters, sizeof(now.counters)) == 0)
		return;
	if (!s->ok || json_array_append_new(s->rules, rule_object(&now)) < 0)
		return;
	for (struct rule *at = r->sibling; at != r; at = at->sibling)
		at->reported = true;
	r->reported = true;
	r->reported_state = now.worst->state;
	r->reported_counters = now.counters;
	s->octets += 2 * r->nlri.len + 256;
	if (s->octets >= REPORT_OCTETS)
		flush(s);
}

/* All of them, if more was saved since the last time, or none was told yet on this connection. */
static bool send_protected(struct report *r, const struct saved *saved,
			   const struct enforce_protect *p, struct err *e)
{
	uint64_t packets = 0;

	if (saved == NULL)
		return true;
	for (size_t i = 0; i < saved->count; i++)
		packets += saved->row[i].before.packets + saved->row[i].now.packets;
	if (r->told_protected && r->saved == packets)
		return true;
	r->told_protected = true;
	r->saved = packets;
	return report_say(r, "report",
			  json_pack("{s:[], s:o}", "rules", "protected", protect_report(saved, p)),
			  e);
}

bool report_rules(struct report *r, struct rule *const *list, size_t n, struct err *e)
{
	struct sending s = { .report = r, .ok = true, .rules = json_array(), .e = e };

	if (s.rules == NULL)
		return err_at(e, 0, 0, "out of memory");
	for (size_t i = 0; i < n; i++)
		add_changed(rule_first(list[i]), &s);
	flush(&s);
	json_decref(s.rules);
	return s.ok;
}

bool report_send(struct report *r, struct ruleset *rules, const struct saved *saved,
		 const struct enforce_protect *p, struct err *e)
{
	struct sending s = { .report = r, .ok = true, .e = e };

	if (r->client == NULL || r->unanswered > 0)
		return true;
	s.rules = json_array();
	if (s.rules == NULL)
		return err_at(e, 0, 0, "out of memory");
	ruleset_each(rules, add_changed, &s);
	flush(&s);
	json_decref(s.rules);
	return s.ok && send_protected(r, saved, p, e);
}

/* An answer's closing line; others are not asked for. */
static bool on_answer(struct report *r, const char *line, struct err *e)
{
	json_error_t why;
	json_t *o = json_loads(line, 0, &why);
	json_t *ok = json_object_get(o, "ok");
	const char *error = json_string_value(json_object_get(o, "error"));
	bool good = !json_is_false(ok);

	if (ok != NULL && r->unanswered > 0)
		r->unanswered--;
	if (!good)
		err_at(e, 0, 0, "headgated refuses our report: %s", error != NULL ? error : "");
	json_decref(o);
	return good;
}

bool report_read(struct report *r, struct err *e)
{
	const char *line;

	while (r->client != NULL)
		switch (ctl_client_line(r->client, 0, &line, e)) {
		case CTL_GOT_LINE:
			if (!on_answer(r, line, e))
				return false;
			break;
		case CTL_GOT_NOTHING:
			return true;
		case CTL_GOT_CLOSED:
			return false;
		}
	return true;
}
