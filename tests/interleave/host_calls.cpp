// What the program under test asks of its host, answered by the machine: threads, locks, waits, the
// clock. These definitions come before those of the C library, for the program and for libstdc++.
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdlib>

#include "base/atomic.hpp"
#include "fiber.hpp"
#include "machine.hpp"

using interleave::fiber;

namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;
// Of the realtime clock: somewhere in 2020.
constexpr std::int64_t epoch_ns = 1'600'000'000 * ns_per_s;

std::int64_t nanoseconds(const timespec& time) { return time.tv_sec * ns_per_s + time.tv_nsec; }

std::int64_t deadline_by(clockid_t clock, const timespec* time) {
  if (time == nullptr) return INT64_MAX;
  return nanoseconds(*time) - (clock == CLOCK_REALTIME ? epoch_ns : 0);
}

long raw_call(long number, long a, long b, long c, long d, long e, long f) {
  long answer;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(answer)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  if (answer < 0 && answer > -4096) {
    errno = static_cast<int>(-answer);
    return -1;
  }
  return answer;
}

long futex(const std::uint32_t* word, int operation, std::uint32_t value, const timespec* time) {
  sluice::base::interleaved::step();
  switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET: return interleave::wake(word, value);
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: {
      if (*word != value) {
        errno = EAGAIN;
        return -1;
      }
      if (interleave::is_unlikely()) {
        errno = EINTR;
        return -1;
      }
      const bool is_relative = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT;
      std::int64_t until_ns = INT64_MAX;
      if (time != nullptr) {
        until_ns = nanoseconds(*time) + (is_relative ? interleave::look_at_clock() : 0);
      }
      if (interleave::block(word, until_ns)) return 0;
      errno = ETIMEDOUT;
      return -1;
    }
    default: interleave::fail("a futex operation that the machine does not know");
  }
}

int& word_of(pthread_mutex_t* lock) { return lock->__data.__lock; }

int wait_for(pthread_cond_t* condition, pthread_mutex_t* lock, std::int64_t until_ns) {
  word_of(lock) = 0;
  interleave::wake(lock, 1);
  const bool is_woken = interleave::is_unlikely() || interleave::block(condition, until_ns);
  ::pthread_mutex_lock(lock);
  return is_woken ? 0 : ETIMEDOUT;
}

struct key {
  bool is_used = false;
  void (*destroy)(void*) = nullptr;
};
key keys[interleave::keys_max];
void* keys_of_nobody[interleave::keys_max];

void** own_keys() { return interleave::is_active() ? interleave::running().keys : keys_of_nobody; }

}  // namespace

extern "C" {

// -- threads

struct beginning {
  void* (*body)(void*);
  void* argument;
};

static void* run_and_clean_up(void* begun) {
  const beginning of = *static_cast<beginning*>(begun);
  std::free(begun);
  void* const answer = of.body(of.argument);
  for (int pass = 0; pass < 4; ++pass) {
    for (unsigned i = 0; i < interleave::keys_max; ++i) {
      void* const value = own_keys()[i];
      if (value == nullptr || keys[i].destroy == nullptr) continue;
      own_keys()[i] = nullptr;
      keys[i].destroy(value);
    }
  }
  return answer;
}

int pthread_create(pthread_t* made, const pthread_attr_t*, void* (*body)(void*), void* argument) {
  auto* const begun = static_cast<beginning*>(std::malloc(sizeof(beginning)));
  *begun = {body, argument};
  *made = reinterpret_cast<pthread_t>(interleave::create(&run_and_clean_up, begun));
  sluice::base::interleaved::step();
  return 0;
}
int pthread_join(pthread_t other, void** answer) {
  sluice::base::interleaved::step();
  void* const given = interleave::join(*reinterpret_cast<fiber*>(other));
  if (answer != nullptr) *answer = given;
  return 0;
}
int pthread_detach(pthread_t other) {
  interleave::detach(*reinterpret_cast<fiber*>(other));
  return 0;
}
pthread_t pthread_self() noexcept {
  if (!interleave::is_active()) return 1;
  return reinterpret_cast<pthread_t>(&interleave::running());
}
int pthread_setname_np(pthread_t, const char*) { return 0; }
int pthread_setaffinity_np(pthread_t, size_t, const cpu_set_t*) { return 0; }
int pthread_sigmask(int, const sigset_t*, sigset_t*) { return 0; }
int sched_yield() {
  sluice::base::interleaved::yield();
  return 0;
}

// -- locks

int pthread_mutex_lock(pthread_mutex_t* lock) {
  if (!interleave::is_active()) return 0;
  sluice::base::interleaved::step();
  while (word_of(lock) != 0) interleave::block(lock, INT64_MAX);
  word_of(lock) = 1;
  return 0;
}
int pthread_mutex_trylock(pthread_mutex_t* lock) {
  if (!interleave::is_active()) return 0;
  sluice::base::interleaved::step();
  if (word_of(lock) != 0) return EBUSY;
  word_of(lock) = 1;
  return 0;
}
int pthread_mutex_unlock(pthread_mutex_t* lock) {
  if (!interleave::is_active()) return 0;
  word_of(lock) = 0;
  interleave::wake(lock, 1);
  sluice::base::interleaved::step();
  return 0;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* lock) {
  return wait_for(condition, lock, INT64_MAX);
}
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* lock, const timespec* time) {
  return wait_for(condition, lock, deadline_by(CLOCK_REALTIME, time));
}
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* lock, clockid_t clock,
                           const timespec* time) {
  return wait_for(condition, lock, deadline_by(clock, time));
}
int pthread_cond_signal(pthread_cond_t* condition) {
  interleave::wake(condition, 1);
  sluice::base::interleaved::step();
  return 0;
}
int pthread_cond_broadcast(pthread_cond_t* condition) {
  interleave::wake(condition, UINT32_MAX);
  sluice::base::interleaved::step();
  return 0;
}
int pthread_cond_destroy(pthread_cond_t*) { return 0; }

// -- keys

int pthread_key_create(pthread_key_t* made, void (*destroy)(void*)) {
  for (unsigned i = 0; i < interleave::keys_max; ++i) {
    if (keys[i].is_used) continue;
    keys[i] = {true, destroy};
    *made = i;
    return 0;
  }
  return EAGAIN;
}
int pthread_key_delete(pthread_key_t which) {
  keys[which] = {};
  return 0;
}
void* pthread_getspecific(pthread_key_t which) { return own_keys()[which]; }
int pthread_setspecific(pthread_key_t which, const void* value) {
  own_keys()[which] = const_cast<void*>(value);
  return 0;
}

// -- time

int clock_gettime(clockid_t clock, timespec* time) {
  const std::int64_t now = interleave::look_at_clock() + (clock == CLOCK_REALTIME ? epoch_ns : 0);
  time->tv_sec = now / ns_per_s;
  time->tv_nsec = now % ns_per_s;
  return 0;
}
int nanosleep(const timespec* time, timespec*) {
  interleave::block(time, interleave::look_at_clock() + nanoseconds(*time));
  return 0;
}
int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec*) {
  const bool is_absolute = (flags & TIMER_ABSTIME) != 0;
  interleave::block(time, is_absolute ? deadline_by(clock, time)
                                      : interleave::look_at_clock() + nanoseconds(*time));
  return 0;
}

// -- what has no wrapper in the C library

long syscall(long number, ...) noexcept {
  va_list words;
  va_start(words, number);
  const long a = va_arg(words, long), b = va_arg(words, long), c = va_arg(words, long),
             d = va_arg(words, long), e = va_arg(words, long), f = va_arg(words, long);
  va_end(words);
  if (number == SYS_futex && interleave::is_active()) {
    return futex(reinterpret_cast<const std::uint32_t*>(a), static_cast<int>(b),
                 static_cast<std::uint32_t>(c), reinterpret_cast<const timespec*>(d));
  }
  // Its place is a step; what it orders is in order here.
  if (number == SYS_membarrier && static_cast<int>(a) != 0 && interleave::is_active()) {
    sluice::base::interleaved::step();
    return 0;
  }
  return raw_call(number, a, b, c, d, e, f);
}

}  // extern "C"

namespace sluice::inline v0::base {

std::uint64_t model_ticks() noexcept {
  return static_cast<std::uint64_t>(interleave::look_at_clock());
}

}  // namespace sluice::inline v0::base
