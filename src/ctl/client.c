/* SPDX-License-Identifier: ISC */
/* client.c - a connection to the hub's control socket.
 *
 * The socket never blocks; a wait is always a poll(2) with an end.  Octets are kept as they come
 * and handed out line by line.
 *
 * Invariants
 * 1. buf[start..end) is what was read and not yet handed out; the line handed out last lies
 *    before start, so it is moved only by the next call.
 * 2. A line longer than CTL_LINE_MAX ends the connection: there is no place to go on from.
 *
 * It does not know what the lines mean; JSON is the caller's business.
 */
#include "ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/map.h"

enum {
	CLIENT_READ_MIN = 16 * 1024, /* room that is offered to each read */
	CLIENT_FIRST = 64 * 1024,
	CLIENT_SEND_MS = 10 * 1000 /* a hub that takes nothing for so long is as good as gone */
};

struct ctl_client {
	int fd;
	char *buf;
	size_t start, end, size;
	bool closed;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *socket_path(const char *path)
{
	const char *env = getenv(CTL_SOCKET_ENV);

	if (path != NULL && *path != '\0')
		return path;
	return env != NULL && *env != '\0' ? env : CTL_SOCKET_DEFAULT;
}

/* What an error of connect(2) means to the person who started the program. */
static bool connect_failed(struct err *e, const char *path, int error)
{
	switch (error) {
	case ENOENT:
		return err_at(e, 0, 0, "there is no headgated at %s", path);
	case ECONNREFUSED:
		return err_at(e, 0, 0, "no headgated answers at %s", path);
	case EACCES:
	case EPERM:
		return err_at(e, 0, 0,
			      "no right to use %s; the file's control group decides who may", path);
	default:
		return err_at(e, 0, 0, "cannot connect to %s: %s", path, strerror(error));
	}
}

uint64_t ctl_digest(const void *octets, size_t len)
{
	return map_hash(octets, len, 0);
}

struct ctl_client *ctl_client_open(const char *path, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ctl_client *c;
	int fd;

	path = socket_path(path);
	if (strlen(path) >= sizeof(sa.sun_path)) {
		err_at(e, 0, 0, "%s is too long for a socket's path", path);
		return NULL;
	}
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		connect_failed(e, path, errno);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		err_at(e, 0, 0, "out of memory");
		close(fd);
		return NULL;
	}
	c->fd = fd;
	return c;
}

void ctl_client_free(struct ctl_client *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	free(c->buf);
	free(c);
}

int ctl_client_fd(const struct ctl_client *c)
{
	return c->fd;
}

/* Waits until the socket is ready for events or the time is up; timeout in ms, -1: for ever. */
static bool wait_for(const struct ctl_client *c, short events, int timeout)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int n;

	do {
		n = poll(&p, 1, timeout);
	} while (n < 0 && errno == EINTR && timeout < 0);
	return n > 0;
}

static bool send_all(struct ctl_client *c, const char *data, size_t len, struct err *e)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			if (!wait_for(c, POLLOUT, CLIENT_SEND_MS))
				return err_at(e, 0, 0, "headgated takes nothing any more");
		} else if (n < 0 && errno != EINTR) {
			return err_at(e, 0, 0, "headgated closed the connection: %s",
				      strerror(errno));
		}
	}
	return true;
}

bool ctl_client_send(struct ctl_client *c, const char *command, struct err *e)
{
	size_t len = strlen(command);
	char *line;
	bool ok;

	if (len >= CTL_LINE_MAX)
		return err_at(e, 0, 0, "a command of %zu octets is too long", len);
	line = malloc(len + 1);
	if (line == NULL)
		return err_at(e, 0, 0, "out of memory");
	memcpy(line, command, len);
	for (size_t i = 0; i < len; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	line[len] = '\n';
	ok = send_all(c, line, len + 1, e);
	free(line);
	return ok;
}

/* Makes room for the next read, by moving what is left to the front or by growing. */
static bool make_room(struct ctl_client *c, struct err *e)
{
	size_t size = c->size > 0 ? c->size * 2 : CLIENT_FIRST;
	char *buf;

	if (c->size - c->end >= CLIENT_READ_MIN)
		return true;
	if (c->buf != NULL && c->start > 0) {
		memmove(c->buf, c->buf + c->start, c->end - c->start);
		c->end -= c->start;
		c->start = 0;
	}
	if (c->size - c->end >= CLIENT_READ_MIN)
		return true;
	if (c->end > CTL_LINE_MAX)
		return err_at(e, 0, 0, "headgated sent a line of over %d octets", CTL_LINE_MAX);
	buf = realloc(c->buf, size);
	if (buf == NULL)
		return err_at(e, 0, 0, "out of memory");
	c->buf = buf;
	c->size = size;
	return true;
}

/* Reads what is there.  NOTHING: it is not the end, and there is nothing at the moment. */
static enum ctl_got read_some(struct ctl_client *c, struct err *e)
{
	ssize_t n;

	if (!make_room(c, e))
		return CTL_GOT_CLOSED;
	do {
		n = recv(c->fd, c->buf + c->end, c->size - c->end, 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		c->end += (size_t)n;
		return CTL_GOT_LINE;
	}
	if (n < 0 && errno == EAGAIN)
		return CTL_GOT_NOTHING;
	err_at(e, 0, 0, "headgated closed the connection%s%s", n < 0 ? ": " : "",
	       n < 0 ? strerror(errno) : "");
	return CTL_GOT_CLOSED;
}

/* The next whole line of what was read, from position from on; NULL when there is none yet. */
static const char *cut_line(struct ctl_client *c, size_t from)
{
	const char *line = c->buf + c->start;
	char *end;

	if (c->end == from)
		return NULL;
	end = memchr(c->buf + from, '\n', c->end - from);
	if (end == NULL)
		return NULL;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	c->start = (size_t)(end + 1 - c->buf);
	return line;
}

enum ctl_got ctl_client_line(struct ctl_client *c, int timeout, const char **ret_line,
			     struct err *e)
{
	int64_t until = timeout > 0 ? now_ms() + timeout : 0;
	size_t seen = 0; /* octets behind start that hold no line's end */

	for (;;) {
		const char *line = c->buf != NULL ? cut_line(c, c->start + seen) : NULL;
		enum ctl_got got;

		if (line != NULL) {
			*ret_line = line;
			return CTL_GOT_LINE;
		}
		seen = c->end - c->start;
		if (c->closed) {
			err_at(e, 0, 0, "headgated closed the connection");
			return CTL_GOT_CLOSED;
		}
		got = read_some(c, e);
		if (got == CTL_GOT_CLOSED) {
			c->closed = true;
			return CTL_GOT_CLOSED;
		}
		if (got == CTL_GOT_LINE)
			continue;
		if (timeout > 0) {
			int64_t left = until - now_ms();

			timeout = left > 0 ? (int)left : 0;
		}
		if (timeout == 0 || !wait_for(c, POLLIN, timeout))
			return CTL_GOT_NOTHING;
	}
}
