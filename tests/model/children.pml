// children: a model of the list of a parent's children (src/actor/meta_children.cpp) and of their
// links (the table of src/actor/meta_state.hpp).
//
// Children are spawned from several threads, end by themselves or when they are told to; the parent
// prunes the dead now and then and ends at any time. Shown: each child's place is let go once, by
// the parent or by the child; nobody looks at one that was let go; no child outlives its parent
// untold. Sizes: CHILDREN, PRUNES. Planted bugs: BUG_….

#ifndef CHILDREN
#define CHILDREN 3
#endif
#ifndef PRUNES
#define PRUNES 1
#endif

#define NONE 15
#define PARENTS 1  // its generation; 0 = the list has ended

mtype = { linked, orphan, dead };

// The head: one word.
byte head_generation = PARENTS;
byte head_first = NONE;
mtype link[CHILDREN] = linked;
byte next_sibling[CHILDREN] = NONE;
bit is_let_go[CHILDREN];
bit is_told[CHILDREN];
bit has_ended[CHILDREN];

inline look_at(child) { assert(!is_let_go[child]) }
inline let_go(child) {
  d_step {
    assert(!is_let_go[child]);
    is_let_go[child] = 1
  }
}

inline exchange_link(child, what, before) {
#ifdef BUG_LINK_IN_TWO_STEPS
  before = link[child];
  link[child] = what
#else
  d_step { look_at(child); before = link[child]; link[child] = what }
#endif
}

proctype child(byte me) {
  byte seen_generation, seen_first;
  bit is_done;
  mtype before;
  d_step { seen_generation = head_generation; seen_first = head_first };
  do
#ifndef BUG_LINKS_TO_ENDED
  :: seen_generation != PARENTS -> link[me] = orphan; goto ends
#else
  :: false
#endif
  :: else ->
     next_sibling[me] = seen_first;
     d_step {
       if
       :: head_generation == seen_generation && head_first == seen_first ->
          head_first = me;
          is_done = 1
       :: else -> seen_generation = head_generation; seen_first = head_first
       fi
     };
     if
     :: is_done -> break
     :: else
     fi
  od;
  if
  :: true        // It ends by itself, at any time.
  :: is_told[me]
  fi;
ends:
  has_ended[me] = 1;
  exchange_link(me, dead, before);
  if
  :: before == orphan -> let_go(me)
  :: else
  fi
}

proctype parent() {
  byte prunes_left = PRUNES, at, behind;
  mtype before;
  do
  :: prunes_left > 0 ->
     prunes_left--;
#ifdef BUG_PRUNES_THE_NEWEST
     at = head_first;
     if
     :: at != NONE && link[at] == dead -> head_first = next_sibling[at]
     :: at == NONE || link[at] != dead -> at = NONE
     fi;
     if :: at != NONE -> let_go(at) :: else fi;
#endif
     behind = head_first;
     at = NONE;
     if
     :: behind != NONE -> at = next_sibling[behind]
     :: else
     fi;
     do
     :: at == NONE -> break
     :: at != NONE ->
        look_at(at);
        if
        :: link[at] == dead ->
           next_sibling[behind] = next_sibling[at];
           let_go(at);
           at = next_sibling[behind]
        :: link[at] != dead -> behind = at; at = next_sibling[at]
        fi
     od
  :: break
  od;
  atomic { at = head_first; head_generation = 0; head_first = NONE };
  do
  :: at == NONE -> break
  :: at != NONE ->
     look_at(at);
     behind = at;
     at = next_sibling[at];
     exchange_link(behind, orphan, before);
     if
     :: before == dead -> let_go(behind)
     :: else -> is_told[behind] = 1
     fi
  od
}

proctype monitor() {
  byte i = 0;
  timeout;
  do
  :: i < CHILDREN -> assert(has_ended[i] && is_let_go[i]); i++
  :: else -> break
  od
}

init {
  byte i = 0;
  atomic {
    run parent();
    do :: i < CHILDREN -> run child(i); i++ :: else -> break od;
    run monitor()
  }
}
