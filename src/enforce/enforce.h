/* SPDX-License-Identifier: ISC */
/* enforce.h - FlowSpec rules in force on this machine's interfaces.
 *
 * The hub's feed says which rules there are; they are put into the kernel's maps, where the XDP
 * program finds them (xdp_maps.h), and what they matched is reported to the hub.
 *
 * Life cycle: maps and links are pinned in a directory of a BPF file system.  The end of the hub
 * changes nothing.  A sudden end of the enforcer changes nothing either: it finds its rules
 * again and settles the difference to the hub's.  SIGTERM and SIGINT take everything away.
 *
 * Enforced: discard, rate limits in octets and packets, mark, redirect, copy, sample, accept, of
 * several rules together where they say so (bit 47), everywhere or at the interfaces of some groups
 * (interface-set), and rules of a VPN on the interfaces of its VRFs.  A rule that asks for anything
 * else is reported as not enforced, with the reason, and is treated as if it were not there: rules
 * behind it in order match what it would have matched.
 */
#ifndef ENFORCE_ENFORCE_H
#define ENFORCE_ENFORCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"

#define ENFORCE_PIN_DIR_DEFAULT "/sys/fs/bpf/headgate"

enum {
	ENFORCE_INTERFACES_MAX = 64, /* attached to at a time */
	ENFORCE_GROUPS_MAX = 64,
	ENFORCE_VRFS_MAX = 64,
	ENFORCE_SAMPLE_DEFAULT = 1000
};

/* A group that interfaces are in, as rules name it. */
struct enforce_group {
	uint32_t as;
	uint16_t group;
};

struct enforce_protect_statement {
	const char *name;
	struct flow_nlri nlri;
};

/* Flows that pass whatever a rule says. */
struct enforce_protect {
	uint32_t defaults_off; /* bit d of enum xdp_default: it is off */
	size_t count;
	const struct enforce_protect_statement *statements;
};

enum {
	ENFORCE_AWAY_KEEP = -1, /* for ever */
	ENFORCE_SOURCES_MAX = 64
};

/* Rules whose origin in the feed is this. */
struct enforce_source {
	const char *name;
	bool monitor; /* count and drop nothing */
	int away;     /* seconds for which they stay when there is no hub, or ENFORCE_AWAY_KEEP */
};

/* Rules of a VPN that one of the route targets imports are for packets that come in by one of the
 * interfaces, which belong to nothing else.  A redirect to it goes into a routing table, or out of
 * an interface, or nowhere. */
struct enforce_vrf {
	const char *name;
	size_t import_count;
	const struct flow_target *imports;
	size_t interface_count;
	const char (*interfaces)[16]; /* names, or patterns with `*` */
	uint32_t table;               /* 0: none */
	const char *redirect;         /* the interface; NULL: none */
};

enum enforce_backend {
	ENFORCE_XDP,
	ENFORCE_NFTABLES,
	ENFORCE_AUTO /* XDP, and nftables where that cannot be had */
};

/* Where on an interface: in its driver, in the hook behind it, at the ingress of tc. */
enum enforce_attach {
	ENFORCE_ATTACH_AUTO, /* the first of these that can be had */
	ENFORCE_ATTACH_NATIVE,
	ENFORCE_ATTACH_GENERIC,
	ENFORCE_ATTACH_TC
};

struct enforce_options {
	const char *socket;  /* NULL: as ctl_client_open has it */
	const char *pin_dir; /* NULL: the default */
	size_t interface_count;
	const char *const *interfaces;     /* names, or patterns with `*` */
	const bool *monitored;             /* by interface: only there; NULL: none is */
	const enum enforce_attach *attach; /* by interface; NULL: auto */
	const uint64_t *member;            /* by interface: bit g: of group g; NULL: none is */
	size_t group_count;
	const struct enforce_group *groups;
	bool monitor; /* count and drop nothing, anywhere */
	int away;     /* of rules from no source that is named, as above */
	size_t source_count;
	const struct enforce_source *sources;
	size_t vrf_count;
	const struct enforce_vrf *vrfs;
	struct enforce_protect protect;
	enum enforce_backend backend;
	uint32_t sample;     /* one in so many packets; 0: the default */
	const char *samples; /* pcapng file; NULL: samples are counted and thrown away */
};

/* Runs until SIGTERM or SIGINT.  Returns the program's exit status; the reason of 1 was logged. */
int enforce_run(const struct enforce_options *o);
/* Removes all that an enforcer with this pin directory, or one of this network namespace that used
 * nftables, has left in the kernel.  The same. */
int enforce_flush(const char *pin_dir);

#endif
