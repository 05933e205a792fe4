/*
 * The same look as chk-redis takes, in C and linked statically: what the machine itself costs. For each port on
 * 127.0.0.1, side by side: connect, PING and INFO in one write, read both replies, find role and loading. Exit code 0
 * when every instance answers and is not loading, else 1. It keeps no state, restarts nothing and knows no peers.
 *
 *   check PORT...
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PORTS = 1024, REPLY = 16384, DEADLINE_MS = 900 };

struct look {
	int fd, sent, done, ok;
	size_t n;
	char *reply;
};

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* whole says whether PONG and all of INFO have come. */
static int whole(struct look *l)
{
	char *info = strstr(l->reply, "\r\n");
	if (!info)
		return 0;
	info += 2;
	if (l->reply[0] != '+' || *info != '$')
		return *info != 0; /* an error: there is nothing more to wait for */
	char *body = strstr(info, "\r\n");
	return body && (size_t)(body + 2 - l->reply) + (size_t)atoi(info + 1) + 2 <= l->n;
}

static void finish(struct look *l)
{
	l->done = 1;
	l->ok = !strncmp(l->reply, "+PONG\r\n", 7) && strstr(l->reply, "\nrole:") && strstr(l->reply, "\nloading:0");
	close(l->fd);
}

static void step(struct look *l, short events)
{
	static const char ask[] = "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nINFO\r\n";
	if (!l->sent && (events & (POLLOUT | POLLERR | POLLHUP))) {
		l->sent = 1;
		if (write(l->fd, ask, sizeof ask - 1) != sizeof ask - 1) {
			finish(l);
			return;
		}
	}
	if (events & (POLLIN | POLLHUP)) {
		ssize_t got = read(l->fd, l->reply + l->n, REPLY - 1 - l->n);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got > 0) {
			l->n += (size_t)got;
			l->reply[l->n] = 0;
		}
		if (got <= 0 || whole(l) || l->n == REPLY - 1)
			finish(l);
	}
}

int main(int argc, char **argv)
{
	static struct look looks[MAX_PORTS];
	static struct pollfd fds[MAX_PORTS];
	int n = argc - 1, left = n, bad = 0;
	long end = now_ms() + DEADLINE_MS;
	if (n < 1 || n > MAX_PORTS) {
		fprintf(stderr, "usage: check PORT...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[i + 1]))};
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		looks[i].reply = calloc(1, REPLY);
		looks[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(looks[i].fd, (struct sockaddr *)&a, sizeof a) < 0 && errno != EINPROGRESS) {
			finish(&looks[i]);
			left--;
		}
	}
	while (left > 0 && now_ms() < end) {
		for (int i = 0; i < n; i++) {
			fds[i].fd = looks[i].done ? -1 : looks[i].fd;
			fds[i].events = looks[i].sent ? POLLIN : POLLOUT;
		}
		if (poll(fds, (nfds_t)n, (int)(end - now_ms())) <= 0)
			break;
		for (int i = 0; i < n; i++)
			if (!looks[i].done && fds[i].revents) {
				step(&looks[i], fds[i].revents);
				left -= looks[i].done;
			}
	}
	for (int i = 0; i < n; i++)
		bad += !looks[i].ok;
	if (bad)
		printf("unhealthy: %d of %d instances do not answer\n", bad, n);
	else
		printf("healthy: all %d instances answer\n", n);
	return bad > 0;
}
