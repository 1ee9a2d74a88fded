import type {
  AnyContract,
  AnyOperation,
  AnySchema,
  Contract,
  HandlerInput,
  HandlerOutput,
  JsonSchema,
  OperationKind,
  Operations,
} from 'dure/contract'
import { shown } from 'dure/contract/internal'
import type { DoorHost, World } from 'dure/service'

/** A `viewer` reads, an `operator` changes things as well. */
export type OperatorRole = 'viewer' | 'operator'

/** Who asks, as a door has found out. */
export type OperatorCaller = {
  /** As the audit is to name them: a user's id, the user of this computer. */
  readonly name: string
  readonly role: OperatorRole
}

/** What a part answers from: the system, from the process in which the door is open. */
export type OperatorHost = { readonly host: DoorHost; readonly world: World }

/** What a handler knows of the one who asks. */
export type OperatorContext = OperatorCaller & {
  /** Why, in the words of who does it; undefined where they gave none. */
  readonly reason: string | undefined
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal
  readonly correlationId: string
}

type Answer<Op extends AnyOperation> = Op['kind'] extends 'stream'
  ? AsyncIterable<HandlerOutput<Op>>
  : HandlerOutput<Op> | Promise<HandlerOutput<Op>>

/** What answers the operations of a contract. */
export type OperatorHandlers<C extends AnyContract> =
  C extends Contract<string, infer Ops extends Operations>
    ? { readonly [K in keyof Ops]: (input: HandlerInput<Ops[K]>, context: OperatorContext) => Answer<Ops[K]> }
    : never

/** What the audit is told of a command. Its reason is added: it is somebody's own words, and can be erased. */
export type OperatorAct = {
  /** Default: `contract.operation`. */
  readonly action?: string
  /** What, or whom, it is done to. */
  readonly subject: string
  /** JSON. Nothing personal. */
  readonly about?: Readonly<Record<string, unknown>>
}

/** What is to hold for an operation beyond its contract. */
export type OperatorRule<Op extends AnyOperation = AnyOperation> = {
  /** Who does it has to say why. Default false. */
  readonly reason?: boolean
  /** What the audit is told of a command. `own`: what it calls tells the audit itself. Default: the system as subject. */
  readonly act?: 'own' | ((input: HandlerInput<Op>) => OperatorAct)
  /** What the audit is told of it once it is done. */
  readonly tell?: (output: HandlerOutput<Op>) => Readonly<Record<string, unknown>>
  /** It is done while the audit cannot be written to, which is told as soon as it can. Default false: it is refused then. */
  readonly urgent?: boolean
}

export type OperatorPart<Host = OperatorHost> = {
  readonly contract: AnyContract
  readonly rules: Readonly<Record<string, OperatorRule>>
  readonly answer: (host: Host) => Readonly<Record<string, (input: never, context: OperatorContext) => unknown>>
}

/** One operation, as doors show it and draw forms and tools from it. */
export type OperatorOperation = {
  readonly name: string
  readonly kind: Exclude<OperationKind, 'channel'>
  readonly description: string | undefined
  /** An object; undefined where it takes none. */
  readonly input: JsonSchema | undefined
  /** Of a stream: one of its values. Undefined where it answers with nothing. */
  readonly output: JsonSchema | undefined
  readonly role: OperatorRole
  /** One must be given. */
  readonly reason: boolean
}

export type OperatorContract = {
  readonly name: string
  readonly description: string | undefined
  readonly operations: readonly OperatorOperation[]
}

/**
 * A contract that operators ask, and what answers it. Queries and streams are for viewers, commands for operators; a query that shows more than a
 * viewer is to see has `roles: ['operator']` in its contract.
 * @throws {TypeError} for a channel, an input that is no object, or a rule of an operation that is not there
 *
 * @example
 * ```ts
 * import { operatorPart } from '@dure/operator'
 * import { command, contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Banner = contract('banner', {
 *   version: '1.0.0',
 *   owner: 'team-web',
 *   operations: {
 *     show: query({ output: z.object({ text: z.string() }) }),
 *     change: command({ input: z.object({ text: z.string() }) }),
 *   },
 * })
 * let text = 'Welcome'
 * const banner = operatorPart({
 *   contract: Banner,
 *   rules: { change: { reason: true, act: () => ({ subject: 'banner' }) } },
 *   answer: () => ({ show: () => ({ text }), change: (input) => void (text = input.text) }),
 * })
 * console.log(banner.contract.name) // → banner
 * ```
 */
export function operatorPart<C extends AnyContract, Host = OperatorHost>(part: {
  readonly contract: C
  readonly rules?: { readonly [K in keyof C['operations']]?: OperatorRule<C['operations'][K]> }
  readonly answer: (host: Host) => OperatorHandlers<C>
}): OperatorPart<Host> {
  const { contract, rules = {}, answer } = part
  const operations = contract.operations as Operations
  for (const [name, operation] of Object.entries(operations)) {
    if (operation.kind === 'channel') throw unfit(contract, `its operation "${name}" is a channel; use a stream`)
    const input = operation.input as AnySchema | undefined
    if (input !== undefined && shown(input, 'input')['type'] !== 'object')
      throw unfit(contract, `the input of its operation "${name}" is no object; give it z.object({ … })`)
  }
  const strange = Object.keys(rules).find((name) => !Object.hasOwn(operations, name))
  if (strange !== undefined) throw unfit(contract, `it has a rule for "${strange}", which is none of its operations`)
  return { contract, rules: rules as OperatorPart['rules'], answer: answer as never }
}

function unfit({ name }: AnyContract, why: string): TypeError {
  return new TypeError(`Cannot make an operator part of "${name}": ${why}`)
}

/** As doors list it. */
export function describePart({ contract, rules }: Pick<OperatorPart, 'contract' | 'rules'>): OperatorContract {
  const { name, description } = contract
  const operations = Object.entries(contract.operations as Operations).map(([operation, its]): OperatorOperation => {
    const { kind, input, output } = its as AnyOperation & { readonly input?: AnySchema; readonly output?: AnySchema }
    return {
      ...{ name: operation, kind: kind as OperatorOperation['kind'], description: its.description },
      input: input && shown(input, 'input'),
      output: output && shown(output, 'output'),
      role: roleOf(its),
      reason: rules[operation]?.reason === true,
    }
  })
  return { name, description, operations }
}

/** Who may do it. */
export function roleOf({ kind, roles }: Pick<AnyOperation, 'kind' | 'roles'>): OperatorRole {
  return kind === 'command' || roles?.includes('operator') === true ? 'operator' : 'viewer'
}
