/**
 * Numbers of fields, for protocols that write them instead of names (protobuf, Thrift). They are part of a contract: given once to a
 * name, kept when the name is gone, and never given again, so that programs made long ago read what they read before.
 */
import { pascal } from './components.ts'
import type { AnyContract, FieldNumbers } from './definition.ts'
import { typesOf, type TypeTable } from './types-of.ts'

/** Protobuf's largest, and those that it keeps for itself. */
const MOST = 2 ** 29 - 1
const RESERVED = { from: 19_000, to: 19_999 } as const

/** Why a number cannot be one, in words that fit behind its name; undefined when it can. */
export function wrongNumber(value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MOST)
    return `the number ${JSON.stringify(value)}, which is no whole number from 1 to ${MOST}`
  if (value >= RESERVED.from && value <= RESERVED.to)
    return `the number ${value}; protobuf keeps ${RESERVED.from} to ${RESERVED.to} for itself`
  return undefined
}

/** What is wrong with a table of numbers: where, and what was found. */
export function wrongNumbers(numbers: unknown): readonly { readonly where: string; readonly found: string }[] {
  if (!isRecord(numbers)) return [{ where: '', found: 'no table of numbers by type and field' }]
  return Object.entries(numbers).flatMap(([type, given]) => {
    if (!isRecord(given)) return [{ where: type, found: 'no table of numbers by field' }]
    const taken = new Map<unknown, string>()
    return Object.entries(given).flatMap(([name, number]) => {
      const where = `${type}.${name}`
      const other = taken.get(number)
      taken.set(number, name)
      const found =
        wrongNumber(number) ?? (other === undefined ? undefined : `the number ${String(number)}, which "${other}" has`)
      return found === undefined ? [] : [{ where, found }]
    })
  })
}

/** What of a contract has a number, type by type. The errors of an operation are in one that is called `place errors`. */
function numbered({ types, operations }: TypeTable): ReadonlyMap<string, readonly string[]> {
  const all = new Map<string, readonly string[]>()
  for (const type of types.values()) {
    if (type.kind === 'enum') all.set(type.name, type.values)
    else
      all.set(
        type.name,
        (type.kind === 'union' ? type.members : type.fields).map(({ name }) => name),
      )
  }
  for (const { name, errors } of operations)
    if (errors.length > 0)
      all.set(
        errorsOf(name),
        errors.map(({ code }) => code),
      )
  return all
}

/** The entry of a table that numbers the errors of an operation. No type can be called so. */
export const errorsOf = (operation: string): string => `${operation} errors`

/** The numbers of a contract, and for what is new the next that its type never had: what `dure docs --format numbers` writes. */
export function drawNumbers(contract: AnyContract): FieldNumbers {
  const before = contract.numbers ?? {}
  const all = numbered(typesOf([contract]))
  const types = [...new Set([...Object.keys(before), ...all.keys()])]
  return Object.fromEntries(
    types.map((type) => {
      const numbers = new Map(Object.entries(ownOf(before, type) ?? {}))
      let last = Math.max(0, ...numbers.values())
      for (const name of all.get(type) ?? []) {
        if (numbers.has(name)) continue
        do last++
        while (wrongNumber(last) !== undefined && last < MOST)
        numbers.set(name, last)
      }
      return [type, Object.fromEntries(numbers)]
    }),
  )
}

/**
 * Reads the numbers of one contract's types.
 * @param table of this contract alone: of several, types of one name have others
 * @throws {TypeError} when one of them has none, with the place and what to do
 */
export function numbersOf(contract: AnyContract, table: TypeTable = typesOf([contract])): (type: string, name: string) => number {
  const { name: of, numbers = {} } = contract
  const has = (type: string, name: string): boolean => {
    const own = ownOf(numbers, type)
    return own !== undefined && Object.hasOwn(own, name)
  }
  const missing = [...numbered(table)].flatMap(([type, names]) =>
    names.filter((name) => !has(type, name)).map((name) => `"${name}" of "${type}"`),
  )
  if (missing.length > 0) {
    const more = missing.length > 3 ? ` and ${missing.length - 3} more` : ''
    throw new TypeError(
      `Cannot number the fields of contract "${of}": ${missing.slice(0, 3).join(', ')}${more} ${missing.length === 1 ? 'has' : 'have'} no number. ` +
        `Write them with "dure docs --format numbers --out numbers.json", and give them to the contract: numbers: numbers${accessOf(of)}`,
    )
  }
  return (type, name) => numbers[type]![name]!
}

/** Names that had a number and are no longer there; nothing may have it again. */
export function retiredOf(
  contract: AnyContract,
  table: TypeTable,
  type: string,
): readonly (readonly [name: string, number: number])[] {
  const names = new Set(numbered(table).get(type))
  return Object.entries(ownOf(contract.numbers ?? {}, type) ?? {}).filter(([name]) => !names.has(name))
}

const accessOf = (name: string): string => (pascal(name).toLowerCase() === name ? `.${name}` : `['${name}']`)

const ownOf = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
