/* SPDX-License-Identifier: ISC */
/* aspath.h - AS path segments; inside of the layer. */
#ifndef BGP_ASPATH_H
#define BGP_ASPATH_H

#include "bgp/msg.h"

enum {
	AS_SET = 1,
	AS_SEQUENCE = 2,
	AS_CONFED_SEQUENCE = 3, /* RFC 5065 */
	AS_CONFED_SET = 4,
	AS_WIDTH = 4 /* of a number as kept */
};

struct as_segment {
	uint8_t type, count;
	struct rd numbers;
};

struct rd as_path_reader(const struct bgp_octets *path);
/* False behind the last segment; then r failed if that was cut short. */
bool as_segment_next(struct rd *r, size_t width, struct as_segment *ret);
/* As the decision counts, see bgp_as_path_length. */
unsigned as_path_count(struct bgp_octets path);

/* Reads a path of 2 or 4 octets a number into w, checked: RFC 7606 7.2, RFC 7607; confederation
 * segments only with confed. */
bool as_path_widen(struct rd r, size_t width, bool confed, struct wr *w);
/* Writes it with 2 octets a number; true when a number did not fit and BGP_AS_TRANS stands for it.
 */
bool as_path_narrow(struct bgp_octets path, struct wr *w);
void as_path_without_confed(struct bgp_octets path, struct wr *w);
/* RFC 6793 4.2.3: the path that AS_PATH and AS4_PATH make together. */
void as_path_merge(struct bgp_octets path, struct bgp_octets path4, struct wr *w);

#endif
