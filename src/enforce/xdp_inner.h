/* SPDX-License-Identifier: ISC */
/* xdp_inner.h - what xdp.c, xdp_tc.c and force.c share; not for others. */
#ifndef ENFORCE_XDP_INNER_H
#define ENFORCE_XDP_INNER_H

#include "dataplane/xdp_protect.h"
#include "dataplane/xdp_tables.h"
#include "enforce/index.h"
#include "enforce/saved.h"
#include "enforce/space.h"
#include "enforce/xdp.h"

#define XDP_VERDICTS_SIZE (XDP_SLOTS * sizeof(__u64))
#define XDP_STORE_SIZE    (XDP_STORE * sizeof(struct xdp_store))

struct bpf_object;
struct bpf_map;

struct xdp {
	struct bpf_object *object;
	int program, sender;          /* on the interfaces: at XDP, and at tc where it is needed */
	struct bpf_object *tc_object; /* NULL: not loaded */
	int tc_program;
	int map[XDP_MAPS];
	bool found;
	struct xdp_control *control; /* the kernel's own, mapped, as are the next three */
	struct xdp_tables *tables;
	__u64 *verdict;
	struct xdp_store *store;
	struct xdp_protect *protect; /* these two as well */
	struct xdp_saved_cpu *saved_cells;
	struct saved saved;
	struct rule **by_slot; /* the rules in force, borrowed */
	int wait_outer, wait_inner;
	int cpus;
	struct xdp_counters *counters; /* the kernel's */
	struct index *index;
	struct space slots, thens, chunks;
	size_t in_force;
	size_t sends[XDP_SENDS]; /* of them, by enum xdp_send */
};

/* Loads an object with one program, of which what is said calls it so. */
bool xdp_load(struct bpf_object *object, const char *name, const char *what, int *ret_program,
	      struct err *e);
/* The map with the global data. */
struct bpf_map *xdp_tables_map(const struct bpf_object *object);

bool force_init(struct xdp *x, struct err *e);
void force_done(struct xdp *x);

#endif
