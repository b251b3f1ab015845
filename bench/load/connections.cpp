#include "bench/load/connections.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <span>

#include "runtimes/support/blocking_sockets.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::load {

using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t receive_bytes = 64 * 1024;

/// Random bytes, always the same: a reply shifted by any distance differs.
std::vector<std::byte> pattern(std::size_t bytes) {
  std::mt19937_64 random(0x5117c4a2d);
  std::vector<std::byte> made(bytes);
  for (auto& byte : made) byte = static_cast<std::byte>(random() & 0xff);
  return made;
}

}  // namespace

std::uint64_t error_counts::total() const {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : by_kind) sum += count;
  return sum;
}

void error_counts::merge(const error_counts& other) {
  if (first.empty()) first = other.first;
  for (const auto& [kind, count] : other.by_kind) by_kind[kind] += count;
}

connection_set::connection_set(const options& options)
    : options_(options), message_(pattern(options.bytes)), received_(receive_bytes) {
  epoll_.reset(check(::epoll_create1(EPOLL_CLOEXEC), "create an epoll descriptor"));
  connections_.resize(options.connections);
}

void connection_set::watch(std::size_t index, std::uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = index;
  check(::epoll_ctl(epoll_.get(), operation, connections_[index].fd.get(), &event),
        "watch a connection");
}

/// Events for `patience` at most, of which epoll_wait alone knows whole milliseconds only.
std::span<const epoll_event> connection_set::wait(nanoseconds patience) {
  const timespec at_most = as_timespec(patience);
  int ready = -1;
  if (has_pwait2_) {
    ready = ::epoll_pwait2(epoll_.get(), events_.data(), events_at_once, &at_most, nullptr);
    // Kernels before 5.11 and sandboxes that don't know it.
    has_pwait2_ = ready >= 0 || (errno != ENOSYS && errno != EPERM);
  }
  if (!has_pwait2_) {
    pollfd any{epoll_.get(), POLLIN, 0};
    ready = ::ppoll(&any, 1, &at_most, nullptr);
    if (ready > 0) ready = ::epoll_wait(epoll_.get(), events_.data(), events_at_once, 0);
  }
  if (ready < 0 && errno != EINTR) throw_errno("wait for replies");
  return std::span(events_).first(static_cast<std::size_t>(std::max(ready, 0)));
}

/// What a wait reports that slept has just come. What it reports at once came at any time since the
/// look before; and where more is ready than it can report, the rest has been there as long.
connection_set::clock::time_point connection_set::unseen_since(clock::time_point asked,
                                                               std::size_t reported) {
  constexpr auto most_without_sleep = 30us;
  const auto now = clock::now();
  const auto since = now - asked > most_without_sleep ? now : looked_;
  looked_ = reported < events_.size() ? now : since;
  return since;
}

std::span<const connection_set::reply> connection_set::take_replies(nanoseconds patience) {
  std::size_t count = 0;
  const auto asked = clock::now();
  const auto events = wait(patience);
  const auto since = unseen_since(asked, events.size());
  for (const auto& event : events) {
    const std::size_t index = event.data.u64;
    if (connections_[index].fd && !connections_[index].open) {
      const int error = finish_connect(index);
      error != 0 ? fail(index, "connect", std::strerror(error)) : send_rest(index);
      continue;
    }
    if ((event.events & EPOLLOUT) != 0) send_rest(index);
    if ((event.events & ~EPOLLOUT) != 0 && take_reply(index)) {
      replies_[count++] = {index, clock::now(), std::max(since, connections_[index].started)};
    }
  }
  return std::span(replies_).first(count);
}

// The first 16 bytes, or as many as there are: sequence number, then the connection's number.
void connection_set::patch_message(std::size_t index) {
  const std::array<std::uint64_t, 2> head{connections_[index].sequence, options_.first + index};
  std::memcpy(message_.data(), head.data(), std::min(sizeof head, message_.size()));
}

void connection_set::send_next(std::size_t index) {
  connection& c = connections_[index];
  if (!c.fd) return;
  ++c.sequence;
  c.sent = 0;
  c.received = 0;
  c.waiting = true;
  ++waiting_;
  c.started = clock::now();
  c.quiet_since = c.started;
  send_rest(index);
}

void connection_set::send_rest(std::size_t index) {
  connection& c = connections_[index];
  if (!c.fd || !c.waiting) return;
  patch_message(index);
  const auto sent = ::send(c.fd.get(), message_.data() + c.sent, message_.size() - c.sent,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    return fail(index, errno == ECONNRESET || errno == EPIPE ? "reset" : "send",
                std::strerror(errno));
  }
  if (sent > 0) {
    c.sent += static_cast<std::size_t>(sent);
    c.progress = true;
  }
  const bool blocked = c.sent < message_.size();
  if (blocked == c.blocked) return;
  c.blocked = blocked;
  watch(index, EPOLLET | EPOLLIN | (blocked ? EPOLLOUT : 0U), EPOLL_CTL_MOD);
}

/// True when the reply is complete and right. The watch is edge-triggered, which saves the kernel a
/// second look at each connection: so it reads until the reply is complete or nothing is left.
bool connection_set::take_reply(std::size_t index) {
  connection& c = connections_[index];
  while (c.fd) {
    const auto got = ::recv(c.fd.get(), received_.data(), received_.size(), MSG_DONTWAIT);
    if (got > 0) {
      if (!verify(index, static_cast<std::size_t>(got))) return false;
      if (c.received < message_.size()) continue;
      c.waiting = false;
      --waiting_;
      return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    got == 0 ? fail(index, "closed", "the server closed the connection")
             : fail(index, errno == ECONNRESET ? "reset" : "receive", std::strerror(errno));
  }
  return false;
}

/// Holds `count` bytes just received against what was sent.
bool connection_set::verify(std::size_t index, std::size_t count) {
  connection& c = connections_[index];
  if (!c.waiting || count > c.sent - c.received) {
    fail(index, "wrong_reply", "more bytes came back than were sent");
    return false;
  }
  patch_message(index);
  const auto* expected = message_.data() + c.received;
  if (std::memcmp(received_.data(), expected, count) != 0) {
    const auto differs = std::mismatch(received_.data(), received_.data() + count, expected);
    const auto at = c.received + static_cast<std::size_t>(differs.second - expected);
    fail(index, "wrong_reply", "the reply differs from the message at byte " + std::to_string(at));
    return false;
  }
  c.received += count;
  c.progress = true;
  return true;
}

void connection_set::fail(std::size_t index, const std::string& kind, const std::string& detail) {
  connection& c = connections_[index];
  if (errors_.by_kind.empty()) {
    errors_.first = "connection " + std::to_string(options_.first + index) + ", message " +
                    std::to_string(c.sequence) + ": " + detail;
  }
  ++errors_.by_kind[kind];
  if (std::exchange(c.waiting, false)) --waiting_;
  c.fd.reset();
  if (std::exchange(c.open, false)) --open_;
}

/// Looks at every connection now and then, not at each byte: one that moved none for as long as the
/// patience lasts is given up, however busy the others are.
void connection_set::fail_overdue(clock::time_point now) {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    connection& c = connections_[i];
    if (!c.waiting) continue;
    if (std::exchange(c.progress, false)) {
      c.quiet_since = now;
    } else if (now - c.quiet_since > options_.reply_patience) {
      fail(i, "unanswered",
           "no reply within " + std::to_string(options_.reply_patience.count()) + " ms");
    }
  }
}

}  // namespace switchyard::load
