// pause is the first process of every pod: it holds the pod's namespaces while containers come and go, and reaps the
// processes whose parents have died when the pod shares one process namespace. It does nothing else, so it is a few
// kilobytes of C rather than a Go program with a runtime and threads in every pod.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "unknown"
#endif

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "-v") == 0) {
		puts("pause " VERSION);
		return 0;
	}
	if (getpid() != 1)
		fputs("pause: warning: not the first process, orphans will not come here\n", stderr);

	// Blocked signals stay pending until sigwaitinfo takes them: none is lost between two turns, and no handler runs.
	sigset_t awaited;
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &awaited, NULL) != 0) {
		perror("pause: blocking signals");
		return 1;
	}
	reap(); // what died before the signals were blocked
	for (;;) {
		switch (sigwaitinfo(&awaited, NULL)) {
		case SIGCHLD:
			reap();
			break;
		case SIGINT:
		case SIGTERM:
			return 0;
		default:
			if (errno != EINTR) {
				perror("pause: waiting for signals");
				return 2;
			}
		}
	}
}
