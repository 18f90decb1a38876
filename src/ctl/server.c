/* SPDX-License-Identifier: ISC */
/* server.c - the control socket: lines in, lines of JSON out, and who is on the other end.
 *
 * Invariants
 * 1. What waits to be sent to a connection is bounded, with what it costs to keep: a client that
 * asks faster than it reads is not read from (OUT_HIGH); a subscriber that falls behind is given a
 * new snapshot instead of the changes it missed (OUT_LAG); answers to commands that came together
 *    leave together.
 * 2. Only who may write to the socket's file may connect: root, or the configured group.
 */
#include "ctl/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/client.h"

enum {
	CONNECTIONS_MAX = 256, /* a script that leaks them must not eat our descriptors */
	PRINCIPAL_MAX = 48,
	READ_SIZE = 64 * 1024,
	OUT_SMALL = 512,     /* octets, at first, of room for what is said */
	OUT_HIGH = 32 << 20, /* octets on their way at which we stop reading commands */
	OUT_LAG = 4 << 20,   /* ... at which a subscriber misses changes */
	OUT_LOW = 256 << 10, /* ... at which the next slice of an answer has to wait */
	BACKLOG = 16
};

struct ctl_conn {
	uv_pipe_t pipe;
	struct ctl_conn *next;
	struct server *server;
	enum conn_topic topic;
	bool closing, paused, lagging;
	unsigned held; /* not 0: its last command is still being carried out */
	struct snapshot *snapshot;
	char *in;
	size_t in_len, in_size;
	char *out; /* said, not yet handed to the loop */
	size_t out_len, out_size;
	size_t on_its_way;
	char principal[PRINCIPAL_MAX];
};

struct server {
	struct hub *hub;
	uv_pipe_t listener;
	bool stopping;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev; /* of the socket's file, to remove ours and no other's */
	ino_t ino;
	struct ctl_conn *connections;
	size_t count;
};

/* ---- Going away --------------------------------------------------------------------------- */

static void conn_closed(uv_handle_t *handle)
{
	struct ctl_conn *c = handle->data;
	struct ctl_conn **at = &c->server->connections;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->server->count--;
	free(c->in);
	free(c->out);
	free(c);
}

static void conn_close(struct ctl_conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	answers_gone(c->server->hub->answers, c);
	prune_gone(c->server->hub->prune, c);
	verify_gone(c->server->hub->verify, c);
	reports_forget(c->server->hub->reports, c);
	protected_forget(c->server->hub->protected, c);
	uv_close((uv_handle_t *)&c->pipe, conn_closed);
}

/* ---- Out ---------------------------------------------------------------------------------- */

struct sending {
	uv_write_t request;
	struct ctl_conn *conn;
	size_t cost;
	char *text;
};

static void read_on(struct ctl_conn *c);

static void caught_up(struct ctl_conn *c)
{
	if (c->lagging) {
		c->lagging = false;
		feed_snapshot(c->server->hub->feed, c);
	}
	if (c->paused && c->held == 0)
		read_on(c);
}

static void sent(uv_write_t *request, int status)
{
	struct sending *s = (struct sending *)request;
	struct ctl_conn *c = s->conn;
	const struct server *server = c->server;

	c->on_its_way -= s->cost;
	free(s->text);
	free(s);
	if (status < 0)
		conn_close(c);
	else if (!c->closing && c->on_its_way == 0)
		caught_up(c);
	answers_go_on(server->hub->answers);
}

void conn_flush(struct ctl_conn *c)
{
	struct sending *s;
	uv_buf_t buf;

	if (c->closing || c->out_len == 0)
		return;
	s = malloc(sizeof(*s));
	if (s == NULL) {
		conn_close(c);
		return;
	}
	*s = (struct sending){ .conn = c, .cost = sizeof(*s) + c->out_size, .text = c->out };
	buf = uv_buf_init(s->text, (unsigned)c->out_len);
	c->out = NULL;
	c->out_len = c->out_size = 0;
	c->on_its_way += s->cost;
	if (uv_write(&s->request, (uv_stream_t *)&c->pipe, &buf, 1, sent) != 0) {
		c->on_its_way -= s->cost;
		free(s->text);
		free(s);
		conn_close(c);
	}
}

static bool out_room(struct ctl_conn *c, size_t more)
{
	size_t size = c->out_size > 0 ? c->out_size : OUT_SMALL;
	char *bigger;

	while (size - c->out_len < more)
		size *= 2;
	if (size == c->out_size)
		return true;
	bigger = realloc(c->out, size);
	if (bigger == NULL)
		return false;
	c->out = bigger;
	c->out_size = size;
	return true;
}

void conn_say(struct ctl_conn *c, json_t *line)
{
	size_t len = line != NULL ? json_dumpb(line, NULL, 0, JSON_COMPACT) : 0;

	if (!c->closing && (len == 0 || !out_room(c, len + 1))) {
		conn_close(c); /* out of memory: better no answer than half of one */
	} else if (!c->closing) {
		(void)json_dumpb(line, c->out + c->out_len, len, JSON_COMPACT);
		c->out_len += len;
		c->out[c->out_len++] = '\n';
		if (c->out_len >= READ_SIZE)
			conn_flush(c);
	}
	json_decref(line);
}

void conn_ok(struct ctl_conn *c)
{
	conn_say(c, json_pack("{s:b}", "ok", 1));
}

void conn_fail(struct ctl_conn *c, const struct err *e)
{
	json_t *line = json_pack("{s:b, s:s}", "ok", 0, "error", e->text);

	if (line != NULL && e->line > 0) {
		(void)json_object_set_new(line, "line", json_integer(e->line));
		(void)json_object_set_new(line, "column", json_integer(e->col));
	}
	if (line != NULL && e->source != NULL)
		(void)json_object_set_new(line, "source", json_string(e->source));
	conn_say(c, line);
}

size_t conn_unread(const struct ctl_conn *c)
{
	return c->on_its_way + c->out_len;
}

bool conn_wants_more(const struct ctl_conn *c)
{
	return !c->lagging && conn_unread(c) < OUT_LOW;
}

void conn_snapshot_set(struct ctl_conn *c, struct snapshot *s)
{
	c->snapshot = s;
}

struct snapshot *conn_snapshot(const struct ctl_conn *c)
{
	return c->snapshot;
}

const char *conn_principal(const struct ctl_conn *c)
{
	return c->principal;
}

void conn_topic_set(struct ctl_conn *c, enum conn_topic t)
{
	c->topic = t;
}

enum conn_topic conn_topic(const struct ctl_conn *c)
{
	return c->topic;
}

void server_each(struct server *s, enum conn_topic t, void (*visit)(struct ctl_conn *c, void *ctx),
		 void *ctx)
{
	for (struct ctl_conn *c = s != NULL ? s->connections : NULL; c != NULL; c = c->next) {
		if (c->closing || c->topic != t || c->lagging)
			continue;
		if (conn_unread(c) > OUT_LAG) {
			c->lagging = true;
			continue;
		}
		visit(c, ctx);
	}
}

bool server_has(const struct server *s, enum conn_topic t)
{
	for (const struct ctl_conn *c = s != NULL ? s->connections : NULL; c != NULL; c = c->next)
		if (!c->closing && c->topic == t)
			return true;
	return false;
}

void server_flush(struct server *s)
{
	for (struct ctl_conn *c = s != NULL ? s->connections : NULL; c != NULL; c = c->next)
		conn_flush(c);
}

/* ---- In ----------------------------------------------------------------------------------- */

static void run_lines(struct ctl_conn *c)
{
	size_t done = 0;
	char *end;

	if (c->in_len == 0)
		return; /* there may be no buffer yet */
	while (!c->closing && c->held == 0 && c->on_its_way < OUT_HIGH &&
	       (end = memchr(c->in + done, '\n', c->in_len - done)) != NULL) {
		size_t len = (size_t)(end - (c->in + done));

		verbs_run(c->server->hub, c, c->in + done, len);
		done += len + 1;
	}
	conn_flush(c);
	memmove(c->in, c->in + done, c->in_len - done);
	c->in_len -= done;
	if (!c->closing && (c->held > 0 || c->on_its_way >= OUT_HIGH)) {
		c->paused = true;
		(void)uv_read_stop((uv_stream_t *)&c->pipe);
	}
}

static void alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct ctl_conn *c = handle->data;

	(void)suggested;
	if (c->in_size - c->in_len < READ_SIZE) {
		size_t size = c->in_len + READ_SIZE;
		char *bigger = realloc(c->in, size);

		if (bigger != NULL) {
			c->in = bigger;
			c->in_size = size;
		}
	}
	*ret = uv_buf_init(c->in + c->in_len, (unsigned)(c->in_size - c->in_len));
}

static void got(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct ctl_conn *c = stream->data;

	(void)buf;
	if (n == 0)
		return;
	if (n < 0) {
		conn_close(c);
		return;
	}
	c->in_len += (size_t)n;
	run_lines(c);
	if (!c->closing && c->in_len > CTL_LINE_MAX) {
		struct err e = { 0 };

		(void)err_at(&e, 0, 0, "a command of more than %d octets", CTL_LINE_MAX);
		conn_fail(c, &e);
		conn_flush(c);
		conn_close(c);
	}
}

static void read_on(struct ctl_conn *c)
{
	c->paused = false;
	run_lines(c);
	if (!c->closing && !c->paused && uv_read_start((uv_stream_t *)&c->pipe, alloc, got) != 0)
		conn_close(c);
}

void conn_hold(struct ctl_conn *c)
{
	c->held++;
}

void conn_release(struct ctl_conn *c)
{
	c->held--;
	conn_flush(c);
	if (c->held == 0 && c->paused && c->on_its_way < OUT_HIGH)
		read_on(c);
}

/* ---- Coming ------------------------------------------------------------------------------- */

static void learn_principal(struct ctl_conn *c)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	struct passwd *user = NULL;
	int fd;

	if (uv_fileno((uv_handle_t *)&c->pipe, &fd) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		user = getpwuid(who.uid);
	else
		who.uid = (uid_t)-1;
	if (user != NULL)
		(void)snprintf(c->principal, sizeof(c->principal), "user:%s", user->pw_name);
	else
		(void)snprintf(c->principal, sizeof(c->principal), "user:%u", who.uid);
}

static void connected(uv_stream_t *listener, int status)
{
	struct server *s = listener->data;
	struct ctl_conn *c = status == 0 ? calloc(1, sizeof(*c)) : NULL;

	if (c == NULL)
		return;
	c->server = s;
	c->pipe.data = c;
	(void)uv_pipe_init(s->hub->loop, &c->pipe, 0);
	c->next = s->connections;
	s->connections = c;
	s->count++;
	if (uv_accept(listener, (uv_stream_t *)&c->pipe) != 0 || s->stopping ||
	    s->count > CONNECTIONS_MAX) {
		if (s->count > CONNECTIONS_MAX)
			log_warning("control: more than %d connections, one refused",
				    CONNECTIONS_MAX);
		conn_close(c);
		return;
	}
	learn_principal(c);
	read_on(c);
}

/* ---- The socket's file -------------------------------------------------------------------- */

static bool make_directory(const char *path, struct err *e)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	(void)snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return true;
	*slash = '\0';
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return err_at(e, 0, 0, "cannot make %s: %s", folder, strerror(errno));
	return true;
}

/* Somebody answers there: another hub.  Nobody does: what a killed one left behind. */
static bool is_answered(const struct sockaddr_un *where)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)where, sizeof(*where)) == 0;

	if (fd >= 0)
		(void)close(fd);
	return answered;
}

/* Away with what a killed hub left; whatever else is there was meant to stay. */
static bool clear_place(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode))
		return err_at(e, 0, 0, "control: %s is there, and is no socket", path);
	(void)unlink(path);
	return true;
}

static bool give_to_group(const char *path, const char *group, struct err *e)
{
	struct group *g;

	if (group[0] == '\0')
		return true;
	g = getgrnam(group);
	if (g == NULL)
		return err_at(e, 0, 0, "control: no group %s on this machine", group);
	if (chown(path, (uid_t)-1, g->gr_gid) != 0 || chmod(path, 0660) != 0)
		return err_at(e, 0, 0, "control: cannot give %s to group %s: %s", path, group,
			      strerror(errno));
	return true;
}

/* A listening descriptor whose file only its owner may use, unless a group is named. */
static int open_socket(const char *path, const char *group, struct err *e)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd;
	mode_t mask;
	bool bound;

	if (strlen(path) >= sizeof(where.sun_path)) {
		(void)err_at(e, 0, 0, "control: the socket's path is longer than %zu octets",
			     sizeof(where.sun_path) - 1);
		return -1;
	}
	memcpy(where.sun_path, path, strlen(path) + 1);
	if (!make_directory(path, e))
		return -1;
	if (is_answered(&where)) {
		(void)err_at(e, 0, 0, "control: %s is in use: is another headgated running?", path);
		return -1;
	}
	if (!clear_place(path, e))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	bound = fd >= 0 && bind(fd, (const struct sockaddr *)&where, sizeof(where)) == 0;
	(void)umask(mask);
	if (!bound) {
		(void)err_at(e, 0, 0, "control: cannot make %s: %s", path, strerror(errno));
	} else if (give_to_group(path, group, e)) {
		return fd;
	}
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

struct server *server_new(struct hub *h, const char *path, const char *group, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));
	struct stat st;
	int fd;

	if (s == NULL) {
		(void)err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	fd = open_socket(path, group, e);
	if (fd < 0) {
		free(s);
		return NULL;
	}
	s->hub = h;
	(void)snprintf(s->path, sizeof(s->path), "%s", path);
	if (stat(path, &st) == 0) {
		s->dev = st.st_dev;
		s->ino = st.st_ino;
	}
	(void)uv_pipe_init(h->loop, &s->listener, 0);
	s->listener.data = s;
	if (uv_pipe_open(&s->listener, fd) != 0 ||
	    uv_listen((uv_stream_t *)&s->listener, BACKLOG, connected) != 0) {
		(void)err_at(e, 0, 0, "control: cannot listen on %s", path);
		server_stop(s);
		(void)uv_run(h->loop, UV_RUN_NOWAIT);
		free(s);
		return NULL;
	}
	return s;
}

void server_stop(struct server *s)
{
	struct stat st;

	if (s->stopping)
		return;
	s->stopping = true;
	if (stat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		(void)unlink(s->path);
	uv_close((uv_handle_t *)&s->listener, NULL);
	for (struct ctl_conn *c = s->connections; c != NULL; c = c->next)
		conn_close(c);
}

void server_free(struct server *s)
{
	free(s);
}
