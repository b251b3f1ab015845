#include "bench/programs/http/origin_reply.hpp"

#include <algorithm>
#include <boost/beast/http/status.hpp>
#include <cstdio>

#include "bench/programs/http/http_body.hpp"

namespace switchyard {

namespace http = boost::beast::http;

void origin_reply::start_head(unsigned status) {
  const auto reason = http::obsolete_reason(http::int_to_status(status));
  head_.assign("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  head_.append(reason.data(), reason.size());
  head_.append("\r\nContent-Type: text/plain; charset=us-ascii\r\n");
}

void origin_reply::make(const origin_answer& answer, const origin_request& request) {
  const bool never_a_body = answer.status == 204 || answer.status == 304;
  // HTTP/1.0 does not know chunks.
  const bool chunked = answer.chunked && request.http_11 && !never_a_body;
  const bool send_body = !never_a_body && request.method != http::verb::head;
  keep_alive_ = request.keep_alive && !answer.close;
  chunked_ = chunked && send_body;
  body_ = send_body ? answer.bytes : 0;

  start_head(answer.status);
  if (!answer.location.empty()) head_.append("Location: ").append(answer.location).append("\r\n");
  if (!keep_alive_) head_ += "Connection: close\r\n";
  if (keep_alive_ && !request.http_11) head_ += "Connection: keep-alive\r\n";
  if (chunked) {
    head_ += "Transfer-Encoding: chunked\r\n";
  } else if (!never_a_body) {
    head_.append("Content-Length: ").append(std::to_string(answer.bytes)).append("\r\n");
  }
  if (!chunked_) head_ += "\r\n";  // else it stands before each chunk's length
  rewind();
}

void origin_reply::make_refusal(unsigned status, const std::string& why, bool keep_alive,
                                bool head_only) {
  keep_alive_ = keep_alive;
  chunked_ = false;
  body_ = 0;  // the text goes with the header
  start_head(status);
  if (!keep_alive) head_ += "Connection: close\r\n";
  if (status == 405) head_ += "Allow: GET, HEAD\r\n";
  head_.append("Content-Length: ").append(std::to_string(why.size() + 1)).append("\r\n\r\n");
  if (!head_only) head_.append(why).append("\n");
  rewind();
}

void origin_reply::rewind() {
  taken_ = 0;
  last_chunk_ = false;
  slice_ = {};
  if (!chunked_) next_piece();
  text_ = head_;
}

bool origin_reply::advance(std::size_t sent) {
  const auto of_text = std::min(sent, text_.size());
  text_.remove_prefix(of_text);
  slice_.remove_prefix(sent - of_text);
  return !text_.empty() || !slice_.empty() || next_piece();
}

bool origin_reply::next_piece() {
  if (taken_ == body_) {
    if (!chunked_ || last_chunk_) return false;
    last_chunk_ = true;
    text_ = "\r\n0\r\n\r\n";
    return true;
  }
  const std::uint64_t left = body_ - taken_;
  slice_ = http_body_slice(taken_, chunked_ ? std::min(left, chunk_bytes) : left);
  taken_ += slice_.size();
  if (chunked_) {
    const int length =
        std::snprintf(chunk_line_.data(), chunk_line_.size(), "\r\n%zx\r\n", slice_.size());
    text_ = {chunk_line_.data(), static_cast<std::size_t>(length)};
  }
  return true;
}

}  // namespace switchyard
