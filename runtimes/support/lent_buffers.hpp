// Buffers that a loop lends to those of its tasks that have something to read, until they are done
// with it.
//
// A task that waits for its peer holds none, so that an idle connection takes no memory for what it
// may read one day. Nearly always a task is done with its bytes before the next one reads: then all
// of them work in the same buffer, which stays in the cache. One that has to wait meanwhile, for
// room to write, keeps its buffer, and the others get another.
#pragma once

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "runtimes/support/blocking_sockets.hpp"

namespace switchyard {

/// The buffers of one io_context, whose service it is: boost::asio::use_service makes and finds it.
class buffer_lender : public boost::asio::io_context::service {
 public:
  static inline boost::asio::io_context::id id;

  using block = std::array<std::byte, 16 * 1024>;
  struct give_back {
    buffer_lender* lender = nullptr;
    void operator()(block* lent) const noexcept { lender->spare_.reset(lent); }
  };
  using lent_block = std::unique_ptr<block, give_back>;

  explicit buffer_lender(boost::asio::io_context& io) : service(io) {}

  /// Nothing where there is no memory.
  lent_block lend() noexcept {
    // Not initialised: only what is read is touched.
    return {spare_ ? spare_.release() : new (std::nothrow) block, give_back{this}};
  }

 private:
  void shutdown() override {}

  std::unique_ptr<block> spare_;  // one: more are out at once only where peers do not read
};

/// What a read has brought. The buffer goes back with it.
class lent_bytes {
 public:
  static constexpr std::size_t most = sizeof(buffer_lender::block);

  lent_bytes() = default;

  /// What has come by now, at most so many bytes. Nothing where `ec` says why: would_block, or how
  /// the stream has ended.
  static lent_bytes received(int fd, buffer_lender& lender, error_code& ec) noexcept {
    lent_bytes bytes(lender.lend());
    if (!bytes.memory_) {
      ec = boost::asio::error::no_memory;
      return {};
    }
    const auto got = ::recv(fd, bytes.memory_.get(), most, MSG_DONTWAIT);
    if (got <= 0) {
      ec = got < 0 ? last_error() : boost::asio::error::eof;
      return {};
    }
    ec = {};
    bytes.size_ = static_cast<std::size_t>(got);
    return bytes;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] boost::asio::const_buffer bytes() const noexcept { return {memory_.get(), size_}; }

 private:
  explicit lent_bytes(buffer_lender::lent_block memory) noexcept : memory_(std::move(memory)) {}

  buffer_lender::lent_block memory_;
  std::size_t size_ = 0;
};

}  // namespace switchyard
