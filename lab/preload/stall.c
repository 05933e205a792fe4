/*
 * Preloaded into the redis-server of a lab: its next fork, or its next fdatasync, takes STALL_MS.
 *
 * A fork that copies the page tables of 30 GB, and a disk that does not answer, are nothing that a test can have. So the call itself is made long, and
 * the kernel shows what it would show then: the main thread runs (R) and there is no child yet, or it waits and no signal wakes it (D).
 * A file in the working directory of the server asks for it, once: stall-fork, stall-fdatasync.
 * A frozen file system would show the same D, but a lab that is killed meanwhile would leave processes that nobody can end.
 *
 * It is built without headers: a compiler is enough, the files for developing against libc are not needed.
 */

extern void *dlsym(void *, const char *);
extern int unlink(const char *), close(int), prctl(int, ...), usleep(unsigned), clock_gettime(int, long *);
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

int fork(void)
{
	if (unlink("stall-fork") == 0)
		for (long long end = ms() + STALL_MS; ms() < end;)
			;
	return ((int (*)(void))dlsym(NEXT, "fork"))();
}

static char stack[1 << 16] __attribute__((aligned(16)));

/* The disk. Nobody may take it for the server: it has another name and none of its connections. */
static int stalled(void *_)
{
	prctl(PR_SET_NAME, "stalled-disk");
	for (int i = 0; title && i < 13; i++)
		title[i] = "stalled-disk"[i];
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	usleep(STALL_MS * 1000);
	_exit(0);
}

int fdatasync(int fd)
{
	/* A process that has vforked waits for its child in state D. The child is its brother, so that the server has no child that would explain
	 * anything. It has memory of its own: what it writes there is nothing to the server. */
	if (unlink("stall-fdatasync") == 0)
		clone(stalled, stack + sizeof stack, CLONE_VFORK | CLONE_PARENT, 0);
	return ((int (*)(int))dlsym(NEXT, "fdatasync"))(fd);
}
