%% The Savina programs about single messages, in the order of the suite. Protocols, sizes and checks
%% are those of bench/savina/NAME.cpp.
-module(erlang_savina_micro).
-export([run/3]).
-import(erlang_savina, [expect_arrivals/2, begin_inner/2, wait/1, results/1, sum/2, check/2,
                        arrive/1, report/2, leave/3, leave_early/3]).
-include("erlang_savina.hrl").

run(pingpong, Run, #{'N' := Rounds}) ->
    Pong = spawn(fun() -> pong(Run, 0) end),
    Ping = spawn(fun() -> ping(Run, Pong, Rounds, 0) end),
    begin_inner(Run, 1),
    ?SEND(Ping, start),
    wait(Run),
    [Count] = results(1),
    check(Count =:= Rounds, "pong does not hear every ping"),
    #outcome{sent = 3 * Rounds + 1, actors = 2,
             values = [{pong_count, Count}, {messages, sum(Run, sent)}]};

run(count, Run, #{'N' := Increments}) ->
    Counter = spawn(fun() -> counter(Run, 0) end),
    Producer = spawn(fun() -> producer(Run, Counter, Increments) end),
    begin_inner(Run, 1),
    ?SEND(Producer, increment),
    wait(Run),
    [Counted] = results(1),
    check(Counted =:= Increments, "the counter has not counted every message when it is asked"),
    #outcome{sent = Increments + 3, actors = 2,
             values = [{count, Counted}, {messages, sum(Run, sent)}]}.

%% -- pingpong

pong(Run, Count) ->
    receive
        {send_ping, From} -> ?SEND(From, {send_pong, self()}), pong(Run, Count + 1);
        stop -> report(Run, Count), leave(Run, Count, Count + 1)
    end.

ping(Run, Pong, Left, Handled) ->
    receive
        {send_pong, _} when Left > 0 -> ?SEND(self(), again), ping(Run, Pong, Left, Handled + 1);
        {send_pong, _} ->
            ?SEND(Pong, stop),
            arrive(Run),
            leave(Run, Handled + 1, Handled + 1);
        Begin when Begin =:= start; Begin =:= again ->
            ?SEND(Pong, {send_ping, self()}),
            ping(Run, Pong, Left - 1, Handled + 1)
    end.

%% -- count

producer(Run, Counter, Increments) ->
    receive increment -> flood(Counter, Increments) end,
    ?SEND(Counter, {retrieve, self()}),
    receive {result, Counted} -> report(Run, Counted) end,
    arrive(Run),
    leave(Run, Increments + 1, 2).

flood(_, 0) -> ok;
flood(Counter, Left) ->
    ?SEND(Counter, increment),
    flood(Counter, Left - 1).

counter(Run, Count) ->
    receive
        increment -> counter(Run, Count + 1);
        {retrieve, From} -> ?SEND(From, {result, Count}), leave(Run, 1, Count + 1)
    end.
