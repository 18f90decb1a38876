/* SPDX-License-Identifier: ISC */
/* ruleset.h - the rules that the enforcer knows: those the hub wants and those the kernel has. */
#ifndef ENFORCE_RULESET_H
#define ENFORCE_RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "dataplane/xdp_maps.h"
#include "enforce/enforce.h"
#include "enforce/groups.h"
#include "enforce/plan.h"
#include "flow/flow.h"

enum {
	/* Known at a time; the hub's rules beyond are counted and left alone. */
	RULESET_KNOWN_MAX = 200000
};

enum rule_state {
	RULE_NOT_ENFORCED,
	RULE_ENFORCED,
	RULE_MONITOR
};

struct index_rule;

struct ruleset;

struct rule {
	struct map_node node;
	struct rule *sibling; /* the next of those with this NLRI, round in a ring */
	const struct ruleset *in;
	bool wanted;    /* in force after the next change */
	bool seen;      /* in the snapshot that is being read */
	bool confirmed; /* named by the hub in its present epoch */
	bool match_ok, then_ok;
	bool monitor;     /* counts and drops nothing: its source says so */
	int source;       /* in the options; -1: none that is named, or not told yet */
	uint32_t origin;  /* which source, kept in the kernel: never 0 */
	unsigned vrf;     /* whose packets it is for, by its number in the kernel; 0: none's */
	int slot, action; /* in the kernel; -1: not there */
	struct plan_then then, installed;
	enum rule_state state;
	char *why_match, *why_then; /* owned; NULL: no reason against it */
	char *why_table;            /* the same: why the tables do not take it now */
	char *why_merged;           /* the same: which interface merges what it has to see whole */
	struct index_rule *entry;   /* in the tables; NULL: not there */
	bool read_back;             /* verify.c found it in the kernel */
	bool touched;               /* in the list of what the next change has to look at */
	struct xdp_counters before; /* of slots that the rule had and lost */
	struct xdp_counters now;
	bool reported;
	enum rule_state reported_state;
	struct xdp_counters reported_counters;
	struct flow_nlri nlri; /* over octets */
	uint8_t octets[];
};

extern const struct plan_able plan_able_xdp;

struct ruleset {
	struct map map;
	const struct plan_able *able; /* the backend's; XDP's at first */
	const struct groups *groups;  /* the backend's; NULL: it has none */
	uint64_t seed, too_many;
	struct rule **touched;
	size_t touched_count, touched_room;
	bool touched_lost; /* memory was out: the next change has to look at all */
	/* By VRF of the options: its number in the kernel; 0: the backend has no VRFs. */
	uint8_t vrf[ENFORCE_VRFS_MAX];
};

void ruleset_init(struct ruleset *rs, uint64_t seed);
void ruleset_done(struct ruleset *rs);
/* A rule of a VPN is one for each VRF that imports it.  One that none imports is in force nowhere;
 * its VRF is 0, as is that of rules of no VPN. */
struct rule *ruleset_find_any(const struct ruleset *rs, const struct flow_nlri *n);
struct rule *ruleset_find_in(const struct ruleset *rs, const struct flow_nlri *n, unsigned vrf);
/* The rule with this NLRI, made if need be; NULL when there is no room. */
struct rule *ruleset_need_in(struct ruleset *rs, const struct flow_nlri *n, unsigned vrf);
/* The same with VRF 0. */
struct rule *ruleset_find(const struct ruleset *rs, const struct flow_nlri *n);
struct rule *ruleset_need(struct ruleset *rs, const struct flow_nlri *n);
/* Of those with this NLRI the one with the lowest VRF. */
struct rule *rule_first(struct rule *r);
void ruleset_remove(struct ruleset *rs, struct rule *r);
/* Every rule, in no order; the visitor may remove the one it is given. */
void ruleset_each(struct ruleset *rs, void (*visit)(struct rule *r, void *ctx), void *ctx);

/* The next change has to look at this rule. */
void ruleset_touch(struct ruleset *rs, struct rule *r);
/* Is it to be in force? */
bool rule_wanted(const struct rule *r);
/* What the rule asks for now; its communities as in the feed.  Of one whose source is monitored the
 * kernel is told to accept: it counts. */
void rule_set_then(struct rule *r, const struct flow_actions *a);
/* Why it is not enforced; "" when it is. */
const char *rule_reason(const struct rule *r);
/* Those that are wanted and can be had, sorted as they are to be tried.  The array is the
 * caller's to free; NULL when memory is out. */
struct rule **ruleset_in_order(struct ruleset *rs, size_t *ret_count);

#endif
