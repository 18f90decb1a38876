/* SPDX-License-Identifier: ISC */
/* rules.h - the rules of a neighbor, found by NLRI; not for other layers. */
#ifndef CONF_RULES_H
#define CONF_RULES_H

#include "conf/conf.h"

/* The neighbor's rule with the NLRI of r, or NULL. */
struct conf_rule *rules_find(const struct conf_neighbor *n, const struct conf_rule *r);
/* Adds r, whose NLRI is not there yet; octets and name are copied, then is not.  *room: how many
 * rules have room.  False when memory is out; nothing has changed then. */
bool rules_add(struct conf_neighbor *n, size_t *room, const struct conf_rule *r);
/* Puts r in the place of a rule with its NLRI; as above. */
bool rules_replace(struct conf_rule *old, const struct conf_rule *r);
/* Frees the neighbor's rules, not the neighbor. */
void rules_free(struct conf_neighbor *n);

/* The conf's twin of then; *ret is NULL for one that says nothing.  False when memory is out. */
bool rules_then(struct conf *c, const struct flow_then *then, const struct flow_then **ret);
void rules_thens_free(struct conf *c);
/* Either may be NULL; of two confs too. */
bool rules_then_equal(const struct flow_then *a, const struct flow_then *b);

/* Who neighbors are: by (remote, local). */
int neighbor_compare(const struct conf_neighbor *a, const struct conf_neighbor *b);
/* The conf's neighbor with the addresses of n, or NULL. */
struct conf_neighbor *neighbor_find(const struct conf *c, const struct conf_neighbor *n);
/* The same parameters; rules are not looked at. */
bool neighbor_equal(const struct conf_neighbor *a, const struct conf_neighbor *b);

#endif
