#include "bench/programs/http/origin_connection.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <stdexcept>

namespace switchyard {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

// More than nearly any request: a read that fills its buffer costs another one that finds nothing.
constexpr std::size_t read_bytes = 2 * 1024;
constexpr std::chrono::milliseconds linger_time{2'000};
constexpr auto never = std::numeric_limits<std::uint64_t>::max();

unsigned status_for(const error_code& why) {
  if (why == http::error::header_limit) return 431;
  if (why == http::error::body_limit) return 413;
  return 400;
}

}  // namespace

void origin_connection::start(list::iterator self) {
  self_ = self;
  serve_buffered();
}

void origin_connection::close() {
  error_code ignored;
  socket_.close(ignored);
  latency_.cancel();
}

bool origin_connection::is_overdue() const { return shared_.now > deadline_; }

void origin_connection::expect_within(std::chrono::milliseconds time) {
  deadline_ = shared_.now + static_cast<std::uint64_t>(time / origin_shared::tick) + 1;
}

void origin_connection::end() { shared_.connections.erase(self_); }

void origin_connection::read() {
  socket_.async_read_some(buffer_.prepare(read_bytes), [this](error_code ec, std::size_t got) {
    // A handler that was queued when the server closed the connection still reports success.
    if (ec || !socket_.is_open()) return end();
    buffer_.commit(got);
    serve_buffered();
  });
}

// Each step returns false when it has started an operation, or ended the connection: `this` must
// not be touched then.
void origin_connection::serve_buffered() {
  while (take_request()) {
    if (wanted_latency_.count() > 0) return wait_for_latency();
    if (!reply()) return;
  }
}

bool origin_connection::take_request() {
  if (buffer_.size() > 0) {
    if (!parser_) {
      parser_.emplace(request_);
      expect_within(shared_.settings.request_timeout);
    }
    error_code ec;
    buffer_.consume(parser_->put(buffer_.cdata(), ec));
    const bool malformed = ec && ec != http::error::need_more;
    if (malformed || parser_->is_done()) {
      parser_.reset();
      malformed ? refuse_malformed(ec) : prepare_reply();
      return true;
    }
  } else if (!parser_) {
    expect_within(shared_.settings.idle_timeout);
  }
  read();
  return false;
}

void origin_connection::prepare_reply() {
  if (request_ == prepared_for_) return reply_.rewind();
  prepared_for_ = request_;
  wanted_latency_ = {};
  refused_ = true;
  const bool head = request_.method == http::verb::head;
  const auto refuse = [&](unsigned status, const std::string& why) {
    reply_.make_refusal(status, why, request_.keep_alive && request_.http_11, head);
  };
  if (!head && request_.method != http::verb::get) {
    return refuse(405, "only GET and HEAD are served");
  }
  if (request_.http_11 && !request_.names_host) {
    return refuse(400, "HTTP/1.1 requires a Host field");
  }
  try {
    const auto answer = answer_to(request_.target, shared_.settings.answer);
    reply_.make(answer, request_);
    wanted_latency_ = answer.latency;
    refused_ = false;
  } catch (const std::invalid_argument& wrong) {
    refuse(400, wrong.what());
  }
}

void origin_connection::refuse_malformed(const error_code& why) {
  prepared_for_ = {};
  wanted_latency_ = {};
  refused_ = true;
  reply_.make_refusal(status_for(why), "not a request: " + why.message(), false, false);
}

void origin_connection::wait_for_latency() {
  deadline_ = never;
  latency_.expires_after(wanted_latency_);
  latency_.async_wait([this](error_code ec) {
    if (ec || !socket_.is_open()) return end();
    if (reply()) serve_buffered();
  });
}

// A socket's send buffer is nearly always free: send first, and wait only when it is full.
bool origin_connection::reply() {
  error_code ec;
  const std::size_t sent = socket_.write_some(reply_.piece(), ec);
  if (ec && ec != boost::asio::error::would_block) {
    end();
    return false;
  }
  if (!reply_.advance(sent)) return finish_reply();
  reply_rest();
  return false;
}

void origin_connection::reply_rest() {
  expect_within(shared_.settings.idle_timeout);
  socket_.async_write_some(reply_.piece(), [this](error_code ec, std::size_t sent) {
    if (ec || !socket_.is_open()) return end();
    if (reply_.advance(sent)) return reply_rest();
    if (finish_reply()) serve_buffered();
  });
}

bool origin_connection::finish_reply() {
  ++shared_.totals.requests;
  shared_.totals.body_bytes += reply_.body_bytes();
  shared_.totals.bad_requests += refused_ ? 1 : 0;
  if (reply_.keep_alive()) return true;
  end_after_reply();
  return false;
}

// A close while bytes are unread would reset the connection, and the peer could lose the answer.
void origin_connection::end_after_reply() {
  if (buffer_.size() == 0 && !refused_) return end();
  error_code ec;
  socket_.shutdown(boost::asio::socket_base::shutdown_send, ec);
  expect_within(linger_time);
  read_and_forget();
}

void origin_connection::read_and_forget() {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(read_bytes), [this](error_code ec, std::size_t) {
    ec || !socket_.is_open() ? end() : read_and_forget();
  });
}

}  // namespace switchyard
