// The reader hands queries on without waiting for their replies; the writer runs while there is
// something to write.
#include "daemon/dns/connection.hpp"

namespace ebpfnet::dns {

using boost::system::error_code;

Connection::Connection(std::shared_ptr<Front> front, asio::ip::tcp::socket socket)
    : front_(std::move(front)), socket_(std::move(socket)), idle_(socket_.get_executor()) {
  front_->connections_.insert(this);
}

Connection::~Connection() {
  front_->connections_.erase(this);
}

void Connection::start() {
  touch();
  asio::co_spawn(socket_.get_executor(), read_loop(shared_from_this()), asio::detached);
}

void Connection::close() {
  front_->connections_.erase(this);
  error_code ignored;
  socket_.close(ignored);
  idle_.cancel();
}

asio::awaitable<void> Connection::read_loop(std::shared_ptr<Connection> self) {
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  while (self->socket_.is_open()) {
    std::array<std::uint8_t, 2> prefix{};
    const auto prefix_buffer = asio::buffer(prefix);
    co_await asio::async_read(self->socket_, prefix_buffer, token);
    if (error) {
      break;
    }
    Wire query(static_cast<std::size_t>(prefix[0] << 8U | prefix[1]));
    const auto query_buffer = asio::buffer(query);
    co_await asio::async_read(self->socket_, query_buffer, token);
    if (error) {
      break;
    }
    self->take(query);
  }
  // A client may shut down its side and still wait for what it asked.
  self->ended_ = true;
  if (self->pending_ == 0 && self->out_.empty()) {
    self->close();
  }
}

void Connection::take(WireView query) {
  touch();
  ++pending_;
  const auto reply = [self = shared_from_this()](const Wire& wire) {
    --self->pending_;
    self->send(wire);
  };
  if (!front_->handle(query, Transport::tcp, reply)) {
    close(); // what has no answer over UDP ends a TCP connection
  }
}

void Connection::send(const Wire& reply) {
  if (!socket_.is_open()) {
    return;
  }
  touch();
  Wire framed{static_cast<std::uint8_t>(reply.size() >> 8U),
              static_cast<std::uint8_t>(reply.size() & 0xffU)};
  framed.insert(framed.end(), reply.begin(), reply.end());
  unsent_ += framed.size();
  out_.push_back(std::move(framed));
  if (unsent_ > front_->context_->limits.max_unsent) {
    close();
  } else if (out_.size() == 1) {
    asio::co_spawn(socket_.get_executor(), write_loop(shared_from_this()), asio::detached);
  }
}

asio::awaitable<void> Connection::write_loop(std::shared_ptr<Connection> self) {
  error_code error;
  while (!self->out_.empty() && !error) {
    const auto buffer = asio::buffer(self->out_.front());
    co_await asio::async_write(self->socket_, buffer,
                               asio::redirect_error(asio::use_awaitable, error));
    self->unsent_ -= self->out_.front().size();
    self->out_.pop_front();
  }
  if (error || (self->ended_ && self->pending_ == 0)) {
    self->close();
  }
}

// Only whole messages count as life, so a byte now and then does not hold a connection open.
void Connection::touch() {
  idle_.expires_after(front_->context_->limits.idle_timeout);
  idle_.async_wait([weak = weak_from_this()](error_code cancelled) {
    const auto self = weak.lock();
    if (cancelled || !self || !self->socket_.is_open()) {
      return;
    }
    if (self->pending_ > 0) {
      self->touch();
    } else {
      self->close();
    }
  });
}

} // namespace ebpfnet::dns
