/* SPDX-License-Identifier: ISC */
/* rule_json.c - see rule_json.h.
 *
 * Operators are written out here, from the component table.  What has a spelling of its own in the
 * rule language - prefixes, route distinguishers, actions - keeps it, and goes through the parser
 * and the printer of that language; words from outside are looked at first, so that they cannot
 * hold more than the one statement they stand for.
 *
 * A member that the schema has not is an error: it would be a rule that says less than its author
 * meant.  `nlri` must agree with what stands beside it; the other views are not read.
 */
#include "ctl/rule_json.h"

#include <string.h>

enum {
	EXACT_BITS = 53 /* larger numbers are strings: a double cannot hold them */
};

static const char *const numeric_ops[] = { "false", "=", ">", ">=", "<", "<=", "!=", "true" };
static const char *const bitmask_ops[] = { "", "=", "!", "!=" };

const char *rule_json_family(enum flow_family family, bool vpn)
{
	static const char *const names[FLOW_FAMILIES][2] = {
		[FLOW_IPV4] = { "ipv4-flow", "ipv4-flow-vpn" },
		[FLOW_IPV6] = { "ipv6-flow", "ipv6-flow-vpn" },
	};

	return names[family][vpn];
}

/* How many of an operator's low bits are its comparison; what is left below AND is reserved. */
static unsigned op_mask(enum flow_kind kind)
{
	return kind == FLOW_NUMERIC ? 7 : 3;
}

enum {
	OP_RESERVED = 0x0f /* and not op_mask */
};

/* ---- out ----------------------------------------------------------------------------------- */

static json_t *value_json(uint64_t value)
{
	char text[24];
	struct str s = str_over(text, sizeof(text));

	if (value >> EXACT_BITS == 0)
		return json_integer((json_int_t)value);
	str_addf(&s, "0x%llx", (unsigned long long)value);
	return json_string(text);
}

static json_t *op_json(const struct flow_op *o, enum flow_kind kind)
{
	unsigned mask = op_mask(kind), reserved = o->op & OP_RESERVED & ~mask;
	const char *const *ops = kind == FLOW_NUMERIC ? numeric_ops : bitmask_ops;
	json_t *object = json_object();

	(void)json_object_set_new(object, "op", json_string(ops[o->op & mask]));
	(void)json_object_set_new(object, "and", json_boolean((o->op & FLOW_OP_AND) != 0));
	(void)json_object_set_new(object, "value", value_json(o->value));
	(void)json_object_set_new(object, "width", json_integer(o->width));
	if (reserved != 0)
		(void)json_object_set_new(object, "reserved", json_integer(reserved));
	return object;
}

/* The unused bits of a pattern's last octet. */
static unsigned padding_mask(struct rd body, enum flow_family family)
{
	unsigned len = rd_u8(&body), offset = family == FLOW_IPV6 ? rd_u8(&body) : 0;

	return len > offset ? 0xffU >> ((len - offset - 1) % 8 + 1) : 0;
}

/* The component as a rule of its own, of which the printer writes "TYPE PREFIX;". */
static void prefix_json(json_t *object, const struct flow_comp *c, enum flow_family family)
{
	size_t len = rd_left(&c->body);
	struct flow_nlri n = { .family = family, .octets = c->body.pos - 1, .len = 1 + len };
	unsigned padding = c->body.pos[len - 1] & padding_mask(c->body, family);
	char text[128];
	struct str s = str_over(text, sizeof(text));
	const char *prefix;

	flow_text_match(&n, &s);
	prefix = strchr(text, ' ');
	if (prefix != NULL)
		(void)json_object_set_new(object, "prefix",
					  json_stringn(prefix + 1, strcspn(prefix + 1, ";")));
	if (padding != 0)
		(void)json_object_set_new(object, "padding", json_integer(padding));
}

static json_t *component_json(const struct flow_comp *c, enum flow_family family)
{
	const struct flow_comp_type *t = flow_comp_type(c->type, family);
	json_t *object = json_object(), *ops;
	struct rd body = c->body;
	struct flow_op o;

	(void)json_object_set_new(object, "type", json_string(t->name[family]));
	if (t->kind == FLOW_PREFIX) {
		prefix_json(object, c, family);
		return object;
	}
	ops = json_array();
	while (flow_op_next(&body, &o))
		(void)json_array_append_new(ops, op_json(&o, t->kind));
	(void)json_object_set_new(object, "ops", ops);
	return object;
}

void rule_json_nlri(json_t *object, const struct flow_nlri *n)
{
	struct rd r = flow_nlri_components(n);
	json_t *match = json_array();
	struct flow_comp c;
	char rd[48];
	struct str s = str_over(rd, sizeof(rd));

	(void)json_object_set_new(object, "family",
				  json_string(rule_json_family(n->family, n->vpn)));
	if (n->vpn) {
		flow_rd_print(n->octets, &s);
		(void)json_object_set_new(object, "rd", json_string(rd));
	}
	while (flow_comp_next(&r, n->family, &c))
		(void)json_array_append_new(match, component_json(&c, n->family));
	(void)json_object_set_new(object, "match", match);
}

static void add_communities(json_t *list, const struct flow_then *t)
{
	for (size_t i = 0; i < t->community_count; i++)
		(void)json_array_append_new(list,
					    json_sprintf("community %u:%u", t->community[i] >> 16,
							 t->community[i] & 0xffff));
	for (size_t i = 0; i < t->large_count; i++)
		(void)json_array_append_new(list,
					    json_sprintf("large-community %u:%u:%u", t->large[i][0],
							 t->large[i][1], t->large[i][2]));
}

void rule_json_then(json_t *object, const struct flow_rule *r)
{
	const struct flow_then *t = &r->then;
	const struct addr *next_hop = t->next_hop_self ? NULL : &t->next_hop;
	json_t *list = json_array();
	char text[128], address[ADDR_TEXT_MAX];

	for (size_t i = 0; i < t->ext_count; i++) {
		struct str s = str_over(text, sizeof(text));

		flow_ext_print(t->ext[i], next_hop, &s);
		(void)json_array_append_new(list, json_string(text));
	}
	for (size_t i = 0; i < t->ext6_count; i++) {
		struct str s = str_over(text, sizeof(text));

		flow_ext6_print(t->ext6[i], &s);
		(void)json_array_append_new(list, json_string(text));
	}
	add_communities(list, t);
	if (r->has_then)
		(void)json_object_set_new(object, "then", list);
	else
		json_decref(list);
	if (t->next_hop_self || t->next_hop.family != ADDR_NONE)
		(void)json_object_set_new(
			object, "next-hop",
			json_string(t->next_hop_self ? "self" : addr_print(&t->next_hop, address)));
	if (r->name[0] != '\0')
		(void)json_object_set_new(object, "name", json_string(r->name));
}

/* ---- in: members ---------------------------------------------------------------------------- */

struct reading {
	enum flow_family family;
	const struct flow_text_options *o;
	struct err *e;
	char where[32]; /* "match[2].ops[0]", for errors */
	struct wr w;    /* the components */
};

static bool fail(struct reading *r, const char *member, const char *why)
{
	return err_at(r->e, 0, 0, "%s%s%s: %s", r->where,
		      r->where[0] != '\0' && member[0] != '\0' ? "." : "", member, why);
}

static bool known(struct reading *r, const json_t *object, const char *const *members)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return fail(r, "", "not an object");
	json_object_foreach((json_t *)object, key, value)
	{
		size_t i = 0;

		while (members[i] != NULL && strcmp(members[i], key) != 0)
			i++;
		if (members[i] == NULL) /* what a stranger wrote goes to a terminal */
			return fail(r, key[strspn(key, letters)] == '\0' ? key : "a member",
				    "not known here");
	}
	return true;
}

/* A number, or a string of 0x and digits; false also when it is not there. */
static bool number(const json_t *value, uint64_t max, uint64_t *ret)
{
	struct word w = { .text = json_string_value(value), .len = json_string_length(value) };

	if (json_is_string(value))
		return w.len > 2 && w.text[1] == 'x' && word_number(&w, max, true, ret);
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

/* A member that may be missing and is 0 then. */
static bool small(struct reading *r, const json_t *object, const char *member, uint64_t mask,
		  unsigned *ret)
{
	const json_t *value = json_object_get(object, member);
	uint64_t v = 0;

	if (value != NULL && (!number(value, 0xff, &v) || (v & ~mask) != 0))
		return fail(r, member, "not one of its values");
	*ret = (unsigned)v;
	return true;
}

/* ---- in: match ------------------------------------------------------------------------------- */

static bool read_comparison(struct reading *r, const json_t *object, enum flow_kind kind,
			    unsigned *ret)
{
	const char *const *ops = kind == FLOW_NUMERIC ? numeric_ops : bitmask_ops;
	const char *op = json_string_value(json_object_get(object, "op"));

	for (unsigned i = 0; op != NULL && i <= op_mask(kind); i++)
		if (strcmp(ops[i], op) == 0) {
			*ret = i;
			return true;
		}
	return fail(r, "op", "not an operator");
}

static bool read_op(struct reading *r, const json_t *object, enum flow_kind kind, bool last)
{
	static const char *const members[] = { "op", "and", "value", "width", "reserved", NULL };
	const json_t *width_json = json_object_get(object, "width");
	const json_t *and = json_object_get(object, "and");
	unsigned op = 0, reserved = 0;
	uint64_t value = 0, width;

	if (!known(r, object, members) || !read_comparison(r, object, kind, &op) ||
	    !small(r, object, "reserved", OP_RESERVED & ~op_mask(kind), &reserved))
		return false;
	if (and != NULL && !json_is_boolean(and))
		return fail(r, "and", "not true or false");
	if (!number(json_object_get(object, "value"), UINT64_MAX, &value))
		return fail(r, "value", "not a number");
	width = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
	if (width_json != NULL) {
		uint64_t least = width;

		if (!number(width_json, 8, &width) || (width & (width - 1)) != 0 || width < least)
			return fail(r, "width", "not 1, 2, 4 or 8, or too small for the value");
	}
	op |= reserved | (last ? FLOW_OP_END : 0) | (json_is_true(and) ? FLOW_OP_AND : 0);
	wr_u8(&r->w, (uint8_t)(op | (unsigned)__builtin_ctzll(width) << 4));
	wr_uint(&r->w, width, value);
	return true;
}

static bool read_ops(struct reading *r, const json_t *component, size_t number_of,
		     enum flow_kind kind)
{
	static const char *const members[] = { "type", "ops", NULL };
	const json_t *ops = json_object_get(component, "ops");
	size_t n = json_array_size(ops);

	if (!known(r, component, members))
		return false;
	if (n == 0)
		return fail(r, "ops", "not a list, or an empty one");
	for (size_t i = 0; i < n; i++) {
		struct str s = str_over(r->where, sizeof(r->where));

		str_addf(&s, "match[%zu].ops[%zu]", number_of, i);
		if (!read_op(r, json_array_get(ops, i), kind, i + 1 == n))
			return false;
	}
	return true;
}

static bool read_prefix(struct reading *r, const json_t *component, const char *type)
{
	static const char *const members[] = { "type", "prefix", "padding", NULL };
	static struct flow_rule rule;
	struct flow_text_options o = { .family = r->family, .family_fixed = true, .strict = true };
	const char *prefix = json_string_value(json_object_get(component, "prefix"));
	char text[128];
	struct str s = str_over(text, sizeof(text));
	struct rd body;
	unsigned padding = 0;

	if (!known(r, component, members) || !small(r, component, "padding", 0x7f, &padding))
		return false;
	if (prefix == NULL || prefix[strspn(prefix, "0123456789abcdefABCDEF:./-")] != '\0')
		return fail(r, "prefix", "not a prefix");
	str_addf(&s, "match { %s %s; }", type, prefix);
	if (!str_ok(&s) || !flow_text_rule(text, s.len, &o, &rule, NULL))
		return fail(r, "prefix", "not a prefix of this family");
	body = rd_over(rule.nlri + 1, rule.nlri_len - 1U);
	if ((padding & ~padding_mask(body, r->family)) != 0)
		return fail(r, "padding", "more bits than are free");
	rule.nlri[rule.nlri_len - 1] |= (uint8_t)padding;
	wr_bytes(&r->w, rule.nlri + 1, rule.nlri_len - 1U);
	return true;
}

static bool read_component(struct reading *r, const json_t *component, size_t i)
{
	const char *name = json_string_value(json_object_get(component, "type"));
	struct str s = str_over(r->where, sizeof(r->where));

	str_addf(&s, "match[%zu]", i);
	for (uint8_t type = 1; name != NULL && type <= FLOW_COMPONENTS; type++) {
		const struct flow_comp_type *t = flow_comp_type(type, r->family);

		if (t == NULL || strcmp(t->name[r->family], name) != 0)
			continue;
		wr_u8(&r->w, type);
		return t->kind == FLOW_PREFIX ? read_prefix(r, component, name)
					      : read_ops(r, component, i, t->kind);
	}
	return fail(r, "type", "no component of this family");
}

static bool read_match(struct reading *r, const json_t *match)
{
	size_t n = json_array_size(match);

	if (n == 0)
		return fail(r, "match", "not a list, or an empty one");
	for (size_t i = 0; i < n; i++)
		if (!read_component(r, json_array_get(match, i), i))
			return false;
	r->where[0] = '\0';
	return wr_ok(&r->w) || fail(r, "match", "too long for a rule");
}

/* ---- in: the rest -----------------------------------------------------------------------------
 */

/* A word from outside as one statement: nothing in it may end it. */
static bool add_statement(struct reading *r, const char *member, const char *before,
			  const json_t *value, const char *after, struct str *out)
{
	const char *text = json_string_value(value);

	if (text == NULL || text[strcspn(text, "{};#\"'\\\n\r")] != '\0')
		return fail(r, member, "not a text of one statement");
	str_add(out, before);
	str_add(out, text);
	str_add(out, after);
	return true;
}

/* rd, next-hop and then, as a rule in words that matches something. */
static bool read_words(struct reading *r, const json_t *object, struct flow_rule *ret)
{
	static char text[FLOW_TEXT_MAX];
	const json_t *rd = json_object_get(object, "rd"), *then = json_object_get(object, "then");
	const json_t *next_hop = json_object_get(object, "next-hop");
	struct str s = str_over(text, sizeof(text));
	struct err e = { .col = 0 };

	if ((rd != NULL && !add_statement(r, "rd", "rd ", rd, "; ", &s)) ||
	    (next_hop != NULL && !add_statement(r, "next-hop", "next-hop ", next_hop, "; ", &s)))
		return false;
	str_add(&s, "match { packet-length 0; }");
	if (then != NULL && !json_is_array(then))
		return fail(r, "then", "not a list");
	if (then != NULL)
		str_add(&s, " then { }");
	for (size_t i = 0; i < json_array_size(then); i++) {
		const json_t *one = json_array_get(then, i);
		const char *word = json_string_value(one);
		bool scope = word != NULL && strncmp(word, "interface-set", 13) == 0;

		if (!add_statement(r, "then", scope ? " scope { " : " then { ", one, "; }", &s))
			return false;
	}
	if (!str_ok(&s) || !flow_text_rule(text, s.len, r->o, ret, &e))
		return fail(r, "rd, next-hop or then", e.text);
	return true;
}

static bool read_family(struct reading *r, const json_t *object)
{
	const json_t *value = json_object_get(object, "family");
	const char *name = json_string_value(value);
	bool vpn = json_object_get(object, "rd") != NULL;

	r->family = r->o->family;
	for (unsigned f = 0; name != NULL && f < FLOW_FAMILIES; f++)
		if (strcmp(name, rule_json_family((enum flow_family)f, vpn)) == 0) {
			r->family = (enum flow_family)f;
			if (r->o->family_fixed && r->o->family != r->family)
				return fail(r, "family", "not the one that was asked for");
			return true;
		}
	return value == NULL || fail(r, "family", "none, or one that does not go with its rd");
}

static bool read_name(struct reading *r, const json_t *object, struct flow_rule *ret)
{
	const json_t *value = json_object_get(object, "name");
	const char *name = json_string_value(value);
	size_t bad;

	if (value == NULL)
		return true;
	if (name == NULL || strlen(name) >= sizeof(ret->name) ||
	    !str_is_text(name, strlen(name), false, &bad))
		return fail(r, "name", "not a printable text of at most 63 octets");
	memcpy(ret->name, name, strlen(name) + 1);
	return true;
}

/* The components behind the route distinguisher that read_words left there, checked. */
static bool settle(struct reading *r, const json_t *object, const uint8_t *components,
		   struct flow_rule *ret)
{
	const char *hex = json_string_value(json_object_get(object, "nlri"));
	uint8_t octets[FLOW_NLRI_MAX + 2], said[FLOW_NLRI_MAX + 2];
	struct wr all = wr_over(ret->nlri, sizeof(ret->nlri)), w = wr_over(octets, sizeof(octets));
	struct err e = { .col = 0 };
	struct flow_nlri n;
	size_t len;

	(void)wr_room(&all, ret->vpn ? FLOW_RD_OCTETS : 0);
	wr_bytes(&all, components, wr_len(&r->w));
	if (!wr_ok(&all))
		return fail(r, "match", "too long for a rule");
	ret->nlri_len = (uint16_t)wr_len(&all);
	ret->family = r->family;
	n = flow_rule_nlri(ret);
	if (!flow_nlri_check(&n, &e))
		return fail(r, "match", e.text);
	flow_nlri_write(&w, &n);
	if (json_object_get(object, "nlri") == NULL)
		return true;
	if (hex == NULL || !hex_parse(hex, strlen(hex), said, sizeof(said), &len) ||
	    len != wr_len(&w) || memcmp(said, octets, len) != 0)
		return fail(r, "nlri", "not the octets of what stands beside it");
	return true;
}

static bool read_object(struct reading *r, const json_t *object, struct flow_rule *ret)
{
	static const char *const members[] = { "family",
					       "name",
					       "rd",
					       "match",
					       "then",
					       "next-hop",
					       "nlri",
					       "rule",
					       "extended-communities",
					       "ipv6-extended-communities",
					       NULL };
	static struct flow_rule rule;
	uint8_t components[FLOW_NLRI_MAX];

	r->w = wr_over(components, sizeof(components));
	if (!known(r, object, members) || !read_family(r, object) ||
	    !read_match(r, json_object_get(object, "match")) || !read_words(r, object, &rule) ||
	    !read_name(r, object, &rule) || !settle(r, object, components, &rule))
		return false;
	*ret = rule;
	return true;
}

bool rule_json_is(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && strchr(" \t", text[i]) != NULL && text[i] != '\0')
		i++;
	if (i == len || text[i++] != '{')
		return false;
	while (i < len && strchr(" \t", text[i]) != NULL && text[i] != '\0')
		i++;
	return i < len && text[i] == '"';
}

bool rule_json_read(const char *text, size_t len, const struct flow_text_options *o,
		    struct flow_rule *ret, struct err *e)
{
	struct reading r = { .o = o, .e = e };
	json_error_t why;
	json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	bool good;

	if (object == NULL)
		return err_at(e, 0, (size_t)(why.position > 0 ? why.position : 0), "%s", why.text);
	good = read_object(&r, object, ret);
	json_decref(object);
	return good;
}
