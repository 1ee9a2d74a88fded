/** What a resource is in use for: without any call, and for each call a second. */
export type Line = { readonly idle: number; readonly each: number }

/** What was in use at some calls a second. */
export type Point = { readonly rate: number; readonly used: number }

/** Rates have to lie apart by so much before what is idle can be told from what calls cost. */
const APART = 1.3

/**
 * The line through what was measured at several loads (least squares; neither part is below 0). Of one load, or loads that are
 * alike, all of it is counted as the calls' own: so larger loads are planned with too much rather than too little.
 */
export function fitLine(points: readonly Point[]): Line {
  const rates = points.map(({ rate }) => rate)
  const [rate, used] = [meanOf(rates), meanOf(points.map((point) => point.used))]
  if (rate <= 0) return { idle: used, each: 0 }
  const through: Line = { idle: 0, each: used / rate }
  if (Math.max(...rates) < Math.min(...rates) * APART) return through
  const spread = points.reduce((sum, point) => sum + (point.rate - rate) ** 2, 0)
  const each = points.reduce((sum, point) => sum + (point.rate - rate) * (point.used - used), 0) / spread
  const idle = used - each * rate
  if (each < 0) return { idle: used, each: 0 }
  if (idle >= 0) return { idle, each }
  const squares = rates.reduce((sum, one) => sum + one ** 2, 0)
  return { idle: 0, each: points.reduce((sum, point) => sum + point.rate * point.used, 0) / squares }
}

export const at = ({ idle, each }: Line, rate: number): number => idle + each * rate

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length)
}
