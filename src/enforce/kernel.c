/* SPDX-License-Identifier: ISC */
/* kernel.c - see kernel.h.
 *
 * A kernel of a version that we need may have been built without a part of it.  What its verifier
 * thinks of the program is known only when it is loaded (xdp.c); what a driver can do, when the
 * program is attached (attach.c).
 */
#include "enforce/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static const struct {
	enum bpf_map_type map; /* BPF_MAP_TYPE_UNSPEC: not a map */
	bool needed;
	const char *lacking; /* and what that means */
} facts[KERNEL_FACTS] = {
	[KERNEL_XDP] = { BPF_MAP_TYPE_UNSPEC, true,
			 "this kernel takes no XDP program (CONFIG_BPF_SYSCALL, CONFIG_NET): only "
			 "backend nftables can be used" },
	[KERNEL_ARRAY] = { BPF_MAP_TYPE_ARRAY, true,
			   "this kernel has no BPF array maps, in which rules are kept: only "
			   "backend nftables can be used" },
	[KERNEL_PERCPU_ARRAY] = { BPF_MAP_TYPE_PERCPU_ARRAY, true,
				  "this kernel has no BPF arrays for each CPU, in which failures "
				  "are counted: only backend nftables can be used" },
	[KERNEL_HASH] = { BPF_MAP_TYPE_HASH, true,
			  "this kernel has no BPF hash maps, in which this machine's addresses "
			  "are kept: only backend nftables can be used" },
	[KERNEL_ARRAY_OF_MAPS] = { BPF_MAP_TYPE_ARRAY_OF_MAPS, true,
				   "this kernel has no BPF maps of maps, by which a change waits "
				   "for packets under way: only backend nftables can be used" },
	[KERNEL_PROG_ARRAY] = { BPF_MAP_TYPE_PROG_ARRAY, true,
				"this kernel has no BPF arrays of programs, by which packets are "
				"redirected: only backend nftables can be used" },
	[KERNEL_RINGBUF] = { BPF_MAP_TYPE_RINGBUF, true,
			     "this kernel has no BPF ring buffers, in which samples are kept: only "
			     "backend nftables can be used" },
	[KERNEL_JIT] = { BPF_MAP_TYPE_UNSPEC, false,
			 "the kernel interprets BPF programs (net.core.bpf_jit_enable is 0, or it "
			 "has no JIT): each packet costs several times as much" },
};

static void know_nothing(struct kernel *ret)
{
	for (int i = 0; i < KERNEL_FACTS; i++)
		ret->has[i] = -1;
}

void kernel_probe(struct kernel *ret)
{
	know_nothing(ret);
	ret->has[KERNEL_XDP] = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL);
	for (int i = 0; i < KERNEL_FACTS; i++)
		if (facts[i].map != BPF_MAP_TYPE_UNSPEC)
			ret->has[i] = libbpf_probe_bpf_map_type(facts[i].map, NULL);
}

/* The setting is seen in the first network namespace only; what became of the program, everywhere.
 */
void kernel_look(int program, struct kernel *ret)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	know_nothing(ret);
	if (bpf_obj_get_info_by_fd(program, &info, &len) == 0)
		ret->has[KERNEL_JIT] = info.jited_prog_len > 0;
}

bool kernel_suffices(const struct kernel *k, void (*warn)(const char *text), struct err *e)
{
	for (int i = 0; i < KERNEL_FACTS; i++) {
		if (k->has[i] != 0)
			continue;
		if (facts[i].needed)
			return err_at(e, 0, 0, "%s", facts[i].lacking);
		warn(facts[i].lacking);
	}
	return true;
}
