// announce_tso: idle_set::announce, published and wake_one over store buffers, with the injection
// queue's count and the parker's sticky wake.
//
// The mark `asleep` is the only plain store of the protocol; everything else is a read-modify-write
// or a load. Shown: nobody parks for good with work injected. Sizes: SLEEPERS, INJECTORS,
// INJECTIONS of each. Planted bugs: BUG_….

#ifndef SLEEPERS
#define SLEEPERS 1
#endif
#ifndef INJECTORS
#define INJECTORS 2
#endif
#ifndef INJECTIONS
#define INJECTIONS 1
#endif

#define THREADS (SLEEPERS + INJECTORS)
#define SLEEPING 0
#define INJECTED 1
#define EPOCH 2  // its value is of no use here, its order is: it stays 0
#define ASLEEP(i) (3 + i)
#define WOKEN(i) (3 + SLEEPERS + i)
#define ADDRESSES (3 + 2 * SLEEPERS)
#include "store_buffer.pml"

byte done = 0;

inline move_epoch(me) { add(me, EPOCH, 0) }

// The queue's pop and its count in one.
inline take_injected(me, found) {
  atomic {
    pending[me].count == 0 ->
    found = (memory[INJECTED] != 0);
    if :: found -> memory[INJECTED] = memory[INJECTED] - 1; done++ :: else fi
  }
}

proctype sleeper(byte me) {
  byte seen, step, was_asleep;
  bit found;
  do
  :: load(me, INJECTED, step, seen);
     if
     :: seen != 0 -> take_injected(me, found)
     :: else ->
        add(me, SLEEPING, 1);
        store(me, ASLEEP(me), 1);
#ifndef BUG_ANNOUNCE_WITHOUT_EPOCH
        move_epoch(me);
#endif
        load(me, INJECTED, step, seen);
        if
        :: seen == 0 ->
           wait_for_buffer_of(me);  // inbox.try_park is a read-modify-write.
end_parked:
           atomic { memory[WOKEN(me)] == 1 -> memory[WOKEN(me)] = 0 }
        :: else
        fi;
        exchange(me, ASLEEP(me), 0, was_asleep);
        if
        :: was_asleep != 0 -> add(me, SLEEPING, -1)
        :: else
        fi
     fi;
     seen = 0;
     was_asleep = 0;
     found = 0
  od
}

proctype injector(byte me) {
  byte left = INJECTIONS, seen, step, i;
  do
  :: left == 0 -> break
  :: left > 0 ->
#ifdef BUG_PUBLISH_BY_STORE
     load(me, INJECTED, step, seen);
     store(me, INJECTED, seen + 1);
#else
     add(me, INJECTED, 1);
     move_epoch(me);
#endif
     load(me, SLEEPING, step, seen);
     if
     :: seen != 0 ->
        i = 0;
        do
        :: i < SLEEPERS ->
           load(me, ASLEEP(i), step, seen);
           if
           :: seen != 0 -> exchange(me, ASLEEP(i), 0, seen)
           :: else
           fi;
           if
           :: seen != 0 -> add(me, SLEEPING, -1); add(me, WOKEN(i), 1 - memory[WOKEN(i)]); break
           :: else
           fi;
           i++
        :: i >= SLEEPERS -> break
        od
     :: else
     fi;
     seen = 0;
     i = 0;
     left--
  od
}

proctype monitor() {
  timeout;
  assert(memory[INJECTED] == 0 && done == INJECTORS * INJECTIONS);
  assert(memory[SLEEPING] <= SLEEPERS)
}

init {
  byte i = 0;
  atomic {
    do :: i < THREADS -> run memory_system(i); i++ :: else -> break od;
    i = 0;
    do :: i < SLEEPERS -> run sleeper(i); i++ :: else -> break od;
    do :: i < THREADS -> run injector(i); i++ :: else -> break od;
    run monitor()
  }
}
