/** What a number that somebody gives may be, both ends included. NaN is never one. */
export type Range = {
  readonly least: number
  readonly most: number
  /** Only whole numbers. */
  readonly whole?: boolean
  /** Infinity as well: without end, without limit. */
  readonly endless?: boolean
  /** What is counted, for messages: `milliseconds`. */
  readonly unit?: string
}

/** The longest that a timer waits at once, and the longest deadline: 2^31 - 1 milliseconds, some 24 days. */
export const LONGEST_WAIT = 2_147_483_647
/** Milliseconds of a hundred years: added to any present moment they are still exact. */
export const CENTURY = 3_155_760_000_000

/** Time that is waited for. */
export const WAIT: Range = { least: 1, most: LONGEST_WAIT, unit: 'milliseconds' }
/** The same in whole milliseconds, as servers of Node take it. */
export const WHOLE_WAIT: Range = { ...WAIT, whole: true }
/** Time that is waited for; 0 is not to wait. */
export const WAIT_OR_NONE: Range = { ...WAIT, least: 0 }
/** Time that something is kept, or put off. */
export const KEEP: Range = { least: 1, most: CENTURY, unit: 'milliseconds' }
/** So many of a thing. */
export const COUNT: Range = { least: 1, most: LONGEST_WAIT, whole: true }
export const COUNT_OR_NONE: Range = { ...COUNT, least: 0 }
export const BYTES: Range = { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true, unit: 'bytes' }
/** A part of the whole. */
export const SHARE: Range = { least: 0, most: 1 }

/** Which numbers, and pairs of numbers, an options object has: each needs a range, or the table does not compile. */
export type Ranges<T> = {
  readonly [K in keyof T as Extract<T[K], number | readonly number[]> extends never ? never : K]-?: Range
}

/**
 * Refuses options with a number that cannot be used, where they enter: later it would be a timer that fires at once, a
 * queue without end, or a value that a database cannot hold.
 * @param what the action, for the message: `open the SQLite store`
 * @throws {TypeError} naming the option, what it is, and what it may be
 */
export function checkNumbers<T extends object>(what: string, options: T, ranges: Ranges<T>): T {
  const wrong = wrongNumbers(options, ranges)
  if (wrong !== undefined) throw new TypeError(`Cannot ${what}: ${wrong}`)
  return options
}

/**
 * Options with the defaults of what is not given, or given as undefined.
 * @throws {TypeError} as checkNumbers does
 */
export function completeNumbers<T extends object>(what: string, defaults: T, given: Partial<T>, ranges: Ranges<T>): T {
  const told = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>
  const complete: T = { ...defaults, ...told }
  return checkNumbers(what, complete, ranges)
}

/**
 * Why the first option whose number cannot be used cannot, in words; undefined when all can. What is not given passes, and
 * so does `false`, which stands for none where a type allows it.
 */
export function wrongNumbers<T extends object>(options: T, ranges: Ranges<T>): string | undefined {
  for (const [name, range] of Object.entries(ranges as Readonly<Record<string, Range>>)) {
    const given: unknown = options[name as keyof T]
    if (given === undefined || given === false) continue
    for (const value of Array.isArray(given) ? (given as readonly unknown[]) : [given]) {
      const wrong = wrongNumber(value, range)
      if (wrong !== undefined) return `"${name}" ${wrong}`
    }
  }
  return undefined
}

/** Why a value is not in a range, in words that fit behind its name; undefined when it is. */
export function wrongNumber(value: unknown, range: Range): string | undefined {
  const { least, most, whole = false, endless = false } = range
  if (typeof value === 'number' && value >= least && value <= most && (!whole || Number.isInteger(value))) return undefined
  if (endless && value === Number.POSITIVE_INFINITY) return undefined
  return `is ${shown(value)}; give ${inWords(range)}`
}

function inWords({ least, most, whole = false, endless = false, unit = '' }: Range): string {
  const kind = `${whole ? 'a whole number' : 'a number'}${unit === '' ? '' : ` of ${unit}`}`
  return `${kind} from ${least} to ${most}${endless ? ', or Infinity' : ''}`
}

function shown(value: unknown): string {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' ? `the text "${value.slice(0, 40)}"` : `of type ${value === null ? 'null' : typeof value}`
}
