/* SPDX-License-Identifier: ISC */
/* saved.h - what protected flows have saved, by entry and rule: the kernel's cells, summed up. */
#ifndef ENFORCE_SAVED_H
#define ENFORCE_SAVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/xdp_protect.h"
#include "flow/flow.h"

enum {
	SAVED_ROWS = 1024
};

struct saved_count {
	uint64_t packets, octets;
};

struct saved_row {
	uint32_t entry; /* as in xdp_protect.h */
	uint32_t slot;  /* 0: the rule is gone */
	struct flow_nlri nlri;
	uint8_t *octets;           /* its, owned; NULL: from which rule is not known */
	struct saved_count before; /* of slots that the rule had and lost */
	struct saved_count now;
};

struct saved {
	size_t count;
	struct saved_row row[SAVED_ROWS];
	uint64_t lost; /* packets that have neither cell nor row */
	bool *marked;  /* by slot: a row has it */
};

struct rule;
struct xdp;

bool saved_init(struct saved *s);
void saved_done(struct saved *s);
/* Brings the rows up to date. */
void saved_read(struct xdp *x);
/* The rule leaves its slot; saved_read has been called just before. */
void saved_leave(struct xdp *x, uint32_t slot);
void saved_forget(struct xdp *x);
/* Packets see nothing of the rules that have left: their cells are free. */
void saved_grace(struct xdp *x);

#endif
