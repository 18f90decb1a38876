/* SPDX-License-Identifier: ISC */
/* tcp.c - see tcp.h.
 *
 * RFC 4271 (port, precedence), RFC 2385 by Linux' TCP_MD5SIG.  An IPv6 socket never takes IPv4.
 */
#include "bgp/tcp.h"

#include <errno.h>
#include <linux/tcp.h>
#include <string.h>
#include <unistd.h>

enum {
	BACKLOG = 64,
	TOS_NETWORK_CONTROL = 0xc0, /* CS6, as routers mark BGP */
	FREEBIND6 = 78              /* IPV6_FREEBIND, which not every libc names */
};

socklen_t tcp_address_of(const struct addr *a, uint16_t port, union tcp_address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->family == ADDR_IPV6) {
		ret->in6.sin6_family = AF_INET6;
		ret->in6.sin6_port = htons(port);
		memcpy(&ret->in6.sin6_addr, a->octets, 16);
		return sizeof(ret->in6);
	}
	ret->in.sin_family = AF_INET;
	ret->in.sin_port = htons(port);
	memcpy(&ret->in.sin_addr, a->octets, 4);
	return sizeof(ret->in);
}

struct addr tcp_addr_from(const union tcp_address *from)
{
	if (from->sa.sa_family == AF_INET6)
		return addr_ipv6(from->in6.sin6_addr.s6_addr);
	if (from->sa.sa_family == AF_INET)
		return addr_ipv4((const uint8_t *)&from->in.sin_addr);
	return (struct addr){ .family = ADDR_NONE };
}

static int open_socket(uint8_t family, int *ret_fd)
{
	int af = family == ADDR_IPV6 ? AF_INET6 : AF_INET, yes = 1;
	int fd = socket(af, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0)
		return -errno;
	if (af == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	*ret_fd = fd;
	return 0;
}

void tcp_tune(int fd)
{
	int yes = 1, tos = TOS_NETWORK_CONTROL;

	/* Whichever of the two families it is; the other call fails and does no harm. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

static int give_up(int fd)
{
	int error = -errno;

	close(fd);
	return error;
}

int tcp_listen(const struct addr *local, uint16_t port, int *ret_fd)
{
	union tcp_address at;
	socklen_t len = tcp_address_of(local, port, &at);
	int yes = 1, fd = -1, error = open_socket(local->family, &fd);

	if (error < 0)
		return error;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	/* The address may come later, or still be checked for a duplicate. */
	if (local->family == ADDR_IPV6)
		setsockopt(fd, IPPROTO_IPV6, FREEBIND6, &yes, sizeof(yes));
	else
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes));
	if (bind(fd, &at.sa, len) < 0 || listen(fd, BACKLOG) < 0)
		return give_up(fd);
	*ret_fd = fd;
	return 0;
}

int tcp_connect(const struct addr *local, const struct addr *remote, uint16_t port, const char *key,
		int *ret_fd)
{
	union tcp_address to, from;
	socklen_t to_len = tcp_address_of(remote, port, &to),
		  from_len = tcp_address_of(local, 0, &from);
	int fd = -1, error = open_socket(remote->family, &fd);

	if (error < 0)
		return error;
	tcp_tune(fd);
	if (key[0] != '\0' && (error = tcp_md5(fd, remote, key)) < 0) {
		close(fd);
		return error;
	}
	if (local->family != ADDR_NONE && bind(fd, &from.sa, from_len) < 0)
		return give_up(fd);
	if (connect(fd, &to.sa, to_len) < 0 && errno != EINPROGRESS)
		return give_up(fd);
	*ret_fd = fd;
	return 0;
}

int tcp_md5(int fd, const struct addr *remote, const char *key)
{
	struct tcp_md5sig sig;
	union tcp_address to;
	size_t len = strlen(key);

	memset(&sig, 0, sizeof(sig));
	tcp_address_of(remote, 0, &to);
	memcpy(&sig.tcpm_addr, &to, sizeof(to));
	sig.tcpm_keylen = (uint16_t)(len < sizeof(sig.tcpm_key) ? len : sizeof(sig.tcpm_key));
	memcpy(sig.tcpm_key, key, sig.tcpm_keylen);
	int error = setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof(sig)) < 0 ? -errno : 0;
	return key[0] == '\0' && error == -ENOENT ? 0 : error;
}

struct addr tcp_local(int fd)
{
	union tcp_address at = { 0 };
	socklen_t len = sizeof(at);

	if (getsockname(fd, &at.sa, &len) < 0)
		return (struct addr){ .family = ADDR_NONE };
	return tcp_addr_from(&at);
}

int tcp_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? -errno : -error;
}
