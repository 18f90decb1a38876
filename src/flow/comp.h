/* SPDX-License-Identifier: ISC */
/* comp.h - what the files of this layer share about a component's octets; not for others. */
#ifndef FLOW_COMP_H
#define FLOW_COMP_H

#include "flow/flow.h"

extern const struct flow_comp_type flow_comp_types[FLOW_COMPONENTS + 1];

/* flow_comp_type, inline: whatever walks over a rule asks for each component. */
static inline const struct flow_comp_type *flow_comp_row(uint8_t type, enum flow_family family)
{
	if (type > FLOW_COMPONENTS || flow_comp_types[type].name[family] == NULL)
		return NULL;
	return &flow_comp_types[type];
}

/* Octets of a prefix' pattern; RFC 8956 3.1: only the bits behind the offset are there. */
static inline size_t flow_pattern_octets(unsigned len, unsigned offset)
{
	return len > offset ? (len - offset + 7) / 8 : 0;
}

/* Octets of the operand that follows this operator. */
static inline size_t flow_op_width(uint8_t op)
{
	return (size_t)1 << ((op & FLOW_OP_LEN) >> 4);
}

#endif
