/** One way in which a consumer uses an operation of a provider: what is asked, and what the provider answers. */
import { isDeepStrictEqual } from 'node:util'
import {
  DeclaredError,
  type AnyContract,
  type AnyOperation,
  type AnySchema,
  type ErrorType,
  type HandlerOutput,
  type OperationErrors,
  type OperationInput,
  type Operations,
} from 'dure/contract'
import { parserOf } from 'dure/contract/internal'
import type { State } from '../pact/pact.ts'

export type { State } from '../pact/pact.ts'

/** What a provider is to be like: a name that its `states` know, alone or with parameters. */
export type Given = string | (Partial<State> & Pick<State, 'name'>)

/** What comes instead of an answer: nothing, until the deadline; or the connection ends. */
export type AnswerFault = 'hang' | 'cut'

export type InteractionOptions<Op extends AnyOperation> = {
  readonly given?: Given | readonly Given[]
  /** Default: the operation, and what is given. */
  readonly description?: string
  /** What is asked. Default: anything, and what was asked stands in the pact. */
  readonly input?: OperationInput<Op>
  /** Milliseconds before the answer. Default 0. */
  readonly delay?: number
} & (
  | {
      /** What is answered. Default: a value that is generated from the schema, the same in each run. */
      readonly output?: HandlerOutput<Op>
      readonly error?: undefined
      readonly fault?: undefined
    }
  | { readonly error: OperationErrors<Op>; readonly output?: undefined; readonly fault?: undefined }
  | {
      /** A pact does not tell of it: nobody promises to fail. */
      readonly fault: AnswerFault
      readonly output?: undefined
      readonly error?: undefined
    }
)

/** Made by `interaction`. */
export type ConsumerInteraction = {
  readonly contract: AnyContract
  readonly operation: string
  readonly description: string
  readonly states: readonly State[]
  readonly input: { readonly value: unknown } | undefined
  readonly answer:
    | { readonly kind: 'output'; readonly value: { readonly given: unknown } | undefined }
    | { readonly kind: 'error'; readonly error: DeclaredError }
    | { readonly kind: AnswerFault }
  readonly delay: number
}

type Asked<C extends AnyContract> = {
  [K in keyof C['operations'] & string]: C['operations'][K]['kind'] extends 'query' | 'command' ? K : never
}[keyof C['operations'] & string]

/**
 * Says what a provider answers to one use of an operation. Types hold it to the provider's contract, and `consumerTest` refuses what they do not see.
 * @throws {TypeError} for an operation that the contract does not have, or that answers with many values, and for an error that it does not declare
 *
 * @example
 * ```ts
 * import { interaction } from '@dure/testing/contracts'
 * import { contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Prices = contract('prices', {
 *   version: '1.0.0',
 *   owner: 'team-prices',
 *   operations: { of: query({ input: z.object({ sku: z.string() }), output: z.object({ cents: z.int() }), http: 'GET /prices/{sku}' }) },
 * })
 * const { description } = interaction(Prices, 'of', { given: 'tea has a price', input: { sku: 'tea' }, output: { cents: 250 } })
 * console.log(description) // → of, given tea has a price
 * ```
 */
export function interaction<C extends AnyContract, K extends Asked<C>>(
  contract: C,
  operation: K,
  options: InteractionOptions<C['operations'][K]>,
): ConsumerInteraction {
  const promised = (contract.operations as Operations)[operation]
  const what = `Cannot stub "${contract.name}.${operation}"`
  if (promised === undefined) throw new TypeError(`${what}: the contract has no such operation`)
  if (promised.kind !== 'query' && promised.kind !== 'command')
    throw new TypeError(`${what}: it is a ${promised.kind}, and a pact tells of one answer; use \`fake\``)
  const { given = [], delay = 0, output, error, fault } = options as InteractionOptions<AnyOperation>
  if (!(Number.isFinite(delay) && delay >= 0)) throw new TypeError(`${what}: its "delay" is ${delay}; give milliseconds from 0`)
  const states = (Array.isArray(given) ? (given as readonly Given[]) : [given as Given]).map((one) =>
    typeof one === 'string' ? { name: one, params: {} } : { name: one.name, params: one.params ?? {} },
  )
  const named = states.length === 0 ? '' : `, given ${states.map(({ name }) => name).join(' and ')}`
  const failing = fault ?? (error === undefined ? '' : ` fails with ${(error as DeclaredError).code}`)
  return {
    contract,
    operation,
    description: options.description ?? `${operation}${failing}${named}`,
    states,
    input: 'input' in options ? { value: options.input } : undefined,
    answer:
      fault !== undefined
        ? { kind: fault }
        : error !== undefined
          ? { kind: 'error', error: declared(what, promised, error) }
          : { kind: 'output', value: 'output' in options ? { given: output } : undefined },
    delay,
  }
}

function declared(what: string, operation: AnyOperation, error: unknown): DeclaredError {
  const codes = errorsOf(operation).map(({ code }) => code)
  if (error instanceof DeclaredError && codes.includes(error.code)) return error
  const known = codes.length === 0 ? 'none' : codes.map((code) => `"${code}"`).join(', ')
  throw new TypeError(`${what}: its "error" is none that it declares; it declares ${known}`)
}

export function errorsOf(operation: AnyOperation): readonly ErrorType<string, AnySchema | undefined>[] {
  return Object.values(operation.errors as Readonly<Record<string, ErrorType<string, AnySchema | undefined>>>)
}

/** An interaction whose values are of the contract: `input` as it is after parsing. */
export type Checked = ConsumerInteraction & {
  readonly promised: AnyOperation
  readonly parsed: { readonly value: unknown } | undefined
  readonly output: unknown
}

/** @throws {TypeError} for what cannot be true of the provider's contract */
export async function checked(one: ConsumerInteraction): Promise<Checked> {
  const promised = (one.contract.operations as Operations)[one.operation]!
  const what = `Cannot stub "${one.contract.name}.${one.operation}" (${one.description})`
  const parse = async (
    schema: AnySchema | undefined,
    value: unknown,
    name: string,
    side: 'input' | 'output',
  ): Promise<unknown> => {
    const parsed = await parserOf(schema, side)(value)
    if (parsed.ok) return parsed.value
    const [first] = parsed.issues
    const where = first === undefined || first.path.length === 0 ? '' : ` at "${first.path.join('.')}"`
    throw new TypeError(`${what}: its ${name} does not match the contract${where}: ${first?.message ?? 'it was refused'}`)
  }
  const { answer, input } = one
  const parsed = input && { value: await parse(promised.input as AnySchema | undefined, input.value, 'input', 'input') }
  if (answer.kind === 'error') {
    const type = errorsOf(promised).find(({ code }) => code === answer.error.code)!
    await parse(type.data, answer.error.data, `error "${type.code}"`, 'output')
  }
  if (answer.kind !== 'output') return { ...one, promised, parsed, output: undefined }
  const output = promised.output as AnySchema | undefined
  if (answer.value === undefined) return { ...one, promised, parsed, output: await generated(output, what) }
  await parse(output, answer.value.given, 'output', 'output')
  return { ...one, promised, parsed, output: answer.value.given }
}

/** Always the same value of a schema; some that are generated its refinements refuse. */
async function generated(schema: AnySchema | undefined, what: string): Promise<unknown> {
  // Most say what is answered.
  const [{ default: fc }, { arbitraryOf }] = await Promise.all([import('fast-check'), import('../arbitrary/arbitrary.ts')])
  const parse = parserOf(schema, 'output')
  const values = arbitraryOf(schema)
  for (let seed = 1; seed < 200; seed++) {
    const [value] = fc.sample(values, { numRuns: 1, seed })
    if ((await parse(value)).ok) return value
  }
  throw new TypeError(`${what}: no value of its output could be generated; give it an "output"`)
}

/** The one that is for an input: one that names it goes before one for any. */
export function interactionFor(all: readonly Checked[], operation: string, input: unknown): Checked | undefined {
  const own = all.filter((one) => one.operation === operation)
  return (
    own.find(({ parsed }) => parsed !== undefined && isDeepStrictEqual(parsed.value, input)) ??
    own.find(({ parsed }) => parsed === undefined)
  )
}
