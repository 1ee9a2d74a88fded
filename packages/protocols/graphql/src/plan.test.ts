import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command, contract, query } from 'dure/contract'
import type { OperationDoor } from 'dure/door/internal'
import fc from 'fast-check'
import {
  execute,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  NoUnusedVariablesRule,
  parse,
  specifiedRules,
  validate,
  type ExecutionResult,
  type GraphQLCompositeType,
  type GraphQLSchema,
} from 'graphql'
import { z } from 'zod'
import { planned } from './plans.ts'
import type { RequestContext } from './request.ts'
import { schemaOf } from './schema.ts'

const Money = z.object({ amount: z.bigint(), currency: z.enum(['KRW', 'USD']) }).meta({ id: 'Money' })
const Payment = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('card'), number: z.string(), limit: Money.optional() }),
  z.object({ kind: z.literal('cash'), at: z.date().nullable() }),
])
const Part: z.ZodType = z
  .object({
    id: z.string(),
    count: z.int32().optional(),
    at: z.date().nullable(),
    price: Money,
    paid: z.array(Payment).optional(),
    tags: z.set(z.string()),
    sizes: z.record(z.string(), z.number()),
    any: z.unknown(),
    get parts() {
      return z.array(Part.nullable()).optional()
    },
    get main() {
      return Part.optional()
    },
  })
  .meta({ id: 'Part' })
const Parts = contract('parts', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    one: query({ input: z.object({ id: z.string().optional(), price: Money.optional() }), output: Part.nullable() }),
    all: query({ output: z.array(Part) }),
    byIds: query({ input: z.object({ ids: z.array(z.string()) }), output: z.array(Part) }),
    put: command({ input: z.object({ id: z.string() }), output: z.string() }),
    drop: command({ input: z.object({ id: z.string() }) }),
  },
})

const money = fc.record({ amount: fc.bigInt(0n, 9n), currency: fc.constantFrom('KRW', 'USD') })
/** What a handler's bug may answer, although its contract does not let it get here. */
const wrong = fc.constantFrom(undefined, null, new Error('wrong'), 7, 'x', Number.NaN, [])
const or = <T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: right, weight: 24 }, { arbitrary: wrong, weight: 1 })
const { part } = fc.letrec((tie) => ({
  part: fc.record({
    ...{ id: or(fc.constantFrom('a', 'b', 'c')), count: or(fc.option(fc.integer({ max: 9, min: 0 }), { nil: undefined })) },
    ...{
      at: or(fc.option(fc.constantFrom(new Date(0), new Date(1e12)))),
      price: or(money),
      tags: or(fc.constantFrom(new Set(['x']), new Set())),
    },
    paid: or(
      fc.array(
        or(
          fc.oneof(
            fc.record({ kind: fc.constant('card'), number: fc.constant('1'), limit: money }),
            fc.record({ kind: fc.constant('cash'), at: fc.constant(null) }),
          ),
        ),
        { maxLength: 2 },
      ),
    ),
    ...{ sizes: or(fc.constantFrom({}, { a: 1, 'b c': 2 })), any: fc.constantFrom<unknown>(1, 'x', null, { a: [1n] }) },
    parts: fc.option(
      fc.array(or(fc.option(tie('part'), { depthIdentifier: 'part' })), { maxLength: 2, depthIdentifier: 'part' }),
      { nil: undefined },
    ),
    main: fc.option(tie('part'), { nil: undefined, depthIdentifier: 'part', maxDepth: 2 }),
  }),
}))

/** What each operation answers, the same each time. */
type World = {
  readonly one: unknown
  readonly all: unknown
  readonly byIds: unknown
  readonly put: unknown
  readonly drop: unknown
}
const world: fc.Arbitrary<World> = fc.record({
  ...{ one: or(fc.option(part)), all: or(fc.array(or(part), { maxLength: 3 })), byIds: or(fc.array(part, { maxLength: 3 })) },
  ...{ put: or(fc.constant('put')), drop: fc.constant(undefined) },
})

/** What is run, and what was called for it. */
function shopOf(world: World): { readonly schema: GraphQLSchema; readonly calls: string[] } {
  const calls: string[] = []
  const doorOf = ({ name }: { readonly name: string }): OperationDoor => ({
    place: name,
    take: (request, { succeed, fail }) => {
      try {
        const read = request.read()
        calls.push(`${name} ${JSON.stringify(read, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`)
        const answer = world[name as keyof World]
        if (answer instanceof Error) fail(answer)
        else succeed(answer)
      } catch (error) {
        fail(error)
      }
    },
    tell: (error) => ({ by: 'door', code: 'INTERNAL', message: String(error), status: 'INTERNAL', http: 500 }) as never,
  })
  const link = { contract: Parts, operation: 'byIds', input: (ids: readonly string[]) => ({ ids }) }
  const keyOf = (from: { readonly id: string }): string => from.id
  const links = { Part: { twin: { ...link, key: keyOf, keyOf }, twins: { ...link, key: keyOf, keyOf, many: true } } }
  return { schema: schemaOf({ contracts: [Parts], links: links as never, doorOf: doorOf as never }).schema, calls }
}

const context = (): RequestContext =>
  ({
    correlationId: 'c',
    steering: {},
    trace: {},
    header: () => undefined,
    gone: {},
    principal: () => undefined,
    loaders: new Map(),
    commands: 1,
  }) as never

const { schema: SHAPE } = shopOf({} as World)

const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  partsOne: [
    '',
    '(id: $id)',
    '(id: "x", price: { amount: "1", currency: KRW })',
    '(price: { amount: $amount, currency: $currency })',
    '(id: null)',
  ],
  partsByIds: ['(ids: [$id, "b"])', '(ids: "a")', '(ids: [])'],
  ...{ partsPut: ['(id: "p")'], partsDrop: ['(id: $key)'] },
}

/** A document from a source of chance: fields, aliases, fragments of both kinds, conditions on what may be a variable. */
function documentOf(pick: (below: number) => number): string {
  const fragments: string[] = []
  const condition = (): string =>
    [
      '',
      '',
      '',
      '',
      ' @skip(if: $yes)',
      ' @include(if: $no)',
      ' @include(if: $maybe)',
      ' @skip(if: false)',
      ' @include(if: $yes) @skip(if: $no)',
    ][pick(9)]!
  /** Other arguments have another name in the answer. */
  const called = (field: string): string => {
    const ways: readonly string[] = ARGUMENTS[field] ?? ['']
    const way = pick(ways.length)
    return `${['', `${field}_${way}: `][way === 0 ? pick(2) : 1]}${field}${ways[way]}`
  }
  const selections = (type: GraphQLCompositeType, depth: number): string => {
    const own = isObjectType(type) ? Object.values(type.getFields()) : []
    const parts = Array.from({ length: 1 + pick(4) }, (): string => {
      const kind = pick(10)
      if (kind === 0 || own.length === 0) {
        if (isAbstractType(type) && kind > 2) {
          const among = SHAPE.getPossibleTypes(type)
          const to = among[pick(among.length)]!
          return `... on ${to.name}${condition()} { ${selections(to, depth)} }`
        }
        return `${['', 'name_: ', 'other: '][pick(3)]}__typename${condition()}`
      }
      if (kind === 1 && depth < 5)
        return `...${isObjectType(type) && pick(2) === 0 ? ` on ${type.name}` : ''}${condition()} { ${selections(type, depth + 1)} }`
      if (kind === 2 && depth < 5 && fragments.length < 4) {
        const name = `F${fragments.length}`
        fragments.push('')
        fragments[Number(name.slice(1))] = `fragment ${name} on ${type.name} { ${selections(type, depth + 1)} }`
        return `...${name}${condition()}`
      }
      const field = own[pick(own.length)]!
      const inner = getNamedType(field.type)
      const below = isCompositeType(inner) ? (depth < 5 ? ` { ${selections(inner, depth + 1)} }` : ' { __typename }') : ''
      return `${called(field.name)}${condition()}${below}`
    })
    return parts.join(' ')
  }
  const root = pick(4) === 0 ? 'mutation' : 'query'
  const text = selections(root === 'query' ? SHAPE.getQueryType()! : SHAPE.getMutationType()!, 0)
  return `${root} Q($id: String = "v", $amount: BigInt! = "3", $currency: MoneyCurrency! = USD, $key: String!, $yes: Boolean!, $no: Boolean!, $maybe: Boolean! = true) { ${text} } ${fragments.join(' ')}`
}

const RULES = specifiedRules.filter((rule) => rule !== NoUnusedVariablesRule)

type Answer = { readonly result: string; readonly calls: readonly string[] }

const ended = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

async function answerOf(
  world: World,
  run: (schema: GraphQLSchema, calls: string[]) => PromiseLike<ExecutionResult> | ExecutionResult,
): Promise<Answer> {
  const { schema, calls } = shopOf(world)
  const { data, errors } = await run(schema, calls)
  // Fields that fail on one level fail in any order.
  const told = errors?.map((error) => JSON.stringify(error)).toSorted()
  await ended()
  return { result: JSON.stringify({ data, errors: told }), calls }
}

const variables = fc.record({
  id: fc.option(fc.constantFrom('a', 7, null), { nil: undefined }),
  ...{ yes: fc.boolean(), no: fc.boolean(), maybe: fc.constantFrom(true, false, undefined) },
})

test('a plan answers what the library answers', async () => {
  const seen = { documents: 0, failures: 0 }
  const property = fc.asyncProperty(
    world,
    fc.array(fc.nat(1_000_000), { minLength: 200, maxLength: 200 }),
    variables,
    async (world, chance, given) => {
      let at = 0
      const text = documentOf((below) => chance[at++ % chance.length]! % below)
      const document = parse(text)
      fc.pre(validate(SHAPE, document, RULES).length === 0)
      const asked = { document, variableValues: { key: 'k', ...given } }
      const expected = await answerOf(world, (schema) => execute({ schema, ...asked, contextValue: context() }))
      const found = await answerOf(world, async (schema, calls) => {
        const run = planned(schema)
        await run({ schema, ...asked, contextValue: context() })
        // What was under way beside an error ends after the answer.
        await ended()
        calls.length = 0
        return run({ schema, ...asked, contextValue: context() })
      })
      seen.documents++
      assert.equal(found.result, expected.result, text)
      // Beside what has failed more or less is asked for, depending on which of it comes first.
      if (expected.result.includes('"errors"')) seen.failures++
      else assert.deepEqual(found.calls, expected.calls, text)
    },
  )
  await fc.assert(property, { numRuns: 100 })
  assert.ok(seen.documents === 100 && seen.failures > 0 && seen.failures < 100, JSON.stringify(seen))
})
