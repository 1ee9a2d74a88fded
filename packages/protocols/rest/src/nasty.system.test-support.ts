/**
 * A contract of everything that a document can promise and a door forget, or the reverse: what tells the two apart is run
 * against it, by raw bytes, by values drawn from its schemas, and by the programs of others that read OpenAPI.
 */
import { command, contract, error, event, query, stream } from 'dure/contract'
import { database } from 'dure/data'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { rest } from './rest.ts'

const Tree = z.object({
  name: z.string().min(1),
  get branches() {
    return z.array(Tree).max(3)
  },
  get next() {
    return Tree.optional()
  },
})
const Wire = z.object({
  at: z.date(),
  count: z.bigint(),
  bytes: z.instanceof(Uint8Array),
  byName: z.map(z.string(), z.date()),
  ids: z.set(z.bigint()),
  maybe: z.date().optional(),
  none: z.null(),
  gone: z.undefined(),
  any: z.unknown(),
})
const Numbers = z.object({
  int: z.int(),
  small: z.int32(),
  any: z.number(),
  bounded: z.int().min(1).max(10),
  money: z.number().multipleOf(0.01),
  above: z.number().gt(0).lt(1),
})
const Words = z.object({
  id: z.uuid(),
  mail: z.email(),
  site: z.url(),
  day: z.iso.date(),
  moment: z.iso.datetime(),
  short: z.string().min(2).max(4),
  code: z.string().regex(/^[A-Z]{2}-\d+$/),
  either: z.enum(['red', 'green', 'blue/ish', '']),
  flag: z.literal(['a', 1, true]),
})
const Shapes = z.object({
  pair: z.tuple([z.string(), z.int()]),
  rest: z.tuple([z.string()]).rest(z.int()),
  by: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('circle'), radius: z.number().positive() }),
    z.strictObject({ kind: z.literal('square'), side: z.int() }),
  ]),
  union: z.union([z.string(), z.int()]),
  both: z.intersection(z.object({ p: z.int() }), z.object({ q: z.int().optional() })),
  labels: z.record(z.string(), z.string()),
  named: z.partialRecord(z.enum(['a', 'constructor', 'x-y']), z.int()),
  loose: z.looseObject({ known: z.int() }),
  nullable: z.object({ deep: z.string().nullable() }).nullable(),
})
const Filled = z.object({
  size: z.int().default(3),
  tags: z.array(z.string()).default(['a']),
  trimmed: z.string().trim().optional(),
  length: z
    .string()
    .transform((text) => text.length)
    .optional(),
  fallback: z.enum(['a', 'b']).catch('a'),
  coerced: z.coerce.number().optional(),
})

const Taken = error('SEAT_TAKEN', { data: z.object({ seat: z.int(), since: z.date() }), description: 'Somebody sits there' })
const Closed = error('CLOSED')
const Missing = error('NO_SUCH_SEAT', { status: 'NOT_FOUND', data: z.object({ seat: z.int() }) })
const Wrong = error('WRONG_SEAT', { status: 'INVALID_ARGUMENT', http: 400, data: z.record(z.string(), z.unknown()) })

const Happened = event('nasty.happened', { schema: z.object({ ...Wire.shape, shapes: Shapes, tree: Tree }), key: () => 'one' })

export const Nasty = contract('nasty', {
  version: '1.0.0',
  owner: 'tests',
  description: 'Everything awkward.',
  operations: {
    wire: command({ input: Wire, output: Wire, http: 'POST /wire' }),
    numbers: command({ input: Numbers, output: Numbers, http: 'POST /numbers' }),
    words: command({ input: Words, output: Words, idempotent: true, http: 'PUT /words' }),
    shapes: command({ input: Shapes, output: Shapes, http: 'POST /shapes' }),
    filled: command({ input: Filled, http: { routes: 'POST /filled', status: 202 } }),
    tree: command({ input: Tree, output: Tree, http: 'POST /trees' }),
    list: command({ input: z.array(z.object({ n: z.int() })).max(100), output: z.int(), http: 'POST /list' }),
    text: command({ input: z.string().max(10), output: z.string(), http: 'POST /text' }),
    maybe: command({ input: z.object({ a: z.int() }).optional(), output: z.object({ given: z.boolean() }), http: 'POST /maybe' }),
    whole: command({ input: z.object({ a: z.int() }).default({ a: 1 }), output: z.object({ a: z.int() }), http: 'POST /whole' }),
    nullable: command({ input: z.object({ a: z.int() }).nullable(), output: z.boolean(), http: 'POST /nullable' }),
    nothing: command({ http: 'POST /nothing' }),
    refined: command({
      input: z.object({ from: z.int(), to: z.int() }).refine(({ from, to }) => from <= to, 'from is after to'),
      http: 'POST /refined',
    }),
    seat: command({
      input: z.object({ row: z.string().min(1), seat: z.int(), name: z.string().optional() }),
      output: z.object({ seat: z.int() }),
      errors: { Taken, Closed, Missing, Wrong },
      http: { routes: ['POST /rows/{row}/seats/{seat}', 'POST /v0/rows/{row}/seats/{seat}'], status: 201 },
    }),
    find: query({
      input: z.object({
        row: z.string(),
        ids: z.array(z.int()).default([]),
        since: z.date().optional(),
        big: z.bigint().optional(),
        exact: z.boolean().optional(),
        kind: z.enum(['a', 'b']).optional(),
        page: z.coerce.number().int().min(1).default(1),
        text: z.string().nullable().optional(),
      }),
      output: z.object({ row: z.string(), ids: z.array(z.int()), page: z.int() }),
      errors: { Missing },
      http: 'GET /rows/{row}',
    }),
    drop: command({ input: z.object({ row: z.string(), force: z.boolean().default(false) }), http: 'DELETE /rows/{row}' }),
    count: stream({
      input: z.object({ to: z.int().min(0).max(50) }),
      output: z.object({ n: z.int(), at: z.date() }),
      http: 'GET /count/{to}',
    }),
    find2: query({ input: z.object({ a: z.int() }).optional(), output: z.boolean(), http: 'GET /optional' }),
    unbounded: query({ output: z.unknown(), http: 'GET /unknown' }),
  },
  events: [Happened],
})

/** The same where nothing can be remembered. */
export const Forgetful = contract('forgetful', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    add: command({ input: z.object({ n: z.int() }), output: z.object({ n: z.int() }), http: 'POST /add' }),
    set: command({ input: z.object({ n: z.int() }), output: z.object({ n: z.int() }), idempotent: true, http: 'PUT /set' }),
  },
})

const nasty = service(Nasty, {
  database: database({ migrations: {} }),
  handlers: {
    wire: (input) => input,
    numbers: (input) => input,
    words: (input) => input,
    shapes: (input) => input,
    filled: () => undefined,
    tree: (input) => input,
    list: (input) => input.length,
    text: (input) => input,
    maybe: (input) => ({ given: input !== undefined }),
    whole: (input) => input,
    nullable: (input) => input === null,
    nothing: () => undefined,
    refined: () => undefined,
    seat: ({ row, seat }) => {
      if (row === 'taken') throw Taken({ seat, since: new Date(0) })
      if (row === 'closed') throw Closed()
      if (row === 'missing') throw Missing({ seat })
      if (row === 'wrong') throw Wrong({ at: new Date(0) })
      return { seat }
    },
    find: ({ row, ids, page }) => {
      if (row === 'missing') throw Missing({ seat: 0 })
      return { row, ids, page }
    },
    drop: () => undefined,
    async *count({ to }) {
      for (let n = 0; n < to; n++) yield { n, at: new Date(n) }
    },
    find2: (input) => input !== undefined,
    unbounded: () => ({ at: new Date(0), big: 2n ** 70n }),
  },
})

const forgetful = service(Forgetful, { handlers: { add: (input) => input, set: (input) => input } })

export const nastySystem = (port?: number): System =>
  system('nasty', { services: [nasty, forgetful], doors: [rest(port === undefined ? {} : { port })] })

export default nastySystem()
