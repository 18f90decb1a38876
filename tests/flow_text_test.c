/* SPDX-License-Identifier: ISC */
/* flow_text_test.c - ExaBGP's flow syntax: each spelling and its octets, each error and its place,
 * each warning, and that what is printed parses to the same octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "flow/flow.h"
#include "tests/flow_random.h"
#include "tests/hex.h"

static char printed[FLOW_TEXT_MAX];

static bool parse(const char *text, const struct flow_text_options *o, struct flow_rule *r,
		  struct err *e)
{
	static const struct flow_text_options none = { 0 };

	return flow_text_rule(text, strlen(text), o != NULL ? o : &none, r, e);
}

static const char *print(const struct flow_rule *r)
{
	struct str s = str_over(printed, sizeof(printed));
	struct flow_nlri n = flow_rule_nlri(r);

	flow_text_print(r->name, &n, r->has_then ? &r->then : NULL, &s);
	assert_true(str_ok(&s));
	return printed;
}

/* ---- a match and its octets ----------------------------------------------------------------- */

struct match {
	const char *text, *octets; /* without the length */
	const char *canonical;     /* NULL: as text */
};

/* clang-format off */
static const struct match matches[] = {
	/* numeric operators */
	{ "protocol tcp;", "03 81 06", "protocol =tcp;" },
	{ "protocol =tcp;", "03 81 06", NULL },
	{ "protocol 6;", "03 81 06", "protocol =tcp;" },
	{ "protocol 0x06;", "03 81 06", "protocol =tcp;" },
	{ "PROTOCOL TCP;", "03 81 06", "protocol =tcp;" },
	{ "protocol [ tcp udp ];", "03 01 06 81 11", "protocol [ =tcp =udp ];" },
	{ "protocol [tcp udp];", "03 01 06 81 11", "protocol [ =tcp =udp ];" },
	{ "protocol [ tcp ];", "03 81 06", "protocol =tcp;" },
	{ "protocol !=tcp;", "03 86 06", NULL },
	{ "protocol [ icmp igmp tcp egp udp rsvp gre ];", "03 01 01 01 02 01 06 01 08 01 11 01 2e 81 2f", "protocol [ =icmp =igmp =tcp =egp =udp =rsvp =gre ];" },
	{ "protocol [ esp ah ospf ipip pim sctp ];", "03 01 32 01 33 01 59 01 5e 01 67 81 84", "protocol [ =esp =ah =ospf =ipip =pim =sctp ];" },
	{ "protocol icmpv6;", "03 81 3a", "protocol =58;" },
	{ "destination-port =80;", "05 81 50", NULL },
	{ "destination_port 80;", "05 81 50", "destination-port =80;" },
	{ "destination-port =255;", "05 81 ff", NULL },
	{ "destination-port =256;", "05 91 0100", NULL },
	{ "destination-port http;", "05 81 50", "destination-port =80;" },
	{ "destination-port [ >8080&<8088 =3128 ];", "05 12 1f90 54 1f98 91 0c38", NULL },
	{ "source-port >1024;", "06 92 0400", NULL },
	{ "source-port >=1024&<=2047&!=1500;", "06 13 0400 55 07ff d6 05dc", "source-port [ >=1024&<=2047&!=1500 ];" },
	{ "source-port [ <10 <=10 >10 >=10 ];", "06 04 0a 05 0a 02 0a 83 0a", NULL },
	{ "port [ domain ntp 9PFS 914c/g ];", "04 01 35 01 7b 11 0234 81 d3", "port [ =53 =123 =564 =211 ];" },
	{ "port subntbcst_tftp;", "04 81 f7", "port =247;" },
	{ "port 0;", "04 81 00", "port =0;" },
	{ "port 65535;", "04 91 ffff", "port =65535;" },
	{ "packet-length [ >200&<300 >400&<500 ];", "0a 02 c8 54 012c 12 0190 d4 01f4", NULL },
	{ "icmp-type [ echo-request echo-reply 40 ];", "07 01 08 01 00 81 28", "icmp-type [ =echo-request =echo-reply =photuris ];" },
	{ "icmp-type ECHO_REQUEST;", "07 81 08", "icmp-type =echo-request;" },
	{ "icmp-code [ host-unreachable ttl-eq-zero-during-transit ];", "08 01 01 81 00", "icmp-code [ =1 =0 ];" },
	{ "dscp 46;", "0b 81 2e", "dscp =46;" },
	{ "dscp [ ef af11 cs7 ];", "0b 01 2e 01 0a 81 38", "dscp [ =46 =10 =56 ];" },
	/* bitmask operators */
	{ "tcp-flags syn;", "09 80 02", NULL },
	{ "tcp-flags =syn;", "09 81 02", NULL },
	{ "tcp-flags !syn;", "09 82 02", NULL },
	{ "tcp-flags !=syn;", "09 83 02", NULL },
	{ "tcp-flags SYN+Ack;", "09 80 12", "tcp-flags syn+ack;" },
	{ "tcp-flags [ syn ack ];", "09 00 02 80 10", NULL },
	{ "tcp-flags [ syn&!ack ];", "09 00 02 c2 10", NULL },
	{ "tcp-flags [ =syn =syn+ack ];", "09 01 02 81 12", NULL },
	{ "tcp-flags [ fin rst push urg urgent ece cwr psh ];", "09 00 01 00 04 00 08 00 20 00 20 00 40 00 80 80 08", "tcp-flags [ fin rst push urg urg ece cwr push ];" },
	{ "tcp-flags ns;", "09 90 0100", NULL },
	{ "tcp-flags 0x12;", "09 80 12", "tcp-flags syn+ack;" },
	{ "tcp-flags 18;", "09 80 12", "tcp-flags syn+ack;" },
	{ "tcp-flags =0;", "09 81 00", NULL },
	{ "tcp-flags 0x20+0x8+0x1;", "09 80 29", "tcp-flags fin+push+urg;" },
	{ "tcp-flags 0xe00;", "09 90 0e00", NULL },
	{ "fragment [ first-fragment last-fragment ];", "0c 00 04 80 08", NULL },
	{ "fragment !is-fragment;", "0c 82 02", NULL },
	{ "fragment dont-fragment+first-fragment;", "0c 80 05", NULL },
	{ "fragment not-a-fragment;", "0c 82 02", "fragment !is-fragment;" },
	/* several statements of one type are one list */
	{ "port =80; protocol tcp; port =443;", "03 81 06 04 01 50 91 01bb", "protocol =tcp; port [ =80 =443 ];" },
	{ "port =80 =8080;", "04 01 50 91 1f90", "port [ =80 =8080 ];" },
	{ "protocol tcp udp;", "03 01 06 81 11", "protocol [ =tcp =udp ];" },
	/* prefixes */
	{ "destination 192.0.2.0/24;", "01 18 c00002", NULL },
	{ "destination-ipv4 192.0.2.0/24;", "01 18 c00002", "destination 192.0.2.0/24;" },
	{ "source 0.0.0.0/0;", "02 00", NULL },
	{ "source 192.0.2.1/32;", "02 20 c0000201", NULL },
	{ "source-ipv4 128.0.0.0/1;", "02 01 80", "source 128.0.0.0/1;" },
	{ "protocol tcp; source 10.0.0.0/8; destination 192.0.2.0/24;", "01 18 c00002 02 08 0a 03 81 06", "destination 192.0.2.0/24; source 10.0.0.0/8; protocol =tcp;" },
	{ "destination 2001:db8::/32; protocol tcp;", "01 20 00 20010db8 03 81 06", "destination 2001:db8::/32; next-header =tcp;" },
	{ "destination 2001:8::0/64; source 2001:201::201/128;", "01 40 00 2001000800000000 02 80 00 20010201000000000000000000000201", "destination 2001:8::/64; source 2001:201::201/128;" },
	{ "destination-ipv6 2001:DB8::/32/0;", "01 20 00 20010db8", "destination 2001:db8::/32;" },
	{ "source-ipv6 ::/0;", "02 00 00", "source ::/0;" },
	{ "destination ::1/128/120;", "01 80 78 01", NULL },
	{ "source ::1234:5678:9a00:0/104/64;", "02 68 40 123456789a", NULL },
	{ "source ::1234:5678:9a00:0/65-104;", "02 68 41 2468acf134", "source ::1234:5678:9a00:0/104/65;" },
	{ "source ::1/128/127;", "02 80 7f 80", NULL },
	{ "source ::1/128/121;", "02 80 79 02", NULL },
	/* IPv6 words */
	{ "source ::/0; next-header udp;", "02 00 00 03 81 11", "source ::/0; next-header =udp;" },
	{ "source ::/0; traffic-class 46;", "02 00 00 0b 81 2e", "source ::/0; traffic-class =46;" },
	{ "flow-label =70000;", "0d a1 00011170", NULL },
	{ "flow-label [ 5 256 1048575 ];", "0d 01 05 11 0100 a1 000fffff", "flow-label [ =5 =256 =1048575 ];" },
	{ "flow-label >100&<2000;", "0d 02 64 d4 07d0", "flow-label [ >100&<2000 ];" },
	{ "source ::/0; icmp-type 128;", "02 00 00 07 81 80", "source ::/0; icmp-type =128;" },
	/* ours */
	{ "port true;", "04 87 00", NULL },
	{ "port false;", "04 80 00", NULL },
	{ "port [ >80&false =5&true ];", "04 02 50 40 00 01 05 c7 00", NULL },
	{ "port true:80;", "04 87 50", NULL },
	{ "port true80;", "04 87 50", "port true:80;" },
	{ "port false:0/2;", "04 90 0000", NULL },
	{ "port =80/2;", "04 91 0050", NULL },
	{ "port =80/1;", "04 81 50", "port =80;" },
	{ "port =80/8;", "04 b1 0000000000000050", NULL },
	{ "port [ =http/2&!=0x50/4 ];", "04 11 0050 e6 00000050", "port [ =80/2&!=80/4 ];" },
	{ "port =70000/4;", "04 a1 00011170", NULL },
	{ "protocol =tcp/2;", "03 91 0006", NULL },
	{ "protocol =300/2;", "03 91 012c", NULL },
	{ "packet-length =18446744073709551615/8;", "0a b1 ffffffffffffffff", NULL },
	{ "tcp-flags =syn/2;", "09 91 0002", NULL },
	{ "tcp-flags 0xf000/2;", "09 90 f000", NULL },
	{ "fragment 0xf0/1;", "0c 80 f0", NULL },
	{ "source ::/0; fragment 0x3/1;", "02 00 00 0c 80 03", NULL },
	{ "source ::/0; fragment [ first-fragment last-fragment ];", "02 00 00 0c 00 04 80 08", NULL },
	{ "dscp =200/1;", "0b 81 c8", NULL },
};
/* clang-format on */

static void a_match(void **state)
{
	const struct match *v = *state;
	char text[400];
	uint8_t octets[256];
	size_t len = hex_octets(v->octets, octets, sizeof(octets));
	struct flow_rule r, again;
	struct err e = { 0 };

	(void)snprintf(text, sizeof(text), "match { %s }", v->text);
	if (!parse(text, NULL, &r, &e))
		fail_msg("%u: %s", e.col, e.text);
	assert_int_equal(r.nlri_len, len);
	assert_memory_equal(r.nlri, octets, len);
	assert_false(r.vpn || r.has_then);
	(void)snprintf(text, sizeof(text), "flow route { match { %s } }",
		       v->canonical != NULL ? v->canonical : v->text);
	assert_string_equal(print(&r), text);
	assert_true(parse(text, &(struct flow_text_options){ .family = r.family }, &again, &e));
	assert_int_equal(again.family, r.family);
	assert_int_equal(again.nlri_len, len);
	assert_memory_equal(again.nlri, octets, len);
}

/* ---- a whole rule in its forms -----------------------------------------------------------------
 */

struct whole {
	const char *sentence, *text, *canonical;
};

#define TCP "match { protocol =tcp; }"

/* clang-format off */
static const struct whole wholes[] = {
	{ "flow route and a name", "flow route ntp { " TCP " then { discard; } }", "flow route ntp { " TCP " then { discard; } }" },
	{ "flow route without a name", "flow route { " TCP " }", "flow route { " TCP " }" },
	{ "route alone", "route x { " TCP " }", "flow route x { " TCP " }" },
	{ "a block alone", "{ " TCP " }", "flow route { " TCP " }" },
	{ "the inside alone", TCP " then { accept; }", "flow route { " TCP " then { accept; } }" },
	{ "the inside with a route distinguisher", "rd 1:2; " TCP, "flow route { rd 1:2; " TCP " }" },
	{ "then before match", "route { then { discard; } " TCP " }", "flow route { " TCP " then { discard; } }" },
	{ "sections that repeat", "route { " TCP " then { discard; } match { dscp 1; } then { mark 2; } }", "flow route { match { protocol =tcp; dscp =1; } then { discard; mark 2; } }" },
	{ "one line", "route destination 198.51.100.1/32 protocol udp source-port =123 discard;", "flow route { match { destination 198.51.100.1/32; protocol =udp; source-port =123; } then { discard; } }" },
	{ "one line up to the end", "protocol tcp discard", "flow route { " TCP " then { discard; } }" },
	{ "one line with a list and several actions", "protocol [ tcp udp ] rate-limit 9600 redirect 1:2 mark 3", "flow route { match { protocol [ =tcp =udp ]; } then { rate-limit 9600; redirect 1:2; mark 3; } }" },
	{ "one line with several terms", "port =80 =8080 discard", "flow route { match { port [ =80 =8080 ]; } then { discard; } }" },
	{ "one line with rd and next-hop", "rd 65000:1 next-hop 192.0.2.1 protocol tcp redirect-to-nexthop", "flow route { rd 65000:1; " TCP " then { redirect 192.0.2.1; } }" },
	{ "one line without action", "protocol tcp", "flow route { " TCP " }" },
	{ "comments and lines", "route { # a { b\n match { # }\n protocol tcp; } }", "flow route { " TCP " }" },
	{ "a quoted name", "route \"a b\" { " TCP " }", "flow route \"a b\" { " TCP " }" },
	{ "a name with a quote in it", "route 'a\"b;c' { " TCP " }", "flow route \"a\\\"b;c\" { " TCP " }" },
	{ "a name that is a keyword", "route match { " TCP " }", "flow route match { " TCP " }" },
	{ "a rate with decimals", TCP " then { rate-limit 9600.50; }", "flow route { " TCP " then { rate-limit 9600.5; } }" },
	{ "a rate in bytes", TCP " then { rate-limit 9600 bytes; }", "flow route { " TCP " then { rate-limit 9600; } }" },
	{ "the scope", "route { " TCP " scope { interface-set [ transitive:input:65000:1 non-transitive:output:70000:16383 ]; } then { discard; } }", "flow route { " TCP " scope { interface-set transitive:input:65000:1; interface-set non-transitive:output:70000:16383; } then { discard; } }" },
	{ "a scope behind its then", "route { " TCP " then { discard; } scope { interface-set input:1:2; } }", "flow route { " TCP " then { discard; } scope { interface-set transitive:input:1:2; } then { } }" },
	{ "rd with an address", "route-distinguisher 192.0.2.1:7; " TCP, "flow route { rd 192.0.2.1:7; " TCP " }" },
	{ "rd with a large AS", "rd 70000:7; " TCP, "flow route { rd 70000:7; " TCP " }" },
	{ "rd with a small AS in four octets", "rd 7L:7; " TCP, "flow route { rd 7L:7; " TCP " }" },
	{ "rd with an AS as a.b", "rd 1.0:7; " TCP, "flow route { rd 65536:7; " TCP " }" },
	{ "rd of an unknown type", "rd 0x00ff000102030405; " TCP, "flow route { rd 0x00ff000102030405; " TCP " }" },
	{ "rd of a known type in hex", "rd 0x00000001000000ff; " TCP, "flow route { rd 1:255; " TCP " }" },
	{ "copy", TCP " then { copy 192.0.2.1; }", "flow route { " TCP " then { copy 192.0.2.1; } }" },
	{ "redirect to the next hop self", "next-hop self; " TCP " then { redirect-to-nexthop; }", "flow route { next-hop self; " TCP " then { redirect-to-nexthop; } }" },
	{ "a next hop without use", "next-hop 2001:db8::1; " TCP " then { discard; }", "flow route { next-hop 2001:db8::1; " TCP " then { discard; } }" },
	{ "communities", TCP " then { community [ 65000:666 no-export 0x00010002 65538 ]; large-community 1:2:3; }", "flow route { " TCP " then { community [ 65000:666 65535:65281 1:2 1:2 ]; large-community [ 1:2:3 ]; } }" },
	{ "named communities", TCP " then { community [ no-advertise no-export-subconfed nopeer blackhole ]; }", "flow route { " TCP " then { community [ 65535:65282 65535:65283 65535:65284 65535:666 ]; } }" },
	{ "extended communities", TCP " then { extended-community [ target:65000:1 origin:1:2 65001:3 target:70000:1 target:192.0.2.1:4 target4:5:6 redirect:1:2 l2info:19:0:1500:111 bandwidth:1:2 redirect-to-nexthop ]; }",
	  "flow route { " TCP " then { extended-community 0x0002fde800000001; extended-community 0x0003000100000002; extended-community 0x0002fde900000003; extended-community 0x0202000111700001; extended-community 0x0102c00002010004; extended-community 0x0202000000050006; redirect 1:2; extended-community 0x800a130005dc006f; extended-community 0x4004000140000000; redirect-to-nexthop; } }" },
	{ "an extended community of 20 octets", TCP " then { extended-community 0x000d20010db80000000000000000000000010005; }", "flow route { " TCP " then { redirect [2001:db8::1]:5; } }" },
	{ "a redirect to IPv6", TCP " then { redirect 2001:db8::1; }", "flow route { " TCP " then { redirect 2001:db8::1; } }" },
};
/* clang-format on */

static void a_whole(void **state)
{
	const struct whole *v = *state;
	struct flow_rule r, again;
	struct err e = { 0 };

	if (!parse(v->text, NULL, &r, &e))
		fail_msg("%u: %s", e.col, e.text);
	assert_string_equal(print(&r), v->canonical);
	assert_true(parse(v->canonical, NULL, &again, &e));
	assert_string_equal(print(&again), v->canonical);
	assert_string_equal(r.name, again.name);
	assert_int_equal(r.then.ext_count, again.then.ext_count);
	assert_memory_equal(r.then.ext, again.then.ext, 8U * r.then.ext_count);
	assert_true(addr_equal(&r.then.next_hop, &again.then.next_hop));
}

/* ---- errors
 * -------------------------------------------------------------------------------------- */

struct wrong {
	const char *text;
	unsigned col;
	const char *reason;
};

/* clang-format off */
static const struct wrong wrongs[] = {
	{ "", 1, "a rule that matches nothing in particular, ending at the end of the file" },
	{ "flow", 5, "expected 'route' at the end of the file" },
	{ "match { }", 9, "an empty match would be everything: '}'" },
	{ "route { then { discard; } }", 27, "a rule that matches nothing in particular, ending '}'" },
	{ "route discard;", 14, "a rule that matches nothing in particular, ending ';'" },
	{ "match { port =80 } then { discard; }", 18, "expected ';', found '}'" },
	{ "match { protocol tcp destination-port 23; }", 22, "expected ';', found 'destination-port'" },
	{ "match { port =80;", 18, "unknown word in match: at the end of the file" },
	{ "match { prot tcp; }", 9, "unknown word in match: 'prot'" },
	{ "match { port [ ]; }", 16, "port has an empty list: ']'" },
	{ "match { port ; }", 14, "expected a value for port, found ';'" },
	{ "match { port [ =80, =443 ]; }", 19, "expected a value for port, found ','" },
	{ "match { port [ =80 ; }", 20, "expected a value for port, found ';'" },
	{ "match { port \"80\"; }", 14, "expected a value for port, found '80'" },
	{ "match { port 65536; }", 14, "port goes up to 65535: '65536'" },
	{ "match { port >=80&<65536; }", 20, "port goes up to 65535: '>=80&<65536'" },
	{ "match { port -1; }", 14, "not a value of this component: '-1'" },
	{ "match { port 80-90; }", 14, "not a value of this component: '80-90'" },
	{ "match { port !80; }", 14, "not a value of this component: '!80'" },
	{ "match { port ==80; }", 15, "not a value of this component: '==80'" },
	{ "match { port = 80; }", 15, "a value is missing: '='" },
	{ "match { port =80&; }", 18, "nothing follows the '&': '=80&'" },
	{ "match { port &80; }", 14, "a value is missing: '&80'" },
	{ "match { port htpp; }", 14, "not a value of this component: 'htpp'" },
	{ "match { port http+1; }", 14, "not a value of this component: 'http+1'" },
	{ "match { port =80/3; }", 15, "not a value of this component: '=80/3'" },
	{ "match { port =256/1; }", 15, "the value does not fit its width: '=256/1'" },
	{ "match { tcp-flags =syn/4; }", 20, "too wide for this component: '=syn/4'" },
	{ "match { protocol 256; }", 18, "protocol goes up to 255: '256'" },
	{ "match { icmp-type 256; }", 19, "icmp-type goes up to 255: '256'" },
	{ "match { dscp 64; }", 14, "dscp goes up to 63: '64'" },
	{ "match { traffic-class 256; }", 23, "traffic-class goes up to 255: '256'" },
	{ "match { flow-label 1048576; }", 20, "flow-label goes up to 1048575: '1048576'" },
	{ "match { packet-length 65536; }", 23, "packet-length goes up to 65535: '65536'" },
	{ "match { tcp-flags 0x1000; }", 19, "tcp-flags goes up to 4095: '0x1000'" },
	{ "match { tcp-flags syn+sin; }", 19, "not a value of this component: 'syn+sin'" },
	{ "match { tcp-flags syn+; }", 19, "not a value of this component: 'syn+'" },
	{ "match { fragment dont-fragment; source ::/0; }", 18, "IPv6 has no dont-fragment: 'dont-fragment'" },
	{ "match { source ::/0; fragment [ first-fragment =3 ]; }", 48, "IPv6 has no dont-fragment: '=3'" },
	{ "match { fragment 16; }", 18, "fragment goes up to 15: '16'" },
	{ "match { fragment =not-a-fragment; }", 19, "not a value of this component: '=not-a-fragment'" },
	{ "route a\001b { match { protocol tcp; } }", 7, "a name of more than 63 octets, or a strange one: 'a?b'" },
	/* prefixes */
	{ "match { destination 192.0.2.1; }", 21, "a prefix without a length: '192.0.2.1'" },
	{ "match { destination 192.0.2.0/33; }", 31, "a prefix length of 33" },
	{ "match { destination 192.0.2.0/; }", 31, "expected a prefix length, found ''" },
	{ "match { destination 192.0.2.0/24/8; }", 31, "an offset in an IPv4 prefix" },
	{ "match { destination 192.0.2.0/8-24; }", 31, "an offset in an IPv4 prefix" },
	{ "match { destination 2001:db8::/129; }", 32, "a prefix length of 129" },
	{ "match { destination ::/32/32; }", 24, "offset 32 is not below length 32" },
	{ "match { destination ::/0/1; }", 24, "offset 1 is not below length 0" },
	{ "match { destination host/32; }", 21, "expected a prefix, found 'host/32'" },
	{ "match { destination [ 10.0.0.0/8 ]; }", 21, "expected a prefix, found '['" },
	{ "match { destination 10.0.0.0/8; destination 11.0.0.0/8; }", 33, "a second destination" },
	{ "match { source 10.0.0.0/8; source-ipv4 11.0.0.0/8; }", 28, "a second source" },
	{ "match { destination 10.0.0.0/8; source ::/0; }", 40, "ipv4 and ipv6 in one rule" },
	{ "match { destination-ipv6 10.0.0.0/8; }", 26, "ipv6 and ipv4 in one rule" },
	{ "match { flow-label 1; source 10.0.0.0/8; }", 30, "ipv6 and ipv4 in one rule" },
	{ "match { source 10.0.0.0/8; flow-label 1; }", 28, "ipv4 and ipv6 in one rule" },
	/* actions */
	{ TCP " then { rate-limit -1; }", 44, "a rate cannot be negative: '-1'" },
	{ TCP " then { rate-limit nan; }", 44, "expected a rate (a number), found 'nan'" },
	{ TCP " then { rate-limit; }", 43, "expected a rate (a number), found ';'" },
	{ TCP " then { rate-limit .5; }", 44, "expected a rate (a number), found '.5'" },
	{ TCP " then { rate-limit 5.; }", 44, "expected a rate (a number), found '5.'" },
	{ TCP " then { rate-limit 1.2.3; }", 44, "expected a rate (a number), found '1.2.3'" },
	{ TCP " then { rate-limit 1e3; }", 44, "expected a rate (a number), found '1e3'" },
	{ TCP " then { rate-limit 0.1234567890123456; }", 44, "expected a rate (a number), found '0.1234567890123456'" },
	{ TCP " then { rate-limit 99.123456789012345; }", 44, "expected a rate (a number), found '99.123456789012345'" },
	{ TCP " then { rate-limit 10 kilo; }", 47, "expected ';', found 'kilo'" },
	{ TCP " then { discard }", 41, "expected ';', found '}'" },
	{ TCP " then { discard now; }", 41, "expected ';', found 'now'" },
	{ TCP " then { drop; }", 33, "unknown word in then: 'drop'" },
	{ TCP " then { mark 64; }", 38, "expected a DSCP of 0 to 63, found '64'" },
	{ TCP " then { action stop; }", 40, "expected sample, terminal or sample-terminal, found 'stop'" },
	{ TCP " then { redirect 70000:65536; }", 42, "expected an address, AS:N, IP:N or [IPV6]:N, found '70000:65536'" },
	{ TCP " then { redirect 192.0.2.1:65536; }", 42, "expected an address, AS:N, IP:N or [IPV6]:N, found '192.0.2.1:65536'" },
	{ TCP " then { redirect [2001:db8::1]:65536; }", 55, "expected ':' and a number up to 65535, found ':65536'" },
	{ TCP " then { redirect [192.0.2.1]:5; }", 33, "only an IPv6 address stands in brackets" },
	{ TCP " then { redirect 192.0.2.1; copy 192.0.2.2; }", 58, "a second next hop '192.0.2.2'" },
	{ TCP " then { extended-community 0x1234; }", 52, "an extended community has 16 digits behind 0x, an IPv6 one 40" },
	{ TCP " then { community 65536:1; }", 43, "expected a community (N:M), found '65536:1'" },
	{ TCP " then { community [ ]; }", 45, "an empty list, at ']'" },
	{ TCP " then { large-community 1:2; }", 49, "expected a large community (A:B:C), found '1:2'" },
	{ TCP " then { large-community 1:2:3:4; }", 49, "a large community has three parts: '1:2:3:4'" },
	{ TCP " scope { discard; }", 34, "unknown word in scope: 'discard'" },
	{ TCP " scope { interface-set transitive:in:1:1; }", 48, "expected [non-]transitive:DIRECTION:AS:GROUP, found 'transitive:in:1:1'" },
	{ TCP " scope { interface-set input:1:16384; }", 48, "expected an AS and a group of 0 to 16383 in 'input:1:16384'" },
	/* the whole */
	{ "flow route x { " TCP " } y", 43, "left over: 'y'" },
	{ TCP " }", 26, "left over: '}'" },
	{ "flow route x { " TCP, 40, "expected '}' at the end of the file" },
	{ "route { protocol tcp; }", 9, "it belongs into a match block: 'protocol'" },
	{ "route { " TCP " discard; }", 34, "it belongs into a then block: 'discard'" },
	{ "route { " TCP " next-hop; }", 42, "expected an address or self, found ';'" },
	{ "route { rd 1:1; rd 2:2; " TCP " }", 17, "a second route distinguisher" },
	{ "route { rd 1; " TCP " }", 12, "expected a route distinguisher (AS:N, IP:N), found '1'" },
	{ "route { rd 65536:65536; " TCP " }", 12, "expected a route distinguisher (AS:N, IP:N), found '65536:65536'" },
	{ "protocol tcp udp discard", 14, "unknown word in a route: 'udp'" },
	{ "protocol tcp discard; x", 23, "left over: 'x'" },
	{ "route 'x { " TCP " }", 7, "a quote that is never closed" },
};
/* clang-format on */

static void a_wrong(void **state)
{
	const struct wrong *v = *state;
	struct flow_rule r;
	struct err e = { 0 };

	memset(&r, 0x5a, sizeof(r));
	assert_false(parse(v->text, NULL, &r, &e));
	assert_string_equal(e.text, v->reason);
	assert_int_equal(e.line, 1);
	assert_int_equal(e.col, v->col);
	for (size_t i = 0; i < sizeof(r); i++) /* written on success only */
		assert_int_equal(((const uint8_t *)&r)[i], 0x5a);
	assert_false(parse(v->text, NULL, &r, NULL));
}

/* ---- warnings
 * -------------------------------------------------------------------------------------- */

struct odd {
	const char *text;
	unsigned col;
	const char *reason; /* how it begins */
};

static const struct odd odds[] = {
	{ "match { port =80 =8080; }", 18, "terms without brackets" },
	{ "match { fragment not-a-fragment; }", 18, "read as !is-fragment" },
	{ "match { source 192.0.2.1/24; }", 16, "bits outside the prefix are cleared" },
	{ "match { source 2001:db8::1/128/64; }", 16, "bits outside the prefix are cleared" },
	{ "match { next-header udp; }", 9, "only this word makes it an ipv6 rule" },
	{ "match { source 10.0.0.0/8; next-header udp; }", 28, "an ipv6 word in an ipv4 rule" },
	{ "match { source ::/0; traffic-class 200; }", 36, "only the low six bits count" },
	{ "match { icmp-type echo-request; source ::/0; }", 19, "the word is a number of ICMPv4" },
	{ TCP " then { rate-limit 10 packets; }", 47, "packets a second, as it says" },
	{ TCP " then { rate-limit 2000000000000; }", 44, "rate-limit is cut" },
	{ TCP " then { rate-limit 9600.5; }", 44, "ExaBGP takes whole numbers only" },
	{ TCP " then { redirect-to-nexthop; }", 33, "there is no next hop" },
};

struct told {
	unsigned count;
	struct err last;
};

static void take_warning(void *ctx, const struct err *what)
{
	struct told *t = ctx;

	t->count++;
	t->last = *what;
}

static void an_odd(void **state)
{
	const struct odd *v = *state;
	struct told told = { 0 };
	struct flow_text_options o = { .warn = take_warning, .ctx = &told };
	struct err e = { .source = "edge.conf" };
	struct flow_rule r;

	assert_true(parse(v->text, &o, &r, &e));
	assert_int_equal(told.count, 1);
	assert_int_equal(told.last.line, 1);
	assert_int_equal(told.last.col, v->col);
	assert_string_equal(told.last.source, "edge.conf");
	assert_memory_equal(told.last.text, v->reason, strlen(v->reason));
}

static void what_is_plain_warns_of_nothing(void **state)
{
	struct told told = { 0 };
	struct flow_text_options o = { .warn = take_warning, .ctx = &told };
	struct flow_rule r;

	(void)state;
	assert_true(parse("match { source 2001:201::201/128; destination 2001:8::0/64; "
			  "destination-port 23; protocol tcp; dscp 1; } then { discard; }",
			  &o, &r, NULL));
	assert_int_equal(told.count, 0);
}

static void strict_refuses_host_bits(void **state)
{
	struct flow_text_options o = { .strict = true };
	struct flow_rule r;
	struct err e = { 0 };

	(void)state;
	assert_false(parse("match { source 192.0.2.1/24; }", &o, &r, &e));
	assert_string_equal(e.text, "bits are set outside the prefix: '192.0.2.1/24'");
	assert_int_equal(e.col, 16);
	assert_true(parse("match { source 192.0.2.0/24; }", &o, &r, &e));
}

static void the_family_is_told_by_options_where_no_word_tells(void **state)
{
	struct flow_text_options o = { .family = FLOW_IPV6 };
	struct flow_rule r;
	struct err e = { 0 };

	(void)state;
	assert_true(parse("match { port 1; }", NULL, &r, NULL));
	assert_int_equal(r.family, FLOW_IPV4);
	assert_true(parse("match { port 1; }", &o, &r, NULL));
	assert_int_equal(r.family, FLOW_IPV6);
	assert_true(parse("match { source 10.0.0.0/8; }", &o, &r, NULL));
	assert_int_equal(r.family, FLOW_IPV4);
	o.family_fixed = true;
	assert_false(parse("match { source 10.0.0.0/8; }", &o, &r, &e));
	assert_string_equal(e.text, "an ipv4 word in an ipv6 rule: '10.0.0.0/8'");
	o.family = FLOW_IPV4;
	assert_false(parse("match { flow-label 1; }", &o, &r, &e));
	assert_true(parse("match { next-header udp; }", &o, &r, &e));
	assert_int_equal(r.family, FLOW_IPV4);
}

static void a_route_ends_where_it_says(void **state)
{
	static const char text[] = "{ " TCP " } next protocol tcp; next";
	struct flow_text_options o = { 0 };
	struct flow_rule r;
	struct lex l;

	(void)state;
	lex_init(&l, text, strlen(text));
	assert_true(flow_text_route(&l, &o, &r, NULL));
	assert_true(lex_is(&l, "next"));
	lex_next(&l);
	assert_true(flow_text_route(&l, &o, &r, NULL));
	assert_true(lex_is(&l, "next"));
}

static void a_place_is_line_and_column(void **state)
{
	static const char text[] =
		"route x {\n\tmatch {\n\t\tport [ =80\n\t\t\t>=70000 ];\n\t}\n}\n";
	struct flow_rule r;
	struct err e = { 0 };

	(void)state;
	assert_false(parse(text, NULL, &r, &e));
	assert_int_equal(e.line, 4);
	assert_int_equal(e.col, 6);
}

static void a_name_has_63_octets_at_most(void **state)
{
	char text[200];
	struct flow_rule r;

	(void)state;
	(void)snprintf(text, sizeof(text), "route %063d { " TCP " }", 0);
	assert_true(parse(text, NULL, &r, NULL));
	assert_int_equal(strlen(r.name), 63);
	(void)snprintf(text, sizeof(text), "route %064d { " TCP " }", 0);
	assert_false(parse(text, NULL, &r, NULL));
}

/* port [ =1 =1 ... ]: the type and two octets a term. */
static bool parse_terms(size_t terms, struct err *e, struct flow_rule *r)
{
	static char text[FLOW_TEXT_MAX];
	struct str s = str_over(text, sizeof(text));

	str_add(&s, "match { port [");
	for (size_t i = 0; i < terms; i++)
		str_add(&s, " =1");
	str_add(&s, " ]; }");
	return parse(text, NULL, r, e);
}

static void a_rule_has_4095_octets_at_most(void **state)
{
	struct flow_rule r;
	struct err e = { 0 };

	(void)state;
	assert_true(parse_terms(2047, &e, &r));
	assert_int_equal(r.nlri_len, 4095);
	assert_true(parse(print(&r), NULL, &r, &e));
	assert_int_equal(r.nlri_len, 4095);
	assert_false(parse_terms(2048, &e, &r));
	assert_non_null(strstr(e.text, "4095 octets"));
}

static void there_are_64_communities_of_a_kind_at_most(void **state)
{
	static const char *const kinds[] = { "community 1:1;", "large-community 1:1:1;", "discard;",
					     "redirect [::1]:1;" };
	struct flow_rule r;
	struct err e;

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		static char text[8192];
		struct str s = str_over(text, sizeof(text));

		str_add(&s, TCP " then { ");
		for (int i = 0; i < FLOW_EXT_MAX; i++)
			str_add(&s, kinds[k]);
		str_add(&s, " }");
		assert_true(parse(text, NULL, &r, &e));
		s.len -= 2;
		str_add(&s, kinds[k]);
		str_add(&s, " }");
		assert_false(parse(text, NULL, &r, &e));
		assert_memory_equal(e.text, "more than 64", 12);
	}
}

/* ---- print and parse on random rules
 * ------------------------------------------------------------------ */

/* What the print may drop: reserved bits of operators, AND in the first, padding. */
static void clear_ignored(const struct flow_nlri *n, uint8_t *octets)
{
	struct rd r = flow_nlri_components(n);
	struct flow_comp c;

	while (flow_comp_next(&r, n->family, &c)) {
		enum flow_kind kind = flow_comp_type(c.type, n->family)->kind;
		size_t at = rd_offset(&c.body), end = at + rd_left(&c.body);
		struct flow_op o;

		if (kind == FLOW_PREFIX) {
			unsigned len = octets[at],
				 off = n->family == FLOW_IPV6 ? octets[at + 1] : 0;

			if ((len - off) % 8 != 0)
				octets[end - 1] &= (uint8_t)(0xff00 >> (len - off) % 8);
			continue;
		}
		octets[at] &= (uint8_t)~FLOW_OP_AND;
		for (; at < end; at = rd_offset(&c.body)) {
			octets[at] &= kind == FLOW_NUMERIC ? 0xf7 : 0xf3;
			assert_true(flow_op_next(&c.body, &o));
		}
	}
}

static void any_rule_prints_and_parses_to_its_octets(void **state)
{
	static struct flow_rule r;
	struct rnd rnd = { 2024 };

	(void)state;
	for (int i = 0; i < 50000; i++) {
		uint8_t octets[RANDOM_NLRI_MAX + 8], clean[RANDOM_NLRI_MAX + 8];
		enum flow_family f = i % 2 ? FLOW_IPV6 : FLOW_IPV4;
		struct flow_nlri n = { .family = f, .vpn = i % 3 == 0, .octets = octets };
		struct flow_text_options o = { .family = f, .family_fixed = true, .strict = true };
		struct str s = str_over(printed, sizeof(printed));
		size_t at = n.vpn ? FLOW_RD_OCTETS : 0;
		struct err e = { 0 };

		for (size_t j = 0; j < at; j++)
			octets[j] = (uint8_t)(j == 1   ? rnd_below(&rnd, 4)
					      : j == 0 ? 0
						       : rnd_below(&rnd, 3));
		n.len = at + random_nlri(&rnd, f, octets + at);
		memcpy(clean, octets, n.len);
		clear_ignored(&n, clean);
		flow_text_print("x", &n, NULL, &s);
		assert_true(str_ok(&s));
		if (!parse(printed, &o, &r, &e))
			fail_msg("%s: %u: %s", printed, e.col, e.text);
		assert_int_equal(r.family, f);
		assert_int_equal(r.vpn, n.vpn);
		assert_int_equal(r.nlri_len, n.len);
		assert_memory_equal(r.nlri, clean, n.len);
	}
}

/* Communities of known codes with few bits set, so that words and hex both turn up. */
static void random_then(struct rnd *rnd, struct flow_then *t)
{
	static const uint16_t codes[] = { 0x8006, 0x800c, 0x8007, 0x8008, 0x8108, 0x8208, 0x8009,
					  0x0800, 0x010c, 0x0702, 0x4702, 0x0002, 0x1234 };
	static const uint16_t codes6[] = { 0x000c, 0x000d, 0x0002 };

	memset(t, 0, sizeof(*t));
	t->ext_count = (uint16_t)rnd_below(rnd, 4);
	t->ext6_count = (uint16_t)rnd_below(rnd, 2);
	t->community_count = (uint16_t)rnd_below(rnd, 3);
	t->large_count = (uint16_t)rnd_below(rnd, 3);
	for (size_t i = 0; i < t->ext_count; i++) {
		struct wr w = wr_over(t->ext[i], 8);

		wr_u16(&w, RND_OF(rnd, codes));
		wr_uint(&w, 6,
			rnd_one_in(rnd, 2) ? rnd_below(rnd, 70)
					   : (uint64_t)rnd_below(rnd, 0x10000) << 32 |
						     rnd_below(rnd, 0x50000000));
	}
	for (size_t i = 0; i < t->ext6_count; i++) {
		struct wr w = wr_over(t->ext6[i], 20);

		wr_u16(&w, RND_OF(rnd, codes6));
		wr_uint(&w, 8, 0x20010db800000000);
		wr_uint(&w, 8, rnd_below(rnd, 0x10000));
		wr_u16(&w, (uint16_t)rnd_below(rnd, 3));
	}
	for (size_t i = 0; i < 3; i++) {
		t->community[i] = rnd_below(rnd, 0x7fffffff);
		t->large[0][i] = rnd_below(rnd, 0x7fffffff);
		t->large[1][i] = rnd_below(rnd, 10);
	}
	t->next_hop_self = rnd_one_in(rnd, 4);
	if (!t->next_hop_self && rnd_one_in(rnd, 2))
		t->next_hop =
			addr_ipv4((const uint8_t[4]){ 192, 0, 2, (uint8_t)rnd_below(rnd, 9) });
}

static void any_actions_print_and_parse_to_their_octets(void **state)
{
	static const uint8_t tcp[] = { 0x03, 0x81, 0x06 };
	struct flow_nlri n = { .octets = tcp, .len = sizeof(tcp) };
	struct rnd rnd = { 77 };

	(void)state;
	for (int i = 0; i < 50000; i++) {
		static struct flow_then t;
		static struct flow_rule r;
		struct str s = str_over(printed, sizeof(printed));
		struct err e = { 0 };

		random_then(&rnd, &t);
		flow_text_print(NULL, &n, &t, &s);
		if (!parse(printed, NULL, &r, &e))
			fail_msg("%s: %u: %s", printed, e.col, e.text);
		assert_true(r.has_then);
		assert_int_equal(r.then.ext_count, t.ext_count);
		assert_int_equal(r.then.ext6_count, t.ext6_count);
		assert_int_equal(r.then.community_count, t.community_count);
		assert_int_equal(r.then.large_count, t.large_count);
		assert_memory_equal(r.then.ext, t.ext, 8U * t.ext_count);
		assert_memory_equal(r.then.ext6, t.ext6, 20U * t.ext6_count);
		assert_memory_equal(r.then.community, t.community, 4U * t.community_count);
		assert_memory_equal(r.then.large, t.large, 12U * t.large_count);
		assert_true(addr_equal(&r.then.next_hop, &t.next_hop));
		assert_int_equal(r.then.next_hop_self, t.next_hop_self);
	}
}

int main(void)
{
	enum {
		MATCHES = sizeof(matches) / sizeof(matches[0]),
		WHOLES = sizeof(wholes) / sizeof(wholes[0]),
		WRONGS = sizeof(wrongs) / sizeof(wrongs[0]),
		ODDS = sizeof(odds) / sizeof(odds[0])
	};
	static const struct CMUnitTest sentences[] = {
		cmocka_unit_test(what_is_plain_warns_of_nothing),
		cmocka_unit_test(strict_refuses_host_bits),
		cmocka_unit_test(the_family_is_told_by_options_where_no_word_tells),
		cmocka_unit_test(a_route_ends_where_it_says),
		cmocka_unit_test(a_place_is_line_and_column),
		cmocka_unit_test(a_name_has_63_octets_at_most),
		cmocka_unit_test(a_rule_has_4095_octets_at_most),
		cmocka_unit_test(there_are_64_communities_of_a_kind_at_most),
		cmocka_unit_test(any_rule_prints_and_parses_to_its_octets),
		cmocka_unit_test(any_actions_print_and_parse_to_their_octets),
	};
	struct CMUnitTest
		tests[MATCHES + WHOLES + WRONGS + ODDS + sizeof(sentences) / sizeof(sentences[0])];
	size_t n = 0;

	for (size_t i = 0; i < MATCHES; i++)
		tests[n++] = (struct CMUnitTest){ matches[i].text, a_match, NULL, NULL,
						  (void *)&matches[i] };
	for (size_t i = 0; i < WHOLES; i++)
		tests[n++] = (struct CMUnitTest){ wholes[i].sentence, a_whole, NULL, NULL,
						  (void *)&wholes[i] };
	for (size_t i = 0; i < WRONGS; i++)
		tests[n++] = (struct CMUnitTest){ wrongs[i].text, a_wrong, NULL, NULL,
						  (void *)&wrongs[i] };
	for (size_t i = 0; i < ODDS; i++)
		tests[n++] =
			(struct CMUnitTest){ odds[i].text, an_odd, NULL, NULL, (void *)&odds[i] };
	memcpy(tests + n, sentences, sizeof(sentences));
	return cmocka_run_group_tests_name("flow_text", tests, NULL, NULL);
}
