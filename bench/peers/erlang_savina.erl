%% Runs a Savina program in Erlang: the driver's process, its clocks, and the count of messages.
%% erlang_savina.py compiles and starts it: main(Module, Program, Threads, Iterations, Patience,
%% Parameters) prints what came out of each iteration and how long it took:
%%
%%   value KEY exactly 0 NUMBER...       to be compared with what is published as KEY; a number may
%%                                       be off by as much as `relative` or `absolute` says
%%   note KEY NUMBER                     differs from run to run
%%   iteration TOTAL_MS INNER_MS SENT    it holds what the protocol promises
%%
%% An iteration: Module:run(Program, Run, Parameters) makes its processes, sends what the suite's
%% driver sends, calls wait/0, which returns when all processes have ended, and returns an #outcome
%% of messages, actors and values. Whoever finds a promise broken calls fail/2; then the machine
%% ends with 1 and says why.
%%
%% Messages: a process counts what it takes, and what it sends in answer; at its end it hands in
%% both. So the sum of what was sent is that of the loops that sent it, and what was lost on the way
%% or doubled shows in what was taken.
-module(erlang_savina).
-export([main/1]).
-export([expect_arrivals/2, begin_inner/2, wait/0, results/1, sum/2, check/2]).  % the driver
-export([spawn_flooded/1, arrive/1, fail/2, report/2, leave/3, leave/4, leave_at_once/3,
         add/3]).
-include("erlang_savina.hrl").

-define(SENT, 1).
-define(HANDLED, 2).
-define(ENDED, 3).
-define(SUMS, 6).             % three are the program's own
-define(LOOK_MS, 150).        % how often the driver looks whether anybody works
-define(IDLE_REDUCTIONS, 20000).  % the driver's own, and what the machine does by itself
-define(SPIN_MS, 20).

main([Module, Program, Threads, Iterations, Patience | Given]) ->
    Schedulers = erlang:system_info(schedulers_online),
    case list_to_integer(Threads) of
        Schedulers -> ok;
        _ -> give_up("the machine has another number of schedulers")
    end,
    put(patience, list_to_integer(Patience) * 1000),
    Run = #run{driver = self(), missing = atomics:new(1, []),
               sums = counters:new(?SUMS, [write_concurrency]), angle = 37.2},
    persistent_term:put(?MODULE, Run),
    iterate(list_to_atom(Module), list_to_atom(Program), persistent_term:get(?MODULE),
            parameters(Given), list_to_integer(Iterations)),
    halt(0).

parameters([]) -> #{};
parameters([Name, Value | Rest]) ->
    (parameters(Rest))#{list_to_atom(Name) => list_to_integer(Value)}.

iterate(_, _, _, _, 0) -> ok;
iterate(Module, Program, Run, Parameters, Left) ->
    begin_iteration(Run),
    try Module:run(Program, Run, Parameters) of
        Outcome -> verify(Run, Outcome), print(Run, Outcome)
    catch error:Why:Where -> give_up(io_lib:format("~0P in ~0P", [Why, 20, Where, 20]))
    end,
    iterate(Module, Program, Run, Parameters, Left - 1).

%% The last iteration's garbage is not this one's.
begin_iteration(#run{sums = Sums} = Run) ->
    erlang:garbage_collect(),
    [counters:put(Sums, Each, 0) || Each <- lists:seq(1, ?SUMS)],
    expect_arrivals(Run, 1),
    begin_plant(),
    put(processes, erlang:system_info(process_count)),
    put(begin_total, erlang:monotonic_time()).

-ifdef(PLANT).
begin_plant() -> erlang_savina_plant:begin_iteration().
check_plant() ->
    case erlang_savina_plant:has_met() of
        true -> ok;
        false -> give_up(3, "what is planted met no message")
    end.
-else.
begin_plant() -> ok.
check_plant() -> ok.
-endif.

verify(Run, #outcome{sent = Sent, lost = Lost, actors = Actors}) ->
    exactly("messages are sent", Sent, sum(Run, sent)),
    exactly("messages are handled", Sent - Lost, sum(Run, handled)),
    exactly("actors are made and end", Actors, sum(Run, ended)),
    receive Message -> give_up(io_lib:format("the driver has ~0P left", [Message, 9]))
    after 0 -> ok
    end.

exactly(_, Wanted, Wanted) -> ok;
exactly(What, Wanted, Got) -> give_up(io_lib:format("~b ~s instead of ~b", [Got, What, Wanted])).

print(Run, #outcome{values = Values, notes = Notes}) ->
    lists:foreach(fun print_value/1, Values),
    [io:format("note ~s~s~n", [Key, numbers(Value)]) || {Key, Value} <- Notes],
    io:format("iteration ~.3f ~.3f ~b~n",
              [ms(get(begin_total), get(end_total)), ms(get(begin_inner), get(end_inner)),
               sum(Run, sent)]).

print_value({Key, Value}) -> print_value({Key, Value, {exactly, 0}});
print_value({Key, Value, {How, Tolerance}}) ->
    io:format("value ~s ~s~s~s~n", [Key, How, numbers(Tolerance), numbers(Value)]).

numbers(Values) when is_list(Values) -> lists:map(fun numbers/1, Values);
numbers(Value) when is_integer(Value) -> [" ", integer_to_list(Value)];
numbers(Value) when is_float(Value) -> [" ", float_to_list(Value, [{scientific, 20}])].

ms(Begin, End) -> erlang:convert_time_unit(End - Begin, native, nanosecond) / 1.0e6.

give_up(Why) -> give_up(1, Why).
give_up(Code, Why) ->
    io:format(standard_error, "~s~n", [Why]),
    halt(Code, [{flush, true}]).

%% -- what the driver calls

%% How many arrive/1 calls end the program; one unless told.
expect_arrivals(#run{missing = Missing}, Parties) -> atomics:put(Missing, 1, Parties).

%% Right before the first message of the driver, which sends so many in all.
begin_inner(#run{sums = Sums}, Messages) ->
    counters:add(Sums, ?SENT, Messages),
    put(begin_inner, erlang:monotonic_time()).

%% Returns when all have arrived and every process has ended.
wait() ->
    put(end_inner, await_arrivals(watch())),
    put(end_total, await_ends(now_ms(), watch())),
    check_plant(),
    give_up_if_void().

now_ms() -> erlang:monotonic_time(millisecond).

await_arrivals(Watch) ->
    receive
        {arrived, At} -> At;
        {void, Why} -> give_up(Why)
    after ?LOOK_MS -> await_arrivals(look(Watch, "nobody works, and not all have arrived"))
    end.

%% Who is still ending when the last has arrived takes microseconds to end: the driver makes way for
%% a while, and only then sleeps.
await_ends(Since, Watch) ->
    case {erlang:system_info(process_count) =< get(processes), now_ms() - Since} of
        {true, _} -> erlang:monotonic_time();
        {false, Passed} when Passed < ?SPIN_MS -> erlang:yield(), await_ends(Since, Watch);
        _ ->
            timer:sleep(1),
            await_ends(Since, look(Watch, "nobody works, and not all processes have ended"))
    end.

give_up_if_void() ->
    receive {void, Why} -> give_up(Why)
    after 0 -> ok
    end.

%% When the driver last looked, the reductions then, how often it has found that nobody works, and
%% when its patience ends.
watch() -> {now_ms(), 0, 0, now_ms() + get(patience)}.

look({Last, _, _, Deadline} = Watch, Why) ->
    case now_ms() of
        Now when Now > Deadline -> give_up("not done in time");
        Now when Now - Last < ?LOOK_MS -> Watch;
        Now -> look_anew(Now, Watch, Why)
    end.

look_anew(Now, {_, Before, Times, Deadline}, Why) ->
    {Reductions, _} = erlang:statistics(reductions),
    case Reductions - Before < ?IDLE_REDUCTIONS of
        true when Times =:= 2 -> give_up_if_void(), give_up(Why);
        true -> {Now, Reductions, Times + 1, Deadline};
        false -> {Now, Reductions, 0, Deadline}
    end.

%% What Count processes have reported, in any order.
results(0) -> [];
results(Count) ->
    receive {result, Result} -> [Result | results(Count - 1)]
    after 0 -> give_up("a process has reported nothing")
    end.

%% What holds whatever the parameters are.
check(true, _) -> ok;
check(false, Promise) -> give_up([Promise, ": no"]).

sum(#run{sums = Sums}, What) -> counters:get(Sums, place(What)).

place(sent) -> ?SENT;
place(handled) -> ?HANDLED;
place(ended) -> ?ENDED;
place(first) -> 4;
place(second) -> 5;
place(third) -> 6.

%% -- what processes call

%% A process whose mailbox grows long. On its heap each collection would walk through all of it.
spawn_flooded(Body) -> spawn_opt(Body, [{message_queue_data, off_heap}]).

%% The caller has seen all that it should see.
arrive(#run{driver = Driver, missing = Missing}) ->
    case atomics:sub_get(Missing, 1, 1) of
        0 -> Driver ! {arrived, erlang:monotonic_time()};
        Left when Left < 0 -> Driver ! {void, "more arrived than there are"};
        _ -> ok
    end.

%% The iteration is void, and the caller ends.
fail(#run{driver = Driver}, Why) ->
    Driver ! {void, Why},
    exit(normal).

%% For the checks, when the clock has stopped.
report(#run{driver = Driver}, Result) -> Driver ! {result, Result}.

%% The caller's last words: how much it sent and handled. Nothing may be waiting for it but messages
%% of the kinds that the protocol lets come too late.
leave(Run, Sent, Handled) -> leave(Run, Sent, Handled, []).

leave(Run, Sent, Handled, Late) ->
    receive
        Message ->
            case lists:member(kind(Message), Late) of
                true -> leave(Run, Sent, Handled, Late);
                false -> fail(Run, io_lib:format("a process ends and leaves ~0P", [Message, 9]))
            end
    after 0 -> leave_at_once(Run, Sent, Handled)
    end.

kind(Message) when is_tuple(Message) -> element(1, Message);
kind(Message) -> Message.

%% The same for who would look through very many.
leave_at_once(#run{sums = Sums}, Sent, Handled) ->
    counters:add(Sums, ?SENT, Sent),
    counters:add(Sums, ?HANDLED, Handled),
    counters:add(Sums, ?ENDED, 1).

%% To a sum of the program's own.
add(#run{sums = Sums}, What, Count) -> counters:add(Sums, place(What), Count).
