/* SPDX-License-Identifier: ISC */
/* Blocks of a pcapng file: that their lengths add up, and what tshark makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "enforce/pcapng.h"

/* UDP from 198.51.100.1 to 192.0.2.7, port 9; the frame had 1042 octets. */
static const uint8_t frame[] = { 2,    0, 0,   0, 0, 1, 2, 0, 0,  0,  0, 2,    0x08, 0,
				 0x45, 0, 4,   4, 0, 0, 0, 0, 64, 17, 0, 0,    198,  51,
				 100,  1, 192, 0, 2, 7, 0, 9, 0,  9,  3, 0xf0, 0,    0 };

static const struct pcapng_packet packet = {
	.interface = 1,
	.time = 1700000000123456789ULL,
	.octets = frame,
	.captured = sizeof(frame),
	.length = 1042,
	.comment = "flow route { match { destination 192.0.2.7/32; } }",
};

/* A section of two interfaces and two packets, then another one. */
static size_t make_file(uint8_t *room, size_t size)
{
	struct wr w = wr_over(room, size);
	struct pcapng_packet other = packet;

	pcapng_section(&w, "headgate-enforce");
	pcapng_interface(&w, "eth0", 128);
	pcapng_interface(&w, "r2-inet7", 128);
	pcapng_packet(&w, &packet);
	other.interface = 0;
	other.captured--; /* of an odd length */
	pcapng_packet(&w, &other);
	pcapng_section(&w, "headgate-enforce");
	pcapng_interface(&w, "eth0", 128); /* tshark 4.0 looks for its name in the first section */
	other.comment = "another section";
	pcapng_packet(&w, &other);
	assert_true(wr_ok(&w));
	return wr_len(&w);
}

static void test_blocks_can_be_walked_both_ways(void **state)
{
	static uint8_t room[PCAPNG_BLOCK_MAX];
	size_t len = make_file(room, sizeof(room)), at = 0;
	unsigned blocks = 0;

	(void)state;
	assert_true(pcapng_is_section(room));
	assert_false(pcapng_is_section(frame));
	for (; at < len; blocks++) {
		struct rd r = rd_over(room + at, len - at);
		uint32_t length = (rd_u32(&r), rd_u32(&r));

		assert_true(length % 4 == 0 && length >= 12 && length <= len - at);
		r = rd_over(room + at + length - 4, 4);
		assert_int_equal(rd_u32(&r), length);
		at += length;
	}
	assert_int_equal(at, len);
	assert_int_equal(blocks, 8);
}

static void test_the_longest_block_has_room(void **state)
{
	static uint8_t room[PCAPNG_BLOCK_MAX], octets[2048];
	static char comment[3 * PCAPNG_COMMENT_MAX];
	struct wr w = wr_over(room, sizeof(room));
	struct pcapng_packet p = {
		.octets = octets, .captured = sizeof(octets), .length = 65575, .comment = comment
	};

	(void)state;
	memset(comment, 'x', sizeof(comment) - 1);
	pcapng_packet(&w, &p);
	assert_true(wr_ok(&w));
}

/* A second opinion; skipped where there is none. */
static void test_tshark_reads_them(void **state)
{
	static uint8_t room[PCAPNG_BLOCK_MAX];
	char path[] = "/tmp/pcapng-XXXXXX", command[300], line[300];
	static const char *const expected[] = {
		"1700000000.123456789|r2-inet7|42|1042|192.0.2.7|9|flow route { match { "
		"destination 192.0.2.7/32; } }\n",
		"1700000000.123456789|eth0|41|1042|192.0.2.7|9|flow route { match { "
		"destination 192.0.2.7/32; } }\n",
		"1700000000.123456789|eth0|41|1042|192.0.2.7|9|another section\n",
	};
	size_t len = make_file(room, sizeof(room)), lines = 0;
	int fd = mkstemp(path);
	FILE *from;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, room, len), len);
	close(fd);
	(void)snprintf(command, sizeof(command),
		       "tshark -r %s -T fields -E separator='|' -e frame.time_epoch "
		       "-e frame.interface_name -e frame.cap_len -e frame.len -e ip.dst "
		       "-e udp.dstport -e frame.comment 2>/dev/null",
		       path);
	from = popen(command, "r");
	assert_non_null(from);
	while (fgets(line, sizeof(line), from) != NULL) {
		assert_true(lines < sizeof(expected) / sizeof(expected[0]));
		assert_string_equal(line, expected[lines++]);
	}
	(void)unlink(path);
	if (pclose(from) >> 8 == 127) /* what a shell says of a command that is not there */
		skip();
	assert_int_equal(lines, sizeof(expected) / sizeof(expected[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_can_be_walked_both_ways),
		cmocka_unit_test(test_the_longest_block_has_room),
		cmocka_unit_test(test_tshark_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
