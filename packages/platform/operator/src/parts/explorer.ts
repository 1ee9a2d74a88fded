import {
  CallError,
  command,
  contract,
  query,
  stream,
  type AnyContract,
  type AnyOperation,
  type AnySchema,
  type ErrorTypes,
} from 'dure/contract'
import { needsPrincipal, servicePrincipal, shown, wireOf } from 'dure/contract/internal'
import type { DoorHost } from 'dure/service'
import { createActs } from 'dure/telemetry/internal'
import { z } from 'zod'
import { failureOf } from '../failure.ts'
import { operatorPart, type OperatorPart } from '../part.ts'

const JsonSchema = z.record(z.string(), z.unknown())
const Operation = z.object({
  ...{ name: z.string(), kind: z.enum(['command', 'query', 'stream', 'channel']), description: z.string().optional() },
  ...{ input: JsonSchema.optional(), output: JsonSchema.optional(), incoming: JsonSchema.optional() },
  errors: z.array(
    z.object({ code: z.string(), http: z.number(), data: JsonSchema.optional(), description: z.string().optional() }),
  ),
  ...{ routes: z.array(z.string()), access: z.enum(['public', 'authenticated']), scope: z.string().optional() },
  ...{ roles: z.array(z.string()).optional(), authorize: z.boolean(), idempotent: z.boolean(), deadline: z.number() },
  deprecated: z.boolean(),
})
const Contract = z.object({
  ...{ name: z.string(), version: z.string(), owner: z.string(), description: z.string().optional() },
  external: z.boolean().describe('others run it'),
  operations: z.array(Operation),
  events: z.array(
    z.object({
      name: z.string(),
      version: z.number(),
      topic: z.string(),
      schema: JsonSchema,
      description: z.string().optional(),
    }),
  ),
})
const Call = z.object({
  ...{ service: z.string(), operation: z.string(), input: z.unknown() },
  timeout: z.int().min(1).max(600_000).optional().describe('milliseconds'),
  idempotencyKey: z.string().optional(),
})
const Failure = z.object({
  ...{ code: z.string(), message: z.string(), declared: z.boolean(), data: z.unknown() },
  issues: z.array(z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() })).optional(),
})
const Ended = z.union([z.object({ ok: z.literal(true), value: z.unknown() }), z.object({ ok: z.literal(false), error: Failure })])

const Explorer = contract('explorer', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Contracts of the system, and calls of their operations',
  operations: {
    contracts: query({ output: z.array(Contract), description: 'All contracts, with JSON Schemas' }),
    call: command({
      ...{ input: Call, output: Ended, deadline: 600_000 },
      description:
        'Calls a command or a query as the one who runs the system, who may do everything; a failure of it is an answer',
    }),
    stream: stream({
      ...{ input: Call, output: z.unknown(), roles: ['operator'] },
      description: 'The same of a stream',
    }),
  },
})

/** Only who runs the system comes in here, and may do everything. */
const OPERATOR = servicePrincipal('operator')

/** Contracts of the system, and calls of their operations. */
export const explorer: OperatorPart = operatorPart({
  contract: Explorer,
  // A query is nothing that the audit is told of.
  rules: { call: { act: 'own' } },
  answer: ({ host, world }) => {
    const acts = createActs({ record: host.record, runtime: world.runtime, log: world.log })
    return {
      contracts: () => [
        ...host.contracts.map((one) => shownContract(one, false)),
        ...host.external.map((one) => shownContract(one, true)),
      ],
      call: async (call, { name: actor, reason, signal, correlationId }) => {
        const { service, operation: name, timeout, idempotencyKey } = call
        const operation = operationOf(host, call)
        const input = wireOf(operation.input as AnySchema | undefined, 'input').fromJson(call.input)
        const options = { signal, timeout, idempotencyKey, correlationId, principal: OPERATOR }
        const work = (): Promise<unknown> => host.call(service, name, input, options)
        const personal = reason === undefined ? undefined : { reason }
        const act = { action: 'operation.call', actor, subject: `${service}.${name}`, about: { correlationId }, personal }
        try {
          const value = await (operation.kind === 'command' ? acts.first(act, work) : work())
          return { ok: true, value: wireOf(operation.output as AnySchema | undefined, 'output').toJson(value) }
        } catch (error) {
          return { ok: false, error: endOf(error, operation) }
        }
      },
      stream: async function* (call, { signal, correlationId }) {
        const operation = operationOf(host, call)
        const { toJson } = wireOf(operation.output as AnySchema | undefined, 'output')
        const input = wireOf(operation.input as AnySchema | undefined, 'input').fromJson(call.input)
        const options = { signal, timeout: call.timeout, correlationId, principal: OPERATOR }
        for await (const value of host.stream(call.service, call.operation, input, options)) yield toJson(value)
      },
    }
  },
})

function operationOf(host: DoorHost, { service, operation }: z.infer<typeof Call>): AnyOperation {
  const found = [...host.contracts, ...host.external].find(({ name }) => name === service)?.operations as
    | Readonly<Record<string, AnyOperation>>
    | undefined
  if (found !== undefined && Object.hasOwn(found, operation)) return found[operation]!
  const why =
    found === undefined ? `system "${host.system}" has no service "${service}"` : `there are ${Object.keys(found).join(', ')}`
  throw new CallError('UNIMPLEMENTED', `Cannot call ${service}.${operation}: ${why}`)
}

function endOf(error: unknown, operation: AnyOperation): z.infer<typeof Failure> {
  const { failure } = failureOf(error)
  const type = Object.values(operation.errors as ErrorTypes).find(({ code }) => code === failure.code)
  const issues = failure.issues?.map(({ path, message }) => ({ path: [...path], message }))
  const { code, message } = failure
  if (type === undefined) return { code, message, declared: false, data: undefined, ...(issues && { issues }) }
  const { data } = error as { readonly data?: unknown }
  return { code, message, declared: true, data: wireOf(type.data as AnySchema | undefined, 'output').toJson(data) }
}

function shownContract(its: AnyContract, external: boolean): z.infer<typeof Contract> {
  const operations = Object.entries(its.operations as Readonly<Record<string, AnyOperation>>)
  const schema = (of: AnySchema | undefined, side: 'input' | 'output') => of && { ...shown(of, side) }
  return {
    ...{ name: its.name, version: its.version, owner: its.owner, description: its.description, external },
    operations: operations.map(([name, one]) => ({
      ...{ name, kind: one.kind, description: one.description },
      ...{ input: schema(one.input, 'input'), output: schema(one.output, 'output'), incoming: schema(one.incoming, 'input') },
      errors: Object.values(one.errors as ErrorTypes).map(({ code, http, data, description }) => ({
        ...{ code: code as string, http, data: schema(data as AnySchema | undefined, 'output'), description },
      })),
      routes: [...(one.bindings.http?.routes ?? [])],
      access: needsPrincipal(one) ? 'authenticated' : 'public',
      ...{ scope: one.scope, roles: one.roles && [...one.roles], authorize: one.authorize !== undefined },
      ...{ idempotent: one.idempotent, deadline: one.deadline, deprecated: one.deprecated },
    })),
    events: its.events.map(({ name, version, topic, schema: of, description }) => ({
      ...{ name, version, topic, schema: { ...shown(of, 'output') }, description },
    })),
  }
}
