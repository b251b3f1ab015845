/* An echo server of somebody else's, in C, and the ways in which one can go wrong: the tests compile
 * it and give it to the benchmarks as their --server.
 *
 *   echo MODE [PORT]     MODE: correct, corrupt, dies, exits, daemon, leaves, stubborn, silent,
 *                        elsewhere, claims, chatty
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1100, BUFFER = 16384 };

static const char* mode;
static struct pollfd watched[MOST];
static long count_of_bytes;

static int is(const char* name) { return strcmp(mode, name) == 0; }

static void echo(int peer) {
  static char buffer[BUFFER];
  const ssize_t got = read(peer, buffer, sizeof buffer);
  if (got <= 0) {
    close(peer);
    return;
  }
  /* One byte in a million, the last of them. */
  const long before = count_of_bytes;
  count_of_bytes += got;
  if (is("corrupt") && before / 1000000 != count_of_bytes / 1000000) {
    buffer[count_of_bytes / 1000000 * 1000000 - before - 1] ^= 1;
  }
  if (is("dies") && count_of_bytes > 100000) abort();
  if (is("exits") && count_of_bytes > 100000) {
    fprintf(stderr, "out of luck\n");
    exit(3);
  }
  if (is("chatty")) printf("%0512d\n", 0);
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t more = write(peer, buffer + sent, (size_t)(got - sent));
    if (more <= 0) return;
    sent += more;
  }
}

static void serve(int listener) {
  const int on = 1;
  int count = 1;
  watched[0] = (struct pollfd){listener, POLLIN, 0};
  for (;;) {
    poll(watched, (nfds_t)count, -1);
    for (int i = count - 1; i > 0; --i) {
      if (!watched[i].revents) continue;
      const int peer = watched[i].fd;
      echo(peer);
      if (fcntl(peer, F_GETFD) < 0) watched[i] = watched[--count];
    }
    if (watched[0].revents && count < MOST) {
      const int peer = accept(listener, NULL, NULL);
      if (peer < 0) continue;
      setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watched[count++] = (struct pollfd){peer, POLLIN, 0};
    }
  }
}

static int listen_at(const char* address, int port) {
  const int on = 1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  inet_pton(AF_INET, address, &where.sin_addr);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr*)&where, sizeof where) < 0 || listen(fd, 1024) < 0) {
    perror("listen");
    exit(1);
  }
  return fd;
}

/* A child in a session of its own that hears no signal but the last. */
static void leave_a_child(void) {
  if (fork() != 0) return;
  setsid();
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  for (;;) pause();
}

int main(int argc, char** argv) {
  mode = argc > 1 ? argv[1] : "correct";
  const int port = argc > 2 ? atoi(argv[2]) : 0;
  if (is("silent")) {
    for (;;) pause();
  }
  if (is("stubborn")) signal(SIGTERM, SIG_IGN);
  if (is("claims")) {
    printf("listening on 127.0.0.1:%d\n", port);
    fflush(stdout);
    for (;;) pause();
  }
  const int listener = listen_at(is("elsewhere") ? argv[3] : "127.0.0.1", port);
  if (is("daemon") && fork() != 0) exit(0);
  if (is("leaves") || is("stubborn")) leave_a_child();
  struct sockaddr_in where;
  socklen_t size = sizeof where;
  getsockname(listener, (struct sockaddr*)&where, &size);
  if (argc <= 2 || is("elsewhere")) printf("listening on 127.0.0.1:%d\n", ntohs(where.sin_port));
  fflush(stdout);
  serve(listener);
}
