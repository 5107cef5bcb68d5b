#!/usr/bin/env escript
%%! +S 1
%% Runs the scenarios of a file and prints the trace of each process. The twin of traces.cpp.
-mode(compile).

main([File]) ->
    {ok, Bin} = file:read_file(File),
    Lines = [string:trim(L) || L <- string:split(binary_to_list(Bin), "\n", all)],
    ets:new(names, [named_table, public]),
    ets:new(notes, [named_table, public, ordered_set]),
    play([L || L <- Lines, L =/= "", hd(L) =/= $#], none).

play([], Title) -> finish(Title);
play(["scenario " ++ Next | Rest], Title) ->
    finish(Title),
    play(Rest, Next);
play(["spawn " ++ Names | Rest], Title) ->
    [adopt(N, spawn(fun() -> player(N) end)) || N <- string:lexemes(Names, " ")],
    play(Rest, Title);
play(["release" | Rest], Title) ->
    [P ! release || {_, P} <- players()],
    put(holding, false),
    quiet(),
    play(Rest, Title);
play([Line | Rest], Title) ->
    [Name, Steps] = string:split(Line, ": "),
    Words = [string:lexemes(S, " ") || S <- string:lexemes(Steps, ";")],
    case lists:member(["hold"], Words) of true -> put(holding, true); false -> ok end,
    [{_, P}] = ets:lookup(names, Name),
    P ! {steps, Words},
    quiet(),
    play(Rest, Title).

adopt(Name, Pid) ->
    ets:insert(names, {Name, Pid}),
    ets:insert(names, {Pid, Name}).

players() -> [{N, P} || {N, P} <- ets:tab2list(names), is_list(N)].

%% With one scheduler and nobody waiting for time, all is quiet after a few turns for each.
quiet() -> quiet(200).
quiet(0) -> ok;
quiet(N) -> erlang:yield(), quiet(N - 1).

finish(none) -> ok;
finish(Title) ->
    io:format("~s~n", [Title]),
    quiet(),
    [case is_process_alive(P) of
         true -> note(N, "alive");
         false -> ok
     end || {N, P} <- players()],
    Ended = [{N, P, monitor(process, P)} || {N, P} <- players(), is_process_alive(P)],
    [exit(P, kill) || {_, P, _} <- Ended],
    [receive {'DOWN', R, _, _, _} -> ok end || {_, _, R} <- Ended],
    [begin
         io:format("  ~s:~n", [N]),
         [io:format("    ~s~n", [T]) || {{M, _}, T} <- ets:tab2list(notes), M =:= N]
     end || {N, _} <- lists:sort(players())],
    ets:delete_all_objects(names),
    ets:delete_all_objects(notes),
    put(holding, false).

note(Name, Text) ->
    ets:insert(notes, {{Name, erlang:unique_integer([monotonic])}, Text}).

%% Why a process ended is noted by one that watches it, and comes last in its trace.
player(Name) ->
    Self = self(),
    spawn(fun() ->
                  R = monitor(process, Self),
                  Self ! watched,
                  receive {'DOWN', R, _, _, Why} -> note_end(Name, Why) end
          end),
    receive watched -> ok end,
    put(name, Name),
    loop().

note_end(Name, Why) ->
    %% Not the end of the scenario itself.
    case ets:match(notes, {{Name, '_'}, "alive"}) of
        [] -> note(Name, "ended " ++ reason(Why));
        _ -> ok
    end.

loop() ->
    receive
        {steps, All} -> lists:foreach(fun step/1, All);
        {text, T} -> note(get(name), "heard " ++ T);
        {ask, Ref, From} -> From ! {answer, Ref};
        {answer, R} -> demonitor(R, [flush]), note(get(name), "answered");
        {'EXIT', From, Why} -> note(get(name), "exit " ++ name_of(From) ++ " " ++ reason(Why));
        {'DOWN', R, _, Who, Why} ->
            case erase({asked, R}) of
                true -> note(get(name), "no answer");
                undefined -> note(get(name), "down " ++ down_of(R, Who) ++ " " ++ reason(Why))
            end;
        release -> ok
    end,
    loop().

down_of(R, {_, _}) -> case get({named, R}) of undefined -> "nobody"; N -> N end;
down_of(_, Pid) -> name_of(Pid).

name_of(Pid) -> case ets:lookup(names, Pid) of [{_, N}] -> N; [] -> "nobody" end.
pid_of(Name) -> [{_, P}] = ets:lookup(names, Name), P.

reason(noproc) -> "no_process";
reason({crash, _}) -> "exception";
reason(R) when is_atom(R) -> atom_to_list(R).

step(["trap"]) -> process_flag(trap_exit, true);
step(["untrap"]) -> process_flag(trap_exit, false);
step(["link", P]) -> link_safely(pid_of(P));
step(["unlink", P]) -> unlink(pid_of(P));
step(["monitor", P]) -> put({ref, P}, monitor(process, pid_of(P)));
step(["demonitor", P]) -> demonitor(get({ref, P}));
step(["demonitor_flush", P]) -> demonitor(get({ref, P}), [flush]);
step(["send", P, T]) -> pid_of(P) ! {text, T};
step(["exit_to", P, R]) -> exit(pid_of(P), list_to_atom(R));
step(["exit", R]) -> exit(list_to_atom(R));
step(["crash"]) -> exit({crash, here});
step(["register", N]) -> put(registered, N), register(list_to_atom(N), self());
step(["unregister"]) -> unregister(list_to_atom(get(registered)));
step(["whereis", N]) ->
    Who = case whereis(list_to_atom(N)) of undefined -> "nobody"; P -> name_of(P) end,
    note(get(name), N ++ " is " ++ Who);
step(["send_name", N, T]) ->
    try list_to_atom(N) ! {text, T} of _ -> ok
    catch error:badarg -> note(get(name), "nobody there")
    end;
step(["monitor_name", N]) ->
    R = monitor(process, list_to_atom(N)),
    case whereis(list_to_atom(N)) of
        undefined -> ok;
        P -> put({named, R}, name_of(P))
    end;
step(["spawn_link", P]) -> adopt(P, spawn_link(fun() -> player(P) end));
step(["spawn_monitor", P]) ->
    {Pid, _} = spawn_monitor(fun() -> player(P) end),
    adopt(P, Pid);
step(["ask", P]) ->
    R = monitor(process, pid_of(P)),
    put({asked, R}, true),
    pid_of(P) ! {ask, R, self()};
step(["hold"]) -> receive release -> ok end;
step(["say", T]) -> note(get(name), "says " ++ T).

link_safely(Pid) ->
    try link(Pid)
    catch error:noproc -> exit(self(), noproc)
    end.
