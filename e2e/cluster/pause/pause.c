/* Waits, and reaps children: what holds a pod's namespaces together, and a cluster's. Ends with 0 at SIGTERM or SIGINT. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void finish(int signal_number) {
  (void)signal_number;
  _exit(0);
}

static void reap(int signal_number) {
  (void)signal_number;
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
}

int main(void) {
  signal(SIGTERM, finish);
  signal(SIGINT, finish);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
