export { createStream, type Stream, type StreamEvent, type StreamOptions } from './stream.js';
export type { AuthReason, ConnectionOptions } from './connection.js';
export type { Enveloped, NamedAlike } from './envelope.js';
export type { Backoff } from './backoff.js';
export { StreamError, type State, type Status } from './status.js';
export { sse, type SseOptions } from './sse.js';
export type { Attempt, Ending, Gap, Sink, Transport } from './transport.js';
