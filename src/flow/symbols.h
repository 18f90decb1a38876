/* SPDX-License-Identifier: ISC */
/* symbols.h - libflowspec's names for what it takes of the base layer.
 *
 * The headers' short names are right within a program; in a library they would meet those of the
 * programs that link it.  The library is compiled with this file and its installed headers include
 * it, so that its symbols begin with flow_ or flowspec_ and no others.  In the tree nothing does.
 */
#ifndef FLOWSPEC_SYMBOLS_H
#define FLOWSPEC_SYMBOLS_H

/* NOLINTBEGIN(readability-identifier-naming): the names of functions */
#define addr_bits    flowspec_addr_bits
#define addr_compare flowspec_addr_compare
#define addr_equal   flowspec_addr_equal
#define addr_ipv4    flowspec_addr_ipv4
#define addr_ipv6    flowspec_addr_ipv6
#define addr_octets  flowspec_addr_octets
#define addr_parse   flowspec_addr_parse
#define addr_print   flowspec_addr_print
#define err_at       flowspec_err_at
#define err_string   flowspec_err_string
#define hex_parse    flowspec_hex_parse
#define lex_at_end   flowspec_lex_at_end
#define lex_expect   flowspec_lex_expect
#define lex_fail     flowspec_lex_fail
#define lex_init     flowspec_lex_init
#define lex_next     flowspec_lex_next
#define str_add_hex  flowspec_str_add_hex
#define str_addf     flowspec_str_addf
#define str_fill     flowspec_str_fill
#define str_is_text  flowspec_str_is_text
#define str_ok       flowspec_str_ok
#define str_over     flowspec_str_over
#define word_copy    flowspec_word_copy
#define word_is      flowspec_word_is
#define word_number  flowspec_word_number
/* NOLINTEND(readability-identifier-naming) */

#endif
