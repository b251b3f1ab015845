// The processes that use a channel, so that each can see when another one has died.
//
// Nobody tells of a death where no system call is under way that would fail: a consumer would wait
// for the items of a dead producer until the end of time. So each process, at its first use of a
// channel, takes a lock in the channel's shared memory and keeps it. When a process ends, the
// kernel marks the robust locks that it still has; one that ends its task in good order gives them
// back before. Who has waited for a while looks at the locks of all.
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "runtimes/support/error.hpp"

namespace switchyard {

/// A lock between processes that tells when its holder has died, where another lock would be waited
/// for until the end of time: pthread_mutexattr_setrobust(3), PTHREAD_PROCESS_SHARED. Lies in
/// shared memory, and so is never destroyed: nobody could say when.
class robust_mutex {
 public:
  robust_mutex() {
    pthread_mutexattr_t with;
    ::pthread_mutexattr_init(&with);
    ::pthread_mutexattr_setpshared(&with, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&with, PTHREAD_MUTEX_ROBUST);
    const int error = ::pthread_mutex_init(&mutex_, &with);
    ::pthread_mutexattr_destroy(&with);
    if (error != 0) throw_errno("make a robust mutex", error);
  }
  robust_mutex& operator=(robust_mutex&&) = delete;

  /// Throws peer_died when a holder has died; from then on always.
  void lock() {
    if (taken(::pthread_mutex_lock(&mutex_)) == attempt::holder_died) throw peer_died();
  }
  void unlock() noexcept { ::pthread_mutex_unlock(&mutex_); }

  enum class attempt { locked, busy, holder_died };
  attempt try_lock() { return taken(::pthread_mutex_trylock(&mutex_)); }

 private:
  attempt taken(int error) {
    if (error == EBUSY) return attempt::busy;
    if (error != 0 && error != EOWNERDEAD) throw_errno("lock a robust mutex", error);
    if (error == EOWNERDEAD) {
      holder_died_ = true;
      ::pthread_mutex_consistent(&mutex_);
    }
    if (!holder_died_) return attempt::locked;
    unlock();
    return attempt::holder_died;
  }

  pthread_mutex_t mutex_;
  // Not left to the state ENOTRECOVERABLE: in that, glibc's trylock (2.36) takes the lock and keeps
  // it, and whoever comes next finds it busy.
  bool holder_died_ = false;  // guarded by the mutex
};

/// A cache line of its own for each process: it writes there in every push.
struct alignas(64) participant {
  robust_mutex lives;  // held by its process
  std::atomic<bool> pushing{false};
};

/// Lies in shared memory.
class participants {
 public:
  static constexpr std::size_t most = 128;
  /// How long a process waits before it looks whether all others live.
  static constexpr std::chrono::milliseconds patience{100};

  /// A place for the calling process, or nullptr when all are taken.
  participant* add() {
    for (std::size_t i = 0; i < most; ++i) {
      if (places_[i].lives.try_lock() != robust_mutex::attempt::locked) continue;
      places_[i].pushing = false;
      for (std::size_t seen = used_; seen <= i && !used_.compare_exchange_weak(seen, i + 1);) {
      }
      return &places_[i];
    }
    return nullptr;
  }

  /// Throws peer_died when one of them has died.
  void expect_all_alive() {
    for (std::size_t i = 0; i < used_; ++i) {
      if (has_died(places_[i])) throw peer_died();
    }
  }

  /// Calls `give_way()` until nobody who lives is pushing.
  template <class GiveWay>
  void wait_for_pushes(GiveWay give_way) {
    for (std::size_t i = 0; i < used_; ++i) {
      while (places_[i].pushing && !has_died(places_[i])) give_way();
    }
  }

 private:
  static bool has_died(participant& p) {
    const auto attempt = p.lives.try_lock();
    if (attempt == robust_mutex::attempt::locked) p.lives.unlock();  // the place of nobody
    return attempt == robust_mutex::attempt::holder_died;
  }

  std::array<participant, most> places_;
  std::atomic<std::size_t> used_{0};  // places that were ever taken
};

/// The part that this process takes in one channel. Each process has its own, as a forked child has
/// copies of whatever is not in shared memory.
class participation {
 public:
  explicit participation(participants& all) : all_(all) { known_.push_back(this); }
  participation& operator=(participation&&) = delete;
  ~participation() {
    give_back();
    std::erase(known_, this);
  }

  /// Throws limit_error when too many others take part.
  participant& mine() {
    if (process_ == this_process_ || take()) return *mine_;
    throw limit_error("a channel serves at most " + std::to_string(participants::most) +
                      " processes at once");
  }

  /// To be called first in a forked child. It takes part in all channels that there are: were it
  /// killed before it has used one, nobody would know what to wait for.
  static void begin_process() noexcept {
    ++this_process_;
    for (participation* p : known_) p->take();
  }
  /// To be called last in a child that has ended its task in good order.
  static void end_process() noexcept {
    for (participation* p : known_) p->give_back();
  }

 private:
  bool take() {
    mine_ = all_.add();
    if (mine_ == nullptr) return false;
    process_ = this_process_;
    return true;
  }
  void give_back() noexcept {
    if (process_ == this_process_) mine_->lives.unlock();
    process_ = 0;
  }

  static inline unsigned this_process_ = 1;  // none has the number of an ancestor
  static inline std::vector<participation*> known_;

  participants& all_;
  participant* mine_ = nullptr;
  unsigned process_ = 0;  // the one that has taken part
};

}  // namespace switchyard
