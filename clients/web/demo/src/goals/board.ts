import type { StreamEvent } from '@weir/client';
import type { Events } from './stream';

export const names = ['goal.created', 'goal.activated', 'goal.completed', 'action.created', 'issue.created'] as const;

export interface Goal {
  readonly id: string;
  readonly title: string;
  readonly state: 'created' | 'active' | 'reached';
  readonly actions: number;
  readonly issues: number;
}

/** The newest first. */
export type Board = readonly Goal[];

export const empty: Board = [];

const goalsMax = 5;

export function update(board: Board, { data: { type, data } }: StreamEvent<Events>): Board {
  const id = data.goalId ?? '';
  if (type === 'goal.created') {
    return [{ id, title: data.title ?? '', state: 'created' as const, actions: 0, issues: 0 }, ...board].slice(0, goalsMax);
  }
  return board.map((goal) => {
    if (goal.id !== id) return goal;
    if (type === 'goal.activated') return { ...goal, state: 'active' };
    if (type === 'goal.completed') return { ...goal, state: 'reached' };
    return type === 'action.created' ? { ...goal, actions: goal.actions + 1 } : { ...goal, issues: goal.issues + 1 };
  });
}
