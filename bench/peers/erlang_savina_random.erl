%% The random numbers of the Savina programs in Erlang beside ?NEXT_RANDOM, and what is done with
%% numbers in more than one of them. Everything stays below 2^59, above which Erlang's integers are
%% in memory, but for the hash, which is worked out when no clock runs.
-module(erlang_savina_random).
-export([java/1, java_bits/2, java_below/2, java_double/1, java_gaussian/2]).
-export([busy_wait/1, hash31/1]).
-include("erlang_savina.hrl").

-define(JAVA_FACTOR, 16#5DEECE66D).
-define(MASK(Bits), ((1 bsl (Bits)) - 1)).

%% The state of java.util.Random: 48 bits.
java(Seed) -> (Seed bxor ?JAVA_FACTOR) band ?MASK(48).

%% The state times the factor, in two halves: neither product has more than 59 bits.
java_next(State) ->
    Low = (State band ?MASK(24)) * ?JAVA_FACTOR,
    High = ((State bsr 24) * ?JAVA_FACTOR) band ?MASK(24),
    (Low + (High bsl 24) + 16#B) band ?MASK(48).

%% {Number, State}, as all that draws. Bits is at most 31: a number is never negative.
java_bits(State, Bits) ->
    Next = java_next(State),
    {Next bsr (48 - Bits), Next}.

java_below(State, Limit) when Limit band -Limit =:= Limit ->
    {Bits, Next} = java_bits(State, 31),
    {(Limit * Bits) bsr 31, Next};
java_below(State, Limit) ->
    case java_bits(State, 31) of
        {Bits, Next} when Bits - Bits rem Limit + Limit - 1 =< 16#7fffffff ->
            {Bits rem Limit, Next};
        {_, Next} -> java_below(Next, Limit)
    end.

java_double(State) ->
    {High, Middle} = java_bits(State, 26),
    {Low, Next} = java_bits(Middle, 27),
    {((High bsl 27) + Low) / 9007199254740992.0, Next}.

%% Numbers come in pairs, the second of which is kept: {Number, State, kept or none}.
java_gaussian(State, none) ->
    {First, Middle} = java_double(State),
    {Second, Next} = java_double(Middle),
    X = 2 * First - 1,
    Y = 2 * Second - 1,
    Square = X * X + Y * Y,
    case Square >= 1 orelse Square == 0 of
        true -> java_gaussian(Next, none);
        false ->
            Factor = math:sqrt(-2 * math:log(Square) / Square),
            {X * Factor, Next, Y * Factor}
    end;
java_gaussian(State, Kept) -> {Kept, State, none}.

%% The delay loops of the suite: so many numbers, whose sum is looked at. Returns how many.
busy_wait(Draws) -> busy_wait(Draws, ?DEFAULT_SEED, 0, Draws).
busy_wait(0, _, Sum, Draws) when Sum >= 0 -> Draws;
busy_wait(Left, Value, Sum, Draws) ->
    Next = ?NEXT_RANDOM(Value),
    busy_wait(Left - 1, Next, Sum + Next, Draws).

%% h = 0; h = h * 31 + v for each, modulo 2^64.
hash31(Values) -> lists:foldl(fun(V, H) -> (H * 31 + V) band ?MASK(64) end, 0, Values).
