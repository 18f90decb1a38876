/* SPDX-License-Identifier: ISC */
/* parse.h - what the parsers of this layer share while they read one rule; not for other layers. */
#ifndef FLOW_PARSE_H
#define FLOW_PARSE_H

#include "flow/flow.h"

struct flow_parse {
	struct lex *l;
	const struct flow_text_options *o;
	struct err *e;
	bool has_then;
	struct flow_then then; /* the counts say what of it is filled in */
	bool next_hop_implied; /* by redirect or copy, not by a next-hop statement */
	bool wants_next_hop;   /* an action stands there that needs one */
	struct word wants;     /* that action */
};

/* Fills the error at a word, or behind its first `at` characters; returns false. */
bool flow_parse_fail(struct flow_parse *p, const struct word *w, size_t at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Tells of something odd at a word. */
void flow_parse_warn(struct flow_parse *p, const struct word *w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* How many characters of a word an error shows. */
static inline int flow_parse_shown(size_t len)
{
	return len < 40 ? (int)len : 40;
}

/* One row an action: its code on the wire and its word in a then or scope block. */
struct flow_action_type {
	uint16_t code;  /* the community's first two octets; 0: only a word */
	uint8_t octets; /* 8 or 20 */
	bool scope;     /* its word stands in a scope block */
	uint8_t word_len;
	const char *word; /* NULL: written by another row's word */
	void (*read)(struct rd *body, struct flow_actions *to);
	/* False: there are no words for these octets.  body stands behind the code. */
	bool (*print)(struct rd *body, const struct addr *next_hop, struct str *out);
	/* Parses behind the word, whose place is given. */
	bool (*parse)(struct flow_parse *p, const struct word *at);
};

/* The row with this word, or NULL. */
const struct flow_action_type *flow_action_word(const struct word *w);

/* The table's parse column: then.c. */
bool flow_then_accept(struct flow_parse *p, const struct word *at);
bool flow_then_discard(struct flow_parse *p, const struct word *at);
bool flow_then_rate(struct flow_parse *p, const struct word *at);
bool flow_then_redirect(struct flow_parse *p, const struct word *at);
bool flow_then_copy(struct flow_parse *p, const struct word *at);
bool flow_then_next_hop(struct flow_parse *p, const struct word *at);
bool flow_then_next_hop_copy(struct flow_parse *p, const struct word *at);
bool flow_then_ietf(struct flow_parse *p, const struct word *at);
bool flow_then_ietf_copy(struct flow_parse *p, const struct word *at);
bool flow_then_mark(struct flow_parse *p, const struct word *at);
bool flow_then_action(struct flow_parse *p, const struct word *at);
bool flow_then_interface_set(struct flow_parse *p, const struct word *at);
bool flow_then_community(struct flow_parse *p, const struct word *at);
bool flow_then_large_community(struct flow_parse *p, const struct word *at);
bool flow_then_extended_community(struct flow_parse *p, const struct word *at);
/* A next hop; every mention in one rule must be the same. */
bool flow_then_set_next_hop(struct flow_parse *p, const struct word *at, const struct addr *to);
/* number with that many of its digits, at most FLOW_RATE_DECIMALS, behind the point: print and
 * parse agree by asking the same function.  number is below FLOW_RATE_NUMBER when there are any. */
enum {
	FLOW_RATE_DECIMALS = 15
};
#define FLOW_RATE_NUMBER ((uint64_t)1 << 53) /* up to here a double is exact */
float flow_rate_value(uint64_t number, unsigned decimals);
/* AS (decimal, a.b, or with L: always in four octets) or IPv4 address, ':', number:
 * the eight octets of a route distinguisher or, but for its first two, of a route target. */
bool flow_parse_admin(const char *text, size_t len, uint8_t ret[8]);

#endif
