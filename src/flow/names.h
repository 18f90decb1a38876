/* SPDX-License-Identifier: ISC */
/* names.h - words that stand for values of a component; not for other layers. */
#ifndef FLOW_NAMES_H
#define FLOW_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow/flow.h"

/* The value that a word stands for in a component of this type; case does not matter, '_' is '-'.
 */
bool flow_name_value(uint8_t type, const char *text, size_t len, uint64_t *ret);
/* The word that the canonical text has for a value, or NULL: a number is written. */
const char *flow_value_name(uint8_t type, enum flow_family family, uint64_t value);
/* The bit's word, or NULL. */
const char *flow_bit_name(uint8_t type, unsigned bit);
/* The words are the same, case ignored and '_' taken for '-'. */
bool flow_word_equal(const char *text, size_t len, const char *word, size_t word_len);
/* A port's number by its name in canonical spelling. */
bool flow_port_value(const char *name, uint64_t *ret);

#endif
