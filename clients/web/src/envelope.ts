// Types of routes that present events in another way than by their own name and payload. `M` maps names to payloads, as
// protoc-gen-weir writes it.

/** What a route with `envelope: {kind: event}` sends; `Members` are those that it lists. */
export type Enveloped<M extends object, Members extends object = { timestamp: string; eventId: string }> = {
  [N in keyof M & string]: { type: N; data: M[N] } & Members;
};

/** What a route with `event_name` sends: everything under one name. */
export type NamedAlike<M extends object, Name extends string = 'message'> = { [N in Name]: M[keyof M] };
