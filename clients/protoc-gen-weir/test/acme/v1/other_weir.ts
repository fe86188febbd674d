// Made by protoc-gen-weir from acme/v1/other.proto: what the edge sends. Do not edit.

export type Size = 'SIZE_UNSPECIFIED' | 'SIZE_LARGE' | number;

/** No event, used by another file. */
export interface Place {
  name?: string;
}
