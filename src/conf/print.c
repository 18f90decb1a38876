/* SPDX-License-Identifier: ISC */
/* print.c - a configuration as text that parses to the same.
 *
 * Defaults that decide about the session are written out: a printed file says the same to who
 * knows no defaults.  Templates and groups are gone: each neighbor says all of its own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/rules.h"
#include "conf/sections.h"

struct out {
	void (*write)(void *ctx, const char *text);
	void *ctx;
};

static void put(const struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Every text of a struct conf, each octet escaped, has room. */
static void put(const struct out *o, const char *fmt, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	o->write(o->ctx, buf);
}

/* NAME text; in quotes, but for what is plainly a word. */
static void put_named(const struct out *o, const char *indent, const char *name, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.:/*?+@";
	char buf[2 * BGP_DESCRIPTION_MAX + 2];
	struct str s = str_over(buf, sizeof(buf));

	if (*text != '\0' && strspn(text, plain) == strlen(text)) {
		put(o, "%s%s %s", indent, name, text);
		return;
	}
	for (; *text != '\0'; text++)
		str_addf(&s, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	put(o, "%s%s \"%s\"", indent, name, buf);
}

static void put_text(const struct out *o, const char *indent, const char *name, const char *text)
{
	put_named(o, indent, name, text);
	put(o, ";\n");
}

static void put_addr(const struct out *o, const char *name, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	put(o, "\t%s %s;\n", name, addr_print(a, text));
}

static void put_id(const struct out *o, const char *indent, const char *name, const uint8_t id[4])
{
	put(o, "%s%s %u.%u.%u.%u;\n", indent, name, id[0], id[1], id[2], id[3]);
}

static void put_port(const struct out *o, const char *name, unsigned port)
{
	if (port != 0)
		put(o, "\t%s %u;\n", name, port);
}

static void put_session(const struct out *o, const struct bgp_peer_conf *b)
{
	if (b->description[0] != '\0')
		put_text(o, "\t", "description", b->description);
	put_id(o, "\t", "router-id", b->router_id);
	if (b->local.family != ADDR_NONE)
		put_addr(o, "local-address", &b->local);
	put(o, "\tlocal-as %u;\n\tpeer-as %u;\n\thold-time %u;\n", b->local_as, b->remote_as,
	    b->hold_time);
	if (b->passive)
		put(o, "\tpassive;\n");
	put_port(o, "listen", b->listen_port);
	put_port(o, "connect", b->connect_port);
	if (b->md5[0] != '\0')
		put_text(o, "\t", "md5-password", b->md5);
}

static void put_policy(const struct out *o, const struct rib_peer_conf *r)
{
	static const char *const validate[] = {
		[RIB_VALIDATE_ON] = "on",
		[RIB_VALIDATE_OFF] = "off",
		[RIB_VALIDATE_LOG] = "log",
	};

	if (r->route_reflector_client)
		put(o, "\troute-reflector-client;\n");
	if (r->validate != RIB_VALIDATE_DEFAULT)
		put(o, "\tvalidate %s;\n", validate[r->validate]);
}

static void put_capability(const struct out *o, const struct bgp_peer_conf *b)
{
	put(o, "\tcapability {\n\t\tasn4 %s;\n\t\troute-refresh %s;\n\t}\n",
	    b->asn4 ? "enable" : "disable", b->route_refresh ? "enable" : "disable");
	put(o, "\tfamily {\n");
	for (unsigned f = 0; f < BGP_FAMILIES; f++)
		if ((b->families >> f & 1) != 0)
			put(o, "\t\t%s;\n", bgp_families[f].name);
	put(o, "\t}\n");
}

/* A NULL then prints none. */
static void put_rule(const struct out *o, const char *indent, const struct conf_rule *r,
		     const struct flow_then *then)
{
	static const char flow[] = "flow ";
	const struct flow_nlri n = {
		.family = r->family,
		.vpn = r->vpn,
		.octets = r->nlri,
		.len = r->nlri_len,
	};
	char buf[FLOW_TEXT_MAX];
	struct str s = str_over(buf, sizeof(buf));

	flow_text_print(r->name, &n, then, &s);
	o->write(o->ctx, indent);
	/* The word `flow` is the section's. */
	o->write(o->ctx, buf + sizeof(flow) - 1);
	o->write(o->ctx, "\n");
}

static void put_flow(const struct out *o, const struct conf_neighbor *n)
{
	static const struct flow_then accept;

	if (n->rule_count == 0)
		return;
	put(o, "\tflow {\n");
	for (size_t i = 0; i < n->rule_count; i++)
		put_rule(o, "\t\t", &n->rules[i],
			 n->rules[i].then != NULL ? n->rules[i].then : &accept);
	put(o, "\t}\n");
}

static void put_neighbor(const struct out *o, const struct conf_neighbor *n)
{
	char text[ADDR_TEXT_MAX];

	put(o, "neighbor %s {\n", addr_print(&n->bgp.remote, text));
	put_session(o, &n->bgp);
	put_policy(o, &n->rib);
	put_capability(o, &n->bgp);
	put_flow(o, n);
	put(o, "}\n");
}

static void put_control(const struct out *o, const struct conf *c)
{
	if (c->socket[0] == '\0' && c->group[0] == '\0')
		return;
	put(o, "control {\n");
	if (c->socket[0] != '\0')
		put_text(o, "\t", "socket", c->socket);
	if (c->group[0] != '\0')
		put_text(o, "\t", "group", c->group);
	put(o, "}\n");
}

static const char *mode_name(enum conf_mode m)
{
	return m == CONF_MODE_MONITOR ? "monitor" : "enforce";
}

const char *const conf_attach_names[CONF_ATTACHES] = {
	[CONF_ATTACH_AUTO] = "auto",
	[CONF_ATTACH_NATIVE] = "native",
	[CONF_ATTACH_GENERIC] = "generic",
	[CONF_ATTACH_TC] = "tc",
};

static void put_interface(const struct out *o, const struct conf_enforce *e, size_t i)
{
	bool attached = e->attach_at[i] != e->attach;

	if (!e->monitored[i] && e->member[i] == 0 && !attached) {
		put_text(o, "\t", "interface", e->interfaces[i]);
		return;
	}
	put_named(o, "\t", "interface", e->interfaces[i]);
	put(o, " {\n");
	if (e->monitored[i])
		put(o, "\t\tmode monitor;\n");
	for (size_t g = 0; g < e->group_count; g++)
		if (e->member[i] >> g & 1)
			put(o, "\t\tgroup %u:%u;\n", e->groups[g].as, e->groups[g].group);
	if (attached)
		put(o, "\t\tattach %s;\n", conf_attach_names[e->attach_at[i]]);
	put(o, "\t}\n");
}

static void put_away(const struct out *o, const char *indent, int32_t away)
{
	if (away > 0)
		put(o, "%shub-away keep %d seconds;\n", indent, away);
	else
		put(o, "%shub-away %s;\n", indent, away == CONF_AWAY_REMOVE ? "remove" : "keep");
}

static void put_source(const struct out *o, const struct conf_source *s)
{
	put_named(o, "\t", "source", s->name);
	put(o, " {\n\t\tmode %s;\n", mode_name(s->mode));
	put_away(o, "\t\t", s->away);
	put(o, "\t}\n");
}

const char *const conf_backend_names[CONF_BACKENDS] = {
	[CONF_BACKEND_XDP] = "xdp",
	[CONF_BACKEND_NFTABLES] = "nftables",
	[CONF_BACKEND_AUTO] = "auto",
};

static void put_vrf(const struct out *o, const struct conf_vrf *v)
{
	char text[64];

	put_named(o, "\t", "vrf", v->name);
	put(o, " {\n");
	for (size_t i = 0; i < v->import_count; i++) {
		struct str s = str_over(text, sizeof(text));

		flow_target_print(&v->imports[i], &s);
		put(o, "\t\timport %s;\n", text);
	}
	for (size_t i = 0; i < v->interface_count; i++)
		put_text(o, "\t\t", "interface", v->interfaces[i]);
	if (v->table != 0)
		put(o, "\t\ttable %u;\n", v->table);
	if (v->redirect[0] != '\0')
		put_text(o, "\t\t", "redirect interface", v->redirect);
	put(o, "\t}\n");
}

static void put_enforce(const struct out *o, const struct conf_enforce *e)
{
	if (!e->present)
		return;
	put(o, "enforce {\n");
	for (size_t i = 0; i < e->interface_count; i++)
		put_interface(o, e, i);
	put(o, "\tmode %s;\n", mode_name(e->mode));
	put_away(o, "\t", e->away);
	for (size_t i = 0; i < e->source_count; i++)
		put_source(o, &e->sources[i]);
	put(o, "\tbackend %s;\n\tattach %s;\n\tsample %u;\n", conf_backend_names[e->backend],
	    conf_attach_names[e->attach], e->sample);
	for (size_t i = 0; i < e->vrf_count; i++)
		put_vrf(o, &e->vrfs[i]);
	put(o, "}\n");
}

static void put_protect(const struct out *o, const struct conf_protect *p)
{
	if (p->count == 0 && p->off == 0)
		return;
	put(o, "protect {\n");
	for (size_t i = 0; i < p->count; i++)
		put_rule(o, "\t", &p->rules[i], NULL);
	for (unsigned d = 0; d < CONF_PROTECT_DEFAULTS; d++)
		if (p->off >> d & 1)
			put(o, "\tdefault %s off;\n", conf_protect_defaults[d]);
	put(o, "}\n");
}

void conf_print(const struct conf *c, void (*write)(void *ctx, const char *text), void *ctx)
{
	const struct out o = { write, ctx };

	if (c->has_cluster_id)
		put_id(&o, "", "cluster-id", c->cluster_id);
	put_control(&o, c);
	for (size_t i = 0; i < c->neighbor_count; i++)
		put_neighbor(&o, &c->neighbors[i]);
	put_enforce(&o, &c->enforce);
	put_protect(&o, &c->protect);
}

/* ---- Equality ------------------------------------------------------------------------------ */

static bool same_name(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool rules_equal(const struct conf_neighbor *a, const struct conf_neighbor *b, bool names)
{
	if (a->rule_count != b->rule_count)
		return false;
	for (size_t i = 0; i < a->rule_count; i++) {
		const struct conf_rule *x = &a->rules[i], *y = &b->rules[i];

		if (rules_find(b, x) != y || !rules_then_equal(x->then, y->then) ||
		    (names && !same_name(x->name, y->name)))
			return false;
	}
	return true;
}

bool conf_equal(const struct conf *a, const struct conf *b, bool names)
{
	if (a->has_cluster_id != b->has_cluster_id || a->neighbor_count != b->neighbor_count ||
	    memcmp(a->cluster_id, b->cluster_id, 4) != 0 || strcmp(a->socket, b->socket) != 0 ||
	    strcmp(a->group, b->group) != 0 || !enforce_equal(&a->enforce, &b->enforce) ||
	    !protect_equal(&a->protect, &b->protect))
		return false;
	for (size_t i = 0; i < a->neighbor_count; i++)
		if (!neighbor_equal(&a->neighbors[i], &b->neighbors[i]) ||
		    !rules_equal(&a->neighbors[i], &b->neighbors[i], names))
			return false;
	return true;
}
