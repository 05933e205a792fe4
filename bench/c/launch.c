/*
 * Runs one program and prints on one line what it cost: wall time and user+system time in microseconds, peak memory in
 * KiB, exit code. It is small and in C because the peak memory of a process that is forked from a bigger one begins with
 * that one's.
 *
 *   launch PROGRAM [ARGUMENT...]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long us(struct timeval t) { return t.tv_sec * 1000000L + t.tv_usec; }

int main(int argc, char **argv)
{
	struct timespec begun, ended;
	struct rusage used;
	int status;
	if (argc < 2) {
		fprintf(stderr, "usage: launch PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &begun);
	pid_t child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &used) < 0) {
		perror("launch");
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &ended);
	printf("%ld %ld %ld %d\n", (ended.tv_sec - begun.tv_sec) * 1000000L + (ended.tv_nsec - begun.tv_nsec) / 1000,
	       us(used.ru_utime) + us(used.ru_stime), used.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
