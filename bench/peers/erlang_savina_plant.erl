%% Spoils one message of each iteration, for the controls: the checks must find it. Which one and
%% how is in the machine's environment variables SAVINA_PLANT and SAVINA_PLANT_AT.
-module(erlang_savina_plant).
-export([begin_iteration/0, has_met/0, send/2]).

-define(SENT, 1).   % how many messages so far
-define(MET, 2).    % 1 once one of them was spoiled

begin_iteration() ->
    Kind = list_to_existing_atom(os:getenv("SAVINA_PLANT")),
    At = list_to_integer(os:getenv("SAVINA_PLANT_AT")),
    persistent_term:put(?MODULE, {Kind, At, atomics:new(2, [])}).

has_met() ->
    {_, _, Counts} = persistent_term:get(?MODULE),
    atomics:get(Counts, ?MET) =/= 0.

send(To, Message) ->
    {Kind, At, Counts} = persistent_term:get(?MODULE),
    case atomics:add_get(Counts, ?SENT, 1) - 1 of
        Number when Number < At -> To ! Message;
        Number -> plant(Kind, Number =:= At, Counts, To, Message)
    end.

plant(drop, true, Counts, _, _) -> atomics:put(Counts, ?MET, 1);
plant(duplicate, true, Counts, To, Message) ->
    atomics:put(Counts, ?MET, 1),
    To ! Message,
    To ! Message;
plant(spoil, _, Counts, To, Message) ->
    Spoiled = spoiled(Message),
    case Spoiled =/= Message andalso atomics:exchange(Counts, ?MET, 1) =:= 0 of
        true -> To ! Spoiled;
        false -> To ! Message
    end;
plant(_, _, _, To, Message) -> To ! Message.

%% The first number becomes its complement, or the first process one that has ended; a message that
%% has neither stays as it is.
spoiled(Message) when is_tuple(Message) -> spoiled(Message, 1);
spoiled(Message) -> Message.

spoiled(Message, Place) when Place > tuple_size(Message) -> Message;
spoiled(Message, Place) ->
    case element(Place, Message) of
        Number when is_number(Number) -> setelement(Place, Message, -1 - Number);
        Pid when is_pid(Pid) -> setelement(Place, Message, spawn(fun() -> ok end));
        _ -> spoiled(Message, Place + 1)
    end.
