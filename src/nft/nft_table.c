/* SPDX-License-Identifier: ISC */
/* nft_table.c - see nft_table.h.  The chain of a rule has, behind its verdict, a comment with
 * family and actions, and then comments with the NLRI, 60 octets each. */
#include "nft/nft_table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "nft/nft_count.h"
#include "nft/nft_hook.h"
#include "nft/nft_protect.h"
#include "nft/nft_run.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text != NULL ? text : "";
}

bool nft_table_there(bool *ret_there, struct err *e)
{
	json_t *list = nft_list("list tables netdev\n", e), *o;
	size_t i;

	if (list == NULL)
		return false;
	*ret_there = false;
	json_array_foreach(list, i, o)
	{
		if (strcmp(text_of(json_object_get(o, "table"), "name"), "headgate") == 0)
			*ret_there = true;
	}
	json_decref(list);
	return true;
}

/* The epoch is the hub's word: as hex it has no character that means something here. */
void nft_table_mark(const char *epoch, FILE *to)
{
	char hex[2 * XDP_EPOCH_MAX + 1];
	struct str s = str_over(hex, sizeof(hex));

	str_add_hex(&s, epoch, strlen(epoch));
	(void)fprintf(to,
		      "add chain " NFT_TABLE " hub\nflush chain " NFT_TABLE
		      " hub\nadd rule " NFT_TABLE " hub continue comment \"%d\"\n",
		      NFT_LAYOUT);
	if (*epoch != '\0')
		(void)fprintf(to, "add rule " NFT_TABLE " hub continue comment \"%s\"\n", hex);
}

/* ---- Reading -------------------------------------------------------------------------- */

/* Rules of a table come chain after chain, each in order; so does what is read of them. */
struct reading {
	struct nft_found *found;
	int number; /* of the chain; 0: none of a rule's */
	bool marked, has_then;
	struct plan_then then;
	enum flow_family family;
	uint8_t octets[FLOW_NLRI_MAX];
	size_t len;
};

static bool damaged(const struct reading *r, struct err *e)
{
	return err_at(e, 0, 0,
		      "table " NFT_TABLE ": rule %d is damaged; headgate-enforce --flush takes the "
		      "table away",
		      r->number);
}

static bool rule_ends(struct reading *r, struct err *e)
{
	struct flow_nlri n = { .family = r->family, .octets = r->octets, .len = r->len };
	int number = r->number;

	if (number == 0)
		return true;
	if (!r->has_then || !flow_nlri_check(&n, NULL))
		return damaged(r, e);
	r->number = 0;
	return r->found->rule(r->found->ctx, number, &n, &r->then, e);
}

static bool rule_begins(struct reading *r, const char *chain, struct err *e)
{
	int number = nft_number_in(chain, "rule");

	if (number == r->number)
		return true;
	if (!rule_ends(r, e))
		return false;
	r->number = number;
	r->has_then = false;
	r->len = 0;
	return true;
}

/* "FAMILY KIND OCTETS PACKETS MARK", of which two are rates and the last is -1 for none. */
static bool read_then(struct reading *r, const char *comment, struct err *e)
{
	char *at;
	long family = strtol(comment, &at, 10), kind = strtol(at, &at, 10), mark;

	r->then.rate[XDP_UNIT_OCTETS] = strtof(at, &at);
	r->then.rate[XDP_UNIT_PACKETS] = strtof(at, &at);
	mark = strtol(at, &at, 10);
	if (*at != '\0' || (family != 4 && family != 6) || kind < XDP_THEN_ACCEPT ||
	    kind > XDP_THEN_RATE || mark < -1 || mark > 63)
		return damaged(r, e);
	r->family = family == 6 ? FLOW_IPV6 : FLOW_IPV4;
	r->then.kind = (enum xdp_then_kind)kind;
	r->then.marks = mark >= 0;
	r->then.dscp = mark >= 0 ? (uint8_t)mark : 0;
	r->has_then = true;
	return true;
}

static bool read_octets(struct reading *r, const char *comment, struct err *e)
{
	size_t len;

	if (!hex_parse(comment, strlen(comment), r->octets + r->len, sizeof(r->octets) - r->len,
		       &len))
		return damaged(r, e);
	r->len += len;
	return true;
}

static bool read_mark(struct reading *r, const char *comment, struct err *e)
{
	size_t len;

	if (!r->marked) {
		if (strtol(comment, NULL, 10) != NFT_LAYOUT)
			return err_at(
				e, 0, 0,
				"table " NFT_TABLE " was left by another version; "
				"headgate-enforce --flush takes it away, with the rules in it");
		r->marked = true;
		return true;
	}
	if (hex_parse(comment, strlen(comment), (uint8_t *)r->found->epoch,
		      sizeof(r->found->epoch) - 1, &len))
		r->found->epoch[len] = '\0';
	return true;
}

static bool read_rule(struct reading *r, const json_t *o, struct err *e)
{
	const char *chain = text_of(o, "chain"), *comment = text_of(o, "comment");

	if (!rule_begins(r, chain, e))
		return false;
	if (*comment == '\0')
		return true;
	if (strcmp(chain, "hub") == 0)
		return read_mark(r, comment, e);
	if (r->number == 0)
		return true;
	return r->has_then ? read_octets(r, comment, e) : read_then(r, comment, e);
}

static void read_counter(struct nft_found *f, const char *name)
{
	int entry = nft_protect_entry(name);

	if (entry >= 0)
		f->saved[entry] = true;
}

static void read_chain(struct nft_found *f, const char *name)
{
	unsigned hook = nft_hook_number(name);

	if (hook != 0 && f->hook_count < ENFORCE_INTERFACES_MAX)
		f->hooks[f->hook_count++] = hook;
}

bool nft_table_read(struct nft_found *f, struct err *e)
{
	json_t *list = nft_list("list table " NFT_TABLE "\n", e), *o;
	static struct reading r;
	bool ok = list != NULL;
	size_t i;

	r = (struct reading){ .found = f };
	json_array_foreach(list, i, o)
	{
		const json_t *rule = json_object_get(o, "rule");

		read_chain(f, text_of(json_object_get(o, "chain"), "name"));
		nft_left_chain(&f->left, text_of(json_object_get(o, "chain"), "name"));
		nft_left_map(&f->left, text_of(json_object_get(o, "map"), "name"));
		read_counter(f, text_of(json_object_get(o, "counter"), "name"));
		ok = ok && (rule == NULL || read_rule(&r, rule, e));
	}
	json_decref(list);
	if (!ok || !rule_ends(&r, e))
		return false;
	return r.marked ||
	       err_at(e, 0, 0,
		      "there is a table " NFT_TABLE " that headgate-enforce has not made; "
		      "it stays, and no rules are enforced");
}
