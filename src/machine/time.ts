/** Arithmetic on times: lists of ticks in index order, as `ClockView.time` gives them. An odd tick is active. */

export type Time = ArrayLike<number>;

/** Sum of all ticks, or of those at `indexes`; one beyond the list counts as 0. */
export function sumTime(time: Time, indexes?: readonly number[]): number {
  let sum = 0;
  if (indexes === undefined) for (let i = 0; i < time.length; i++) sum += time[i]!;
  else for (const index of indexes) sum += time[index] ?? 0;
  return sum;
}

/** How far each tick went from `before` to `after`. All zeros for lists of different length, which have no states in common order. */
export function diffTime(after: Time, before: Time): number[] {
  const isSame = after.length === before.length;
  return Array.from(after, (tick, i) => (isSame ? tick - before[i]! : 0));
}

/** Whether every tick of `time` is above that of `other`. False for lists of different length. */
export function isTimeAfter(time: Time, other: Time): boolean {
  return everyTick(time, other, (a, b) => a > b);
}

/** Whether every tick of `time` is below that of `other`. False for lists of different length. */
export function isTimeBefore(time: Time, other: Time): boolean {
  return everyTick(time, other, (a, b) => a < b);
}

/** Whether every tick of `time` is that of `other` or above it: what `other` was, `time` has behind it. False for lists of different length. */
export function hasReachedTime(time: Time, other: Time): boolean {
  return everyTick(time, other, (a, b) => a >= b);
}

/** Indexes of active states. */
export function activeIndexes(time: Time): number[] {
  return Array.from(time, (tick, i) => (tick % 2 === 1 ? i : -1)).filter((i) => i >= 0);
}

/** The tick with which a state that is now at `tick` activates next, an activation under way not counted. */
export function nextActiveTick(tick: number): number {
  return tick % 2 === 1 ? tick + 2 : tick + 1;
}

/** The tick with which a state that is now at `tick` deactivates next, the inactivity under way not counted. */
export function nextInactiveTick(tick: number): number {
  return tick % 2 === 0 ? tick + 2 : tick + 1;
}

function everyTick(time: Time, other: Time, holds: (a: number, b: number) => boolean): boolean {
  if (time.length !== other.length) return false;
  for (let i = 0; i < time.length; i++) if (!holds(time[i]!, other[i]!)) return false;
  return true;
}
