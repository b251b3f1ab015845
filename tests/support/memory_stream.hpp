// A server in memory: a stream that hands out a text, in pieces as small as wanted, and takes
// whatever is written to it.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace switchyard {

class memory_stream {
 public:
  using error_code = boost::system::error_code;

  /// Reads give `answers`, which have to outlive the stream, in pieces whose sizes follow `pieces`
  /// over and over, then `end`.
  memory_stream(std::string_view answers, std::vector<std::size_t> pieces,
                error_code end = boost::asio::error::eof)
      : rest_(answers), pieces_(std::move(pieces)), end_(end) {}

  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers, error_code& ec) {
    if (rest_.empty()) {
      ec = end_;
      return 0;
    }
    ec = {};
    const auto piece = rest_.substr(0, pieces_[reads_++ % pieces_.size()]);
    const auto got = boost::asio::buffer_copy(buffers, boost::asio::buffer(piece));
    rest_.remove_prefix(got);
    return got;
  }

  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers, error_code& ec) {
    ec = {};
    const auto before = written_.size();
    written_.resize(before + boost::asio::buffer_size(buffers));
    return boost::asio::buffer_copy(boost::asio::buffer(written_) + before, buffers);
  }

  template <class MutableBuffers>
  std::size_t read_some(const MutableBuffers& buffers) {
    error_code ec;
    const auto got = read_some(buffers, ec);
    if (ec) throw boost::system::system_error(ec, "read");
    return got;
  }

  template <class ConstBuffers>
  std::size_t write_some(const ConstBuffers& buffers) {
    error_code ec;
    return write_some(buffers, ec);
  }

  [[nodiscard]] std::string_view unread() const noexcept { return rest_; }
  [[nodiscard]] const std::string& written() const noexcept { return written_; }

 private:
  std::string_view rest_;
  std::vector<std::size_t> pieces_;
  error_code end_;
  std::size_t reads_ = 0;
  std::string written_;
};

}  // namespace switchyard
