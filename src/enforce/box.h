/* SPDX-License-Identifier: ISC */
/* box.h - a rule as the classifier holds it: which node, which records.  Values in, values out. */
#ifndef ENFORCE_BOX_H
#define ENFORCE_BOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/xdp_maps.h"
#include "dataplane/xdp_tables.h"
#include "flow/flow.h"

enum {
	BOX_MAX = 16 /* records of a rule; one that would need more has a full test */
};

struct box_prefix {
	uint16_t mask; /* number, see xdp_tables.h; 0: the rule has none */
	uint64_t address[2];
};

struct box {
	struct xdp_record record; /* slot and extra are left open */
	struct xdp_extra extra;   /* full is left open */
	bool has_extra;
};

struct box_rule {
	bool ipv6;
	struct box_prefix destination, source;
	uint64_t filter; /* bits that packets which match may have */
	bool full;       /* the one box is around the rule: a full test has to follow */
	unsigned count;  /* 0: no packet matches */
	struct box box[BOX_MAX];
};

/* False, with the reason, when the match cannot be had exactly.  n is a checked NLRI. */
bool box_make(const struct flow_nlri *n, struct box_rule *ret, struct err *e);
/* The bits of an address that this mask number stands for. */
void box_mask(unsigned number, uint64_t ret[2]);
/* The prefix length of a mask number, and its offset. */
unsigned box_mask_length(unsigned number);
unsigned box_mask_offset(unsigned number);
/* <0 when packets try mask a before mask b (RFC 8955 5.1, RFC 8956 4). */
int box_mask_order(unsigned a, unsigned b);

#endif
