/* SPDX-License-Identifier: ISC */
/* xdp_tc.c - the program for tc, which few need: nobody else waits for its verification. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "enforce/xdp.h"
#include "enforce/xdp_inner.h"
#include "tc.skel.h"

/* Every map but the constants' is the other program's; some it has no use for. */
static bool share_maps(const struct xdp *x, struct bpf_object *object, struct err *e)
{
	struct bpf_map *tables = xdp_tables_map(object);

	if (tables == NULL || bpf_map__reuse_fd(tables, x->map[XDP_MAP_TABLES]) < 0)
		return err_at(e, 0, 0, "the tc program has no tables");
	for (int m = 0; m < XDP_MAPS; m++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, xdp_map_names[m]);

		if (m != XDP_MAP_TABLES && map != NULL && bpf_map__reuse_fd(map, x->map[m]) < 0)
			return err_at(e, 0, 0, "the tc program cannot use %s", xdp_map_names[m]);
	}
	return true;
}

int xdp_tc_program(struct xdp *x, const struct xdp_image *image, struct err *e)
{
	struct xdp_image built_in;

	if (x->tc_object != NULL)
		return x->tc_program;
	if (image == NULL) {
		built_in.octets = tc_bpf__elf_bytes(&built_in.size);
		image = &built_in;
	}
	x->tc_object = bpf_object__open_mem(image->octets, image->size, NULL);
	if (x->tc_object == NULL) {
		err_at(e, 0, 0, "the tc program is damaged: %s", strerror(errno));
		return -1;
	}
	if (share_maps(x, x->tc_object, e) &&
	    xdp_load(x->tc_object, "headgate_tc", "tc", &x->tc_program, e))
		return x->tc_program;
	bpf_object__close(x->tc_object);
	x->tc_object = NULL;
	x->tc_program = -1;
	return -1;
}
