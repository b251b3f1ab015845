#include "bench/programs/http/origin_answer.hpp"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/url/parse.hpp>
#include <charconv>
#include <stdexcept>
#include <string_view>

namespace switchyard {

namespace http = boost::beast::http;

namespace {

struct parameter {
  const std::string& key;
  const std::string& value;
};

std::uint64_t number(const parameter& p, std::uint64_t lowest, std::uint64_t highest) {
  std::uint64_t n = 0;
  const char* end = p.value.data() + p.value.size();
  const auto [stopped, error] = std::from_chars(p.value.data(), end, n);
  if (error != std::errc{} || stopped != end || n < lowest || n > highest) {
    throw std::invalid_argument(p.key + "=" + p.value + ": must be a number from " +
                                std::to_string(lowest) + " to " + std::to_string(highest));
  }
  return n;
}

bool flag(const parameter& p) { return number(p, 0, 1) == 1; }

/// It becomes a header, which a line break in it would end.
std::string header_text(const parameter& p) {
  const auto printable = [](char c) { return c > ' ' && c < 0x7f; };
  if (!std::ranges::all_of(p.value, printable)) {
    throw std::invalid_argument(p.key + ": must be printable ASCII without spaces");
  }
  return p.value;
}

void apply(const parameter& p, origin_answer& answer) {
  if (p.key == "bytes") {
    answer.bytes = number(p, 0, most_body_bytes);
  } else if (p.key == "latency_ms") {
    constexpr auto most = static_cast<std::uint64_t>(most_latency.count());
    answer.latency = std::chrono::milliseconds(number(p, 0, most));
  } else if (p.key == "chunked") {
    answer.chunked = flag(p);
  } else if (p.key == "close") {
    answer.close = flag(p);
  } else if (p.key == "status") {
    answer.status = static_cast<unsigned>(number(p, 200, 599));
  } else if (p.key == "location") {
    answer.location = header_text(p);
  } else {
    throw std::invalid_argument("unknown parameter '" + p.key +
                                "'; there are bytes, latency_ms, chunked, status, location, close");
  }
}

origin_answer refusal(const origin_request& request, unsigned status, const std::string& why) {
  return {
      .status = status, .bytes = why.size() + 1, .close = !request.http_11, .refusal = why + '\n'};
}

origin_answer parsed(std::string_view target, const origin_answer& defaults) {
  const boost::core::string_view text(target.data(), target.size());
  const auto url = target.starts_with('/') ? boost::urls::parse_origin_form(text)
                                           : boost::urls::parse_absolute_uri(text);
  if (!url) throw std::invalid_argument("the request target is not a URL");
  origin_answer answer = defaults;
  for (const auto& given : url->params()) apply({given.key, given.value}, answer);
  return answer;
}

}  // namespace

origin_answer refusal_of(const boost::beast::error_code& why) {
  const unsigned status = why == http::error::header_limit ? 431
                          : why == http::error::body_limit ? 413
                                                           : 400;
  return refusal({}, status, "not a request: " + why.message());
}

origin_answer answer_to(const origin_request& request, const origin_answer& defaults) {
  if (request.method != http::verb::get && request.method != http::verb::head) {
    return refusal(request, 405, "only GET and HEAD are served");
  }
  if (request.http_11 && !request.names_host) {
    return refusal(request, 400, "HTTP/1.1 requires a Host field");
  }
  try {
    return parsed(request.target, defaults);
  } catch (const std::invalid_argument& wrong) {
    return refusal(request, 400, wrong.what());
  }
}

origin_reply reply_to(const origin_request& request, const origin_answer& answer) {
  const bool refused = !answer.refusal.empty();
  const bool never_a_body = answer.status == 204 || answer.status == 304;
  // HTTP/1.0 does not know chunks.
  const bool chunked = answer.chunked && request.http_11 && !never_a_body;
  const bool send_body = !never_a_body && request.method != http::verb::head;
  origin_reply reply{.head = "HTTP/1.1 " + std::to_string(answer.status) + ' ',
                     .body_bytes = send_body && !refused ? answer.bytes : 0,
                     .chunked = chunked && send_body,
                     .keep_alive = request.keep_alive && !answer.close};

  std::string& head = reply.head;
  head.append(std::string_view(http::obsolete_reason(http::int_to_status(answer.status))));
  head += "\r\nContent-Type: text/plain; charset=us-ascii\r\n";
  if (!answer.location.empty()) head.append("Location: ").append(answer.location).append("\r\n");
  if (!reply.keep_alive) head += "Connection: close\r\n";
  if (reply.keep_alive && !request.http_11) head += "Connection: keep-alive\r\n";
  if (refused && answer.status == 405) head += "Allow: GET, HEAD\r\n";
  if (chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!never_a_body) {
    head.append("Content-Length: ").append(std::to_string(answer.bytes)).append("\r\n");
  }
  if (!reply.chunked) head += "\r\n";  // else it stands before each chunk's length
  if (send_body) head += answer.refusal;
  return reply;
}

}  // namespace switchyard
