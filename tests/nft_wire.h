/* SPDX-License-Identifier: ISC */
/* nft_wire.h - a veth pair in a network namespace of this program's own, the backend's table at the
 * one end, frames from the other, and what of them comes out behind the hook. */
#ifndef TESTS_NFT_WIRE_H
#define TESTS_NFT_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "flow/flow.h"
#include "nft/nft.h"
#include "tests/ip_header.h"
#include "tests/want_rule.h"

enum {
	FLOOD = 400, /* as many frames at once at most */
	FRAME_MAX = 1500,
	ETHERTYPE_LAST = 0x88b5 /* of the frame that says that a batch is over */
};

static const char *const interfaces[] = { "hg1" };
static struct enforce_options options = { .interfaces = interfaces, .interface_count = 1 };

static int sender = -1, behind[3]; /* sockets: into hg0; behind the hook of hg1, by ETHERTYPE */

static inline int packet_socket(const char *name, uint16_t protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(protocol),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), size = 1 << 24;

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Without a shell, whose own `ip` may know less. */
static inline bool run(const char *words)
{
	char copy[128], *argv[16], *rest = NULL;
	int n = 0, status;
	pid_t child;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &rest); w != NULL && n < 15;
	     w = strtok_r(NULL, " ", &rest))
		argv[n++] = w;
	argv[n] = NULL;
	child = fork();
	if (child == 0 && n > 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* No frames of the kernel's own. */
static inline bool silence(const char *interface)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
	file = fopen(path, "w");
	if (file == NULL)
		return false;
	(void)fputs("1", file);
	return fclose(file) == 0;
}

/* Setup of a group. */
static inline int make_wire(void **state)
{
	cpu_set_t one;

	(void)state;
	/* On one CPU frames keep their order. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0 || unshare(CLONE_NEWNET) < 0) {
		printf("# %s\n", strerror(errno));
		return -1;
	}
	if (!run("ip link add hg0 type veth peer name hg1") || !silence("hg0") || !silence("hg1") ||
	    !run("ip link set hg0 arp off up") || !run("ip link set hg1 arp off up"))
		return -1;
	sender = packet_socket("hg0", 0);
	/* A socket for all protocols would be in front of the hook. */
	behind[0] = packet_socket("hg1", ETH_P_IP);
	behind[1] = packet_socket("hg1", ETH_P_IPV6);
	behind[2] = packet_socket("hg1", ETHERTYPE_LAST);
	return 0;
}

struct frame {
	uint8_t octets[FRAME_MAX];
	size_t len, ip; /* ip: where the packet is */
	enum flow_family family;
};

static inline void send_frame(const struct frame *f)
{
	if (send(sender, f->octets, f->len, 0) != (ssize_t)f->len)
		fail_msg("a frame of %zu octets: %s", f->len, strerror(errno));
}

static inline void write_ethernet(struct frame *f, uint32_t number, uint16_t type, bool tagged)
{
	struct wr w = wr_over(f->octets, sizeof(f->octets));

	wr_uint(&w, 6, 0x020000000001); /* for nobody here */
	wr_u16(&w, 0x0200);
	wr_u32(&w, number);
	if (tagged)
		wr_u32(&w, 0x81000007);
	wr_u16(&w, type);
	f->ip = f->len = wr_len(&w);
}

static struct frame received[FLOOD]; /* as they came out behind the hook, their tag taken off */

/* Marks those that came through, until the last of the batch has. */
static inline void receive_batch(bool *came, uint32_t count)
{
	struct frame f;
	struct pollfd last = { .fd = behind[2], .events = POLLIN };
	ssize_t len;

	write_ethernet(&f, count, ETHERTYPE_LAST, false);
	f.len += 46;
	send_frame(&f);
	if (poll(&last, 1, 5000) != 1)
		fail_msg("the last frame has not come");
	(void)recv(behind[2], f.octets, sizeof(f.octets), MSG_DONTWAIT);
	for (int i = 0; i < 2; i++)
		while ((len = recv(behind[i], f.octets, sizeof(f.octets), MSG_DONTWAIT)) > 0) {
			struct rd r = rd_over(f.octets + 8, 4);
			uint32_t number = rd_u32(&r);

			assert_true(number < count);
			came[number] = true;
			f.ip = ETH_HLEN;
			f.len = (size_t)len;
			received[number] = f;
		}
}

/* ---- Table and rules -------------------------------------------------------------------- */

static inline struct nft *open_or_fail(struct ruleset *rs)
{
	struct err e = { 0 };
	struct nft *t = nft_open(&options, rs, &e);

	if (t == NULL)
		fail_msg("%s", e.text);
	return t;
}

static inline void close_all(struct nft *t)
{
	struct err e = { 0 };

	if (!nft_remove(t, &e))
		fail_msg("%s", e.text);
	nft_free(t);
}

static inline void ruleset_start(struct ruleset *rs)
{
	ruleset_init(rs, 1);
	rs->able = &plan_able_nft;
}

/* What was touched, into the kernel. */
static inline void apply(struct nft *t, struct ruleset *rs)
{
	struct err e = { 0 };
	size_t n = rs->touched_count;

	if (!nft_change(t, rs->touched, n, &e))
		fail_msg("%s", e.text);
	rs->touched_count = 0;
	for (size_t i = 0; i < n; i++)
		rs->touched[i]->touched = false;
	for (size_t i = 0; i < n; i++)
		if (!rs->touched[i]->wanted)
			ruleset_remove(rs, rs->touched[i]);
}

static inline struct rule *want(struct ruleset *rs, const char *match, const struct flow_actions *a)
{
	struct flow_text_options o = { .family = FLOW_IPV4 };
	struct flow_rule rule;
	struct flow_nlri n;
	struct err e = { 0 };
	char text[512];

	(void)snprintf(text, sizeof(text), "match { %s }", match);
	if (!flow_text_rule(text, strlen(text), &o, &rule, &e))
		fail_msg("%s: %s", match, e.text);
	n = flow_rule_nlri(&rule);
	return want_rule(rs, &n, a);
}

/* UDP to 192.0.2.1, this many octets. */
static inline void udp_frame(struct frame *f, uint32_t number, uint16_t octets)
{
	uint8_t *ip;

	write_ethernet(f, number, ETH_P_IP, false);
	ip = f->octets + f->ip;
	memset(ip, 0, octets);
	ip[0] = 0x45;
	ip[2] = (uint8_t)(octets >> 8);
	ip[3] = (uint8_t)octets;
	ip[9] = 17;
	memcpy(ip + 16, (const uint8_t[]){ 192, 0, 2, 1 }, 4);
	f->len += octets;
}

static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How many differences there are between the table and what is wanted. */
static inline json_int_t differences(struct nft *t, struct ruleset *rs, bool explain)
{
	const struct feed_question q = { .id = 1 };
	struct err e = { 0 };
	json_t *answer = nft_verify_answer(t, rs, &q, &e);
	json_int_t n;

	if (answer == NULL)
		fail_msg("%s", e.text);
	n = json_integer_value(json_object_get(answer, "differences"));
	if (explain && n > 0) {
		char *text = json_dumps(answer, JSON_COMPACT);

		printf("# %s\n", text);
		free(text);
	}
	json_decref(answer);
	return n;
}

#endif
