import type { OperatorHost } from '../graph.ts'
import type { Policy } from '../windows.ts'

/** What is done with a value that nothing can be made of any more. */
export function lateOf(
  late: Policy['late'],
  { dropped, publish }: OperatorHost,
): (value: unknown, key: string, time: number) => void {
  if (typeof late === 'string') return dropped
  return (value, key, time) => publish(late, value, key, time)
}

/** A policy as `about` has it. */
export function aboutPolicy({ late, grace }: Policy): Readonly<Record<string, string | number>> {
  return { late: typeof late === 'string' ? late : late.name, ...(grace > 0 && { grace }) }
}

/** The key of a window's result among those of all windows. */
export function windowKey(key: string, start: number): string {
  return `${key}@${start}`
}
