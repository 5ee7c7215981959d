/* The sandbox container of a pod: holds its namespaces, and reaps orphaned processes if the pod shares this process
 * namespace. Exits at once on SIGINT or SIGTERM. */
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static void finish(int number) {
  (void)number;
  _exit(0);
}

static void reap(int number) {
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
}

int main(void) {
  struct sigaction ending = {.sa_handler = finish};
  struct sigaction reaping = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP | SA_RESTART};
  if (sigaction(SIGINT, &ending, NULL) != 0 || sigaction(SIGTERM, &ending, NULL) != 0 ||
      sigaction(SIGCHLD, &reaping, NULL) != 0) {
    return 1;
  }
  for (;;) {
    pause();
  }
}
