/*
 * Preloaded into the redis-server of a lab: its next fork, its next fdatasync, or the fdatasync behind its next write of the term of a
 * replication pair, takes as long as it is told.
 *
 * A fork that copies the page tables of 30 GB, and a disk that does not answer, are nothing that a test can have. So the call itself is made long, and
 * the kernel shows what it would show then: the main thread runs (R) and there is no child yet, or it waits and no signal wakes it (D).
 * A file in the working directory of the server asks for it, once, and holds the milliseconds: stall-fork, stall-fdatasync, stall-term.
 * A frozen file system would show the same D, but a lab that is killed meanwhile would leave processes that nobody can end.
 *
 * It is built without headers: a compiler is enough, the files for developing against libc are not needed.
 */

extern void *dlsym(void *, const char *);
extern void *memmem(const void *, unsigned long, const void *, unsigned long);
extern int unlink(const char *), open(const char *, int, ...), close(int), prctl(int, ...), usleep(unsigned), clock_gettime(int, long *);
extern long read(int, void *, unsigned long);
extern int clone(int (*)(void *), void *, int, void *, ...);
extern void _exit(int);

#define NEXT ((void *)-1L)
#define CLOCK_MONOTONIC 1
#define PR_SET_NAME 15
#define CLONE_VFORK 0x4000
#define CLONE_PARENT 0x8000

static char *title;

/* glibc hands the arguments of the program to the constructors of its libraries. */
__attribute__((constructor)) static void begin(int argc, char **argv)
{
	title = argc > 0 ? argv[0] : 0;
}

static long long ms(void)
{
	long t[2];
	clock_gettime(CLOCK_MONOTONIC, t);
	return t[0] * 1000LL + t[1] / 1000000;
}

/* The milliseconds that a file asks for, once. */
static int asked(const char *file)
{
	char text[16];
	int fd = open(file, 0), n, sum = 0;
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text);
	close(fd);
	if (unlink(file) != 0)
		return 0;
	for (int i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		sum = 10 * sum + text[i] - '0';
	return sum;
}

int fork(void)
{
	for (long long end = ms() + asked("stall-fork"); ms() < end;)
		;
	return ((int (*)(void))dlsym(NEXT, "fork"))();
}

static char stack[1 << 16] __attribute__((aligned(16)));

/* The disk. Nobody may take it for the server: it has another name and none of its connections. */
static int stalled(void *takes)
{
	prctl(PR_SET_NAME, "stalled-disk");
	for (int i = 0; title && i < 13; i++)
		title[i] = "stalled-disk"[i];
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	usleep(*(int *)takes * 1000);
	_exit(0);
}

/* Whether the term was written since the last fdatasync. */
static int term;

long write(int fd, const void *data, unsigned long size)
{
	static long (*next)(int, const void *, unsigned long);
	if (!next)
		next = (long (*)(int, const void *, unsigned long))dlsym(NEXT, "write");
	if (size < 4096 && memmem(data, size, "keepalived-redis:term", 21))
		term = 1;
	return next(fd, data, size);
}

int fdatasync(int fd)
{
	static int takes;
	takes = asked("stall-fdatasync");
	if (!takes && term)
		takes = asked("stall-term");
	term = 0;
	/* A process that has vforked waits for its child in state D. The child is its brother, so that the server has no child that would explain
	 * anything. It has memory of its own: what it writes there is nothing to the server. */
	if (takes)
		clone(stalled, stack + sizeof stack, CLONE_VFORK | CLONE_PARENT, &takes);
	return ((int (*)(int))dlsym(NEXT, "fdatasync"))(fd);
}
