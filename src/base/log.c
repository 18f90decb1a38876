/* SPDX-License-Identifier: ISC */
/* log.c - see log.h.  A line is one write, so that lines of several programs do not mix; control
 * characters become '?', so that what a peer sent cannot forge a line.  The wall clock is asked
 * here and for nothing but the line. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static enum log_level shown = LOG_LEVEL_INFO;

void log_level_set(enum log_level level)
{
	shown = level;
}

/* "2026-11-24T08:03:04.123Z "; nothing where the journal notes the time itself. */
static size_t add_time(char *line, size_t size)
{
	struct timespec now;
	struct tm t;

	if (getenv("JOURNAL_STREAM") != NULL || clock_gettime(CLOCK_REALTIME, &now) != 0 ||
	    gmtime_r(&now.tv_sec, &t) == NULL)
		return 0;
	size_t len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &t);
	return len +
	       (size_t)snprintf(line + len, size - len, ".%03dZ ", (int)(now.tv_nsec / 1000000));
}

static void log_line(enum log_level level, const char *fmt, va_list ap)
{
	char line[1024];
	size_t len, room;
	int n;

	if (level > shown)
		return;
	len = add_time(line, sizeof(line));
	room = sizeof(line) - 1 - len;
	n = vsnprintf(line + len, room, fmt, ap);
	if (n < 0)
		return;
	len += (size_t)n < room ? (size_t)n : room - 1;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	/* Nobody can be told that standard error is gone. */
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

#define LOG_FUNCTION(name, level)                                                                  \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
                                                                                                   \
		va_start(ap, fmt);                                                                 \
		log_line(level, fmt, ap);                                                          \
		va_end(ap);                                                                        \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
