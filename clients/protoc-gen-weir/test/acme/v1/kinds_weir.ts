// Made by protoc-gen-weir from acme/v1/kinds.proto: what the edge sends. Do not edit.
import type { Place, Size } from './other_weir.js';

type WeirNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export type Kinds_Color = 'COLOR_UNSPECIFIED' | 'red\'s' | number;

/**
 * One of each.
 *
 * In two paragraphs, with * / in it.
 */
export interface Kinds {
  small?: number;
  large?: string;
  real?: WeirNumber;
  raw?: string;
  yes?: boolean;
  maybeText?: string;
  nullText: string | null;
  list?: string[];
  byNumber?: { [key: string]: Kinds_Inner };
  /** Comment of a member. */
  inner?: Kinds_Inner;
  color?: Kinds_Color;
  colors?: Kinds_Color[];
  a?: string;
  b?: Place;
  at?: string;
  value?: unknown;
  values?: unknown[];
  wrapped?: string;
  any?: { '@type': string; [key: string]: unknown };
  nothing?: null;
  're-named'?: string;
  size?: Size;
}

export interface Kinds_Inner {
  numbers?: WeirNumber[];
}

/** All defaults are printed. */
export interface Full {
  text: string;
  places: Place[];
  labels: { [key: string]: string };
  maybe?: number;
  place?: Place;
}

/** No event. */
export interface Heartbeat {
  text?: string;
}

/** The data of each event, by its name. */
export interface KindsEvents {
  'kinds.made': Kinds;
  'full': Full;
}
