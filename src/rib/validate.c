/* SPDX-License-Identifier: ISC */
/* validate.c - which learnt rules count.
 *
 * RFC 8955 6 wants a rule's originator to match that of the best unicast route to its destination.
 * That procedure does not exist here.  So a rule for which it would be asked does not count at all:
 * it is kept and shown, and neither the best nor told to anybody.  Unicast routes need none of it.
 */
#include "rib/table.h"

/* *ret_tell: it counts without having been validated, and a person wants to hear of that. */
bool rib_validate(const struct rib_peer *p, const struct bgp_nlri *n, bool *ret_tell)
{
	enum rib_validate how = p->conf.validate;

	*ret_tell = false;
	if (!bgp_families[n->family].flow)
		return true;
	if (how == RIB_VALIDATE_DEFAULT)
		how = rib_peer_internal(p) ? RIB_VALIDATE_OFF : RIB_VALIDATE_ON;
	*ret_tell = how == RIB_VALIDATE_LOG;
	return how != RIB_VALIDATE_ON;
}
