/* SPDX-License-Identifier: ISC */
/* tcp.h - the sockets that BGP wants: addresses, options, MD5 signatures; inside of the layer.
 *
 * What fails returns a negative error number of libuv's.
 */
#ifndef BGP_TCP_H
#define BGP_TCP_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/addr.h"

union tcp_address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Returns the length for the kernel. */
socklen_t tcp_address_of(const struct addr *a, uint16_t port, union tcp_address *ret);
struct addr tcp_addr_from(const union tcp_address *from);

/* A socket that listens; local may be all zeros. */
int tcp_listen(const struct addr *local, uint16_t port, int *ret_fd);
/* A socket that is connecting; local ADDR_NONE: the kernel's choice.  key may be empty. */
int tcp_connect(const struct addr *local, const struct addr *remote, uint16_t port, const char *key,
		int *ret_fd);
/* RFC 2385 for one neighbor; an empty key takes it off. */
int tcp_md5(int fd, const struct addr *remote, const char *key);
/* What every connection gets. */
void tcp_tune(int fd);
struct addr tcp_local(int fd);
/* What went wrong with a socket, as a negative number; 0: nothing. */
int tcp_error(int fd);

#endif
