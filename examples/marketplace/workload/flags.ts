import { parseArgs, type ParseArgsConfig } from 'node:util'

/** A command line that cannot be meant: its message says which flag, what was found and what is wanted. */
export class FlagError extends Error {
  override readonly name = 'FlagError'
}

/** A flag: how it is shown in the help, and how its text becomes a value. */
export type Flag<Value> = {
  /** What stands after it in the help, such as `N`; undefined for a switch. */
  readonly placeholder: string | undefined
  readonly help: string
  readonly fallback: Value
  readonly read: (text: string) => Value
}
export type Flags = Readonly<Record<string, Flag<unknown>>>
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: F[Name] extends Flag<infer Value> ? Value : never }

/**
 * Reads a command line; undefined when it asks for help.
 * @throws {FlagError}
 */
export function readFlags<F extends Flags>(flags: F, words: readonly string[]): FlagValues<F> | undefined {
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } }
  for (const [name, { placeholder }] of Object.entries(flags)) {
    options[name] = { type: placeholder === undefined ? 'boolean' : 'string' }
  }
  const given = parse(words, options)
  if (given['help']) return undefined
  const values: Record<string, unknown> = {}
  for (const [name, { read, fallback }] of Object.entries(flags)) {
    const text = given[name]
    if (text === undefined) values[name] = fallback
    else {
      try {
        values[name] = read(String(text))
      } catch (cause) {
        throw new FlagError(`Cannot read --${name} ${JSON.stringify(text)}: ${(cause as Error).message}`, { cause })
      }
    }
  }
  return values as FlagValues<F>
}

function parse(words: readonly string[], options: NonNullable<ParseArgsConfig['options']>): Record<string, unknown> {
  try {
    return parseArgs({ args: [...words], options, strict: true, allowPositionals: false }).values
  } catch (cause) {
    throw new FlagError(`Cannot read the command line: ${(cause as Error).message}. --help shows what there is`, { cause })
  }
}

/** The flags as lines of help. */
export function describeFlags(flags: Flags): string {
  const rows = Object.entries(flags).map(([name, { placeholder, help, fallback }]) => {
    const standard = fallback === undefined || fallback === false ? '' : ` (default ${shown(fallback)})`
    return [`--${name}${placeholder === undefined ? '' : ` ${placeholder}`}`, help + standard] as const
  })
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([key, part]) => `${key}:${String(part)}`)
    .join(',')
}

export function numberFlag(options: {
  help: string
  fallback: number
  least?: number
  most?: number
  whole?: boolean
}): Flag<number> {
  const { help, fallback, least = 0, most = Number.MAX_SAFE_INTEGER, whole = true } = options
  const read = (text: string): number => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
      const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `between ${least} and ${most}`
      throw new RangeError(`it must be a ${whole ? 'whole ' : ''}number ${range}`)
    }
    return value
  }
  return { placeholder: 'N', help, fallback, read }
}

export function textFlag(placeholder: string, help: string): Flag<string | undefined>
export function textFlag(placeholder: string, help: string, fallback: string): Flag<string>
export function textFlag(placeholder: string, help: string, fallback?: string): Flag<string | undefined> {
  return { placeholder, help, fallback, read: (text) => text }
}

export function choiceFlag<const Choice extends string>(
  choices: readonly Choice[],
  help: string,
  fallback: Choice,
): Flag<Choice> {
  const read = (text: string): Choice => {
    const choice = choices.find((one) => one === text)
    if (choice === undefined) throw new RangeError(`choose from ${choices.join(', ')}`)
    return choice
  }
  return { placeholder: choices.join('|'), help, fallback, read }
}

export function switchFlag(help: string): Flag<boolean> {
  return { placeholder: undefined, help, fallback: false, read: () => true }
}

/** A flag whose text is read by a function of its own. */
export function flag<Value>(options: Flag<Value>): Flag<Value> {
  return options
}
