/* SPDX-License-Identifier: ISC */
/* conf.h - the configuration file: ExaBGP's language and our few words, as values.
 *
 * A file is read whole or not at all: conf_parse gives a complete struct conf, or an error with
 * its place and nothing else.  conf_print's text parses to an equal struct conf.  conf_apply turns
 * the difference between two of them into the fewest steps.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "bgp/bgp.h"
#include "flow/flow.h"
#include "rib/rib.h"

enum {
	CONF_NEIGHBORS_MAX = 4096,
	CONF_RULES_MAX = 1000000,  /* of one file */
	CONF_FILE_MAX = 512 << 20, /* octets */
	CONF_INTERFACES_MAX = 64,
	CONF_SOURCES_MAX = 64,
	CONF_GROUPS_MAX = 64,
	CONF_SAMPLE_DEFAULT = 1000,
	CONF_SAMPLE_MAX = 1000000,
	CONF_GROUP_MAX = 16383, /* of an AS: 14 bits */
	CONF_VRFS_MAX = 64,
	CONF_VRF_TARGETS_MAX = 16,    /* of one VRF */
	CONF_VRF_INTERFACES_MAX = 16, /* the same */
	CONF_PROTECT_MAX = 64,
	CONF_PROTECT_DEFAULTS = 9
};

#define CONF_FILE_DEFAULT "/etc/headgate/headgate.conf"

/* One rule of a neighbor's flow section, kept small. */
struct conf_rule {
	char *name;         /* NULL: none; stands behind the NLRI, in its block */
	unsigned line, col; /* of the word `route` */
	enum flow_family family;
	bool vpn;
	uint16_t nlri_len;
	uint8_t *nlri;                /* owned */
	const struct flow_then *then; /* the conf's, equal ones once; NULL: no action (accept) */
};

struct conf_neighbor {
	struct bgp_peer_conf bgp;
	struct rib_peer_conf rib;
	unsigned line, col; /* of the word `neighbor` */
	size_t rule_count;
	struct conf_rule *rules; /* in the order of the file, no NLRI twice */
	struct {                 /* of rules by NLRI; the layer's own */
		uint32_t *slots; /* 0: free, else a rule's index and one */
		size_t mask;
	} by_nlri;
};

enum conf_mode {
	CONF_MODE_ENFORCE,
	CONF_MODE_MONITOR
};

/* For how many seconds rules stay that no hub is there to speak of. */
enum {
	CONF_AWAY_REMOVE = 0,
	CONF_AWAY_KEEP = -1, /* for ever */
	CONF_AWAY_MAX = 31536000
};

/* source 192.0.2.10 { mode monitor; hub-away keep 300 seconds; }: rules of that origin. */
struct conf_source {
	char name[64]; /* a neighbor's address, file, or user:NAME, as show rules has it */
	enum conf_mode mode;
	int32_t away;
};

/* A group of interfaces, as an interface-set names it. */
struct conf_group {
	uint32_t as;
	uint16_t group;
};

/* vrf red { import target:65000:9; interface red0; table 9; redirect interface scrub0; } */
struct conf_vrf {
	char name[64];
	unsigned line;
	size_t import_count;
	struct flow_target imports[CONF_VRF_TARGETS_MAX];
	size_t interface_count; /* packets that come in there belong to the VRF */
	char interfaces[CONF_VRF_INTERFACES_MAX][16];
	/* Where a redirect to it goes: a routing table of the kernel's, or out of an interface. */
	uint32_t table;    /* 0: none */
	char redirect[16]; /* "": none; never beside a table */
};

enum conf_backend {
	CONF_BACKEND_XDP,
	CONF_BACKEND_NFTABLES,
	CONF_BACKEND_AUTO,
	CONF_BACKENDS
};

extern const char *const conf_backend_names[CONF_BACKENDS];

enum conf_attach {
	CONF_ATTACH_AUTO,
	CONF_ATTACH_NATIVE,
	CONF_ATTACH_GENERIC,
	CONF_ATTACH_TC,
	CONF_ATTACHES
};

extern const char *const conf_attach_names[CONF_ATTACHES];

/* enforce { interface r2-inet7; interface eth* { mode monitor; group AS:N; attach tc; }
 *	mode enforce|monitor; hub-away keep|keep N seconds|remove; source ...;
 *	backend xdp|nftables|auto; attach auto|native|generic|tc; sample N; vrf ...; } */
struct conf_enforce {
	bool present;
	size_t interface_count;
	char interfaces[CONF_INTERFACES_MAX][16];
	bool monitored[CONF_INTERFACES_MAX]; /* that interface has mode monitor of its own */
	enum conf_attach attach_at[CONF_INTERFACES_MAX]; /* as the section has it, or its own */
	uint64_t member[CONF_INTERFACES_MAX];            /* bit g: that interface is in groups[g] */
	size_t group_count;
	struct conf_group groups[CONF_GROUPS_MAX]; /* in the order in which the file names them */
	enum conf_mode mode;
	int32_t away;
	size_t source_count;
	struct conf_source sources[CONF_SOURCES_MAX];
	enum conf_backend backend;
	enum conf_attach attach;
	uint32_t sample; /* one in so many packets of a rule that asks for samples */
	size_t vrf_count;
	struct conf_vrf vrfs[CONF_VRFS_MAX];
};

/* protect { route lab { match { source 192.0.2.0/24; } } default ssh off; } */
struct conf_protect {
	unsigned line; /* 0: there is none */
	uint32_t off;  /* bit d: conf_protect_defaults[d] is */
	size_t count;
	struct conf_rule rules[CONF_PROTECT_MAX]; /* each with a name, none with an action */
};

extern const char *const conf_protect_defaults[CONF_PROTECT_DEFAULTS];

struct conf {
	char *file; /* as given */
	bool has_cluster_id;
	uint8_t cluster_id[4];
	char socket[108]; /* control { socket PATH; group NAME; }; "" : not given */
	char group[64];
	size_t neighbor_count;
	struct conf_neighbor *neighbors; /* in the order of the file; (remote, local) is unique */
	struct conf_enforce enforce;
	struct conf_protect protect;
	struct conf_neighbor **by_address; /* sorted by (remote, local); the layer's own */
	struct map thens;                  /* what the rules' then point to; the layer's own */
};

/* Told of what is accepted but odd; may be NULL. */
typedef void conf_warn(void *ctx, const struct err *what);

/* Reads text (len octets) that came from file. The result is to be freed by conf_free. */
struct conf *conf_parse(const char *file, const char *text, size_t len, conf_warn *warn, void *ctx,
			struct err *e);
/* Reads the file itself; "cannot read" is an error with line 0. */
struct conf *conf_read(const char *file, conf_warn *warn, void *ctx, struct err *e);
void conf_free(struct conf *c);
/* The same but for places, the file's name, and the names of rules where names is false. */
bool conf_equal(const struct conf *a, const struct conf *b, bool names);

/* Canonical text, through write(ctx, text) piece by piece (a file may be large). */
void conf_print(const struct conf *c, void (*write)(void *ctx, const char *text), void *ctx);

/* What conf_apply tells its caller to do, in this order: neighbors that are new, rules added or
 * changed (an announcement each, never a withdrawal first), rules removed, neighbors removed. A
 * neighbor whose parameters changed is changed in place (which may reset its session), before any
 * rule is announced.  neighbor_remove takes the neighbor's rules with it: there is no rule_withdraw
 * for them.  A rule whose name alone changed is no step.  Every step of conf_steps is set. */
struct conf_steps {
	void (*neighbor_add)(void *ctx, const struct conf_neighbor *n);
	void (*neighbor_change)(void *ctx, const struct conf_neighbor *old,
				const struct conf_neighbor *n);
	void (*rule_announce)(void *ctx, const struct conf_neighbor *n, const struct conf_rule *r);
	void (*rule_withdraw)(void *ctx, const struct conf_neighbor *n, const struct conf_rule *r);
	void (*neighbor_remove)(void *ctx, const struct conf_neighbor *n);
};

/* old may be NULL (the first configuration).  Both were made by conf_parse.  Needs no memory. */
void conf_apply(const struct conf *old, const struct conf *new_conf, const struct conf_steps *steps,
		void *ctx);

#endif
