// idle: a model of the idle protocol (src/sched/idle_set.*, worker_idle.cpp, scheduler.cpp).
//
// Workers look for work, announce a sleep, look again and park; threads outside inject work and
// wake whom they find asleep; one sleeper, the sentinel, sleeps timed while others run. The model
// is sequentially consistent, a step is one access to shared memory; what store buffers add is
// in announce_tso.pml. A pop may fail beside a push or another pop (J1).
//
// Shown: nobody parks for good with work injected or posted (the monitor at a time-out), no tick of
// the sentinel finds work that it should not have had to find (no rescue), the count of sleepers
// never falls below none, a stop reaches everybody, and what is injected while a handler runs for
// ever is found by another worker.
// Sizes: WORKERS, INJECTORS, INJECTIONS of each, LEAVES (times a worker hands its work over and
// sits out), POSTS (to one worker), STOP, STUCK (handlers that never return). Planted bugs: BUG_…, each at the place that it spoils.

#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef INJECTORS
#define INJECTORS 1
#endif
#ifndef INJECTIONS
#define INJECTIONS 1
#endif
#ifndef LEAVES
#define LEAVES 0
#endif
#ifndef POSTS
#define POSTS 0
#endif
#ifndef STOP
#define STOP 0
#endif
#ifndef STUCK
#define STUCK 0
#endif

#define NOBODY 15
#define NOTICED 14  // vacancy_noticed

#define INBOX_EMPTY 0
#define INBOX_PARKED 1
#define INBOX_FULL 2

// idle_set
bit asleep[WORKERS];
short sleeping = 0;
short searching = 0;
byte sentinel = NOBODY;
bit has_epoch_moved[WORKERS];  // since the worker read it; all that an epoch is compared for
// scheduler
byte publishing = 0;
bit is_stopping = 0;
byte injected_count = 0;  // injection_core::count_
byte injected = 0;        // what a pop may find
// worker
byte inbox[WORKERS];
bit is_woken[WORKERS];  // of its driver; sticky
// Of the model: what is still to come, and who has ended.
byte leaves_left = LEAVES;
byte stuck_left = STUCK;
byte ended = 0;

inline move_epoch(i) {
  d_step {
    i = 0;
    do
    :: i < WORKERS -> has_epoch_moved[i] = 1; i++
    :: i >= WORKERS -> break
    od;
    i = 0
  }
}

// Only the exchange decides (I2).
inline wake_one(i, has_claimed) {
  i = 0;
  has_claimed = 0;
  do
  :: i >= WORKERS || has_claimed -> break
  :: else ->
     if
     :: asleep[i] == 0
     :: asleep[i] == 1 ->
        d_step { has_claimed = asleep[i]; asleep[i] = 0 };
        if
        :: has_claimed -> sleeping--; assert(sleeping >= 0); is_woken[i] = 1
        :: else
        fi
     fi;
     i++
  od;
  i = 0
}

inline call_sentinel(i, has_claimed) {
  if
  :: d_step { sentinel == NOBODY -> sentinel = NOTICED };
     wake_one(i, has_claimed);
     if
     :: !has_claimed -> d_step { if :: sentinel == NOTICED -> sentinel = NOBODY :: else fi }
     :: else
     fi;
     has_claimed = 0
  :: sentinel != NOBODY
  fi
}

inline published(i, has_claimed) {
  move_epoch(i);
  if
  :: sleeping != 0 ->
     if
     :: searching == 0 -> wake_one(i, has_claimed); has_claimed = 0
     :: searching != 0
     fi
  :: sleeping == 0
  fi
}

inline inject(i, has_claimed) {
  publishing++;
  injected_count++;
  injected++;
  published(i, has_claimed);
  publishing--
}

// A null is not "empty" (J1): while a push or another pop is under way it may come all the same.
inline take_injected(found) {
  if
  :: injected_count == 0
  :: injected_count != 0 ->
     if
     :: d_step { injected > 0 -> injected--; found = 1 };
        injected_count--
     :: injected == 0 || injected_count != injected
     fi
  fi
}

inline collect_inbox(me, found) {
  d_step { if :: inbox[me] == INBOX_FULL -> inbox[me] = INBOX_EMPTY; found = 1 :: else fi }
}

// worker::next. share_backlog wakes now and then; whoever it wakes finds nothing here.
inline next(me, i, has_claimed, found) {
  collect_inbox(me, found);
  if
  :: sleeping != 0 && searching == 0 -> wake_one(i, has_claimed); has_claimed = 0
  :: true
  fi;
  if
  :: !found -> take_injected(found)
  :: else
  fi
}

inline search(me, i, has_claimed, may_take, may_steal, found) {
  may_take = !sits_out;
  sits_out = 0;
  if
  :: may_take ->
     if
     :: 2 * searching >= WORKERS && searching != 0
     :: 2 * searching < WORKERS || searching == 0 -> searching++; may_steal = 1
     fi
  :: else
  fi;
  do
  :: inbox[me] == INBOX_FULL -> break
  :: inbox[me] != INBOX_FULL ->
     if
     :: may_take -> take_injected(found)
     :: else
     fi;
     if
     :: true -> break
     :: !found && may_take
     fi
  od;
  if
  :: may_steal -> searching--; move_epoch(i)
  :: else
  fi;
  may_steal = 0;
#ifndef BUG_NO_LOOK_AFTER_SEARCH
  if
  :: !found && may_take -> next(me, i, has_claimed, found)
  :: else
  fi;
#endif
  may_take = 0
}

inline announce(me, i) {
#ifdef BUG_COUNTED_AFTER_MARK
  asleep[me] = 1;
  sleeping++;
#else
  sleeping++;
  asleep[me] = 1;
#endif
  move_epoch(i)
}

inline retract(me, was_asleep) {
#ifdef BUG_RETRACT_IN_TWO_STEPS
  was_asleep = asleep[me];
  asleep[me] = 0;
#else
  d_step { was_asleep = asleep[me]; asleep[me] = 0 };
#endif
  if
  :: was_asleep -> sleeping--; assert(sleeping >= 0)
  :: else
  fi;
  was_asleep = 0;
  d_step { if :: sentinel == me -> sentinel = NOBODY :: else fi }
}

// Answers in is_ticking whether it goes on being timed though everybody sleeps.
inline sentinel_tick(me, was_quiet, is_ticking, found) {
  has_epoch_moved[me] = 0;
#ifdef BUG_SLEEPERS_FIRST
  was_quiet = sleeping >= WORKERS;
  if :: was_quiet -> was_quiet = publishing == 0 :: else fi;
#else
  was_quiet = publishing == 0;
  if :: was_quiet -> was_quiet = sleeping >= WORKERS :: else fi;
#endif
  take_injected(found);
  if
  :: found ->
     if
     :: was_quiet ->
        if
        :: publishing == 0 -> assert(has_epoch_moved[me])  // Else a wake was lost: a rescue.
        :: publishing != 0
        fi
     :: else
     fi
  :: else ->
     if
     :: sleeping < WORKERS -> is_ticking = 0
     :: sleeping >= WORKERS ->
        if
        :: is_ticking = 1
        :: d_step { if :: sentinel == me -> sentinel = NOBODY :: else fi };
           is_ticking = 0
        fi
     fi
  fi;
  was_quiet = 0
}

inline sleep(me, i, has_claimed, is_sentinel, is_ticking, flag, found) {
  announce(me, i);
  is_ticking = 0;
  do
  :: is_stopping -> break
  :: !is_stopping ->
#ifndef BUG_NO_RECHECK
     take_injected(found);
     if :: found -> break :: else fi;
     if :: injected_count != 0 -> break :: injected_count == 0 fi;
#endif
     d_step { if :: inbox[me] == INBOX_EMPTY -> inbox[me] = INBOX_PARKED :: else fi };
     if :: inbox[me] != INBOX_PARKED -> break :: else fi;
     is_sentinel = 0;
     if
     :: is_ticking || sleeping < WORKERS ->
        d_step {
          if
          :: sentinel == NOBODY || sentinel == NOTICED -> sentinel = me; is_sentinel = 1
          :: else -> is_sentinel = (sentinel == me)
          fi
        }
     :: !is_ticking && sleeping >= WORKERS
     fi;
end_parked:
     if
     :: is_woken[me] -> is_woken[me] = 0; break
     :: is_sentinel ->  // Timed out.
        sentinel_tick(me, flag, is_ticking, found);
        if :: found -> break :: else fi
     fi
  od;
  is_sentinel = 0;
  is_ticking = 0;
  d_step { if :: inbox[me] == INBOX_PARKED -> inbox[me] = INBOX_EMPTY :: else fi };
  retract(me, flag)
}

inline leave_idle(i, has_claimed, who) {
  who = sentinel;
  if
  :: who == NOTICED ->
     d_step { if :: sentinel == NOTICED -> sentinel = NOBODY :: else fi };
     who = NOBODY
  :: else
  fi;
  if
  :: who == NOBODY ->
     who = sleeping;
     if
     :: who != 0 && who + 1 < WORKERS -> call_sentinel(i, has_claimed)
     :: else
     fi
  :: else
  fi;
  who = 0;
#ifndef BUG_NO_RELAY
  if
  :: sleeping != 0 ->
     if
     :: searching == 0 ->
        if
        :: injected_count != 0 -> wake_one(i, has_claimed); has_claimed = 0
        :: injected_count == 0
        fi
     :: searching != 0
     fi
  :: sleeping == 0
  fi
#else
  skip
#endif
}

proctype worker(byte me) {
  bit found, has_claimed, may_take, may_steal, sits_out, is_sentinel, is_ticking, flag;
  byte i, who;
running:
  next(me, i, has_claimed, found);
  if
  :: !found ->
     if
     :: is_stopping -> goto over
     :: !is_stopping -> goto idle
     fi
  :: else
  fi;
activation:
  found = 0;
  if
  :: true
  :: sentinel == NOBODY ->  // It schedules somebody: ensure_sentinel.
     if
     :: sleeping != 0 -> call_sentinel(i, has_claimed)
     :: sleeping == 0
     fi
  :: d_step { leaves_left > 0 -> leaves_left-- };  // leave_to_others
     inject(i, has_claimed);
     sits_out = 1
#if STUCK
  :: d_step { stuck_left > 0 -> stuck_left-- };
end_stuck:
     false
#endif
  fi;
  goto running;
idle:
  do
  :: found -> break
  :: !found && is_stopping -> break
  :: !found && !is_stopping ->
     search(me, i, has_claimed, may_take, may_steal, found);
     if
     :: !found -> sleep(me, i, has_claimed, is_sentinel, is_ticking, flag, found)
     :: else
     fi;
     if
     :: !found -> next(me, i, has_claimed, found)
     :: else
     fi
  od;
  leave_idle(i, has_claimed, who);
  if
  :: found -> goto activation
  :: else -> goto running
  fi;
over:
  ended++
}

proctype injector(byte left) {
  bit has_claimed;
  byte i;
  do
  :: left > 0 -> inject(i, has_claimed); left--
  :: left == 0 -> break
  od
}

// Posts to worker 0, or wakes it for nothing, as a timer of its own would.
proctype poster(byte left) {
  byte before;
  do
  :: left > 0 ->
     d_step { before = inbox[0]; inbox[0] = INBOX_FULL };
     if
     :: before == INBOX_PARKED -> is_woken[0] = 1
     :: else
     fi;
     left--
  :: left > 0 -> is_woken[0] = 1; left--
  :: left == 0 -> break
  od
}

proctype stopper() {
  byte i = 0;
#ifdef BUG_STOP_WAKES_FIRST
  do :: i < WORKERS -> is_woken[i] = 1; i++ :: i >= WORKERS -> break od;
  is_stopping = 1
#else
  is_stopping = 1;
  do :: i < WORKERS -> is_woken[i] = 1; i++ :: i >= WORKERS -> break od
#endif
}

// When nobody can do anything: everybody is parked untimed, or has ended.
proctype monitor() {
  timeout;
  if
  :: is_stopping -> assert(ended == WORKERS)
  :: else ->
     assert(injected_count == 0 && injected == 0);
     assert(inbox[0] != INBOX_FULL)
  fi;
  assert(publishing == 0 && searching == 0)
}

init {
  byte i = 0;
  atomic {
    do :: i < WORKERS -> run worker(i); i++ :: i >= WORKERS -> break od;
    i = 0;
    do :: i < INJECTORS -> run injector(INJECTIONS); i++ :: i >= INJECTORS -> break od;
#if POSTS > 0
    run poster(POSTS);
#endif
#if STOP
    run stopper();
#endif
    run monitor()
  }
}
