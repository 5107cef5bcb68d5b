// lent_place_tso: src/sync/lent_place.hpp over store buffers: an owner that fills and empties a
// place with plain loads and stores, and thieves with a barrier that the kernel runs on the owner.
//
// Shown: each thing that is put is taken once, by the owner or by one thief (LR2); none is left.
// Sizes: ITEMS (each put once), THIEVES, TRIES of each thief. Planted bugs: BUG_….
// Not seen: what a CPU does that also lets loads pass loads or stores pass stores.

#ifndef ITEMS
#define ITEMS 2
#endif
#ifndef THIEVES
#define THIEVES 1
#endif
#ifndef TRIES
#define TRIES 2
#endif

#define THREADS (1 + THIEVES)
#define OWNER 0

#define ITEM 0     // 0 = empty
#define THIEF_IN 1  // thieves_
#define TAKING 2
#define ADDRESSES 3
#include "store_buffer.pml"

byte taken[ITEMS + 1];
byte over = 0;

inline got(item) {
  d_step {
    taken[item]++;
    assert(item == 0 || taken[item] == 1);
    taken[0] = 0
  }
}

inline take_place(item, seen, step) {
  load(OWNER, ITEM, step, item);
  if
  :: item == 0
  :: item != 0 ->
     store(OWNER, TAKING, 1);
     load(OWNER, THIEF_IN, step, seen);
     if
#ifdef BUG_OWNER_IS_BLIND
     :: false
#else
     :: seen != 0 ->
        store(OWNER, TAKING, 0);
        exchange(OWNER, ITEM, 0, item)
#endif
     :: else ->
        load(OWNER, ITEM, step, item);
#ifdef BUG_LEAVES_FIRST
        store(OWNER, TAKING, 0);
        store(OWNER, ITEM, 0)
#else
        store(OWNER, ITEM, 0);
        store(OWNER, TAKING, 0)
#endif
     fi;
     got(item)
  fi;
  seen = 0
}

proctype owner() {
  byte next = 1, item, seen, step;
  do
  :: next <= ITEMS ->
     load(OWNER, ITEM, step, seen);
     if
     :: seen == 0 -> store(OWNER, ITEM, next); next++
     :: else
     fi;
     if
     :: take_place(item, seen, step)
     :: true
     fi
  :: next > ITEMS -> break
  od;
  take_place(item, seen, step);
  over++
}

proctype thief(byte me) {
  byte left = TRIES, expected, is_taking, step;
  bit is_done;
  do
  :: left == 0 -> break
  :: left > 0 ->
     left--;
     load(me, ITEM, step, expected);
     if
     :: expected == 0
     :: else ->
        compare_exchange(me, THIEF_IN, 0, 1, is_done);
        if
        :: !is_done
        :: else ->
#ifndef BUG_NO_BARRIER
           wait_for_buffer_of(OWNER);
#endif
           load(me, TAKING, step, is_taking);
#ifdef BUG_THIEF_STAYS
           is_taking = 0;
#endif
           if
           :: is_taking == 0 ->
              compare_exchange(me, ITEM, expected, 0, is_done);
              if :: is_done -> got(expected) :: else fi
           :: else
           fi;
           store(me, THIEF_IN, 0)
        fi
     fi;
     expected = 0;
     is_taking = 0;
     is_done = 0
  od;
  over++
}

proctype monitor() {
  byte item = 1;
  timeout;
  assert(over == THREADS);
  do
  :: item <= ITEMS -> assert(taken[item] == 1); item++
  :: else -> break
  od;
  assert(memory[ITEM] == 0 && memory[TAKING] == 0 && memory[THIEF_IN] == 0)
}

init {
  byte i = 0;
  atomic {
    do :: i < THREADS -> run memory_system(i); i++ :: else -> break od;
    run owner();
    i = 1;
    do :: i < THREADS -> run thief(i); i++ :: else -> break od;
    run monitor()
  }
}
