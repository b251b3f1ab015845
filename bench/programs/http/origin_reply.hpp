// The bytes of one HTTP answer, in pieces of a text (header or chunk line) and a slice of the body.
//
// The body is never copied, and the header is made once: a connection that is asked the same again
// sends the same reply again.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/programs/http/origin_answer.hpp"
#include "bench/programs/http/origin_request.hpp"

namespace switchyard {

class origin_reply {
 public:
  static constexpr std::uint64_t chunk_bytes = 4 * 1024;

  /// What `answer` says, framed as `request` can take it.
  void make(const origin_answer& answer, const origin_request& request);

  /// An error with a line of text that says why. A server that can't make out where the next
  /// request starts must not keep the connection alive.
  void make_refusal(unsigned status, const std::string& why, bool keep_alive, bool head_only);

  /// From the first byte again.
  void rewind();

  /// What is to be sent next.
  [[nodiscard]] std::array<boost::asio::const_buffer, 2> piece() const {
    return {boost::asio::buffer(text_), boost::asio::buffer(slice_)};
  }

  /// Takes note that `sent` bytes of the piece are on their way; false when that was all.
  bool advance(std::size_t sent);

  [[nodiscard]] bool keep_alive() const noexcept { return keep_alive_; }
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_; }

 private:
  void start_head(unsigned status);
  bool next_piece();

  std::string head_;
  std::uint64_t body_ = 0;
  bool chunked_ = false;
  bool keep_alive_ = false;

  std::string_view text_;    // of this piece, not sent yet
  std::string_view slice_;   // likewise
  std::uint64_t taken_ = 0;  // of the body, this piece included
  bool last_chunk_ = false;
  std::array<char, 16> chunk_line_{};
};

}  // namespace switchyard
