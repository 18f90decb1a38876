/* SPDX-License-Identifier: ISC */
/* flow.h - FlowSpec rules: RFC 8955, RFC 8956, and the drafts that vendors ship.
 *
 * A rule is an NLRI (what it matches) and a list of communities (what then happens).
 * The NLRI's octets are the rule: they are kept, keyed and passed on octet for octet.
 * Everything else here - text, order, normal form, matching - is a view of them.
 *
 * Nothing in this layer does I/O, logs, keeps state or asks the time.  Results go to
 * memory of the caller's, written on success only.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/lex.h"
#include "base/str.h"
#include "base/wire.h"

enum flow_family {
	FLOW_IPV4,
	FLOW_IPV6,
	FLOW_FAMILIES
};

enum {
	FLOW_NLRI_MAX = 4095,      /* octets behind the length field, RFC 8955 4.1 */
	FLOW_RD_OCTETS = 8,        /* route distinguisher, RFC 4364 4.2 */
	FLOW_COMPONENTS = 13,      /* types 1 to 13 */
	FLOW_EXT_MAX = 64,         /* communities of a kind that one typed rule may carry */
	FLOW_NAME_MAX = 64,        /* a rule's name in a file, with its NUL */
	FLOW_TEXT_MAX = 128 * 1024 /* room for any rule as text, with its NUL */
};

/* ---- Components: comp.c ------------------------------------------------------------ */

enum flow_kind {
	FLOW_PREFIX,  /* length [offset] pattern */
	FLOW_NUMERIC, /* {numeric operator, value}+ */
	FLOW_BITMASK  /* {bitmask operator, bitmask}+ */
};

enum flow_type {
	FLOW_DESTINATION = 1,
	FLOW_SOURCE = 2,
	FLOW_PROTOCOL = 3,
	FLOW_PORT = 4,
	FLOW_DESTINATION_PORT = 5,
	FLOW_SOURCE_PORT = 6,
	FLOW_ICMP_TYPE = 7,
	FLOW_ICMP_CODE = 8,
	FLOW_TCP_FLAGS = 9,
	FLOW_PACKET_LENGTH = 10,
	FLOW_DSCP = 11,
	FLOW_FRAGMENT = 12,
	FLOW_LABEL = 13
};

/* One row of the component table; decoder, text, normal form and documents read it. */
struct flow_comp_type {
	const char *name[FLOW_FAMILIES]; /* the keyword; NULL: the family has no such component */
	enum flow_kind kind;
	uint8_t width;               /* the most octets an operand may have */
	uint32_t max[FLOW_FAMILIES]; /* longest prefix, largest value that has a meaning, known bits
				      */
};

/* The row for a type on the wire; NULL if this family has none. */
const struct flow_comp_type *flow_comp_type(uint8_t type, enum flow_family family);

/* The operator octet, RFC 8955 4.2.1.1 and 4.2.1.2.  Both kinds share the upper half. */
enum {
	FLOW_OP_END = 0x80,
	FLOW_OP_AND = 0x40,
	FLOW_OP_LEN = 0x30,
	FLOW_OP_LT = 0x04, /* numeric */
	FLOW_OP_GT = 0x02,
	FLOW_OP_EQ = 0x01,
	FLOW_OP_NOT = 0x02, /* bitmask */
	FLOW_OP_MATCH = 0x01
};

/* A component of a checked NLRI, as a view into it. */
struct flow_comp {
	uint8_t type;   /* enum flow_type */
	struct rd body; /* behind the type octet; offsets count from the NLRI's start */
};

/* One {operator, operand} pair. */
struct flow_op {
	uint8_t op;
	uint8_t width; /* octets of the operand: 1, 2, 4 or 8 */
	uint64_t value;
};

/* ---- NLRI: rule.c ------------------------------------------------------------------ */

/* A view of one rule's match: with vpn the route distinguisher first, then the
 * components; the length octets are not part of it. */
struct flow_nlri {
	enum flow_family family;
	bool vpn;
	const uint8_t *octets; /* borrowed */
	size_t len;            /* 0..FLOW_NLRI_MAX; without vpn at least 1 */
};

/* Reads the next NLRI with its length octets from r.  The result is a view into what r reads.
 * False, with offset and reason, if it is malformed.  *ret_overrun (may be NULL): the length
 * field itself runs past r's end, so that what follows cannot be found (RFC 7606 5.3); when it
 * is false, r stands behind the malformed NLRI and the next one can be read. */
bool flow_nlri_read(struct rd *r, enum flow_family family, bool vpn, struct flow_nlri *ret,
		    bool *ret_overrun, struct err *e);
/* Checks what flow_nlri_read checks: RFC 8955 4.2, RFC 8956 3. */
bool flow_nlri_check(const struct flow_nlri *n, struct err *e);
/* The octets for the wire, length octets first (one below 240, else two). */
void flow_nlri_write(struct wr *w, const struct flow_nlri *n);
bool flow_nlri_equal(const struct flow_nlri *a, const struct flow_nlri *b);

/* Walks a checked NLRI: r = flow_nlri_components(n); while (flow_comp_next(&r, family, &c)) ... */
struct rd flow_nlri_components(const struct flow_nlri *n);
bool flow_comp_next(struct rd *r, enum flow_family family, struct flow_comp *ret);
/* Walks the operators of a numeric or bitmask component; false behind the last. */
bool flow_op_next(struct rd *body, struct flow_op *ret);

/* ---- Order: order.c ---------------------------------------------------------------- */

/* RFC 8955 5.1 and RFC 8956 4: negative when a is tried before b, 0 only for equal octets.
 * IPv4 before IPv6; with vpn the route distinguisher is compared last, to make the order total. */
int flow_order(const struct flow_nlri *a, const struct flow_nlri *b);

/* ---- Actions: action.c ------------------------------------------------------------- */

/* What a typed rule carries besides its NLRI: communities as they go on the wire. */
struct flow_then {
	uint16_t ext_count, ext6_count, community_count, large_count;
	uint8_t ext[FLOW_EXT_MAX][8];   /* extended communities, RFC 4360, in the order written */
	uint8_t ext6[FLOW_EXT_MAX][20]; /* IPv6 address specific, RFC 5701 (attribute 25) */
	uint32_t community[FLOW_EXT_MAX];
	uint32_t large[FLOW_EXT_MAX][3];
	struct addr next_hop; /* ADDR_NONE: none; for redirect and copy of draft-simpson */
	bool next_hop_self;
};

enum flow_redirect {
	FLOW_REDIRECT_NONE,
	FLOW_REDIRECT_RT, /* to the VRF that imports a route target, RFC 8955 7.4, RFC 8956 6.1 */
	FLOW_REDIRECT_IP  /* to an address, draft-ietf-idr-flowspec-redirect-ip and draft-simpson */
};

/* Interfaces, by a group that they are in: draft-ietf-idr-flowspec-interfaceset. */
struct flow_interface_set {
	uint32_t as;
	uint16_t group;
	bool input, output;
};

/* What the communities of a rule mean to an enforcer.  Interfering actions (RFC 8955 7.7):
 * of two of a kind the lower rate, the first redirect and the first mark in the order of
 * their octets count. */
struct flow_actions {
	bool has_rate_bytes, has_rate_packets;
	float rate_bytes,
		rate_packets; /* a second; negative was read as 0; may be NaN or infinite */
	bool sample;
	bool more; /* bit 47 (T) set: go on with later rules, RFC 8955 7.3 */
	bool has_mark;
	uint8_t mark; /* DSCP 0..63 */
	enum flow_redirect redirect;
	bool copy;                /* with FLOW_REDIRECT_IP: the packet also goes its old way */
	struct addr redirect_to;  /* FLOW_REDIRECT_IP */
	uint8_t route_target[20]; /* FLOW_REDIRECT_RT: the community, 8 or 20 octets */
	uint8_t route_target_len;
	unsigned interface_sets,
		unknown; /* counts of communities of that kind and of no known kind */
	struct flow_interface_set interface_set[FLOW_EXT_MAX]; /* as many of them as fit */
};

/* ext holds n communities of 8 octets, ext6 n6 of 20; next_hop may be NULL. */
void flow_actions_read(const uint8_t *ext, size_t n, const uint8_t *ext6, size_t n6,
		       const struct addr *next_hop, struct flow_actions *ret);
/* One community as ExaBGP writes it in a then block, without ';': "discard",
 * "redirect 65000:1"; what has no word is "extended-community 0x...".  next_hop as above. */
void flow_ext_print(const uint8_t ext[8], const struct addr *next_hop, struct str *out);
void flow_ext6_print(const uint8_t ext6[20], struct str *out);
/* A route target as it stands in a route: RFC 4360 4 (8 octets) or RFC 5701 (20). */
struct flow_target {
	uint8_t len;
	uint8_t octets[20]; /* 0 behind len */
};
/* Text as ExaBGP writes it, "target:65000:9", "target:192.0.2.1:9", "target:70000:9", or with
 * brackets, "target:[2001:db8::1]:9"; all octets both ways. */
bool flow_target_parse(const char *text, size_t len, struct flow_target *ret);
void flow_target_print(const struct flow_target *target, struct str *out);
/* Does a redirect's community (route_target above) name this target?  RFC 8955 7.4, 8956 6.1. */
bool flow_target_named(const struct flow_actions *a, struct flow_target target);
/* Short, for lists: "discard", "rate-limit 9600, mark 10", "accept". */
void flow_actions_print(const uint8_t *ext, size_t n, const uint8_t *ext6, size_t n6,
			const struct addr *next_hop, struct str *out);

/* ---- Text: text.c, ExaBGP's flow syntax both ways ----------------------------------- */

struct flow_rule {
	char name[FLOW_NAME_MAX]; /* "" when it has none; never on the wire */
	enum flow_family family;
	bool vpn;
	bool has_then; /* a then block, or actions, were written */
	uint16_t nlri_len;
	uint8_t nlri[FLOW_NLRI_MAX];
	struct flow_then then;
};

struct flow_nlri flow_rule_nlri(const struct flow_rule *r);

struct flow_text_options {
	enum flow_family family; /* of a rule whose words do not tell; FLOW_IPV4 by default */
	bool family_fixed;       /* words of another family are an error */
	bool strict; /* host bits in a prefix are an error, else masked with a warning */
	/* Told of what is accepted but odd, each with its place; may be NULL. */
	void (*warn)(void *ctx, const struct err *what);
	void *ctx;
};

/* Parses behind the word `route`: [NAME] { ... } or the one-line form up to its `;` or the
 * input's end.  Behind it l stands at the next word. */
bool flow_text_route(struct lex *l, const struct flow_text_options *o, struct flow_rule *ret,
		     struct err *e);
/* Parses a whole RULE: `flow route [NAME] { ... }`, `route ...`, `{ ... }`, `match { ... } then {
 * ... }`, the one-line form; what is left over is an error. */
bool flow_text_rule(const char *text, size_t len, const struct flow_text_options *o,
		    struct flow_rule *ret, struct err *e);
/* Canonical, on one line; parses again to the same octets:
 * flow route NAME { rd 65000:1; match { destination 192.0.2.0/24; } then { discard; } }
 * without the then block when then is NULL.  name may be NULL. */
void flow_text_print(const char *name, const struct flow_nlri *n, const struct flow_then *then,
		     struct str *out);
/* The inside of the match block alone: "destination 192.0.2.0/24; protocol =tcp;". */
void flow_text_match(const struct flow_nlri *n, struct str *out);
/* A route distinguisher: "65000:1"; of a type that RFC 4364 4.2 has not, 0x and 16 digits. */
void flow_rd_print(const uint8_t octets[FLOW_RD_OCTETS], struct str *out);

/* ---- Normal form: normal.c ---------------------------------------------------------- */

struct flow_span {
	uint32_t lo, hi; /* inclusive */
};

struct flow_normal_prefix {
	bool present;
	uint8_t len, offset; /* bits offset..len-1 of the address are compared */
	uint8_t octets[16];  /* the pattern in its place; all other bits zero */
};

enum {
	FLOW_SPANS_MAX = 2048 /* an NLRI of 4095 octets holds fewer */
};

/* A rule as sets of values.  Spans of a component are sorted, disjoint and not adjacent,
 * and lie within what its field can hold; no span: the component matches nothing. */
struct flow_normal {
	enum flow_family family;
	struct flow_normal_prefix destination, source;
	struct {
		bool present;
		uint16_t first, count;  /* in spans[] */
	} numeric[FLOW_COMPONENTS + 1]; /* by type; numeric types only */
	bool has_tcp_flags, has_fragment;
	uint64_t tcp_flags[64]; /* bit v: the 12 flag bits v of the header match */
	uint16_t fragment;      /* bit v: DF 1, IsF 2, FF 4, LF 8 as value v match */
	uint16_t span_count;
	struct flow_span spans[FLOW_SPANS_MAX];
};

/* Of a checked NLRI.  False, with the reason, for a rule that may be passed on but never
 * enforced: an operand that has only reserved bits, so that clearing them would match all.
 * Of the spans only the first span_count are written. */
bool flow_normal_make(const struct flow_nlri *n, struct flow_normal *ret, struct err *e);

/* ---- Reference matcher: match.c ------------------------------------------------------ */

/* Does the rule match this packet?  packet starts at its IP header and may be cut short or
 * malformed; what is not there matches no component that asks for it.  Plain, slow, and by
 * the letter of RFC 8955 4.2.2 and RFC 8956 3: it walks the operators on the wire and shares
 * neither packet reader nor normal form with what is checked against it.  A route
 * distinguisher is not looked at. */
bool flow_match(const struct flow_nlri *n, const uint8_t *packet, size_t len);

/* ---- Algebra: overlap.c, set.c, interfere.c, explain.c; docs/algebra.md --------------- */

/* Rules as sets of packets.  Every packet counts that a sender can put on the wire and that is
 * whole: a good IP header, and as many octets as its length says; behind that header anything,
 * well formed or not (search.c states it).  Answers are exact, by the definition of a match in
 * match.c.  IPv4 and IPv6 rules have no packet in common.  A route distinguisher is not looked at.
 *
 * Nothing here allocates; a call needs some 32 KB of stack. */

enum {
	FLOW_PACKET_MAX = 65575 /* the longest packet, IPv6's */
};

/* A packet that shows why an answer is what it is; it begins at its IP header. */
struct flow_witness {
	uint8_t *octets; /* the caller's; may be NULL when size is 0 */
	size_t size;     /* what does not fit is not written */
	size_t len;      /* filled in: the whole packet's octets */
};

/* w may be NULL in all of these; it is filled in when the sentence says so. */

/* Does a packet match n?  If so, w is one. */
bool flow_possible(const struct flow_normal *n, struct flow_witness *w);
/* Does a packet match both?  If so, w is one. */
bool flow_overlap(const struct flow_normal *a, const struct flow_normal *b, struct flow_witness *w);
/* Does a match every packet that b matches?  If not, w is a packet of b that escapes a. */
bool flow_covers(const struct flow_normal *a, const struct flow_normal *b, struct flow_witness *w);
/* Do a and b match the same packets?  If not, w matches one of them only. */
bool flow_equal(const struct flow_normal *a, const struct flow_normal *b, struct flow_witness *w);

/* Many rules, in an order, in a block of the caller's.  A set that is indexed is only read, by any
 * number of threads.  It must not move. */
struct flow_set;

enum {
	FLOW_SET_MAX = 1 << 24, /* rules of a set */
	FLOW_SET_STEPS = 20000  /* a bound for flow_set_shadowed that takes about a millisecond */
};

#define FLOW_SET_NONE SIZE_MAX

/* Octets that a rule takes; and those of a set that rules of so many octets in all go into. */
size_t flow_set_room(const struct flow_normal *n);
size_t flow_set_size(size_t rules, size_t rooms);
/* memory is aligned as malloc's.  NULL when size is less than flow_set_size(capacity, 0). */
struct flow_set *flow_set_init(void *memory, size_t size, size_t capacity);
/* Appends; more: its actions say that later rules are tried too (RFC 8955 7.3).  False when there
 * is no room. */
bool flow_set_add(struct flow_set *s, const struct flow_normal *n, bool more);
/* After the last rule, before the questions. */
void flow_set_index(struct flow_set *s);
size_t flow_set_count(const struct flow_set *s);
/* A rule of the set that has a packet in common with n, which w is; FLOW_SET_NONE. */
size_t flow_set_meets(const struct flow_set *s, const struct flow_normal *n,
		      struct flow_witness *w);

enum flow_answer {
	FLOW_NO,
	FLOW_YES,
	FLOW_TOO_COMPLEX /* not answered within the bound */
};

/* Is rule i never reached, because each of its packets matches a rule before it that does not say
 * `more`?  Yes: *ret_by is the first such rule that alone takes all of them, FLOW_SET_NONE if it
 * takes several.  No: w is a packet that reaches it; of a rule that no packet matches the answer
 * is yes.  One rule alone is always found; of several together the answer is exact or
 * FLOW_TOO_COMPLEX, when `steps` run out or more than 63 rules are entangled. */
enum flow_answer flow_set_shadowed(const struct flow_set *s, size_t i, unsigned steps,
				   size_t *ret_by, struct flow_witness *w);

/* What of a rule's actions interferes, RFC 8955 7.7: bits of flow_interference_text. */
enum flow_interference {
	FLOW_RATES_BYTES = 1,    /* rates in octets that differ */
	FLOW_RATES_PACKETS = 2,  /* rates in packets that differ */
	FLOW_REDIRECTS = 4,      /* redirects to different places */
	FLOW_MARKS = 8,          /* marks that differ */
	FLOW_ACTION_BITS = 16,   /* traffic actions that differ in S or T */
	FLOW_DROP_AND_MORE = 32, /* a rate of 0 beside a redirect, a mark or another rate */
	FLOW_INTERFERENCES = 6   /* how many bits */
};
unsigned flow_interferences(const uint8_t *ext, size_t n, const uint8_t *ext6, size_t n6);
/* What the lowest bit of `which` says, as half a sentence: "two different marks". */
const char *flow_interference_text(unsigned which);

/* One plain sentence without its full stop: "drops TCP from 203.0.113.201 to 198.51.100.0/24 port
 * 23, not later fragments".  then may be NULL: "matches TCP ...". */
void flow_explain(const struct flow_nlri *n, const struct flow_then *then, struct str *out);
/* Tells what is odd about a rule, a call each; returns how many.  say may be NULL. */
unsigned flow_oddities(const struct flow_nlri *n, const struct flow_then *then,
		       void (*say)(void *ctx, const char *what), void *ctx);

#endif
