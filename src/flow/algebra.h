/* SPDX-License-Identifier: ISC */
/* algebra.h - what the files of the rule algebra share; not for other layers. */
#ifndef FLOW_ALGEBRA_H
#define FLOW_ALGEBRA_H

#include "flow/flow.h"

/* Only the tests define it: a fault planted, which they have to find.
 * 1 a coupling forgotten, 2 one off at a span's end, 3 fragments ignored, 4 `port` looks at one
 * port only, 5 lengths not held against headers. */
#ifndef FLOW_FAULT
#define FLOW_FAULT 0
#endif

/* Bits of an address, most significant first. */
struct flow_pattern {
	uint64_t mask[2], bits[2];
};

enum {
	FLOW_TO,
	FLOW_FROM
};

/* A normal form as the search reads it: only what is there. */
struct flow_view {
	enum flow_family family;
	uint16_t asks; /* bit t: component t is there */
	uint16_t fragment;
	struct flow_pattern address[2]; /* FLOW_TO, FLOW_FROM */
	struct {
		const struct flow_span *spans;
		size_t count;
	} numeric[FLOW_COMPONENTS + 1];
	const uint64_t *tcp_flags;
};

/* Values lo, lo + step, ... last, each with the `width` values behind it. */
struct flow_lane {
	uint32_t lo, last, step, width;
};

struct flow_domain {
	const struct flow_lane *lanes;
	size_t count;
};

enum flow_form {
	FLOW_FORM_TRANSPORT,    /* headers as they come, then the transport octets */
	FLOW_FORM_LATER,        /* a fragment other than the first */
	FLOW_FORM_TWO_FRAGMENT, /* IPv6: a first fragment header, then one with an offset */
	FLOW_FORM_BROKEN        /* IPv6: a chain that cannot be walked to its end */
};

/* One kind of packet: whatever of the fields below it has vary freely and apart from each other. */
struct flow_shape {
	enum flow_family family;
	enum flow_form form;
	uint16_t has;       /* bit t: the field of component t is there */
	uint16_t fragments; /* bit v: fragment value v */
	struct flow_domain protocols, lengths;
	uint16_t least, most; /* transport octets */
	uint16_t natural;     /* a length that such a packet usually has */
};

/* The kinds of a family; together every packet that there is.  Likely ones come first. */
const struct flow_shape *flow_shapes(enum flow_family family, size_t *ret_count);

/* A packet by its fields. */
struct flow_point {
	const struct flow_shape *shape;
	uint64_t address[2][2]; /* FLOW_TO, FLOW_FROM */
	uint32_t length, dscp, label, protocol, fragment;
	uint32_t source_port, destination_port, icmp_type, icmp_code, tcp_flags;
};

enum {
	FLOW_ALL_OF_MAX = 4,    /* rules that a packet has to match in one search */
	FLOW_ENTANGLED_MAX = 63 /* rules that it must not match and that cut each other */
};

struct flow_question {
	const struct flow_view *all_of[FLOW_ALL_OF_MAX];
	size_t all_count;
	/* Rule i of those that it must not match, NULL for one that does not count. */
	const struct flow_view *(*none_of)(const void *ctx, size_t i);
	const void *ctx;
	size_t none_count;
	unsigned steps; /* 0: no bound */
};

void flow_view_make(const struct flow_normal *n, struct flow_view *ret);
/* FLOW_YES: there is such a packet, *ret. */
enum flow_answer flow_search(const struct flow_question *q, struct flow_point *ret);
/* Writes the packet; w may be NULL. */
void flow_witness_write(const struct flow_point *p, struct flow_witness *w);

bool flow_views_overlap(const struct flow_view *a, const struct flow_view *b,
			struct flow_witness *w);
bool flow_view_covers(const struct flow_view *a, const struct flow_view *b, struct flow_witness *w);

/* Patterns that one address can fit. */
static inline bool flow_patterns_meet(const struct flow_pattern *a, const struct flow_pattern *b)
{
	return (((a->bits[0] ^ b->bits[0]) & a->mask[0] & b->mask[0]) |
		((a->bits[1] ^ b->bits[1]) & a->mask[1] & b->mask[1])) == 0;
}

#endif
