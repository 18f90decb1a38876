/* SPDX-License-Identifier: ISC */
/* hub.c - see ctl.h: the file's neighbors and rules put into speaker and RIB.
 *
 * Invariants
 * 1. A neighbor of the running configuration has exactly one bgp_peer and one rib_peer.
 * 2. The running configuration is never half new: a file is read whole before a step is taken.
 * 3. `settled` is said once an epoch: when every neighbor has sent End-of-RIB for each family of
 * its session, or the deferral timer has run out.
 */
#include "ctl/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "ctl/client.h"

/* ---- Neighbors ---------------------------------------------------------------------------- */

struct hub_neighbor *hub_neighbor_of(const struct hub *h, const struct bgp_peer *p)
{
	struct hub_neighbor *n = h->neighbors;

	while (n != NULL && n->bgp != p)
		n = n->next;
	return n;
}

static struct hub_neighbor **find(struct hub *h, const struct conf_neighbor *c)
{
	struct hub_neighbor **at = &h->neighbors;

	while (*at != NULL && !(addr_equal(&(*at)->remote, &c->bgp.remote) &&
				addr_equal(&(*at)->local, &c->bgp.local)))
		at = &(*at)->next;
	return at;
}

/* ---- Settling ----------------------------------------------------------------------------- */

static bool neighbor_has_settled(const struct hub_neighbor *n)
{
	struct bgp_peer_info info;
	struct rib_peer_counts counts;

	bgp_peer_info(n->bgp, &info);
	if (info.shut)
		return true;
	if (info.state != BGP_ESTABLISHED)
		return false;
	rib_peer_counts(n->rib, &counts);
	for (unsigned f = 0; f < BGP_FAMILIES; f++)
		if ((info.families & 1U << f) != 0 && !counts.family[f].end_of_rib_in)
			return false;
	return true;
}

static void settle(struct hub *h, const char *why)
{
	if (h->settled || h->stopping)
		return;
	h->settled = true;
	(void)uv_timer_stop(&h->deferral);
	log_info("hub: settled, %s", why);
	feed_settled(h->feed);
}

void hub_settle_if_ready(struct hub *h)
{
	for (const struct hub_neighbor *n = h->neighbors; n != NULL; n = n->next)
		if (!neighbor_has_settled(n))
			return;
	settle(h, "every neighbor has sent its routes");
}

static void deferral_ran_out(uv_timer_t *t)
{
	settle(t->data, "the deferral timer ran out");
}

/* ---- What the speaker tells: passed on to the RIB, seen by people -------------------------- */

static void on_up(void *ctx, struct bgp_peer *p)
{
	struct hub *h = ctx;
	struct hub_neighbor *n = hub_neighbor_of(h, p);

	rib_bgp_handler.up(h->rib, p);
	if (n != NULL)
		feed_neighbor(h->feed, n, "session up");
}

static void on_down(void *ctx, struct bgp_peer *p, const char *why)
{
	struct hub *h = ctx;
	struct hub_neighbor *n = hub_neighbor_of(h, p);

	rib_bgp_handler.down(h->rib, p, why);
	prune_start(h->prune);
	if (n != NULL)
		feed_neighbor(h->feed, n, why);
}

static void on_route(void *ctx, struct bgp_peer *p, const struct bgp_nlri *n,
		     struct bgp_attrs *attrs)
{
	rib_bgp_handler.route(((struct hub *)ctx)->rib, p, n, attrs);
}

static void on_end_of_rib(void *ctx, struct bgp_peer *p, enum bgp_family f)
{
	struct hub *h = ctx;

	rib_bgp_handler.end_of_rib(h->rib, p, f);
	hub_settle_if_ready(h);
}

static void on_refresh(void *ctx, struct bgp_peer *p, enum bgp_family f)
{
	rib_bgp_handler.refresh(((struct hub *)ctx)->rib, p, f);
}

static bool on_next(void *ctx, struct bgp_peer *p, struct bgp_out *ret)
{
	return rib_bgp_handler.next(((struct hub *)ctx)->rib, p, ret);
}

static void on_event(void *ctx, struct bgp_peer *p, const char *text)
{
	struct hub *h = ctx;
	struct hub_neighbor *n = hub_neighbor_of(h, p);

	log_info("peer %s: %s", bgp_peer_name(p), text);
	if (n != NULL)
		feed_neighbor(h->feed, n, text);
}

static const struct bgp_handler speaker_handler = {
	.up = on_up,
	.down = on_down,
	.route = on_route,
	.end_of_rib = on_end_of_rib,
	.refresh = on_refresh,
	.next = on_next,
	.event = on_event,
};

/* ---- What the RIB tells ------------------------------------------------------------------- */

static void on_best(void *ctx, const struct rib_entry *e, const struct rib_path *best)
{
	feed_best(((struct hub *)ctx)->feed, e, best);
}

static void on_path(void *ctx, const struct rib_path *p, bool gone)
{
	feed_path(((struct hub *)ctx)->feed, p, gone);
}

static void on_rib_event(void *ctx, const char *subject, const char *text)
{
	(void)ctx;
	log_warning("%s: %s", subject, text);
}

static msec loop_now(void *ctx)
{
	return uv_now(ctx);
}

/* ---- Configuration, step by step ---------------------------------------------------------- */

static void neighbor_add(void *ctx, const struct conf_neighbor *c)
{
	struct hub *h = ctx;
	struct hub_neighbor **end = &h->neighbors, *n = calloc(1, sizeof(*n));
	char name[ADDR_TEXT_MAX];

	if (n == NULL)
		goto refused;
	n->remote = c->bgp.remote;
	n->local = c->bgp.local;
	n->rib = rib_peer_new(h->rib, &c->rib, &c->bgp);
	if (n->rib == NULL)
		goto refused;
	/* In the list before the session starts: events look it up. */
	while (*end != NULL)
		end = &(*end)->next;
	*end = n;
	n->bgp = bgp_speaker_add(h->speaker, &c->bgp, n->rib);
	if (n->bgp == NULL) {
		*end = NULL;
		rib_peer_free(n->rib);
		goto refused;
	}
	rib_peer_attach(n->rib, h->speaker, n->bgp);
	return;
refused:
	free(n);
	log_error("peer %s: cannot be added: out of memory", addr_print(&c->bgp.remote, name));
}

static void neighbor_change(void *ctx, const struct conf_neighbor *old,
			    const struct conf_neighbor *c)
{
	struct hub *h = ctx;
	struct hub_neighbor *n = *find(h, old);

	if (n == NULL)
		return;
	rib_peer_change(n->rib, &c->rib, &c->bgp);
	bgp_speaker_change(h->speaker, n->bgp, &c->bgp);
}

static void neighbor_forget(struct hub *h, struct hub_neighbor **at)
{
	struct hub_neighbor *n = *at;
	struct rib_peer *rib = n->rib;

	bgp_speaker_remove(h->speaker, n->bgp);
	*at = n->next;
	rib_peer_free(rib);
	free(n);
}

static void neighbor_remove(void *ctx, const struct conf_neighbor *c)
{
	struct hub_neighbor **at = find(ctx, c);

	if (*at != NULL)
		neighbor_forget(ctx, at);
}

static struct bgp_nlri rule_nlri(const struct conf_rule *r)
{
	return (struct bgp_nlri){ .family = bgp_family_of_flow(r->family, r->vpn),
				  .octets = r->nlri,
				  .len = r->nlri_len };
}

static void rule_announce(void *ctx, const struct conf_neighbor *c, const struct conf_rule *r)
{
	static const struct flow_then nothing;
	struct hub *h = ctx;
	struct hub_neighbor *n = *find(h, c);
	struct bgp_nlri nlri = rule_nlri(r);
	struct bgp_attrs *attrs;

	if (n == NULL)
		return;
	attrs = rib_flow_attrs(h->rib, r->then != NULL ? r->then : &nothing);
	if (attrs == NULL ||
	    rib_announce(h->rib, h->file, n->rib, r->name, &nlri, attrs) == RIB_REFUSED)
		log_error("%s:%u: rule not announced: no room for it", h->options->file, r->line);
	if (attrs != NULL)
		bgp_attrs_unref(h->attrs, attrs);
}

static void rule_withdraw(void *ctx, const struct conf_neighbor *c, const struct conf_rule *r)
{
	struct hub *h = ctx;
	struct hub_neighbor *n = *find(h, c);
	struct bgp_nlri nlri = rule_nlri(r);

	if (n != NULL)
		(void)rib_withdraw(h->rib, h->file, n->rib, &nlri);
}

static const struct conf_steps steps = {
	.neighbor_add = neighbor_add,
	.neighbor_change = neighbor_change,
	.rule_announce = rule_announce,
	.rule_withdraw = rule_withdraw,
	.neighbor_remove = neighbor_remove,
};

static void warn(void *ctx, const struct err *what)
{
	char text[512];

	(void)ctx;
	log_warning("%s", err_string(what, text, sizeof(text)));
}

static struct rib_conf rib_conf_of(const struct conf *c)
{
	struct rib_conf r = { 0 };

	if (c->has_cluster_id)
		memcpy(r.cluster_id, c->cluster_id, sizeof(r.cluster_id));
	return r;
}

static void announce_all_of_the_file(struct hub *h)
{
	for (size_t i = 0; i < h->conf->neighbor_count; i++)
		for (size_t k = 0; k < h->conf->neighbors[i].rule_count; k++)
			rule_announce(h, &h->conf->neighbors[i], &h->conf->neighbors[i].rules[k]);
}

static void apply(struct hub *h, struct conf *c)
{
	struct rib_conf rc = rib_conf_of(c);
	struct conf *old = h->conf;

	rib_conf_set(h->rib, &rc);
	conf_apply(old, c, &steps, h);
	h->conf = c;
	conf_free(old);
	if (h->file_withdrawn) {
		h->file_withdrawn = false;
		announce_all_of_the_file(h);
	}
	hub_settle_if_ready(h);
}

bool hub_reload(struct hub *h, struct err *e)
{
	struct conf *c = conf_read(h->options->file, warn, NULL, e);

	if (c == NULL)
		return false;
	apply(h, c);
	log_info("hub: %s read again, %zu neighbors", h->options->file, c->neighbor_count);
	return true;
}

/* ---- Start and end ------------------------------------------------------------------------ */

/* Subscribers tell by it whether the hub started anew. */
static bool draw_epoch(char epoch[17], struct err *e)
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		return err_at(e, 0, 0, "no random numbers from the kernel");
	(void)snprintf(epoch, 17, "%016llx", (unsigned long long)n);
	return true;
}

static bool make_parts(struct hub *h, struct err *e)
{
	struct rib_conf rc = rib_conf_of(h->conf);
	struct rib_watch watch = {
		.best = on_best, .path = on_path, .event = on_rib_event, .ctx = h
	};

	h->attrs = bgp_attr_table_new();
	if (h->attrs == NULL)
		return err_at(e, 0, 0, "out of memory");
	h->rib = rib_new(h->attrs, &rc);
	h->feed = feed_new(h);
	h->reports = reports_new(h->loop);
	h->prune = prune_new(h);
	h->verify = verify_new(h);
	h->protected = protected_new();
	h->answers = answers_new(h->loop);
	if (h->rib == NULL || h->feed == NULL || h->prune == NULL || h->reports == NULL ||
	    h->verify == NULL || h->protected == NULL || h->answers == NULL)
		return err_at(e, 0, 0, "out of memory");
	rib_clock_set(h->rib, loop_now, h->loop);
	h->file = rib_origin_local(h->rib, "file");
	if (h->file == NULL || !rib_watch_add(h->rib, &watch))
		return err_at(e, 0, 0, "out of memory");
	h->speaker = bgp_speaker_new(h->loop, h->options->bgp_port, h->attrs, &speaker_handler, h);
	if (h->speaker == NULL)
		return err_at(e, 0, 0, "out of memory");
	return true;
}

static bool listen_everywhere(struct hub *h, struct err *e)
{
	for (unsigned i = 0; i < h->options->listen_count; i++)
		if (!bgp_speaker_listen(h->speaker, &h->options->listen[i], h->options->bgp_port,
					e))
			return false;
	return true;
}

static const char *socket_path(const struct hub *h)
{
	if (h->options->socket != NULL)
		return h->options->socket;
	return h->conf->socket[0] != '\0' ? h->conf->socket : CTL_SOCKET_DEFAULT;
}

struct hub *hub_new(uv_loop_t *loop, const struct hub_options *o, struct err *e)
{
	struct conf *c = conf_read(o->file, warn, NULL, e);
	struct hub *h;

	if (c == NULL)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (h == NULL) {
		conf_free(c);
		(void)err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	h->loop = loop;
	h->options = o;
	h->conf = c;
	(void)uv_timer_init(loop, &h->deferral);
	h->deferral.data = h;
	if (!draw_epoch(h->epoch, e) || !make_parts(h, e) || !listen_everywhere(h, e))
		goto failed;
	h->server = server_new(h, socket_path(h), c->group, e);
	if (h->server == NULL)
		goto failed;
	(void)uv_timer_start(&h->deferral, deferral_ran_out, HUB_DEFERRAL * 1000ULL, 0);
	h->conf = NULL;
	apply(h, c);
	return h;
failed:
	hub_stop(h);
	(void)uv_run(loop, UV_RUN_DEFAULT);
	hub_free(h);
	return NULL;
}

static void speaker_stopped(void *ctx)
{
	(void)ctx;
}

void hub_stop(struct hub *h)
{
	if (h->stopping)
		return;
	h->stopping = true;
	uv_close((uv_handle_t *)&h->deferral, NULL);
	if (h->feed != NULL)
		feed_stop(h->feed);
	if (h->prune != NULL)
		prune_stop(h->prune);
	if (h->verify != NULL)
		verify_stop(h->verify);
	if (h->reports != NULL)
		reports_stop(h->reports);
	if (h->answers != NULL)
		answers_stop(h->answers);
	if (h->server != NULL)
		server_stop(h->server);
	if (h->speaker != NULL)
		bgp_speaker_stop(h->speaker, speaker_stopped);
}

void hub_free(struct hub *h)
{
	/* Its peers first: a rib_peer outlives its bgp_peer. */
	if (h->speaker != NULL)
		bgp_speaker_free(h->speaker);
	while (h->neighbors != NULL) {
		struct hub_neighbor *n = h->neighbors;

		h->neighbors = n->next;
		rib_peer_free(n->rib);
		free(n);
	}
	if (h->rib != NULL)
		rib_free(h->rib);
	if (h->attrs != NULL)
		bgp_attr_table_free(h->attrs);
	if (h->feed != NULL)
		feed_free(h->feed);
	if (h->prune != NULL)
		prune_free(h->prune);
	if (h->reports != NULL)
		reports_free(h->reports);
	if (h->verify != NULL)
		verify_free(h->verify);
	if (h->protected != NULL)
		protected_free(h->protected);
	if (h->answers != NULL)
		answers_free(h->answers);
	if (h->server != NULL)
		server_free(h->server);
	conf_free(h->conf);
	free(h);
}
