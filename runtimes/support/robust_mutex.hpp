// A lock between processes that tells when its holder has died, where another lock would be waited
// for until the end of time: pthread_mutexattr_setrobust(3), PTHREAD_PROCESS_SHARED.
#pragma once

#include <pthread.h>

#include <cerrno>

#include "runtimes/support/channel_errors.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard {

/// Lies in shared memory, and so is never destroyed: nobody could say when.
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
  robust_mutex(const robust_mutex&) = delete;
  robust_mutex& operator=(const robust_mutex&) = delete;

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

}  // namespace switchyard
