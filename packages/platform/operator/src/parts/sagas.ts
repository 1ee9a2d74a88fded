import { CallError, contract } from 'dure/contract'
import type { ObservedPath } from 'dure/choreography'
import type { SagaHistory, ShownInstance } from 'dure/saga/internal'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { askExtension, askExtensions, Silent, wideQuery, wideCommand } from '../across.ts'
import { operatorPart, type OperatorContext, type OperatorPart } from '../part.ts'

const State = z.enum(['running', 'compensating', 'paused', 'completed', 'compensated'])
const instance = {
  ...{ service: z.string(), saga: z.string(), id: z.string(), version: z.number(), state: State },
  ...{ began: z.number(), ended: z.number().nullable() },
  waits: z.object({ kind: z.string(), name: z.string() }).nullable().describe('what it waits for'),
  due: z.number().nullable().describe('when it goes on by itself'),
  reason: z.string().nullable().describe('why it has paused'),
  failure: z.unknown().describe('the error that it is undone for'),
  ...{ correlationId: z.string(), todo: z.string() },
}
const Instance = z.object(instance)
const Step = z.object({
  ...{ position: z.number(), kind: z.string(), name: z.string(), schema: z.string(), state: z.string(), undo: z.boolean() },
  ...{ tries: z.number(), began: z.number(), ended: z.number().nullable(), result: z.unknown(), error: z.string().nullable() },
})
const History = z.object({
  ...{ ...instance, input: z.unknown(), output: z.unknown(), deadline: z.number().nullable(), steps: z.array(Step) },
  decisions: z.array(z.object({ at: z.number(), action: z.string(), by: z.string(), why: z.string() })),
})
const Path = z.object({
  ...{ choreography: z.string(), key: z.string(), ended: z.boolean() },
  path: z.array(z.object({ event: z.string(), id: z.string(), time: z.number() })),
  missing: z.array(z.object({ event: z.string(), since: z.number(), late: z.boolean() })),
})

const id = z.string().describe('which instance')
const saga = z.string().optional().describe('needed where several sagas have one of that id')
const Which = z.object({ id, saga })
const Done = z.object({ done: z.literal(true) })

const Sagas = contract('sagas', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Transactions over several services, step by step',
  operations: {
    list: wideQuery({
      input: z.object({
        ...{ saga: z.string().optional(), state: State.optional(), id: z.string().optional() },
        after: z.string().optional().describe('the last id of the page before'),
        limit: z.int().min(1).max(1_000).default(50).describe('of each service'),
      }),
      output: z.object({ instances: z.array(Instance), silent: Silent }),
      description: 'Instances that run or wait, have paused, are being undone, or ended in the last time',
    }),
    show: wideQuery({ input: Which, output: History, description: 'One with its steps, results, errors and decisions' }),
    paths: wideQuery({
      input: z.object({ key: z.string().optional().describe('default: the 50 that changed last') }),
      output: z.object({ observed: z.boolean(), paths: z.array(Path), silent: Silent }),
      description: 'The paths that choreographies have taken, and what is missing though it is its turn',
    }),
    resume: wideCommand({ input: Which, output: Done, description: 'Has a paused one go on where it stands' }),
    skip: wideCommand({
      input: z.object({ id, saga, result: z.unknown().describe('what the step came to') }),
      output: Done,
      description: 'Takes the step at which one has paused, or what it waits for, as done by hand',
    }),
    compensate: wideCommand({ input: Which, output: Done, description: 'Has all undone that one has done, the last first' }),
    signal: wideCommand({
      input: z.object({ id, saga, name: z.string(), data: z.unknown() }),
      output: Done,
      description: 'Sends one a signal that it waits for, or will',
    }),
  },
})

/** Sagas and choreographies of all services. */
export const sagas: OperatorPart = operatorPart({
  contract: Sagas,
  // The services write them down themselves.
  rules: {
    ...{ resume: { reason: true, act: 'own' }, skip: { reason: true, act: 'own' } },
    ...{ compensate: { reason: true, act: 'own' }, signal: { reason: true, act: 'own' } },
  },
  answer: ({ host }) => {
    const decide =
      (method: string) =>
      async (input: z.infer<typeof Which>, { name: by, reason: why }: OperatorContext): Promise<z.infer<typeof Done>> => {
        await about(host, method, { ...input, by, why })
        return { done: true }
      }
    return {
      list: (filter) => instances(host, filter),
      show: async (which) => ({ ...(await about<SagaHistory>(host, 'show', which)) }) as unknown as z.infer<typeof History>,
      paths: async ({ key }) => {
        const question = { kind: 'choreography', method: key === undefined ? 'list' : 'path', input: { key } }
        const { values, silent } = await askExtensions<readonly ObservedPath[]>(host, question)
        const paths = values.flatMap(({ value }) => value) as z.infer<typeof Path>[]
        return { observed: values.length > 0, paths, silent }
      },
      resume: decide('resume'),
      skip: decide('skip'),
      compensate: decide('compensate'),
      signal: decide('signal'),
    }
  },
})

type Instances = { instances: z.infer<typeof Instance>[]; silent: Silent }

async function instances(host: DoorHost, input: object): Promise<Instances> {
  const { values, silent } = await askExtensions<readonly ShownInstance[]>(host, { kind: 'saga', method: 'list', input })
  return { instances: values.flatMap(({ service, value }) => value.map((one) => ({ ...one, service }))), silent }
}

/** Asks the service that has the instance. @throws {CallError} when none has it, or several do */
async function about<T extends object>(
  host: DoorHost,
  method: string,
  { id: which, saga: name, ...more }: z.infer<typeof Which> & Readonly<Record<string, unknown>>,
): Promise<T & { readonly service: string }> {
  const { instances: found, silent } = await instances(host, { id: which, saga: name })
  const [only, ...others] = found
  if (only === undefined) {
    const away =
      silent.length === 0 ? '' : `, unless it is of ${silent.map(({ service }) => `"${service}"`).join(', ')}, who did not answer`
    throw new CallError('NOT_FOUND', `Cannot find saga instance "${which}"${away}; see "dure saga list"`)
  }
  if (others.length > 0) {
    const named = found.map(({ saga: of, service }) => `"${of}" of service "${service}"`).join(', ')
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot tell which saga instance "${which}" is meant: ${named} have one; say which saga`,
    )
  }
  const { service, saga: of } = only
  return { ...(await askExtension<T>(host, service, { kind: 'saga', method, input: { id: which, saga: of, ...more } })), service }
}
