/* SPDX-License-Identifier: ISC */
/* privilege.c - see privilege.h; capabilities(7). */
#include "enforce/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))

static bool has(uint64_t set, int cap)
{
	return set & BIT(cap);
}

static bool get(uint64_t *ret_effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	*ret_effective = data[0].effective | (uint64_t)data[1].effective << 32;
	return true;
}

static bool set(uint64_t caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)caps, .permitted = (uint32_t)caps },
		{ .effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32) },
	};

	return syscall(SYS_capset, &header, data) == 0;
}

bool privilege_suffices(struct err *e)
{
	uint64_t have;

	if (!get(&have))
		return true;
	if (!has(have, CAP_NET_ADMIN))
		return err_at(e, 0, 0,
			      "CAP_NET_ADMIN is missing: nothing can be put on an interface");
	return true;
}

bool privilege_suffices_bpf(struct err *e)
{
	uint64_t have;

	if (!get(&have) || has(have, CAP_SYS_ADMIN))
		return true;
	if (!has(have, CAP_BPF))
		return err_at(e, 0, 0, "CAP_BPF is missing: no program and no map can be loaded");
	if (!has(have, CAP_PERFMON))
		return err_at(e, 0, 0,
			      "CAP_PERFMON is missing: the kernel's verifier refuses what the "
			      "program does with pointers");
	return true;
}

/* What a program that is started could have; no right to narrow it down is as good. */
static bool bound(uint64_t have, uint64_t keep, struct err *e)
{
	for (int cap = 0; has(have, CAP_SETPCAP) && cap <= CAP_LAST_CAP; cap++)
		if (!has(keep, cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			return err_at(e, 0, 0, "cannot give up capability %d: %s", cap,
				      strerror(errno));
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ||
	       err_at(e, 0, 0, "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
}

bool privilege_drop(struct err *e)
{
	uint64_t have, keep = BIT(CAP_BPF) | BIT(CAP_NET_ADMIN) | BIT(CAP_PERFMON);

	if (!get(&have))
		return err_at(e, 0, 0, "capget: %s", strerror(errno));
	if (!has(have, CAP_BPF) || !has(have, CAP_PERFMON))
		keep |= BIT(CAP_SYS_ADMIN);
	return bound(have, keep, e) &&
	       (set(have & keep) || err_at(e, 0, 0, "capset: %s", strerror(errno)));
}
