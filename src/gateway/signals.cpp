#include "signals.hpp"

#include <pthread.h>
#include <time.h>

#include <cerrno>

namespace gateway {

signals::signals() {
  ::sigemptyset(&wanted_);
  ::sigaddset(&wanted_, SIGINT);
  ::sigaddset(&wanted_, SIGTERM);
  ::sigaddset(&wanted_, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &wanted_, nullptr);
}

int signals::wait(std::chrono::seconds time) {
  const ::timespec limit{time.count(), 0};
  while (true) {
    const int caught = time.count() == 0 ? ::sigwaitinfo(&wanted_, nullptr)
                                         : ::sigtimedwait(&wanted_, nullptr, &limit);
    if (caught > 0) return caught;
    if (errno == EAGAIN) return 0;
  }
}

void signals::give_up_patience() {
  ::sigset_t ending = wanted_;
  ::sigdelset(&ending, SIGUSR1);
  ::pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
}

}  // namespace gateway
